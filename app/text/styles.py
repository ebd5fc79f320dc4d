"""Bold and italics in a text that is compared, listed or mailed, without Markdown's signs.

A text "with styles" is plain text in which each token of bold or italic text stands between two marks. A comparison
takes them as part of the token, pages show them as elements, and plain text leaves them out. See
`typesetting.renderers.to_styled_text`.
"""

import re
from html import escape

from .clean import SIGN, WORD

# Characters that no script uses, so that they can't be part of a writer's text.
STRONG, END_STRONG, EMPHASIS, END_EMPHASIS = STYLE_MARKS = "\U0010fff0\U0010fff1\U0010fff2\U0010fff3"
OPENING, CLOSING = f"[{STRONG}{EMPHASIS}]*", f"[{END_STRONG}{END_EMPHASIS}]*"
# A word, a sign or repeated marks such as **, with the style marks around it.
TOKEN = rf"{OPENING}(?:{WORD}|{SIGN}|([^\w\s{STYLE_MARKS}])\1*|[^\s{STYLE_MARKS}]){CLOSING}"
_TOKEN = re.compile(TOKEN)
_TAGS = {STRONG: "<strong>", END_STRONG: "</strong>", EMPHASIS: "<em>", END_EMPHASIS: "</em>"}
_SEAMS = [(re.compile(rf"{end}(\s*){start}"), r"\1") for start, end in ((STRONG, END_STRONG), (EMPHASIS, END_EMPHASIS))]


def add_style(text: str, start: str, end: str) -> str:
    """Put each token of `text` between the marks `start` and `end`."""
    return _TOKEN.sub(lambda match: f"{start}{match[0]}{end}", text)


def drop_styles(text: str) -> str:
    """Return the text without style marks, as plain text shows it."""
    return text.translate(dict.fromkeys(map(ord, STYLE_MARKS)))


def styled_html(text: str) -> str:
    """Return the text as HTML, with its styles as elements."""
    for seam, between in _SEAMS:
        text = seam.sub(between, text)
    return re.sub(f"[{STYLE_MARKS}]", lambda match: _TAGS[match[0]], escape(text))
