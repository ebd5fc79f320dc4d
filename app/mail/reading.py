"""Mails are read in a process of their own, which is killed when one takes too long.

Parsing and trimming take linear time and have caps; this is for the flaw that nobody has found yet. A thread can't be
stopped, and a crash in a library written in C would take the worker with it.
"""

import json
import os
import select
import signal
import struct
import subprocess
import sys
import time
from base64 import b64decode, b64encode
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import IO, Any

from .incoming import Attachment, Forward, Known, Mail, Mailbox, Trimmed
from .parsing.parse import MAX_PARSED, headed, parse

MEMORY = 1 << 30  # bytes of address space of the process; reading 10 MB takes a fifth of it
CPU = 2.0  # seconds of CPU that one mail may take; the worst that is known takes one
STARTING = 60.0  # seconds until the process must be ready, on a busy machine
FACTS = 64_000  # bytes whose headers are still read when all else failed
CHUNK = 1 << 20  # bytes that are read at once
KEPT = 20_000  # characters of a body that stand in for its trimmed text

# What is asked ("p" parse, "t" trim, "f" find what was forwarded), and the length of what follows.
_REQUEST = struct.Struct("!cQ")
_REPLY = struct.Struct("!Q")


class NotStarted(RuntimeError):
    """The process doesn't start: something is wrong with this machine, and not with a mail."""


