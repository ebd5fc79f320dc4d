"""Undo: a table of what can be undone, and the function that undoes an editor's last action.

An action of an editor (a "press") is identified by the keys of the events that it recorded in the trail, so undo needs
no storage of its own. The facts of an event list in `did` the events that followed from it, and in `told` the mails
about them. Both names are stored in old rows and can't change.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..answers import undo_steps, unsent_mails
from ..answers.lifecycle import ANSWER, ASSIGNMENT
from ..answers.models import Answer, Assignment
from ..audit import Event, collect_events
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

UNDO_PERIOD = timedelta(seconds=60)
GRACE = timedelta(seconds=10)  # added to the period, for a request that was sent in its last second
# The model and the state machine of each noun that events are about.
NOUNS: dict[str, tuple[type[Any], Machine]] = {
    "letter": (Letter, LETTER),
    "question": (Question, QUESTION),
    "assignment": (Assignment, ASSIGNMENT),
    "answer": (Answer, ANSWER),
    "edition": (Edition, EDITION),
    "newsletter": (Newsletter, NEWSLETTER),
    "outboxmail": (OutboxMail, MAIL),
}
FOLLOWERS = ("assignment", "answer")  # nouns that are undone only as a consequence of another noun's undo
# Transitions of a question that follow from its assignments. They don't count as changes by somebody.
DERIVED_MOVES = ("question.rest", "question.seek")
REPLY_COLUMNS = ("decline_reason", "later_on")  # of an assignment: what its expert replied to the invitation
# How to parse a column's former value from the facts of an event. Other columns hold texts and numbers.
PARSERS: dict[str, Callable[[str], Any]] = {
    "later_on": date.fromisoformat,
    "received_at": datetime.fromisoformat,
    "invited_at": datetime.fromisoformat,
}

# Takes the session, the actor, the row, the event to undo, and the keys of all events of the press.
Verb = Callable[..., Any]


class TooLate(DomainError):
    """The action is too old to be undone."""

    code = "precondition.undo_expired"


@dataclass(frozen=True)
class SkippedEvent:
    """An `event` that could not be undone, and the `error` that prevented it."""

    event: Event
    error: DomainError


@dataclass(frozen=True)
class Undo:
    """A way to undo an action, a row of the table `UNDO`.

    - `action`: the action of an event;
    - `verb`: undoes the event itself; the events that followed from it are undone afterwards;
    - `sentence`, `time_limit`: the result of the undo, and how long it is possible, as in docs/undo.md;
    - `mail_kind`: the kind of mail whose discarding also undoes the action, if there is one.
    """

    action: str
    verb: Verb
    sentence: str
    mail_kind: str = ""
    time_limit: str = ""


def _get_former_state(_row: Any, event: Event) -> str | None:
    return event.old


def _restore_state(
    *columns: str, callback: Verb | None = None, get_state: Callable[[Any, Event], str | None] = _get_former_state
) -> Verb:
    """Return a verb that restores the former state of a row, as by `get_state`, and the former values of `columns`.

    A column whose former value isn't in the event is set to None. The verb calls `callback` last, with the session, the
    actor, the row and the event.
    """

    def verb(session: Session, actor: Staff, row: Any, event: Event, _press: Sequence[int]) -> None:
        former_values = (event.facts or {}).get("was", {})
        facts = {name: _parse_former_value(name, former_values.get(name)) for name in columns}
        cause = "undo" if event.noun in FOLLOWERS else None
        _model, machine = NOUNS[event.noun]
        machine.apply(
            session, actor, row, "undo", to=get_state(row, event), cause=cause, why={"undoes": event.id}, **facts
        )
        if callback:
            callback(session, actor, row, event)

    return verb


def _parse_former_value(column: str, value: Any) -> Any:
    if value and column in PARSERS:
        return PARSERS[column](value)
    return value


def _with_row_and_event(verb: Verb) -> Verb:
    """Adapt a verb that doesn't need the keys of the press."""
    return lambda session, actor, row, event, _press: verb(session, actor, row, event)


def _with_row(verb: Verb) -> Verb:
    """Adapt a verb that needs neither the event nor the keys of the press."""
    return lambda session, actor, row, *_: verb(session, actor, row)


