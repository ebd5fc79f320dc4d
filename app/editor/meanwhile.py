"""What somebody else did while one had a letter, a question or a mail open, in their name: from the trail."""

from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from ..audit import Event
from ..db import lock
from ..formatting import ago
from ..lifecycle import Stale
from ..people.directory import staff_names
from ..questions.models import Question
from .frame import Desk
from .letters.letter_words import FILED
from .trail.event_words import HANDS

WORDS = {
    "letter.file": _l("%(who)s filed it as: %(kind)s"),
    "letter.end": _l("%(who)s ended it kindly"),
    "letter.reopen": _l("%(who)s opened it again"),
    "letter.release": _l("%(who)s let it out of the held ones"),
    "letter.undo": _l("%(who)s undid what was done with it"),
    "letter.withdraw": _l("its reader took it back"),
    "letter.reread": _l("it was read again from its mail"),
    "question.reword": _l("%(who)s worded it anew"),
    "question.clear": _l("%(who)s confirmed the wording"),
    "question.shelve": _l("%(who)s put it on the shelf"),
    "question.take": _l("%(who)s took it from the shelf"),
    "question.close": _l("%(who)s closed it"),
    "question.reopen": _l("%(who)s opened it again"),
    "question.merge": _l("%(who)s merged it into another question"),
    "question.split": _l("%(who)s took it out of the other question"),
    "question.undo": _l("%(who)s undid what was done with it"),
    "question.seek": _l("%(who)s asked an expert"),
    "question.pick": _l("%(who)s picked it for an edition"),
    "question.drop": _l("%(who)s took it out of its edition"),
    "question.carry": _l("%(who)s carried it over to a later edition"),
    "question.carry_back": _l("%(who)s put it back into the edition that it was picked for"),
    "question.date": _l("%(who)s set by when it must run"),
    "question.answer": _l("%(who)s approved an answer to it"),
    "question.publish": _l("it ran"),
    "question.show": _l("%(who)s showed it to readers"),
    "question.hide": _l("%(who)s took it off the public page"),
    "question.retract": _l("%(who)s withdrew its page"),
    "question.restore": _l("%(who)s put its page back"),
    "assignment.invite": _l("%(who)s asked an expert"),
    "assignment.accept": _l("an expert said yes"),
    "assignment.decline": _l("an expert said no"),
    "assignment.receive": _l("an expert’s text came in"),
    "mail.rewrite": _l("%(who)s changed its words"),
    "mail.release": _l("%(who)s let it go"),
    "mail.retry": _l("%(who)s had it tried again"),
    "mail.discard": _l("%(who)s discarded it"),
    "mail.recall": _l("it had become pointless and was stopped"),
    "mail.send": _l("it went out"),
    "mail.fail": _l("it couldn’t be delivered"),
    "mail.bounce": _l("it came back"),
    "mail.expire": _l("it became too late to send it"),
}
OF_QUESTION = ("question", "assignment")  # on whose changes a decision about a question rests


def newest_change(desk: Desk, row: Any) -> Event | None:
    noun = type(row).__name__.lower()
    about = (
        (Event.noun.in_(OF_QUESTION), Event.question_id == row.id)
        if isinstance(row, Question)
        else (Event.noun == noun, Event.noun_id == row.id)
    )
    query = select(Event).where(*about, Event.action.in_(WORDS))
    return desk.session.scalar(query.order_by(Event.id.desc()).limit(1))


def mark_of(desk: Desk, row: Any) -> int:
    """What a page's forms carry as `newest`: the last change that stands on it."""
    event = newest_change(desk, row)
    return event.id if event else 0


def as_seen(desk: Desk, row: Any) -> None:
    """Lock a row that a decision is about. Raises `Stale` where something was done that the page didn't show."""
    lock(desk.session, row)
    if was_changed(desk, row):
        raise Stale(row.public_id)


def was_changed(desk: Desk, row: Any) -> bool:
    return request.form.get("newest", "") != str(mark_of(desk, row))


def meanwhile(desk: Desk, row: Any) -> str:
    """Who did what to it last: "Ilya Brandt filed it as: Tip"; empty where the trail doesn't say."""
    event = newest_change(desk, row)
    if event is None:
        return ""
    kind = FILED.get((event.facts or {}).get("kind", ""), "")
    return str(WORDS[event.action]) % {"who": _who(desk, event.actor), "kind": kind}


def told(desk: Desk, row: Any) -> str:
    """The same as a sentence for whoever came second."""
    event, said = newest_change(desk, row), meanwhile(desk, row)
    if event is None:
        return ""
    first = _("%(said)s, %(ago)s ago.", said=said[:1].upper() + said[1:], ago=ago(event.at))
    if event.actor in HANDS:
        return first + " " + _("Nothing was written over it.")
    return first + " " + _("What they did stands, and nothing was written over it.")


def _who(desk: Desk, ref: str) -> str:
    if ref == desk.actor.ref:
        return _("you, in another window,")
    return staff_names(desk.session, [ref]).get(ref) or str(HANDS.get(ref, _("somebody")))
