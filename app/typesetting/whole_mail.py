"""An edition as a complete HTML mail, for the tool that sends the newsletter.

Mail programs are not browsers: Outlook needs tables for layout, some ignore style sheets, and Gmail clips a mail at
102 kB of HTML. So the mail is one column in a table with inlined styles; only the dark scheme, which can't be inlined,
stays in a style sheet.
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

MAX_KILOBYTES = 100  # of HTML that Gmail displays, with a margin
STYLE_SHEET = "mail.css"  # among the static files
_environment = Environment(
    loader=PackageLoader("app.typesetting"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


@cache
def _inliner() -> "CSSInliner":
    from css_inline import CSSInliner  # not at the top: only exporting a mail needs it

    style_sheet = (Path(__file__).parents[1] / "static" / STYLE_SHEET).read_text("utf-8")
    return CSSInliner(extra_css=style_sheet, keep_at_rules=True, load_remote_stylesheets=False)


def page(blocks: Sequence[Block], title: str, style_sheet_url: str = "") -> str:
    """Render the mail for a browser, which loads its style sheet. There must be at least one block."""
    language = blocks[0].language
    # Outlook and Yahoo drop a <section>, and its language and direction with it. The renderer escapes all text, and
    # `read_answer` only lets http, https and mailto links through.
    rendered = [
        {"direction": direction(block.language), "html": Markup(to_html(block, "div"))}  # noqa: S704
        for block in blocks
    ]
    return _environment.get_template("mail.html").render(
        language=language, direction=direction(language), title=title, style_sheet_url=style_sheet_url, blocks=rendered
    )


def mail(blocks: Sequence[Block], title: str) -> str:
    """Render the mail for sending, with styles inlined except for the dark scheme. There must be at least one block."""
    return _inliner().inline(page(blocks, title))
