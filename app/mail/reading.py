"""Parsing mails in a separate process, which is killed if a mail takes too long.

Parsing and trimming take linear time and have limits; the process is the safeguard against undiscovered flaws. A thread
couldn't be stopped, and a crash in a C library would take the worker down.
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

from ..core.memory_dumps import forbid_memory_dumps
from ..mailtext.incoming import AttachedFile, Attachment, Forward, Mail, Mailbox, TrimContext, Trimmed
from ..mailtext.parsing.parse import MAX_PARSED, parse, parse_headers_only

CHUNK = 1 << 20  # bytes per read
REPLY_HEAD = struct.Struct("!Q")  # the length of the data that follows


def send_request(pipe: int, data: bytes, deadline: float) -> None:
    """Write all data by `deadline`, a monotonic time. Raises `TimeoutError`, and `OSError` if the pipe is closed."""
    unsent = memoryview(data)
    while unsent:
        _wait(pipe, select.POLLOUT, deadline)
        written = os.write(pipe, unsent)
        unsent = unsent[written:]


def receive_reply(pipe: int, deadline: float) -> bytes:
    """Read one reply by `deadline`, a monotonic time. Raises `TimeoutError`, and `OSError` if the process has ended."""
    (length,) = REPLY_HEAD.unpack(_read_exactly(pipe, REPLY_HEAD.size, deadline))
    return _read_exactly(pipe, length, deadline)


def _read_exactly(pipe: int, length: int, deadline: float) -> bytes:
    data = bytearray()
    while len(data) < length:
        _wait(pipe, select.POLLIN, deadline)
        chunk = os.read(pipe, min(length - len(data), CHUNK))
        if not chunk:
            raise BrokenPipeError
        data += chunk
    return bytes(data)


def _wait(pipe: int, event: int, deadline: float) -> None:
    """Wait for `POLLIN` or `POLLOUT`. select(2) fails in a process with 1,024 open files, such as many connections."""
    poller = select.poll()
    poller.register(pipe, event)
    remaining = max(0.0, deadline - time.monotonic())
    if not poller.poll(remaining * 1_000):
        raise TimeoutError


MEMORY = 1 << 30  # bytes of address space for the process; parsing 10 MB takes a fifth of it
CPU = 2.0  # seconds of CPU for one mail; the worst known mail takes one second
START_TIMEOUT = 60.0  # seconds for the process to start, on a busy machine
HEADER_BYTES = 64_000  # bytes of a mail that are searched for headers if parsing fails
LONGEST_UNTRIMMED = 20_000  # characters of the body that replace the trimmed text if trimming fails
CACHE_SIZE = 64  # parsed mails that the process caches
LARGEST_CACHED = 250_000  # bytes of the largest mail that is cached

# The kind of a request and the length of the data that follows. The kinds: "p" parse, "t" trim, "k" trim a cached mail,
# "f" find the forwarded mail, "l" list the files, "o" return a file, "d" redraw a picture, "w" return the words of a
# document, "q" redraw an uploaded photo. The data of "p" begins with the number under which the parsed mail is cached,
# that of "o", "d" and "w" with the index of the file, and that of "q" with any number.
_REQUEST_HEAD = struct.Struct("!cQ")
_NUMBER = struct.Struct("!I")


class NotStarted(RuntimeError):
    """The process doesn't start: the fault is in the environment, not in a mail."""


