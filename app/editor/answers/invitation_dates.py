"""The two dates of an invitation as they are typed: each to come, the yes or no before the text, the text before the
cut-off.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _

from ...answers.models import Assignment
from ...db.session import now
from ...editions.calendar import default_reply_by
from ...web.formatting import day, moment
from ...workflows import invitations
from ..form_values import format_local_time, parse_local_time
from ..frame import RequestContext

FIELDS = ("reply_by", "due_at")


@dataclass(frozen=True)
class Dates:
    """The dates to write the letter with, what stands in their fields, and what is wrong by field.

    `warning` says that the text may miss its edition. That can be meant, so that it holds a press up only once:
    `warned` travels with the form where the page has said it.
    """

    reply_by: datetime
    due_at: datetime
    shown: Mapping[str, str]
    faults: Mapping[str, str]
    warning: str = ""
    warned: str = ""

    @property
    def holds(self) -> bool:
        """Return whether the letter is not to be sent so, or not yet."""
        return bool(self.faults) or bool(self.warning) and self.warned != self.shown["due_at"]


def dates_of(desk: RequestContext, assignment: Assignment, form: Mapping[str, str]) -> Dates:
    """The dates of a form; for an empty field, and to look at the letter for one that can't be taken, the usual one."""
    zone, here = desk.newsletter.zone, now(desk.session)
    typed = {name: text for name in FIELDS if (text := form.get(name, "").strip())}
    read = {name: parse_local_time(text, zone) for name, text in typed.items()}
    taken = {name: moment for name, moment in read.items() if moment is not None and moment > here}
    faults = {
        name: _("Give a day and a time") if read[name] is None else _("Give a time that is still to come")
        for name in typed
        if name not in taken
    }
    due_at = taken.get("due_at") or _get_previous_deadline(assignment, assignment.due_at, here)
    due_at = due_at or invitations.dates_for(desk.session, desk.newsletter, assignment)[1]
    reply_by = taken.get("reply_by") or _get_previous_deadline(assignment, assignment.reply_by, here)
    reply_by = reply_by or default_reply_by(here, due_at, zone)
    if not faults and reply_by > due_at:
        faults = {"reply_by": _("The text is due before that: give an earlier time")}
    shown = {"reply_by": format_local_time(reply_by, zone), "due_at": format_local_time(due_at, zone)} | typed
    warning = _warning(desk, assignment, due_at) if "due_at" not in faults else ""
    return Dates(reply_by, due_at, shown, faults, warning, form.get("warned", "") if typed else shown["due_at"])


def _get_previous_deadline(
    assignment: Assignment, deadline: datetime | None, current_time: datetime
) -> datetime | None:
    """Return what was set before; of a letter that isn't sent yet only what is still to come."""
    return deadline if deadline and (deadline > current_time or not assignment.is_drafted) else None


def _warning(desk: RequestContext, assignment: Assignment, due_at: datetime) -> str:
    edition = invitations.edition_asked_for(desk.session, assignment)
    if edition is None or due_at <= edition.cutoff_at:
        return ""
    when = {"day": day(edition.runs_at), "cutoff": moment(edition.cutoff_at)}
    return _("The edition of %(day)s has its cut-off on %(cutoff)s: a text that comes later may miss it.", **when)
