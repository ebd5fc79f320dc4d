"""Receiving a message on standard input, from a mail server's alias or a person. The exit status tells the result."""

import logging
import os
import re
from enum import IntEnum
from typing import BinaryIO

from ..db.engine import Database
from ..mail.inbound import MAX_MAIL_BYTES
from .envelope import TooLarge, store_message, with_envelope

log = logging.getLogger(__name__)

# The line of the mbox format that mail servers put before a message that they pipe. It isn't part of the message.
_MBOX_LINE = re.compile(rb"\A>?From [^\r\n]*\r?\n")


class Exit(IntEnum):
    """Exit statuses for the mail server (sysexits.h), which bounces on `TOO_LARGE` and retries on `LATER`."""

    STORED = os.EX_OK
    TOO_LARGE = os.EX_DATAERR
    LATER = os.EX_TEMPFAIL


def receive(database: Database, source: BinaryIO, recipient: str | None, sender: str | None) -> tuple[Exit, str]:
    """Store the message in `source`. Return the exit status and a sentence about the result.

    The mail server bounces a message that is too large. All other failures may be temporary, and empty input means a
    broken pipe, so it retries these.
    """
    try:
        raw = _MBOX_LINE.sub(b"", source.read(MAX_MAIL_BYTES + 1))
        if not raw:
            return Exit.LATER, "nothing came in, so nothing was stored"
        recipients = [recipient] if recipient else []
        store_message(database, with_envelope(raw, sender, recipients), "pipe")
    except TooLarge:
        return Exit.TOO_LARGE, f"the message is larger than {MAX_MAIL_BYTES >> 20} MB and was not stored"
    except Exception as error:
        return Exit.LATER, f"not stored, try again later ({type(error).__name__})"
    return Exit.STORED, "stored"
