"""The blocks of an edition as a whole mail in HTML, for the program that sends the newsletter.

Programs for mail are not browsers: Outlook lays out by tables, some read no style sheet, and Gmail cuts a mail off at
102 kB of HTML. So there is one column in a table, each rule of the sheet stands on its elements, and what is left in
the sheet is the dark scheme, which no element can say.
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

ROOM = 100  # kB
SHEET = "mail.css"  # among the static files
_pages = Environment(loader=PackageLoader("app.typesetting"), autoescape=True, trim_blocks=True, lstrip_blocks=True)


@cache
def _inliner() -> "CSSInliner":
    from css_inline import CSSInliner  # only where somebody exports a mail

    sheet = (Path(__file__).parents[1] / "static" / SHEET).read_text("utf-8")
    return CSSInliner(extra_css=sheet, keep_at_rules=True, load_remote_stylesheets=False)


def page(blocks: Sequence[Block], title: str, sheet: str = "") -> str:
    """The mail as a browser shows it, by the style `sheet` at that address. There is at least one block."""
    usual = blocks[0].language
    # Outlook and Yahoo drop a <section>, and with it what it says of language and direction.
    written = [to_html(block, "div") for block in blocks]
    return _pages.get_template("mail.html").render(
        language=usual,
        direction=direction(usual),
        title=title,
        sheet=sheet,
        # The renderer escapes every text and lets no address through but http, https and mailto.
        blocks=[
            {"direction": direction(block.language), "written": Markup(one)}  # noqa: S704
            for block, one in zip(blocks, written, strict=True)
        ],
    )


def mail(blocks: Sequence[Block], title: str) -> str:
    """The same as it is mailed: the style stands on each element, and there is no sheet but for the dark scheme."""
    return _inliner().inline(page(blocks, title))
