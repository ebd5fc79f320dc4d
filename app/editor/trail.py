"""What happened with a question, as one list: the trail of changes, the desk's notes and the mails, newest first, in words."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from ..answers.models import AnswerText
from ..audit import Event
from ..audit import queries as audit
from ..db import now
from ..mail import outbox
from ..mail.hidden import without_secrets
from ..mail.letter import Message
from ..mail.models import OutboxMail
from ..people.directory import expert_names, names_of
from ..questions import queries
from ..questions.models import Question
from ..wording import clock_time, day, exact, zone
from .frame import Desk
from .mail_words import KINDS, stands

MANY = 200  # of each kind; nobody reads further back on this page

# action: (sentence, whether it is a step of the story)
SENTENCES = {
    "question.open": (_l("%(who)s made it a question."), True),
    "question.reword": (_l("%(who)s worded it."), False),
    "question.clear": (
        _l("%(who)s confirmed that nobody can be recognised in the wording."),
        True,
    ),
    "question.rest": (_l("No expert has it any more."), False),
    "question.pick": (_l("%(who)s picked it for an edition."), True),
    "question.drop": (_l("%(who)s took it out of its edition."), True),
    "question.move": (_l("%(who)s moved it within the edition."), False),
    "question.carry": (_l("%(who)s carried it over to a later edition."), True),
    "question.publish": (_l("It ran."), True),
    "question.recall": (_l("%(who)s took the edition back: it hasn’t run."), True),
    "question.retract": (_l("%(who)s withdrew its page."), True),
    "question.restore": (_l("%(who)s put its page back."), True),
    "question.shelve": (_l("%(who)s put it on the shelf."), True),
    "question.take": (_l("%(who)s took it from the shelf."), True),
    "question.close": (_l("%(who)s closed it."), True),
    "question.reopen": (_l("%(who)s opened it again."), True),
    "question.merge": (_l("%(who)s merged it into another question."), True),
    "question.split": (_l("%(who)s took it out of the other question again."), True),
    "question.show": (_l("%(who)s made it public in the desk’s wording."), False),
    "question.hide": (_l("%(who)s took it off the public page."), False),
    "question.topics": (_l("%(who)s set the topics."), False),
    "letter.file": (_l("%(who)s filed a letter here."), False),
    "letter.join": (_l("One more reader wants to know it."), False),
    "letter.end": (_l("%(who)s ended a letter with a kind sentence."), False),
    "letter.withdraw": (
        _l("A reader took their letter back. Its words are erased."),
        True,
    ),
    "letter.add": (_l("A reader added something to their letter."), False),
    "letter.credit": (_l("A reader changed how they want to be named."), False),
    "credit.verify": (_l("%(who)s noted that a reader’s name was checked."), False),
    "credit.unname": (_l("%(who)s left a reader unnamed."), False),
    "assignment.draft": (_l("%(who)s prepared to ask %(expert)s."), False),
    "assignment.invite": (_l("%(who)s asked %(expert)s."), True),
    "assignment.uninvite": (_l("%(who)s stopped the invitation to %(expert)s."), True),
    "assignment.accept": (_l("%(expert)s said yes."), True),
    "assignment.decline": (_l("%(expert)s said no."), True),
    "assignment.return": (_l("%(who)s gave the text back to %(expert)s."), True),
    "assignment.cancel": (_l("%(who)s doesn’t ask %(expert)s any more."), True),
    "assignment.suggest": (_l("%(expert)s suggested a colleague."), True),
    "assignment.ask_back": (_l("%(expert)s asked something back."), True),
    "assignment.link": (_l("%(who)s sent %(expert)s a new link."), False),
    "assignment.extend": (_l("%(who)s gave %(expert)s more time."), False),
    "assignment.report": (_l("%(expert)s reported an error in what ran."), True),
    "mail.rewrite": (_l("%(who)s changed a mail that was held."), False),
    "mail.release": (_l("%(who)s let a held mail go."), False),
    "mail.discard": (_l("%(who)s stopped a mail."), False),
    "mail.retry": (_l("%(who)s had a mail tried again."), False),
    "answer.submit": (_l("%(who)s sent the text%(version)s."), True),
    "answer.take back": (_l("%(who)s took the text back."), True),
    "answer.edit": (_l("%(who)s edited the answer%(version)s."), True),
    "answer.check": (_l("%(who)s sent the text%(version)s for the quote check."), True),
    "answer.reply": (_l("The check has come to its end: %(outcome)s."), True),
    "answer.recall": (_l("%(who)s took the text back from the check."), True),
    "answer.approve": (_l("%(who)s approved the answer%(version)s."), True),
    "answer.reopen": (_l("%(who)s took the approval back."), True),
    "answer.withdraw": (_l("%(who)s withdrew the answer."), True),
}
# The notes stand in the list themselves, and the other moves only follow one that is told.
LEFT_OUT = {
    "question.note", "question.seek", "question.answer", "question.unanswer", "assignment.receive", "assignment.take back",
    "assignment.finish", "assignment.unfinish", "answer.start", "answer.return",
}  # fmt: skip
OUTCOMES = {
    "fine": _l("it is right"), "approved": _l("it is approved"), "silent": _l("silence, so it runs"),
    "wrong": _l("something is wrong"),
}  # fmt: skip
HANDS = {
    "reader": _l("A reader"),
    "clock": _l("The calendar"),
    "mailroom": _l("The mailroom"),
}


@dataclass(frozen=True)
class Entry:
    """A line of the trail, in the shape that the page's macro draws."""

    time: datetime
    order: int
    text: str
    kind: str = ""
    note: str = ""
    mail: str = ""

    @property
    def label(self) -> str:
        return clock_time(self.time)

    @property
    def exact(self) -> str:
        return exact(self.time)


