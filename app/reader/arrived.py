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

from ..letters.models import Letter
from ..seen_by_readers import Version
from .copies import Copy, Key, good_until
from .page_frame import Place
from .submission import Sent

# Stand in the copy for the digits, one by one since they are shown in groups: signs that nobody writes, drawn anew in
# each process.
MARKS = "".join(random.sample([*map(chr, range(0xE000, 0xF900))], 20))
_MARKS = re.compile(f"({'|'.join(MARKS)})".encode())


def page(place: Place, sent: Sent, make: Callable[[str], tuple[str, bool]]) -> bytes:
    """Return the page for a letter that has just come, and that waits.

    `make` makes it for a number, and says whether the letter still waits: somebody may have filed it meanwhile, and
    then its page is nobody else's.
    """
    key, shelf = _key(place, sent.letter), current_app.extensions["copies"].shelf
    version: Version | None = g.version
    if version is None:
        return make(sent.receipt)[0].encode()
    if (copy := shelf.get(key, version)) is None:
        until = good_until(place.session, place.newsletter)
        made, still_waits = make(MARKS)
        copy = Copy(version, until, [], _MARKS.split(made.encode()), "")
        if still_waits:
            shelf.put(key, copy)
    digits = {mark.encode(): digit.encode() for mark, digit in zip(MARKS, sent.receipt, strict=True)}
    return b"".join(digits.get(part, part) for part in copy.parts)


def _key(place: Place, letter: Letter) -> Key:
    """Return what a page follows from beside its newsletter."""
    came = letter.received_at
    day = came.date() if letter.hear_back == "number" else came.astimezone(ZoneInfo(place.newsletter.zone)).date()
    about = ("lang", g.chosen_language or ""), ("hear_back", letter.hear_back), ("day", f"{day}")
    # At no address: whatever was sent, the page is the same, and nobody can ask for it.
    return Key(request.script_root, f"/{place.newsletter.slug}/arrived", about)
