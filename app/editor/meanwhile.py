"""What somebody else did while one had a letter or a question open, in their name: from the trail."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from ..audit import Event
from ..people.directory import staff_names
from ..wording import ago
from .frame import Desk
from .letters.words import FILED
from .trail.words import HANDS

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
    "question.answer": _l("%(who)s approved an answer to it"),
    "question.publish": _l("it ran"),
    "question.show": _l("%(who)s showed it to readers"),
    "question.hide": _l("%(who)s took it off the public page"),
}


def newest_change(desk: Desk, row: Any) -> Event | None:
    noun = type(row).__name__.lower()
    query = select(Event).where(Event.noun == noun, Event.noun_id == row.id, Event.action.in_(WORDS))
    return desk.session.scalar(query.order_by(Event.id.desc()).limit(1))


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
    return first + " " + _("What they did stands, and nothing was written over it.")


def _who(desk: Desk, ref: str) -> str:
    if ref == desk.actor.ref:
        return _("you, in another window,")
    return staff_names(desk.session, [ref]).get(ref) or str(HANDS.get(ref, _("somebody")))