class Reading:
    """Holds the process: started at the first mail, started again after its death. One mail at a time.

    A mail may take `seconds` by the clock, not counting the start of the process, and `cpu` seconds of the processor,
    which a busy machine makes no shorter.
    """

    def __init__(self, seconds: float = 10.0, cpu: float = CPU) -> None:
        self.seconds, self.cpu = seconds, cpu
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    def __enter__(self) -> "Reading":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._end()

    def parse(self, raw: bytes) -> Mail:
        """Parse as `parse.parse` does. Raises `NotStarted`.

        Where the process had to be killed or died, only what the headers say, with the fault "time" or "broken".
        """
        reply, fault = self._ask(b"p", raw[: MAX_PARSED + 1])
        return _mail(json.loads(reply)) if not fault else headed(raw, fault, FACTS)

    def trim(self, mail: Mail, known: Known) -> Trimmed:
        """Trim as `trim.trim` does. Raises `NotStarted`.

        Where the process had to be killed or died, the start of the body, uncut.
        """
        reply, fault = self._ask(b"t", _dumped({**_of_known(known), "mail": mail}))
        return Trimmed(**json.loads(reply)) if not fault else Trimmed(mail.body[:KEPT])

    def forwarded(self, raw: bytes, known: Known) -> Forward:
        """Find what was forwarded in a mail. Raises `NotStarted`; where the process died, nothing is found."""
        asked = {**_of_known(known), "raw": b64encode(raw[: MAX_PARSED + 1]).decode()}
        reply, fault = self._ask(b"f", _dumped(asked))
        if fault:
            return Forward(doubts=("no forward",))
        read = json.loads(reply)
        author = Mailbox(**read["author"]) if read["author"] else None
        return Forward(**{**read, "author": author, "doubts": tuple(read["doubts"])})

    def _ask(self, kind: bytes, content: bytes) -> tuple[bytes, str]:
        """Ask the process: its answer, or a fault."""
        with self._lock:
            process = self._started()
            try:
                until = time.monotonic() + self.seconds
                _write(_of(process.stdin).fileno(), _REQUEST.pack(kind, len(content)) + content, until)
                return _reply(_of(process.stdout).fileno(), until), ""
            except TimeoutError:
                fault = "time"
            except OSError:
                fault = "broken"
            return b"", "time" if self._end() == -signal.SIGPROF else fault

    def _started(self) -> subprocess.Popen[bytes]:
        """Return the running process; a new one where there is none, or where the last was killed as it answered."""
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        process = self._process = subprocess.Popen(
            [sys.executable, "-m", "app.mail.reading", str(self.cpu)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            stderr=subprocess.DEVNULL,  # a traceback may hold somebody's words
            env={name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},  # none of our keys
        )
        os.set_blocking(_of(process.stdin).fileno(), False)  # a process that reads nothing must not hold us
        try:
            _reply(_of(process.stdout).fileno(), time.monotonic() + STARTING)
        except OSError as error:
            self._end()
            raise NotStarted("the process that reads mails does not start") from error
        return process

    def _end(self) -> int | None:
        """End the process; tells how it ended, as `Popen.returncode`."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.kill()
        with suppress(OSError):  # what was not yet written can't be
            _of(process.stdin).close()
        _of(process.stdout).close()
        return process.wait()


def _of(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101 - both are pipes
    return stream


def _write(pipe: int, data: bytes, until: float) -> None:
    """Raises `TimeoutError`, and `OSError` where nobody reads any more. `until` is a monotonic time, as below."""
    left = memoryview(data)
    while left:
        _wait((), (pipe,), until)
        left = left[os.write(pipe, left) :]


def _reply(pipe: int, until: float) -> bytes:
    """One reply. Raises `TimeoutError`, and `OSError` where the process ended before it was whole."""
    (length,) = _REPLY.unpack(_read(pipe, _REPLY.size, until))
    return _read(pipe, length, until)


def _read(pipe: int, length: int, until: float) -> bytes:
    found = bytearray()
    while len(found) < length:
        _wait((pipe,), (), until)
        part = os.read(pipe, min(length - len(found), CHUNK))
        if not part:
            raise BrokenPipeError
        found += part
    return bytes(found)


def _wait(readable: tuple[int, ...], writable: tuple[int, ...], until: float) -> None:
    if not any(select.select(readable, writable, (), max(0.0, until - time.monotonic()))):
        raise TimeoutError


def _dumped(value: object) -> bytes:
    """Plain JSON and no pickle: a process that reads strangers' bytes is not trusted with objects of ours."""
    return json.dumps(value, default=_plain, ensure_ascii=False).encode()


def _of_known(known: Known) -> dict[str, object]:
    return {"addresses": sorted(known.addresses), "texts": known.texts, "editions": known.editions}


def _plain(value: Any) -> object:
    return value.isoformat() if isinstance(value, datetime) else vars(value)


_BOXES = ("senders", "reply_to", "to", "cc")
_WORDS = ("delivered_to", "in_reply_to", "references", "faults")
_PAIRS = ("headers", "report")


def _mail(read: dict[str, Any]) -> Mail:
    made = {
        **read,
        **{name: tuple(Mailbox(**box) for box in read[name]) for name in _BOXES},
        **{name: tuple(read[name]) for name in _WORDS},
        **{name: tuple(map(tuple, read[name])) for name in _PAIRS},
        "attachments": tuple(Attachment(**one) for one in read["attachments"]),
        "date": datetime.fromisoformat(read["date"]) if read["date"] else None,
    }
    return Mail(**made)


def _answer(kind: bytes, content: bytes) -> bytes:
    if kind == b"p":
        return _dumped(parse(content))
    from .parsing.attached_mails import attached
    from .trim import trim
    from .trim.forwards import forwarded

    asked = json.loads(content)
    known = Known(frozenset(asked["addresses"]), tuple(asked["texts"]), tuple(asked["editions"]))
    if kind == b"f":
        raw = b64decode(asked["raw"])
        return _dumped(forwarded(parse(raw), attached(raw), known))
    return _dumped(trim(_mail(asked["mail"]), known))


def serve(cpu: float) -> None:
    """Answer one request after the other, until nobody is there to ask, or one takes too long."""
    with suppress(ImportError, ValueError, OSError):  # not every platform limits memory
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, which closes the pipe
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout = sys.stderr  # nothing but answers goes through the pipe
    reply = b""  # the first one says that we are ready
    with suppress(BrokenPipeError):
        while True:
            answers.write(_REPLY.pack(len(reply)) + reply)
            answers.flush()
            head = asked.read(_REQUEST.size)
            if len(head) < _REQUEST.size:
                return
            kind, length = _REQUEST.unpack(head)
            content = asked.read(length)
            signal.setitimer(signal.ITIMER_PROF, cpu)  # SIGPROF ends the process, also within a library written in C
            reply = _answer(kind, content)
            signal.setitimer(signal.ITIMER_PROF, 0)


if __name__ == "__main__":
    serve(float(sys.argv[1]))