def _restore_letter(callback: Verb | None = None) -> Verb:
    """Return a verb that restores a letter, held if it was."""
    restore = _restore_state(*filing.FACTS, callback=callback, get_state=_get_former_letter_state)

    def verb(session: Session, actor: Staff, letter: Letter, event: Event, press: Sequence[int]) -> None:
        if _get_former_letter_state(letter, event) == "held":
            letter.held_reason = filing.get_held_reason(letter)
        elif event.action == "letter.hold":
            letter.held_reason = None
        restore(session, actor, letter, event, press)

    return verb


def _get_former_letter_state(letter: Letter, event: Event) -> str | None:
    """Return the state before an event, which the trail doesn't tell of held letters (`Machine.unrecorded_states`)."""
    if event.action == "letter.release":
        return "held"
    was_held = event.action == "letter.file" and event.old == "received" and letter.held_reason
    return "held" if was_held else event.old


def _undo_take_out(session: Session, actor: Staff, letter: Letter, event: Event, press: Sequence[int]) -> None:
    """File a letter again that was reopened, and so taken out of its question.

    Raises `InvalidTransition` for a letter that had ended. Reopening it has recalled the notice of its end, so somebody
    must end it again.
    """
    if event.old != "filed":
        raise InvalidTransition("letter", "undo", event.old)
    _restore_letter()(session, actor, letter, event, press)


def _recall_notices(session: Session, actor: Staff, question: Question) -> None:
    for letter in letters_of(session, question):
        notices.recall_notice(session, actor, letter)


def _restore_links(session: Session, _actor: Staff, assignment: Assignment, event: Event) -> None:
    links.restore_links(session, assignment.id, event.at)


def _restore_question_state(
    session: Session, actor: Staff, question: Question, event: Event, press: Sequence[int]
) -> None:
    """Restore the question's state, unless the ladder has done so already by inviting the next expert.

    Raises `VersionConflict` if the question has moved on.
    """
    if question.state not in (event.old, event.new):
        raise VersionConflict(question.public_id)
    if question.state != event.old:
        _restore_state()(session, actor, question, event, press)


def _undo_mail_recall(session: Session, actor: Staff, mail: OutboxMail, event: Event) -> None:
    outbox.undo_recall(session, actor, mail, str(event.old), (event.facts or {}).get("once"))


def _table(time_limit: str, *rows: Undo) -> dict[str, Undo]:
    """Return the rows by action, all with the same time limit."""
    return {row.action: replace(row, time_limit=time_limit) for row in rows}


