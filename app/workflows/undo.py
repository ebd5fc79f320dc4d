"""Undo: a table of what can be undone, and the function that undoes an editor's last action.

An action ("press") is identified by the events that it recorded in the trail, so undo needs no storage of its own. The
facts of an event list in `did` the events that followed from it, and in `told` the mails about them. Both names are
stored in old rows and can't change.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..answers import undo_steps, unsent_mails
from ..answers.lifecycle import ANSWER, ASSIGNMENT
from ..answers.models import Answer, Assignment
from ..audit import Event, watched
from ..audit.queries import get_events, has_later_move
from ..core.actors import Staff
from ..core.domain_errors import DomainError, InvalidTransition, VersionConflict
from ..core.state_machine import Machine
from ..db.session import lock_row, now
from ..editions.lifecycle import EDITION
from ..editions.models import Edition
from ..letters import crowds, filing
from ..letters.lifecycle import LETTER
from ..letters.models import Letter
from ..mail import outbox
from ..mail.lifecycle import MAIL
from ..mail.models import OutboxMail
from ..newsletters.lifecycle import NEWSLETTER
from ..newsletters.models import Newsletter
from ..people import links
from ..questions import actions
from ..questions.actions import take_back_followers
from ..questions.lifecycle import QUESTION
from ..questions.models import Question
from ..questions.queries import letters_of
from ..search.verdicts import withdraw_same_verdict
from .back_issues import undo_import
from .newsletters import pausing
from .publishing import notices, reschedule, skip

FOR = timedelta(seconds=60)
GRACE = timedelta(seconds=10)  # for a request that is sent in the last second
NOUNS: dict[str, tuple[type[Any], Machine]] = {
    "letter": (Letter, LETTER),
    "question": (Question, QUESTION),
    "assignment": (Assignment, ASSIGNMENT),
    "answer": (Answer, ANSWER),
    "edition": (Edition, EDITION),
    "newsletter": (Newsletter, NEWSLETTER),
    "outboxmail": (OutboxMail, MAIL),
}
FOLLOWERS = ("assignment", "answer")  # undone only as a consequence of another noun's undo
BY_ITS_EXPERTS = ("question.rest", "question.seek")  # transitions of a question that depend on its assignments
SAID_NO = ("decline_reason", "later_on")
TIMES = ("received_at", "invited_at")
READ: dict[str, Callable[[str], Any]] = {"later_on": date.fromisoformat, **dict.fromkeys(TIMES, datetime.fromisoformat)}

Verb = Callable[..., Any]  # takes the session, the actor, the row, the event, and the keys of all events of the press


class TooLate(DomainError):
    """The action is too old to be undone."""

    code = "precondition.undo_expired"


@dataclass(frozen=True)
class Left:
    """An event that could not be undone, and the reason."""

    event: Event
    why: DomainError


@dataclass(frozen=True)
class Undo:
    """A row of the table: the action of an event, the verb that undoes it, the result, and how long it is possible.

    Events that followed from it are undone afterwards. `mail` is the kind of mail whose discarding undoes the action.
    """

    action: str
    verb: Verb
    sentence: str
    lasts: str
    mail: str = ""


def _restore_state(*columns: str, callback: Verb | None = None) -> Verb:
    """Return a verb that restores the state of a row, and `columns` to the values in the event's facts, or to None."""

    def verb(session: Session, actor: Staff, row: Any, event: Event, _press: Sequence[int]) -> None:
        was = (event.facts or {}).get("was", {})
        facts = {name: READ[name](was[name]) if was.get(name) and name in READ else was.get(name) for name in columns}
        cause = "undo" if event.noun in FOLLOWERS else None
        machine = NOUNS[event.noun][1]
        machine.apply(session, actor, row, "undo", to=event.old, cause=cause, why={"undoes": event.id}, **facts)
        if callback:
            callback(session, actor, row, event)

    return verb


def _with_row_and_event(verb: Verb) -> Verb:
    """Adapt a verb that takes only the row and the event."""
    return lambda session, actor, row, event, _press: verb(session, actor, row, event)


def _with_row(verb: Verb) -> Verb:
    """Adapt a verb that takes only the row."""
    return lambda session, actor, row, *_: verb(session, actor, row)


def _undo_take_out(session: Session, actor: Staff, letter: Letter, event: Event, press: Sequence[int]) -> None:
    """File a letter again that was taken out of a question.

    Raises `InvalidTransition` for a letter that had ended: reopening it has recalled its notice, so it must be ended
    anew.
    """
    if event.old != "filed":
        raise InvalidTransition("letter", "undo", event.old)
    _restore_state(*filing.FACTS)(session, actor, letter, event, press)


def _recall_notices(session: Session, actor: Staff, question: Question) -> None:
    for letter in letters_of(session, question):
        notices.recall_notice(session, actor, letter)


def _links(session: Session, _actor: Staff, assignment: Assignment, event: Event) -> None:
    links.restore_links(session, assignment.id, event.at)


