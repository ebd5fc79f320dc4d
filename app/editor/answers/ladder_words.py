"""Sentences on what the ladder will do with somebody who is asked next."""

from collections.abc import Callable
from datetime import datetime

from flask_babel import gettext as _

from ...answers.models import Assignment
from ...web.formatting import is_past, moment
from ..frame import editor


def _silent(name: str, deadline: datetime | None) -> str:
    if deadline is None:
        return _("Is asked next, if %(name)s says no or lets the time pass", name=name)
    if is_past(deadline):
        return _("%(name)s has let the time pass", name=name)
    return _("Is asked next, if %(name)s says no or has said nothing by %(moment)s", name=name, moment=moment(deadline))


# By where the one before stands; nobody comes after a text.
AFTER: dict[str, Callable[[str, datetime | None], str] | None] = {
    "drafted": lambda name, _until: _("Is asked next, once %(name)s was asked and can’t", name=name),
    "invited": _silent,
    "accepted": lambda name, _until: _("Is asked next, if %(name)s can’t after all", name=name),
    "declined": lambda name, _until: _("%(name)s has said no", name=name),
    "received": None,
    "returned": None,
    "done": None,
    "cancelled": lambda name, _until: _("Isn’t asked by itself: %(name)s isn’t asked any more", name=name),
}


@editor.app_template_filter("ladder")
def ladder_words(assignment: Assignment, holds: bool) -> str:
    """Say what the ladder does with an assignment, nothing for one that is on none.

    `holds` says that invitations of this newsletter wait for a second person.
    """
    before = assignment.after
    if not assignment.is_drafted or before is None:
        return ""
    question, name, words = assignment.question, before.expert.name, AFTER[str(before.state)]
    if not question.asks_in_turn or words is None:
        return _("Isn’t asked by itself: %(name)s’s text is here, or the question needs no more", name=name)
    until = assignment.step_at or before.reply_by
    said = words(name, until)
    comes = before.is_declined or before.is_invited and until is not None and is_past(until)
    if comes and not question.is_cleared:
        return _("%(said)s; the invitation waits until the wording is confirmed.", said=said)
    if comes:
        return (
            _("%(said)s; the invitation is prepared within a minute.", said=said) + " " + _format_delivery_note(holds)
        )
    return f"{said}. " + (_format_delivery_note(holds) if not before.is_cancelled else "")


def _format_delivery_note(holds: bool) -> str:
    return _("It waits in the outbox for you.") if holds else _("It leaves by itself.")
