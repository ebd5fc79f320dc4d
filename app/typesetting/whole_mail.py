"""An edition as a complete HTML mail, for the tool that sends the newsletter.

Mail programs are not browsers: Outlook needs tables for layout, some ignore style sheets, and Gmail clips a mail at
102 kB of HTML. So there is one column in a table, styles are inlined, and the style sheet only keeps the dark scheme,
which can't be.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from ..text.languages import direction
from .block import Block
from .renderers import to_html

if TYPE_CHECKING:
    from css_inline import CSSInliner

ROOM = 100  # kB of HTML that Gmail displays, with a margin
SHEET = "mail.css"  # among the static files
_pages = Environment(loader=PackageLoader("app.typesetting"), autoescape=True, trim_blocks=True, lstrip_blocks=True)


@cache
def _inliner() -> "CSSInliner":
    from css_inline import CSSInliner  # not at the top: only exporting a mail needs it

    sheet = (Path(__file__).parents[1] / "static" / SHEET).read_text("utf-8")
    return CSSInliner(extra_css=sheet, keep_at_rules=True, load_remote_stylesheets=False)


def page(blocks: Sequence[Block], title: str, sheet: str = "") -> str:
    """Render the mail for a browser, with the style sheet at the URL `sheet`. There must be at least one block."""
    language = blocks[0].language
    # Outlook and Yahoo drop a <section>, and its language and direction with it. The renderer escapes all text, and
    # `read_answer` only lets http, https and mailto links through.
    rendered = [
        {"direction": direction(block.language), "written": Markup(to_html(block, "div"))}  # noqa: S704
        for block in blocks
    ]
    return _pages.get_template("mail.html").render(
        language=language, direction=direction(language), title=title, sheet=sheet, blocks=rendered
    )


def mail(blocks: Sequence[Block], title: str) -> str:
    """Render the mail for sending, with styles inlined except for the dark scheme. There must be at least one block."""
    return _inliner().inline(page(blocks, title))