def _by_its_experts(session: Session, actor: Staff, question: Question, event: Event, press: Sequence[int]) -> None:
    """Restore the question's state, if the ladder has not done so already by inviting the next expert.

    Raises `VersionConflict` if the question has moved on.
    """
    if question.state not in (event.old, event.new):
        raise VersionConflict(question.public_id)
    if question.state != event.old:
        _restore_state()(session, actor, question, event, press)


def _mail_put_back(session: Session, actor: Staff, mail: OutboxMail, event: Event) -> None:
    outbox.undo_recall(session, actor, mail, str(event.old), (event.facts or {}).get("once"))


def _rows(lasts: str, *rows: tuple[str, Verb, str] | tuple[str, Verb, str, str]) -> dict[str, Undo]:
    return {action: Undo(action, verb, sentence, lasts, *mail) for action, verb, sentence, *mail in rows}


_NOTICE_RECALLED, _NOTICES_RECALLED = _with_row(notices.recall_notice), _with_row(_recall_notices)
_PRESSES = _rows(
    "for a minute",
    ("letter.file", _restore_state(*filing.FACTS), "The letter waits as before it was filed."),
    ("letter.sweep", _with_row(crowds.keep), "The letters are held, as before."),
    ("letter.release", _restore_state(*filing.FACTS), "The letter is held again."),
    ("letter.hold", _restore_state(*filing.FACTS), "The letter waits with the others."),
    ("letter.reopen", _undo_take_out, "The letter stands behind its question again."),
    (
        "letter.end",
        _restore_state(*filing.FACTS, callback=_NOTICE_RECALLED),
        "The letter waits, and its reader hears nothing.",
    ),
    ("question.open", actions.undo_open, "The question is closed; its words were its letter's, which has them."),
    (
        "question.merge",
        _restore_state("merged_into_id", callback=take_back_followers),
        "The question stands by itself again.",
    ),
    ("question.shelve", _restore_state("closed_reason"), "The question stands where it stood before the shelf."),
    (
        "question.close",
        _restore_state("closed_reason", callback=_NOTICES_RECALLED),
        "It goes on, and nobody hears of an end.",
    ),
    ("question.topics", _with_row_and_event(actions.undo_topics), "The question has the topics that it had."),
    (
        "edition.skip",
        _with_row_and_event(skip.undo_skip),
        "The date has its edition, and what was picked for it its slot.",
    ),
    (
        "edition.move",
        _with_row_and_event(reschedule.undo_move),
        "The edition runs as before, and so does what hangs on it.",
    ),
    ("edition.slots", _with_row_and_event(skip.undo_set_slots), "The edition has as many slots as it had."),
    (
        "question.carry",
        _with_row_and_event(skip.undo_carry_over),
        "The question stands in the edition that it was picked for.",
    ),
    ("question.drop", _with_row_and_event(skip.undo_drop), "The question stands in its slot."),
    ("newsletter.pause", pausing.undo_state_change, "The newsletter stands as before, and so do its dates."),
    ("newsletter.resume", pausing.undo_state_change, "The newsletter pauses, or is closed, as before."),
    ("newsletter.close", pausing.undo_state_change, "The newsletter goes on, and nobody hears of an end."),
)
_STEPS = _rows(
    "with the press that it followed from",
    ("question.rest", _by_its_experts, "The question stands with its experts."),
    ("question.seek", _by_its_experts, "The question stands where it stood before an expert was asked."),
    ("assignment.cancel", _restore_state(callback=_links), "The expert goes on, by the links that they had."),
    ("assignment.decline", _restore_state(*SAID_NO, callback=unsent_mails.undo_step), "The expert has not said no."),
    ("assignment.accept", _restore_state(*SAID_NO), "The expert has not said yes."),
    ("assignment.receive", _restore_state("received_at"), "No text has come."),
    ("assignment.step back", _restore_state("invited_at", callback=_links), "The next one on the ladder is invited."),
    ("assignment.ask_back", _with_row_and_event(undo_steps.undo_ask_back), "The question has no such note."),
    ("answer.start", _with_row_and_event(undo_steps.undo_start), "There is no answer."),
    (
        "answer.submit",
        _with_row_and_event(undo_steps.undo_submit),
        "The version is gone; its words were the letter's, which has them.",
    ),
    ("answer.reply", _with_row_and_event(undo_steps.undo_reply), "The quote check is open; its own time may end it."),
    ("answer.withdraw", _restore_state(), "The answer stands where it stood."),
    ("answer.hold over", _restore_state(), "The answer stands where it stood before the question ran without it."),
    ("mail.recall", _with_row_and_event(_mail_put_back), "The mail waits to leave."),
)
_MAILS = _rows(
    "until its mail has left",
    ("assignment.invite", _with_row(undo_steps.undo_invite), "The assignment is a draft.", "expert.invitation"),
    ("answer.check", _with_row(undo_steps.undo_check), "There is no quote check.", "expert.check"),
)
_WHOLE, _GONE = undo_import.UNTIL, "The archive is without it; its question is closed, and its words are gone."
_IMPORTS = _rows(_WHOLE, ("question.import", undo_import.take_out_of_archive, _GONE))
UNDO = _PRESSES | _STEPS | _MAILS | _IMPORTS
_BY_MAIL = {row.mail: row for row in _MAILS.values()}