class ParserClient:
    """A client of the parser process, which starts with the first mail and is restarted if it dies. One mail at a time.

    A mail may take `seconds` of wall-clock time, not counting the start of the process, and `cpu` seconds of CPU time,
    which doesn't depend on the load of the machine. The process may use `memory` bytes of address space.
    """

    def __init__(self, seconds: float = 10.0, cpu: float = CPU, memory: int = MEMORY) -> None:
        self.seconds = seconds
        self.cpu = cpu
        self.memory = memory
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()
        self._numbers = count()
        self._cached: deque[tuple[int, Mail]] = deque(maxlen=CACHE_SIZE)

    def __enter__(self) -> "ParserClient":
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._end()

    def parse(self, raw: bytes) -> Mail:
        """Parse a mail as `parse.parse` does. Raises `NotStarted`.

        If the process was killed or died, the result has only the headers, and the fault "time" or "broken".
        """
        number = next(self._numbers) % (1 << 32)  # fits `_NUMBER`
        # One byte more than is parsed shows the parser that the mail is longer.
        reply, fault = self._ask(b"p", _NUMBER.pack(number) + raw[: MAX_PARSED + 1])
        if fault:
            return parse_headers_only(raw, fault, HEADER_BYTES)
        mail = _load_mail(json.loads(reply))
        if len(raw) <= LARGEST_CACHED:
            self._cached.append((number, mail))
        return mail

    def trim(self, mail: Mail, context: TrimContext) -> Trimmed:
        """Trim a mail as `trim.trim` does. Raises `NotStarted`.

        If the process was killed or died, the text is the start of the untrimmed body.
        """
        serialized = _serialize_context(context)
        reply, fault = b"", ""
        # If the mail is cached, the cache has this very object.
        number = next((number for number, cached_mail in tuple(self._cached) if cached_mail is mail), None)
        if number is not None:
            self._cached.remove((number, mail))
            # The process has cached the mail too, unless it was restarted: then the reply is empty.
            reply, fault = self._ask(b"k", _dump({**serialized, "number": number}))
        if not reply and not fault:
            reply, fault = self._ask(b"t", _dump({**serialized, "mail": mail}))
        if fault:
            return Trimmed(mail.body[:LONGEST_UNTRIMMED])
        return Trimmed(**json.loads(reply))

    def forwarded(self, raw: bytes, context: TrimContext) -> Forward:
        """Find the forwarded mail in a mail. Raises `NotStarted`.

        If the process was killed or died, the result has the doubt "no forward".
        """
        request = {**_serialize_context(context), "raw": b64encode(raw[: MAX_PARSED + 1]).decode()}
        reply, fault = self._ask(b"f", _dump(request))
        if fault:
            return Forward(doubts=("no forward",))
        values = json.loads(reply)
        author = Mailbox(**values["author"]) if values["author"] else None
        return Forward(**{**values, "author": author, "doubts": tuple(values["doubts"])})

    def files(self, raw: bytes) -> tuple[tuple[AttachedFile, ...], bool] | None:
        """List the files of a mail as `files.list_files` does; None if the process died. Raises `NotStarted`."""
        reply, fault = self._ask(b"l", raw)
        if fault:
            return None
        files, has_more = json.loads(reply)
        return tuple(AttachedFile(*fields) for fields in files), has_more

    def file(self, raw: bytes, number: int) -> tuple[AttachedFile, bytes] | None:
        """Return a file of a mail with its bytes as `files.get_file` does; None also if the process died.

        Raises `NotStarted`.
        """
        found, _fault = self._ask_about_file(b"o", raw, number)
        if found is None:
            return None
        fields, data = found
        return AttachedFile(*fields), data

    def picture(self, raw: bytes, number: int) -> tuple[str, bytes]:
        """Redraw an attached picture as `pictures.redraw_picture` does. Raises `NotStarted`.

        On failure the media type is "" and the bytes are the reason: "large", "unreadable", or "time" or "broken" if
        the process was killed or died.
        """
        found, fault = self._ask_about_file(b"d", raw, number)
        return found or ("", (fault or "unreadable").encode())

    def portrait(self, data: bytes) -> tuple[bytes, str]:
        """Redraw an uploaded photo as `pictures.draw_portrait` does, and return it with "". Raises `NotStarted`.

        On failure the bytes are empty, and then comes the reason: that of `NoPicture`, or "time" or "broken" if the
        process was killed or died.
        """
        found, fault = self._ask_about_file(b"q", data, 0)
        if found is None:
            return b"", fault or "unreadable"
        reason, image = found
        return image, reason

    def document(self, raw: bytes, number: int) -> tuple[str, str]:
        """Return the text of an attached document, and "", as `documents.read_document` does. Raises `NotStarted`.

        On failure the text is "", and then comes the reason: that of `UnreadableDocument`, or "time" or "broken" if the
        process was killed or died.
        """
        found, fault = self._ask_about_file(b"w", raw, number)
        if found is None:
            return "", fault or "unreadable"
        reason, data = found
        return data.decode(), reason

    def _ask_about_file(self, kind: bytes, raw: bytes, number: int) -> tuple[tuple[Any, bytes] | None, str]:
        """Send a request about one file; return its description and bytes, or None, and the fault, if any."""
        reply, fault = self._ask(kind, _NUMBER.pack(number) + raw)
        if not reply:
            return None, fault
        (length,) = _NUMBER.unpack_from(reply)
        data_start = _NUMBER.size + length
        return (json.loads(reply[_NUMBER.size : data_start]), reply[data_start:]), ""

    def _ask(self, kind: bytes, content: bytes) -> tuple[bytes, str]:
        """Send a request to the process; return its reply, or a fault: "time" or "broken"."""
        with self._lock:
            process = self._ensure_process()
            deadline = time.monotonic() + self.seconds
            request = _REQUEST_HEAD.pack(kind, len(content)) + content
            try:
                send_request(_require_stream(process.stdin).fileno(), request, deadline)
                return receive_reply(_require_stream(process.stdout).fileno(), deadline), ""
            except TimeoutError:
                fault = "time"
            except OSError:
                fault = "broken"
            if self._end() == -signal.SIGPROF:  # the process has used up its CPU time (see `serve`)
                fault = "time"
            return b"", fault

    def _ensure_process(self) -> subprocess.Popen[bytes]:
        """Return the running process, or start one if there is none or the last one has ended. Raises `NotStarted`."""
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        process = self._process = subprocess.Popen(
            [sys.executable, "-m", "app.mail.reading", str(self.cpu), str(self.memory)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            stderr=subprocess.DEVNULL,  # a traceback may contain text from a mail
            env={name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},  # none of our keys
        )
        os.set_blocking(_require_stream(process.stdin).fileno(), False)  # a process that reads nothing must not hold us
        try:
            receive_reply(_require_stream(process.stdout).fileno(), time.monotonic() + START_TIMEOUT)
        except OSError as error:
            self._end()
            raise NotStarted("the process that reads mails does not start") from error
        return process

    def _end(self) -> int | None:
        """Kill the process and return its `Popen.returncode`, or None if there is no process."""
        process = self._process
        if process is None:
            return None
        self._process = None
        process.kill()
        with suppress(OSError):  # unwritten data is lost
            _require_stream(process.stdin).close()
        _require_stream(process.stdout).close()
        return process.wait()


def _require_stream(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101 - both are pipes
    return stream


def _dump(value: object) -> bytes:
    """Serialize as JSON, not pickle: a process that parses untrusted bytes must not be able to send objects."""
    return json.dumps(value, default=_json_default, ensure_ascii=False).encode()


def _serialize_context(context: TrimContext) -> dict[str, object]:
    return {"addresses": sorted(context.addresses), "texts": context.texts, "editions": context.editions}


def _json_default(value: Any) -> object:
    return value.isoformat() if isinstance(value, datetime) else vars(value)


# The fields of `Mail` that hold tuples, by the values in the tuples.
_MAILBOX_FIELDS = ("senders", "reply_to", "to", "cc")
_TEXT_FIELDS = ("delivered_to", "in_reply_to", "references", "faults")
_PAIR_FIELDS = ("headers", "report")


def _load_mail(values: dict[str, Any]) -> Mail:
    """Return the mail from its form in JSON, where tuples are lists and dates are texts."""
    fields = {
        **values,
        **{name: tuple(Mailbox(**box) for box in values[name]) for name in _MAILBOX_FIELDS},
        **{name: tuple(values[name]) for name in _TEXT_FIELDS},
        **{name: tuple(map(tuple, values[name])) for name in _PAIR_FIELDS},
        "attachments": tuple(Attachment(**attachment) for attachment in values["attachments"]),
        "date": datetime.fromisoformat(values["date"]) if values["date"] else None,
    }
    return Mail(**fields)


_parsed: deque[tuple[int, Mail]] = deque(maxlen=CACHE_SIZE)  # the cache in the parser process


def _answer(kind: bytes, content: bytes) -> bytes:
    """Return the reply to a request; see `_REQUEST_HEAD` for the kinds."""
    if kind == b"p":
        mail = parse(content[_NUMBER.size :])
        if len(content) <= LARGEST_CACHED:
            (number,) = _NUMBER.unpack_from(content)
            _parsed.append((number, mail))
        return _dump(mail)
    if kind == b"q":
        return _pack_file(*_draw_portrait(content[_NUMBER.size :]))
    if kind in (b"l", b"o", b"d", b"w"):
        return _answer_about_files(kind, content)
    from ..mailtext.parsing.files import list_attached_mails
    from ..mailtext.trim import trim
    from ..mailtext.trim.forwards import parse_forward

    request = json.loads(content)
    context = TrimContext(frozenset(request["addresses"]), tuple(request["texts"]), tuple(request["editions"]))
    if kind == b"f":
        raw = b64decode(request["raw"])
        return _dump(parse_forward(parse(raw), list_attached_mails(raw), context))
    if kind == b"t":
        return _dump(trim(_load_mail(request["mail"]), context))
    entry = next((entry for entry in _parsed if entry[0] == request["number"]), None)
    if entry is None:
        return b""
    _parsed.remove(entry)
    return _dump(trim(entry[1], context))


def _answer_about_files(kind: bytes, content: bytes) -> bytes:
    from ..mailtext.parsing import files

    if kind == b"l":
        return _dump(files.list_files(content))
    (number,) = _NUMBER.unpack_from(content)
    found = files.get_file(content[_NUMBER.size :], number)
    if found is None:
        return b""
    convert = {b"d": _redraw_picture, b"w": _read_document}.get(kind)
    return _pack_file(*(convert(found[1]) if convert else found))


def _pack_file(description: object, data: bytes) -> bytes:
    head = _dump(description)
    return _NUMBER.pack(len(head)) + head + data


def _draw_portrait(data: bytes) -> tuple[str, bytes]:
    """Return "" and the redrawn photo, or the reason why it can't be used and nothing."""
    from ..mailtext.parsing.pictures import NoPicture, draw_portrait

    try:
        return "", draw_portrait(data)
    except NoPicture as error:
        return str(error), b""


def _redraw_picture(data: bytes) -> tuple[str, bytes]:
    from ..mailtext.parsing.pictures import NoPicture, redraw_picture

    try:
        return redraw_picture(data)
    except NoPicture as error:
        return "", str(error).encode()


def _read_document(data: bytes) -> tuple[str, bytes]:
    """Return "" and the text of a document, or the reason why it can't be read and nothing."""
    from ..mailtext.parsing.documents import UnreadableDocument, read_document

    try:
        return "", read_document(data).encode()
    except UnreadableDocument as error:
        return str(error), b""


def serve(cpu: float, memory: int) -> None:
    """Serve requests on stdin until it is closed; a request that takes more than `cpu` seconds ends the process."""
    with suppress(ImportError, ValueError, OSError):  # not every platform can limit memory
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    forbid_memory_dumps()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the worker, which closes the pipe
    requests = sys.stdin.buffer
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout = sys.stderr  # keep everything but replies out of the pipe
    reply = b""  # the first reply signals that the process is ready
    with suppress(BrokenPipeError):
        while True:
            replies.write(REPLY_HEAD.pack(len(reply)) + reply)
            replies.flush()
            head = requests.read(_REQUEST_HEAD.size)
            if len(head) < _REQUEST_HEAD.size:
                return
            kind, length = _REQUEST_HEAD.unpack(head)
            content = requests.read(length)
            signal.setitimer(signal.ITIMER_PROF, cpu)  # SIGPROF ends the process, even inside a C library
            reply = _answer(kind, content)
            signal.setitimer(signal.ITIMER_PROF, 0)


if __name__ == "__main__":
    serve(float(sys.argv[1]), int(sys.argv[2]))