# Events that a press begins with.
_PRESSES = _table(
    "for a minute",
    Undo("letter.file", _restore_letter(), "The letter waits as before it was filed."),
    Undo("letter.sweep", _with_row(crowds.undo_sweep), "The letters are held, as before."),
    Undo("letter.release", _restore_letter(), "The letter is held again."),
    Undo("letter.hold", _restore_letter(), "The letter waits with the others."),
    Undo("letter.reopen", _undo_take_out, "The letter stands behind its question again."),
    Undo(
        "letter.end",
        _restore_letter(_with_row(notices.recall_notice)),
        "The letter waits, and its reader hears nothing.",
    ),
    Undo("question.open", actions.undo_open, "The question is closed; its words were its letter's, which has them."),
    Undo(
        "question.merge",
        _restore_state("merged_into_id", callback=take_back_followers),
        "The question stands by itself again.",
    ),
    Undo("question.shelve", _restore_state("closed_reason"), "The question stands where it stood before the shelf."),
    Undo(
        "question.close",
        _restore_state("closed_reason", callback=_with_row(_recall_notices)),
        "It goes on, and nobody hears of an end.",
    ),
    Undo("question.topics", _with_row_and_event(actions.undo_topics), "The question has the topics that it had."),
    Undo(
        "edition.skip",
        _with_row_and_event(skip.undo_skip),
        "The date has its edition, and what was picked for it its slot.",
    ),
    Undo(
        "edition.move",
        _with_row_and_event(reschedule.undo_move),
        "The edition runs as before, and so does what hangs on it.",
    ),
    Undo("edition.slots", _with_row_and_event(skip.undo_set_slots), "The edition has as many slots as it had."),
    Undo(
        "question.carry",
        _with_row_and_event(skip.undo_carry_over),
        "The question stands in the edition that it was picked for.",
    ),
    Undo("question.drop", _with_row_and_event(skip.undo_drop), "The question stands in its slot."),
    Undo("newsletter.pause", pausing.undo_state_change, "The newsletter stands as before, and so do its dates."),
    Undo("newsletter.resume", pausing.undo_state_change, "The newsletter pauses, or is closed, as before."),
    Undo("newsletter.close", pausing.undo_state_change, "The newsletter goes on, and nobody hears of an end."),
)
# Events that follow from others.
_FOLLOWERS = _table(
    "with the press that it followed from",
    Undo("question.rest", _restore_question_state, "The question stands with its experts."),
    Undo("question.seek", _restore_question_state, "The question stands where it stood before an expert was asked."),
    Undo(
        "assignment.cancel", _restore_state(callback=_restore_links), "The expert goes on, by the links that they had."
    ),
    Undo(
        "assignment.decline",
        _restore_state(*REPLY_COLUMNS, callback=unsent_mails.undo_ladder_step),
        "The expert has not said no.",
    ),
    Undo("assignment.accept", _restore_state(*REPLY_COLUMNS), "The expert has not said yes."),
    Undo("assignment.receive", _restore_state("received_at"), "No text has come."),
    Undo(
        "assignment.step back",
        _restore_state("invited_at", callback=_restore_links),
        "The next one on the ladder is invited.",
    ),
    Undo("assignment.ask_back", _with_row_and_event(undo_steps.undo_ask_back), "The question has no such note."),
    Undo("answer.start", _with_row_and_event(undo_steps.undo_start), "There is no answer."),
    Undo(
        "answer.submit",
        _with_row_and_event(undo_steps.undo_submit),
        "The version is gone; its words were the letter's, which has them.",
    ),
    Undo(
        "answer.reply", _with_row_and_event(undo_steps.undo_reply), "The quote check is open; its own time may end it."
    ),
    Undo("answer.withdraw", _restore_state(), "The answer stands where it stood."),
    Undo("answer.hold over", _restore_state(), "The answer stands where it stood before the question ran without it."),
    Undo("mail.recall", _with_row_and_event(_undo_mail_recall), "The mail waits to leave."),
)
# Events that are undone by discarding their mail.
_MAILED = _table(
    "until its mail has left",
    Undo("assignment.invite", _with_row(undo_steps.undo_invite), "The assignment is a draft.", "expert.invitation"),
    Undo("answer.check", _with_row(undo_steps.undo_check), "There is no quote check.", "expert.check"),
)
_IMPORTS = _table(
    undo_import.TIME_LIMIT,
    Undo(
        "question.import",
        undo_import.take_out_of_archive,
        "The archive is without it; its question is closed, and its words are gone.",
    ),
)
UNDO = _PRESSES | _FOLLOWERS | _MAILED | _IMPORTS
_BY_MAIL_KIND = {row.mail_kind: row for row in _MAILED.values()}


def list_undoable_events(events: Sequence[Event]) -> list[int]:
    """Return the keys of all events of an action if it can be undone as a whole, else an empty list."""
    follower_ids = _list_follower_ids(events)
    events_to_undo = []
    for event in events:
        if event.id in follower_ids and event.action in UNDO:
            continue  # undone with the event that it followed from
        if event.new is not None or event.action in _PRESSES:
            events_to_undo.append(event)
    if events_to_undo and all(event.action in _PRESSES for event in events_to_undo):
        return [event.id for event in events]
    return []


def _list_follower_ids(events: Sequence[Event]) -> set[int]:
    """Return the keys of the events that followed from one of these and are undone with it."""
    return {event_id for event in events for event_id in (event.facts or {}).get("did", ())}


def undo(session: Session, actor: Staff, press: Sequence[int]) -> tuple[list[Event], list[SkippedEvent]]:
    """Undo an action of this actor, newest event first. Return the events that were undone, and those that were not.

    An event is undone together with everything that followed from it, or not at all. Other people's events are ignored.
    """
    undone, skipped = [], []
    events = [event for event in get_events(session, press) if _is_own_event(actor, event)]
    follower_ids = _list_follower_ids(events)
    # The action's own events, and those that the undo records, don't count as later moves.
    own_ids = [event.id for event in events]
    for event in events:
        if event.action not in _PRESSES or event.id in follower_ids:
            continue
        try:
            with collect_events(session) as undo_events, session.begin_nested():
                _undo_event(session, actor, event, own_ids)
        except DomainError as error:
            skipped.append(SkippedEvent(event, error))
        else:
            own_ids += [undo_event.id for undo_event in undo_events]
            undone.append(event)
    if undone and not skipped:
        _withdraw_verdicts(session, actor, press)
    return undone, skipped


