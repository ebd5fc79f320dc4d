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
from collections import deque
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import IO, Any

from ..mailtext.incoming import Attachment, File, Forward, Mail, Mailbox, TrimContext, Trimmed
from ..mailtext.parsing.parse import MAX_PARSED, parse, parse_headers_only

CHUNK = 1 << 20  # bytes that are read at once
REPLY = struct.Struct("!Q")  # the length of what follows


def send_request(pipe: int, data: bytes, deadline: float) -> None:
    """Write all of it until a monotonic time. Raises `TimeoutError`, and `OSError` where nobody reads any more."""
    left = memoryview(data)
    while left:
        _wait((), (pipe,), deadline)
        left = left[os.write(pipe, left) :]


def receive_reply(pipe: int, deadline: float) -> bytes:
    """Take one reply until a monotonic time. Raises `TimeoutError`, and `OSError` where the process ended before."""
    (length,) = REPLY.unpack(_read_exactly(pipe, REPLY.size, deadline))
    return _read_exactly(pipe, length, deadline)


def _read_exactly(pipe: int, length: int, deadline: float) -> bytes:
    found = bytearray()
    while len(found) < length:
        _wait((pipe,), (), deadline)
        part = os.read(pipe, min(length - len(found), CHUNK))
        if not part:
            raise BrokenPipeError
        found += part
    return bytes(found)


def _wait(readable: tuple[int, ...], writable: tuple[int, ...], deadline: float) -> None:
    if not any(select.select(readable, writable, (), max(0.0, deadline - time.monotonic()))):
        raise TimeoutError


MEMORY = 1 << 30  # bytes of address space of the process; reading 10 MB takes a fifth of it
CPU = 2.0  # seconds of CPU that one mail may take; the worst that is known takes one
STARTING = 60.0  # seconds until the process must be ready, on a busy machine
FACTS = 64_000  # bytes whose headers are still read when all else failed
KEPT = 20_000  # characters of a body that stand in for its trimmed text
AT_HAND, LARGE = 64, 250_000  # mails that the process has at hand once they are parsed, and bytes of none of these

# What is asked ("p" parse, "t" trim, "k" trim what is at hand, "f" find what was forwarded, "l" list the files, "o"
# open one of them, "d" draw one anew), and the length of what follows. A mail that is parsed has its number before it,
# by which it is asked for when it is at hand, and so has a file that is asked for.
_REQUEST = struct.Struct("!cQ")
_NUMBER = struct.Struct("!I")


class NotStarted(RuntimeError):
    """The process doesn't start: something is wrong with this machine, and not with a mail."""


