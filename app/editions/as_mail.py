"""The blocks of an edition as a whole mail in HTML, for the program that sends the newsletter.

Programs for mail are not browsers: Outlook lays out by tables, some read no style sheet, and Gmail cuts a mail off at 102 kB
of HTML. So there is one column in a table, each rule of the sheet stands on its elements, and what is left in the sheet is the
dark scheme, which no element can say.
"""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import css_inline
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from .block import Block
from .phrases import direction
from .renderers import to_html

ROOM = 100  # kB
_SHEET = (Path(__file__).parent / "templates" / "mail.css").read_text("utf-8")
_pages = Environment(loader=PackageLoader("app.editions"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
_inliner = css_inline.CSSInliner(keep_style_tags=False, keep_at_rules=True, load_remote_stylesheets=False)
# The sheet's mark for a Content-Security-Policy (CSP Level 3, section 6.7.2.3), so that a browser shows a page by it and by no other.
SHEET_HASH = "sha256-" + b64encode(sha256(_SHEET.encode()).digest()).decode()


def page(blocks: Sequence[Block], title: str) -> str:
    """The mail with its style in one sheet, as a browser shows it. There is at least one block."""
    usual = blocks[0].language
    return _pages.get_template("mail.html").render(
        language=usual,
        direction=direction(usual),
        title=title,
        sheet=Markup(_SHEET),  # noqa: S704 - ours, from a file
        # The renderer escapes every text and lets no address through but http, https and mailto.
        blocks=[{"direction": direction(block.language), "written": Markup(to_html(block))} for block in blocks],  # noqa: S704
    )


def mail(blocks: Sequence[Block], title: str) -> str:
    """The same with its style on each element, as it is mailed."""
    return _inliner.inline(page(blocks, title))