def undoable(events: Sequence[Event]) -> list[int]:
    """Return the keys of these events if their action can be undone as a whole, else an empty list."""
    moves = [
        event
        for event in events
        if not (event.id in _followed(events) and event.action in UNDO)
        and (event.new is not None or event.action in _PRESSES)
    ]
    return [event.id for event in events] if moves and all(event.action in _PRESSES for event in moves) else []


def _followed(events: Sequence[Event]) -> set[int]:
    """Return the keys of the events that followed from another one of these, and are undone with it."""
    return {key for event in events for key in (event.facts or {}).get("did", ())}


def undo(session: Session, actor: Staff, press: Sequence[int]) -> tuple[list[Event], list[Left]]:
    """Undo an action of this actor, newest event first; return the events that were undone and those that were not.

    An event is undone together with everything that followed from it, or not at all. Other people's events are ignored.
    """
    done, left = [], []
    events = [event for event in get_events(session, press) if _is_own_event(actor, event)]
    own = [event.id for event in events]  # the action's events, and those recorded by undoing, are no later moves
    alone = [event for event in events if event.action in _PRESSES and event.id not in _followed(events)]
    for event in alone:
        try:
            with watched(session) as written, session.begin_nested():
                _undo(session, actor, event, own)
            own += [one.id for one in written]
            done.append(event)
        except DomainError as why:
            left.append(Left(event, why))
    if done and not left:
        _take_back_words(session, actor, press)
    return done, left


def _take_back_words(session: Session, actor: Staff, press: Sequence[int]) -> None:
    """Withdraw the actor's verdicts that two letters or questions are the same, given with the undone action."""
    for event in get_events(session, press):
        if event.action == "verdict.same" and event.facts and _is_own_event(actor, event):
            withdraw_same_verdict(session, actor, tuple(event.facts["a"]), tuple(event.facts["b"]))


def _is_own_event(actor: Staff, event: Event) -> bool:
    return (event.actor, event.newsletter_id) == (actor.ref, actor.newsletter_id)


def _undo(session: Session, actor: Staff, event: Event, press: Sequence[int]) -> None:
    """Undo one event of an action.

    Raises `AlreadySent` if an expert has been mailed about it, `OnItsWay`, `TooLate` and `VersionConflict`.
    """
    row = _row(session, event)
    if event.new is not None and has_later_move(session, event, press):
        raise VersionConflict(row.public_id)
    if now(session) - event.at > FOR + GRACE:
        raise TooLate(row.public_id)
    UNDO[event.action].verb(session, actor, row, event, press)
    unsent_mails.recall_all_mails(session, actor, (event.facts or {}).get("told", ()))
    take_back(session, actor, (event.facts or {}).get("did", ()), event.id)


def _row(session: Session, event: Event) -> Any:
    return lock_row(session, session.get_one(NOUNS[event.noun][0], event.noun_id))


def is_untouched(session: Session, keys: Sequence[int], press: int) -> bool:
    """Return whether nothing has happened since to the rows of these events, which followed from the event `press`.

    False also if a question of theirs is settled.
    """
    events = [event for event in get_events(session, keys) if event.action in UNDO]
    questions = Question.id.in_({event.question_id for event in events if event.question_id})
    if session.scalar(select(Question.id).where(questions, Question.is_settled).limit(1)) is not None:
        return False
    return not any(
        event.new is not None and event.action not in BY_ITS_EXPERTS and has_later_move(session, event, [*keys, press])
        for event in events
    )


def take_back(session: Session, actor: Staff, keys: Sequence[int], press: int) -> None:
    """Undo the events `keys` that followed from the event `press`. Raises `VersionConflict` if a row has moved on."""
    if not is_untouched(session, keys, press):
        raise VersionConflict(f"event {press}")
    for event in get_events(session, keys):
        if event.action in UNDO:
            UNDO[event.action].verb(session, actor, _row(session, event), event, keys)


def discard(session: Session, actor: Staff, mail: OutboxMail, version: int | None = None) -> None:
    """Discard a mail that waits or failed, and undo its cause if the expert has never been reached.

    The assignment of an unsent invitation becomes a draft again, and an unsent quote check is undone, so that silence
    doesn't count as agreement. Raises `OnItsWay`, `InvalidTransition`, `PermissionDenied` and `VersionConflict`.
    """
    outbox.discard(session, actor, mail, version)
    later = select(OutboxMail.id).filter_by(assignment_id=mail.assignment_id, kind=mail.kind)
    if is_undone(mail) and session.scalar(later.where(OutboxMail.id > mail.id).limit(1)) is None:
        assignment = lock_row(session, session.get_one(Assignment, mail.assignment_id))
        _BY_MAIL[mail.kind].verb(session, actor, assignment)


def is_undone(mail: OutboxMail) -> bool:
    """Return whether discarding a mail undoes its cause."""
    return mail.kind in _BY_MAIL and mail.assignment_id is not None
