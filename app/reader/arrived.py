"""The page with a new receipt: a copy into which the number is put.

All readers who have just sent something are shown the same, but for their number. The page is made once for a version
of what readers see, a language, a way of hearing back and a day, and kept with the door's other copies: without any
number, for those are nowhere kept.
"""

import random
import re
from collections.abc import Callable
from zoneinfo import ZoneInfo

from flask import current_app, g, request

from ..db.public_version import Version
from ..letters.models import Letter
from .copies import Copy, Key, LruStore, get_expiry
from .page_frame import ReaderContext
from .submission import SubmissionResult

# Stand in the copy for the digits, one by one since they are shown in groups: signs that nobody writes, drawn anew in
# each process.
MARKS = "".join(random.sample([*map(chr, range(0xE000, 0xF900))], 20))
_MARKS = re.compile(f"({'|'.join(MARKS)})".encode())


def get_cached_page(result: SubmissionResult) -> bytes | None:
    """Return the page for a letter that has just come, and that waits; None where it is still to be made."""
    version: Version | None = g.version
    copy = _shelf().get(_key(result.letter), version) if version else None
    return _insert_receipt(copy, result.receipt) if copy else None


def render_and_cache(
    context: ReaderContext, result: SubmissionResult, make: Callable[[str], tuple[str, bool]]
) -> bytes:
    """Make that page, and keep it.

    `make` makes it for a number, and says whether the letter still waits: somebody may have filed it meanwhile, and
    then its page is nobody else's.
    """
    version: Version | None = g.version
    if version is None:
        return make(result.receipt)[0].encode()
    until = get_expiry(context.session, context.newsletter)
    made, still_waits = make(MARKS)
    copy = Copy(version, until, [], _MARKS.split(made.encode()), "")
    if still_waits:
        _shelf().put(_key(result.letter), copy)
    return _insert_receipt(copy, result.receipt)


def _insert_receipt(copy: Copy, receipt: str) -> bytes:
    digits = {mark.encode(): digit.encode() for mark, digit in zip(MARKS, receipt, strict=True)}
    return b"".join(map(digits.get, copy.parts, copy.parts))


def _shelf() -> LruStore:
    shelf: LruStore = current_app.extensions["copies"].shelf
    return shelf


def _key(letter: Letter) -> Key:
    """Return what a page follows from beside its newsletter."""
    came, newsletter = letter.received_at, g.newsletter_view
    day = came.date() if letter.hear_back == "number" else came.astimezone(ZoneInfo(newsletter.zone)).date()
    about = ("lang", g.chosen_language or ""), ("hear_back", letter.hear_back), ("day", f"{day}")
    # At no address: whatever was sent, the page is the same, and nobody can ask for it.
    return Key(request.script_root, f"/{newsletter.slug}/arrived", about)
