"""The LMTP server (RFC 2033): takes messages from a mail server, and answers for each recipient after the commit.

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
from ..mail.inbound import BATCH_BYTES, MAXIMUM
from .envelope import TooLarge, keep_all, with_envelope

TIMEOUT = 300.0  # seconds without a byte from the client (RFC 5321, section 4.5.3.2)
PIECE = 64 * 1024  # bytes that are read at once; a line may be longer, as some mail programs write such lines

TAKEN = "250 2.0.0 stored"
LATER = "451 4.3.0 not stored, try again later"
TOO_LARGE = f"552 5.3.4 larger than {MAXIMUM >> 20} MB"

log = logging.getLogger(__name__)
# The library logs every command, including addresses.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)


class Handler:
    """The callbacks for the library."""

    async def handle_EHLO(  # noqa: N802 - the library's name; it is called for LHLO too
        self, _server: Any, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]]  # required by RFC 2033, section 5

    async def handle_exception(self, error: Exception) -> str:
        log.error("LMTP: %s", type(error).__name__)
        return LATER


class Delivery(LMTP):
    """A connection. It replaces the library's DATA, which answers once for all recipients and permanently rejects lines
    of over 998 bytes.
    """

    line_length_limit = PIECE  # for the library: the limit of its buffer

    def __init__(self, intake: "Intake") -> None:
        super().__init__(
            Handler(),
            data_size_limit=MAXIMUM,
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
        content = await self._content()
        answer = TOO_LARGE if content is None else await self._keep(content, envelope)
        self.envelope = Envelope()
        for _recipient in envelope.rcpt_tos:
            await self.push(answer)

    async def _content(self) -> bytes | None:
        """Read the message up to the final dot, and remove the dots added for transparency (RFC 5321, section 4.5.2).

        Return None if it is too large; it is still read to its end, after which the answer is due.
        """
        pieces: list[bytes] = []
        size, begins = 0, True
        while True:
            try:
                piece = await self._reader.readuntil(b"\r\n")
            except asyncio.LimitOverrunError as long:
                piece = await self._reader.read(long.consumed)
            if begins and piece == b".\r\n":
                return b"".join(pieces) if size <= MAXIMUM else None
            piece = piece[1:] if begins and piece.startswith(b".") else piece
            begins = piece.endswith(b"\r\n")
            before, size = size, size + len(piece)
            if size >> 20 > before >> 20:  # a megabyte more: the client is alive
                self._reset_timeout()
            if size <= MAXIMUM:
                pieces.append(piece)
            else:
                pieces.clear()

    async def _keep(self, content: bytes, envelope: Envelope) -> str:
        try:
            await self._intake.keep(with_envelope(content, envelope.mail_from, envelope.rcpt_tos))
        except TooLarge:
            return TOO_LARGE
        except Busy:
            return LATER
        except Exception as error:
            # No error here is the message's fault, so the server should keep it and try again.
            log.error("LMTP: %s", type(error).__name__)
            return LATER
        return TAKEN


class Handed:
    """A received message. The future `kept` is done when it is committed, or gets the error."""

    def __init__(self, raw: bytes) -> None:
        self.raw, self.kept = raw, asyncio.get_running_loop().create_future()


class Intake:
    """Commits the messages of several connections in groups: those that arrive during a commit go into the next."""

    def __init__(self, database: Database) -> None:
        self._database, self._waiting = database, deque[Handed]()
        self._work: asyncio.Task[None] | None = None

    async def keep(self, raw: bytes) -> None:
        """Store the message, and return once it is committed. Raises the same errors as `envelope.keep`."""
        if len(raw) > MAXIMUM:
            raise TooLarge
        one = Handed(raw)
        self._waiting.append(one)
        if self._work is None:
            self._work = asyncio.create_task(self._commit())
        await one.kept

    async def _commit(self) -> None:
        while self._waiting:
            some, size = [self._waiting.popleft()], 0
            while self._waiting and (size := size + len(some[-1].raw)) + len(self._waiting[0].raw) <= BATCH_BYTES:
                some.append(self._waiting.popleft())
            fault: Exception | None = None
            try:
                await asyncio.to_thread(keep_all, self._database, [one.raw for one in some], "lmtp")
            except Exception as error:
                fault = error
            for one in some:
                if one.kept.done():  # its connection has ended
                    continue
                if fault:
                    one.kept.set_exception(fault)
                else:
                    one.kept.set_result(None)
        self._work = None


async def serve(
    database: Database, listening: Callable[[Sequence[Any]], None], *, host: str, port: int, socket: str | None
) -> None:
    """Accept mail at `host` and `port`, or at a Unix socket with the path `socket`, until SIGTERM or SIGINT.

    Calls `listening` with the addresses once connections are accepted. Owner and group may use the socket.
    """
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    intake = Intake(database)

    def connection() -> Delivery:
        return Delivery(intake)

    if socket is None:
        server = await loop.create_server(connection, host, port)
    else:
        Path(socket).unlink(missing_ok=True)
        server = await loop.create_unix_server(connection, socket)
        Path(socket).chmod(0o660)
    async with server:
        listening([one.getsockname() for one in server.sockets])
        await stop.wait()
