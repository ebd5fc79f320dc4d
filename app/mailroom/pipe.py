"""A message on standard input, from a mail server's alias or from a person; how it went is told by the exit status."""

import logging
import os
import re
from enum import IntEnum
from typing import BinaryIO

from ..db.engine import Database
from ..mail.inbound import MAXIMUM
from .envelope import TooLarge, keep, with_envelope

log = logging.getLogger(__name__)

# What mail servers write above a message that they pipe (the line of an mbox file): it is no part of it.
_MBOX_LINE = re.compile(rb"\A>?From [^\r\n]*\r?\n")


class Exit(IntEnum):
    """Exit codes for the mail server (sysexits): stored; sent back to its sender, who can do something; tried again."""

    STORED = os.EX_OK
    TOO_LARGE = os.EX_DATAERR
    LATER = os.EX_TEMPFAIL


def receive(database: Database, source: BinaryIO, recipient: str | None, sender: str | None) -> tuple[Exit, str]:
    """Store the message in `source`; what became of it, and a sentence about it.

    Only its size can send a message back. An input without a byte is no message but a pipe that broke before it, so
    it is tried again as well. Whatever else fails here may pass.
    """
    try:
        raw = _MBOX_LINE.sub(b"", source.read(MAXIMUM + 1))
        if not raw:
            return Exit.LATER, "nothing came in, so nothing was stored"
        keep(database, with_envelope(raw, sender, [recipient] if recipient else []), "pipe")
    except TooLarge:
        return Exit.TOO_LARGE, f"the message is larger than {MAXIMUM >> 20} MB and was not stored"
    except Exception as error:
        return Exit.LATER, f"not stored, try again later ({type(error).__name__})"
    return Exit.STORED, "stored"