def _withdraw_verdicts(session: Session, actor: Staff, press: Sequence[int]) -> None:
    """Withdraw the actor's verdicts that two letters or questions are the same, given with the undone action."""
    for event in get_events(session, press):
        if event.action == "verdict.same" and event.facts and _is_own_event(actor, event):
            withdraw_same_verdict(session, actor, tuple(event.facts["a"]), tuple(event.facts["b"]))


def _is_own_event(actor: Staff, event: Event) -> bool:
    return (event.actor, event.newsletter_id) == (actor.ref, actor.newsletter_id)


def _undo_event(session: Session, actor: Staff, event: Event, press: Sequence[int]) -> None:
    """Undo one event of an action with everything that followed from it.

    Raises `MailAlreadySent` if an expert has been mailed about it, `OnItsWay`, `TooLate` and `VersionConflict`.
    """
    row = _lock_row_of(session, event)
    if event.new is not None and has_later_move(session, event, press):
        raise VersionConflict(row.public_id)
    if now(session) - event.at > UNDO_PERIOD + GRACE:
        raise TooLate(row.public_id)
    UNDO[event.action].verb(session, actor, row, event, press)
    unsent_mails.recall_all_mails(session, actor, (event.facts or {}).get("told", ()))
    undo_followers(session, actor, (event.facts or {}).get("did", ()), event.id)


def _lock_row_of(session: Session, event: Event) -> Any:
    model, _machine = NOUNS[event.noun]
    return lock_row(session, session.get_one(model, event.noun_id))


def can_undo_followers(session: Session, follower_ids: Sequence[int], cause_id: int) -> bool:
    """Return whether the events that followed from the event `cause_id` can be undone.

    They can't if one of their rows has moved on since, or if they are about a question that is settled.
    """
    followers = [event for event in get_events(session, follower_ids) if event.action in UNDO]
    question_ids = {event.question_id for event in followers if event.question_id}
    settled = select(Question.id).where(Question.id.in_(question_ids), Question.is_settled)
    if session.scalar(settled.limit(1)) is not None:
        return False
    for event in followers:
        is_move = event.new is not None and event.action not in DERIVED_MOVES
        if is_move and has_later_move(session, event, [*follower_ids, cause_id]):
            return False
    return True


def undo_followers(session: Session, actor: Staff, follower_ids: Sequence[int], cause_id: int) -> None:
    """Undo the events that followed from the event `cause_id`.

    Raises `VersionConflict` if they can't be undone any more (see `can_undo_followers`).
    """
    if not can_undo_followers(session, follower_ids, cause_id):
        raise VersionConflict(f"event {cause_id}")
    for event in get_events(session, follower_ids):
        if event.action in UNDO:
            UNDO[event.action].verb(session, actor, _lock_row_of(session, event), event, follower_ids)


def discard(session: Session, actor: Staff, mail: OutboxMail, version: int | None = None) -> None:
    """Discard a mail that waits or failed. If it is an invitation or a quote check, undo this too.

    The assignment of a discarded invitation becomes a draft again, and a discarded quote check ends, so that silence
    doesn't count as agreement. They stay if a later mail of the same kind was written. Raises `OnItsWay`,
    `InvalidTransition`, `PermissionDenied` and `VersionConflict`.
    """
    outbox.discard(session, actor, mail, version)
    if not is_undone_by_discarding(mail):
        return
    same_kind = select(OutboxMail.id).filter_by(assignment_id=mail.assignment_id, kind=mail.kind)
    later_mail_id = session.scalar(same_kind.where(OutboxMail.id > mail.id).limit(1))
    if later_mail_id is None:
        assignment = lock_row(session, session.get_one(Assignment, mail.assignment_id))
        _BY_MAIL_KIND[mail.kind].verb(session, actor, assignment)


def is_undone_by_discarding(mail: OutboxMail) -> bool:
    """Return whether discarding a mail undoes its cause."""
    return mail.kind in _BY_MAIL_KIND and mail.assignment_id is not None
