"""The LMTP server (RFC 2033): it accepts messages from a mail server, and answers for each recipient after the commit.

A message is stored once, however many recipients it has. A second copy would be placed as a duplicate of the first, and
the token in its address would be lost.
"""

import asyncio
import logging
import signal
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import Envelope, Session

from ..db.engine import Database
from ..db.fault_kinds import Busy
from ..mail.inbound import BATCH_BYTES, MAX_MAIL_BYTES
from .envelope import TooLarge, store_messages, with_envelope

TIMEOUT = 300.0  # seconds without a byte from the client (RFC 5321, section 4.5.3.2)
READ_LIMIT = 64 * 1024  # bytes that are read at once; some mail programs write longer lines

STORED = "250 2.0.0 stored"
TRY_LATER = "451 4.3.0 not stored, try again later"
TOO_LARGE = f"552 5.3.4 larger than {MAX_MAIL_BYTES >> 20} MB"

log = logging.getLogger(__name__)
# The library logs every command, including addresses.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)


class Handler:
    """The callbacks of the library."""

    async def handle_EHLO(  # noqa: N802 - the library's name; it is called for LHLO too
        self, _server: Any, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]]  # required by RFC 2033, section 5

    async def handle_exception(self, error: Exception) -> str:
        log.error("LMTP: %s", type(error).__name__)
        return TRY_LATER


class LmtpConnection(LMTP):
    """A connection with its own DATA command.

    The library's command answers once for all recipients, and permanently rejects lines of over 998 bytes.
    """

    line_length_limit = READ_LIMIT  # the library uses it as the limit of its buffer

    def __init__(self, intake: "Intake") -> None:
        super().__init__(
            Handler(),
            data_size_limit=MAX_MAIL_BYTES,
            enable_SMTPUTF8=True,
            hostname="localhost",
            ident="LMTP",
            timeout=TIMEOUT,
            loop=asyncio.get_running_loop(),
        )
        self._intake = intake

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802 - the library's name
        envelope = self.envelope
        if envelope is None or not envelope.rcpt_tos:
            await self.push("503 5.5.1 RCPT first")
            return
        if arg:
            await self.push("501 5.5.4 DATA takes no argument")
            return
        await self.push("354 End with a line that is a dot")
        content = await self._read_content()
        response = TOO_LARGE if content is None else await self._store(content, envelope)
        self.envelope = Envelope()
        for _recipient in envelope.rcpt_tos:
            await self.push(response)

    async def _read_content(self) -> bytes | None:
        """Read the message up to the final dot, and remove the dots added for transparency (RFC 5321, section 4.5.2).

        Return None if it is too large. Even then it is read to its end, since the client only reads the response after
        that.
        """
        chunks: list[bytes] = []  # lines, or parts of long lines
        size = 0
        is_line_start = True
        while True:
            try:
                chunk = await self._reader.readuntil(b"\r\n")
            except asyncio.LimitOverrunError as overrun:
                chunk = await self._reader.read(overrun.consumed)
            if is_line_start and chunk == b".\r\n":
                return b"".join(chunks) if size <= MAX_MAIL_BYTES else None
            if is_line_start and chunk.startswith(b"."):
                chunk = chunk[1:]
            is_line_start = chunk.endswith(b"\r\n")
            old_size = size
            size += len(chunk)
            if size >> 20 > old_size >> 20:  # another megabyte has arrived, so the client is alive
                self._reset_timeout()
            if size <= MAX_MAIL_BYTES:
                chunks.append(chunk)
            else:
                chunks.clear()

    async def _store(self, content: bytes, envelope: Envelope) -> str:
        """Store the message, and return the response for each recipient."""
        try:
            await self._intake.store(with_envelope(content, envelope.mail_from, envelope.rcpt_tos))
        except TooLarge:
            return TOO_LARGE
        except Busy:
            return TRY_LATER
        except Exception as error:
            # No error here is the message's fault, so the client should keep it and try again.
            log.error("LMTP: %s", type(error).__name__)
            return TRY_LATER
        return STORED


class PendingMessage:
    """A received message, and a future that is done when the message is committed, or gets the error."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Intake:
    """Commits the messages of several connections in groups: messages that arrive during a commit go into the next."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pending = deque[PendingMessage]()
        self._task: asyncio.Task[None] | None = None

    async def store(self, raw: bytes) -> None:
        """Store the message, and return once it is committed. Raises the same errors as `envelope.store_message`."""
        if len(raw) > MAX_MAIL_BYTES:
            raise TooLarge
        message = PendingMessage(raw)
        self._pending.append(message)
        if self._task is None:
            self._task = asyncio.create_task(self._commit_pending())
        await message.committed

    async def _commit_pending(self) -> None:
        while self._pending:
            group = self._take_group()
            error: Exception | None = None
            try:
                await asyncio.to_thread(store_messages, self._database, [message.raw for message in group], "lmtp")
            except Exception as raised:
                error = raised
            for message in group:
                if message.committed.done():  # cancelled, since its connection has ended
                    continue
                if error:
                    message.committed.set_exception(error)
                else:
                    message.committed.set_result(None)
        self._task = None

    def _take_group(self) -> list[PendingMessage]:
        """Remove the messages for one commit from the queue: as many as fit into `BATCH_BYTES`, at least one."""
        group = [self._pending.popleft()]
        size = len(group[0].raw)
        while self._pending and size + len(self._pending[0].raw) <= BATCH_BYTES:
            message = self._pending.popleft()
            group.append(message)
            size += len(message.raw)
        return group


async def serve(
    database: Database, on_listening: Callable[[Sequence[Any]], None], *, host: str, port: int, socket: str | None
) -> None:
    """Accept mail at `host` and `port`, or at a Unix socket with the path `socket`, until SIGTERM or SIGINT.

    Calls `on_listening` with the addresses once connections are accepted. Owner and group may use the socket.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)

    intake = Intake(database)

    def create_connection() -> LmtpConnection:
        return LmtpConnection(intake)

    if socket is None:
        server = await loop.create_server(create_connection, host, port)
    else:
        Path(socket).unlink(missing_ok=True)
        server = await loop.create_unix_server(create_connection, socket)
        Path(socket).chmod(0o660)
    async with server:
        on_listening([listener.getsockname() for listener in server.sockets])
        await stop.wait()