class Reading:
    """Holds the process: started at the first mail, started again after its death. One mail at a time.

    A mail may take `seconds` by the clock, not counting the start of the process, and `cpu` seconds of the processor,
    which a busy machine makes no shorter; the process `memory` bytes of address space.
    """

    def __init__(self, seconds: float = 10.0, cpu: float = CPU, memory: int = MEMORY) -> None:
        self.seconds, self.cpu, self.memory = seconds, cpu, memory
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()
        self._numbers = count()
        self._at_hand: deque[tuple[int, Mail]] = deque(maxlen=AT_HAND)

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
        number = next(self._numbers) % (1 << 32)
        reply, fault = self._ask(b"p", _NUMBER.pack(number) + raw[: MAX_PARSED + 1])
        if fault:
            return parse_headers_only(raw, fault, FACTS)
        mail = _mail(json.loads(reply))
        if len(raw) <= LARGE:
            self._at_hand.append((number, mail))
        return mail

    def trim(self, mail: Mail, context: TrimContext) -> Trimmed:
        """Trim as `trim.trim` does. Raises `NotStarted`.

        Where the process had to be killed or died, the start of the body, uncut.
        """
        known_of, reply, fault = _serialize_context(context), b"", ""
        # The process has it too, unless it is a new one.
        if at_hand := next((one for one in tuple(self._at_hand) if one[1] is mail), None):
            self._at_hand.remove(at_hand)
            reply, fault = self._ask(b"k", _dumped({**known_of, "number": at_hand[0]}))
        if not reply and not fault:
            reply, fault = self._ask(b"t", _dumped({**known_of, "mail": mail}))
        return Trimmed(**json.loads(reply)) if not fault else Trimmed(mail.body[:KEPT])

    def forwarded(self, raw: bytes, context: TrimContext) -> Forward:
        """Find what was forwarded in a mail. Raises `NotStarted`; where the process died, nothing is found."""
        asked = {**_serialize_context(context), "raw": b64encode(raw[: MAX_PARSED + 1]).decode()}
        reply, fault = self._ask(b"f", _dumped(asked))
        if fault:
            return Forward(doubts=("no forward",))
        read = json.loads(reply)
        author = Mailbox(**read["author"]) if read["author"] else None
        return Forward(**{**read, "author": author, "doubts": tuple(read["doubts"])})

    def files(self, raw: bytes) -> tuple[tuple[File, ...], bool] | None:
        """List the files of a whole mail, as `files.list_files` does. Raises `NotStarted`; None where the process
        died."""
        reply, fault = self._ask(b"l", raw)
        if fault:
            return None
        found, is_more = json.loads(reply)
        return tuple(File(*one) for one in found), is_more

    def file(self, raw: bytes, number: int) -> tuple[File, bytes] | None:
        """Fetch a file of a mail with its bytes, as `files.get_file` does. Raises `NotStarted`; None where the process
        died too.
        """
        found = self._of_file(b"o", raw, number)[0]
        return (File(*found[0]), found[1]) if found else None

    def picture(self, raw: bytes, number: int) -> tuple[str, bytes]:
        """Draw a picture that hangs on a mail anew, as `pictures.redraw_picture` does. Raises `NotStarted`.

        Where it can't be, the media type is "" and the bytes say why: "large", "unreadable", or where the process died
        over it "time" or "broken".
        """
        found, fault = self._of_file(b"d", raw, number)
        return found or ("", (fault or "unreadable").encode())

    def _of_file(self, kind: bytes, raw: bytes, number: int) -> tuple[tuple[Any, bytes] | None, str]:
        """Ask for something of one file: what is said of it and its bytes, None where there is none; or a fault."""
        reply, fault = self._ask(kind, _NUMBER.pack(number) + raw)
        if not reply:
            return None, fault
        (length,) = _NUMBER.unpack_from(reply)
        ends = _NUMBER.size + length
        return (json.loads(reply[_NUMBER.size : ends]), reply[ends:]), ""

    def _ask(self, kind: bytes, content: bytes) -> tuple[bytes, str]:
        """Ask the process: its answer, or a fault."""
        with self._lock:
            process = self._ensure_process()
            try:
                until = time.monotonic() + self.seconds
                send_request(
                    _require_stream(process.stdin).fileno(), _REQUEST.pack(kind, len(content)) + content, until
                )
                return receive_reply(_require_stream(process.stdout).fileno(), until), ""
            except TimeoutError:
                fault = "time"
            except OSError:
                fault = "broken"
            return b"", "time" if self._end() == -signal.SIGPROF else fault

    def _ensure_process(self) -> subprocess.Popen[bytes]:
        """Return the running process; a new one where there is none, or where the last was killed as it answered."""
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        process = self._process = subprocess.Popen(
            [sys.executable, "-m", "app.mail.reading", str(self.cpu), str(self.memory)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            stderr=subprocess.DEVNULL,  # a traceback may hold somebody's words
            env={name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},  # none of our keys
        )
        os.set_blocking(_require_stream(process.stdin).fileno(), False)  # a process that reads nothing must not hold us
        try:
            receive_reply(_require_stream(process.stdout).fileno(), time.monotonic() + STARTING)
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
            _require_stream(process.stdin).close()
        _require_stream(process.stdout).close()
        return process.wait()


def _require_stream(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101 - both are pipes
    return stream


def _dumped(value: object) -> bytes:
    """Plain JSON and no pickle: a process that reads strangers' bytes is not trusted with objects of ours."""
    return json.dumps(value, default=_json_default, ensure_ascii=False).encode()


def _serialize_context(context: TrimContext) -> dict[str, object]:
    return {"addresses": sorted(context.addresses), "texts": context.texts, "editions": context.editions}


def _json_default(value: Any) -> object:
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


_parsed: deque[tuple[int, Mail]] = deque(maxlen=AT_HAND)  # in the process that reads


def _answer(kind: bytes, content: bytes) -> bytes:
    if kind == b"p":
        mail = parse(content[_NUMBER.size :])
        if len(content) <= LARGE:
            (number,) = _NUMBER.unpack_from(content)
            _parsed.append((number, mail))
        return _dumped(mail)
    if kind in (b"l", b"o", b"d"):
        return _of_files(kind, content)
    from ..mailtext.parsing.files import list_attached_mails
    from ..mailtext.trim import trim
    from ..mailtext.trim.forwards import parse_forward

    asked = json.loads(content)
    known = TrimContext(frozenset(asked["addresses"]), tuple(asked["texts"]), tuple(asked["editions"]))
    if kind == b"f":
        raw = b64decode(asked["raw"])
        return _dumped(parse_forward(parse(raw), list_attached_mails(raw), known))
    if kind == b"t":
        return _dumped(trim(_mail(asked["mail"]), known))
    if at_hand := next((one for one in _parsed if one[0] == asked["number"]), None):
        _parsed.remove(at_hand)
    return _dumped(trim(at_hand[1], known)) if at_hand else b""


def _of_files(kind: bytes, content: bytes) -> bytes:
    from ..mailtext.parsing import files

    if kind == b"l":
        return _dumped(files.list_files(content))
    (number,) = _NUMBER.unpack_from(content)
    found = files.get_file(content[_NUMBER.size :], number)
    if found is None:
        return b""
    said, data = _redraw_picture(found[1]) if kind == b"d" else found
    head = _dumped(said)
    return _NUMBER.pack(len(head)) + head + data


def _redraw_picture(data: bytes) -> tuple[str, bytes]:
    from ..mailtext.parsing.pictures import NoPicture, redraw_picture

    try:
        return redraw_picture(data)
    except NoPicture as why:
        return "", str(why).encode()


def serve(cpu: float, memory: int) -> None:
    """Answer one request after the other, until nobody is there to ask, or one takes too long."""
    with suppress(ImportError, ValueError, OSError):  # not every platform limits memory
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, which closes the pipe
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout = sys.stderr  # nothing but answers goes through the pipe
    reply = b""  # the first one says that we are ready
    with suppress(BrokenPipeError):
        while True:
            answers.write(REPLY.pack(len(reply)) + reply)
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
    serve(float(sys.argv[1]), int(sys.argv[2]))
