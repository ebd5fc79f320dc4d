"""On an edition's page: how its draft stands in the tool that sends."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from ...editions import handoff
from ...editions import queries as editions
from ...editions.models import Edition, HandedDraft
from ...newsletters.sending_tool import SendingTool
from ...sending_tools.asking import FAULTS as PASSING
from ...sending_tools.known_tools import TOOLS
from ...typesetting.block import Block
from ..frame import RequestContext
from ..settings.sending_tool_page import FAULTS, GONE

# What became of the last try, besides the faults of the tool.
SAID = {
    "made": _l("The draft stands there."),
    "brought": _l("The draft there has been brought up to date."),
    "anew": _l("The draft had been deleted there, so a new one was made."),
    "unready": _l("No draft was made: something in the edition may not leave the house as it is now. Look above."),
    "no tool": _l("No draft was made: the tool was forgotten before it was asked."),
    "sealed": GONE,
    **FAULTS,
}
GOOD = ("made", "brought", "anew")


class Standing(NamedTuple):
    """The standing of a draft: a mark and its words, the draft's `link`, and when it is `again` tried, if it is.

    `is_old` says that the words here are others by now than those that were put there.
    """

    mark: str
    words: str
    link: str
    label: str
    again: datetime | None = None
    is_old: bool = False


def get_draft_status(
    desk: RequestContext, edition: Edition, tool: SendingTool | None, row: HandedDraft | None, blocks: Sequence[Block]
) -> dict[str, Any]:
    """Return what the page says of the tool that sends, and of the edition's draft there."""
    return {
        "tool_name": tool.row.label if tool else "",
        "handoff": _format_draft_status(desk, edition, blocks, row) if row else None,
    }


def _format_draft_status(desk: RequestContext, edition: Edition, blocks: Sequence[Block], row: HandedDraft) -> Standing:
    label = TOOLS[row.tool].label
    if row.due_at and not row.said:
        return Standing("wait", _("%(tool)s is being asked.", tool=label), row.link, label)
    words = str(SAID[row.said])
    is_old = bool(row.digest) and row.digest != handoff.digest_of(blocks, editions.title_of(desk.session, edition))
    look = "good" if row.said in GOOD else "wait" if row.due_at and PASSING.get(row.said) else "late"
    return Standing(look, _("%(tool)s: %(what)s", tool=label, what=words), row.link, label, row.due_at, is_old)
