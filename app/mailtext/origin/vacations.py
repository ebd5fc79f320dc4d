"""Beginnings of the subjects of vacation notices."""

import re
import unicodedata
from functools import cache

from ...text.word_tables import word_tables


def fold_subject(subject: str) -> str:
    """Bring a subject into the form in which it is compared: one case, one width, at most 300 characters."""
    return unicodedata.normalize("NFKC", subject[:300]).casefold().replace("\u0307", "").strip()


@cache
def vacation_pattern() -> re.Pattern[str]:
    """Return the pattern of a vacation notice's subject; vacations.toml holds the phrases.

    A phrase stands first, perhaps in brackets, and alone or before a sign: "Out of office workers in Almaty" is a
    question. Lotus Notes has the name before it.
    """
    phrases = sorted(map(fold_subject, word_tables(__file__, "vacations")["phrases"]), key=len, reverse=True)
    return re.compile(
        r"[\[(【「«\"*\s]{0,4}(?:" + "|".join(map(re.escape, phrases)) + r")"
        r"(?:\s*(?:$|[\])】」»\"*:,;.!(\[|/–—-])|\s+(?:re|fw|fwd|aw|wg|until|till|bis|до)\b|\s+autoreply\b)"
        r"|[^?:]{1,60} is (?:currently )?out of (?:the )?office"
        r"(?:\s*(?:$|[(.!])|\s+(?:until|till|and will|returning)\b)"
    )