def trail(desk: Desk, question: Question, experts: dict[tuple[str, int], str]) -> list[tuple[str, list[Entry]]]:
    """The days with their entries; `experts` are the names by noun and key of assignments and answers."""
    family = queries.family(desk.session, question)
    entries = [
        *_changes(desk, family, experts),
        *_notes(desk, question),
        *_mails(desk, family),
    ]
    entries.sort(key=lambda entry: (entry.time, entry.order), reverse=True)
    today = now(desk.session).astimezone(zone()).date()
    near = {today: _("Today"), today - timedelta(days=1): _("Yesterday")}
    return [
        (near.get(when) or day(when), list(some))
        for when, some in groupby(entries, key=lambda entry: entry.time.astimezone(zone()).date())
    ]


def _changes(desk: Desk, family: list[int], experts: dict[tuple[str, int], str]) -> Iterable[Entry]:
    events = [event for event in audit.of_questions(desk.session, family, MANY) if event.action not in LEFT_OUT]
    who = _hands(desk, events)
    versions = _versions(desk, events)
    for event in events:
        if event.action not in SENTENCES:
            continue
        sentence, is_step = SENTENCES[event.action]
        facts = event.facts or {}
        number = versions.get(facts.get("text", 0))
        values = {
            "who": who.get(event.actor) or str(HANDS.get(event.actor, _("Somebody"))),
            "expert": experts.get((event.noun, event.noun_id), _("the expert")),
            "version": _(" (version %(number)s)", number=number) if number else "",
            "outcome": str(OUTCOMES.get(facts.get("outcome", ""), "")),
        }
        yield Entry(event.at, event.id, str(sentence) % values, "step" if is_step else "")


def _hands(desk: Desk, events: list[Event]) -> dict[str, str]:
    """The names behind "staff:5" and "expert:7", in two queries."""
    refs = {event.actor for event in events if ":" in event.actor}
    keys = {kind: [int(ref.split(":")[1]) for ref in refs if ref.startswith(kind)] for kind in ("staff", "expert")}
    staff, experts = (
        names_of(desk.session, keys["staff"]),
        expert_names(desk.session, keys["expert"]),
    )
    return {f"staff:{key}": name for key, name in staff.items()} | {
        f"expert:{key}": name for key, name in experts.items()
    }


def _versions(desk: Desk, events: list[Event]) -> dict[int, int]:
    keys = [
        event.facts["text"] for event in events if event.noun == "answer" and event.facts and event.facts.get("text")
    ]
    rows = desk.session.execute(select(AnswerText.id, AnswerText.number).where(AnswerText.id.in_(keys)))
    return {row.id: row.number for row in rows}


def _notes(desk: Desk, question: Question) -> Iterable[Entry]:
    notes = queries.notes_of(desk.session, question)[:MANY]
    names = names_of(desk.session, [note.person_id for note in notes])
    for note in notes:
        words = _("%(who)s noted:", who=names.get(note.person_id, _("Somebody")))
        yield Entry(note.written_at, note.id, words, note=note.body)


def _mails(desk: Desk, family: list[int]) -> Iterable[Entry]:
    for mail, message in outbox.to_experts_about(desk.session, family, MANY):
        yield Entry(
            mail.sent_at or mail.created_at,
            mail.id,
            _mail_words(desk, mail, message),
            mail=_body(message),
        )


def _mail_words(desk: Desk, mail: OutboxMail, message: Message | None) -> str:
    how = ": ".join(filter(None, (stands(mail, now(desk.session)), mail.said)))
    if message is None:
        return _("Mail: %(kind)s. %(stands)s.", kind=KINDS[mail.kind], stands=how)
    return _(
        "Mail to %(name)s: “%(subject)s”. %(stands)s.",
        name=message.to_name,
        subject=message.subject,
        stands=how,
    )


def _body(message: Message | None) -> str:
    """The text without the link: whoever has it can write in the expert's name."""
    return without_secrets(message.text) if message else ""
