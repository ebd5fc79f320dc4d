"""Beginnings of the subjects of vacation notices."""

import re
import unicodedata
from functools import cache

from ...word_tables import word_tables


def _alike(phrase: str) -> str:
    return re.escape(unicodedata.normalize("NFKC", phrase).casefold().replace("\u0307", ""))


@cache
def away() -> re.Pattern[str]:
    """Return the pattern of a vacation notice's subject; vacations.toml holds the phrases.

    A phrase stands first, perhaps in brackets, and alone or before a sign: "Out of office workers in Almaty" is a
    question. Lotus Notes has the name before it.
    """
    phrases = sorted(map(_alike, word_tables(__file__, "vacations")["phrases"]), key=len, reverse=True)
    return re.compile(
        r"[\[(【「«\"*\s]{0,4}(?:" + "|".join(phrases) + r")"
        r"(?:\s*(?:$|[\])】」»\"*:,;.!(\[|/–—-])|\s+(?:re|fw|fwd|aw|wg|until|till|bis|до)\b|\s+autoreply\b)"
        r"|[^?:]{1,60} is (?:currently )?out of (?:the )?office(?:\s*(?:$|[(.!])|\s+(?:until|till|and will|returning)\b)"
    )
