"""Actions of the desk on questions: open, join, merge, split, shelve, show, set topics or a last day, and undo."""

from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from .. import audit
from ..audit import Event
from ..audit.queries import find_latest_event, has_later_event
from ..core.actors import Staff
from ..core.domain_errors import DomainError, InvalidField, InvalidTransition, VersionConflict
from ..core.state_machine import check_version, must, require_text
from ..db.session import lock_row, now
from ..letters import filing
from ..letters.models import Letter
from ..mailtext.trim.letter_frame import split_letter
from ..newsletters.models import Newsletter
from ..search.verdicts import withdraw_same_verdict
from ..text.clean import clean
from .lifecycle import CANNOT_BE_MERGED, CANNOT_TAKE_IN, QUESTION, has_cleared_text
from .models import Question, QuestionTopic
from .queries import lead_of
from .wording import erase_words, index_again, reword


class CannotMerge(DomainError):
    """Raised when two questions can't be merged; `key` completes the error code."""

    def __init__(self, key: str) -> None:
        self.code = f"merge.{key}"
        super().__init__(self.code)


class InEdition(DomainError):
    """Raised if a letter's question is in an edition. It must stay there: its writer is told when the edition runs."""

    code = "conflict.question_in_edition"


def open_question(
    session: Session,
    actor: Staff,
    letters: Sequence[Letter],
    *,
    headline: str = "",
    body: str = "",
    background: str = "",
    language: str | None = None,
) -> Question:
    """Open a question and file the letters to it.

    Without `body`, its wording is the text of the first letter, without its greeting and the name below it. Raises
    `MissingField` if that has no text either, or there is no letter; and what `filing.file` raises.
    """
    wording = clean(body)
    if letters and not wording:
        wording = split_letter(letters[0].body or "").body
        language = language or letters[0].language
    wording = require_text("wording", wording)
    question = Question(newsletter_id=actor.newsletter_id, opened_at=now(session))
    QUESTION.apply(session, actor, question, "open", why={"letters": [letter.id for letter in letters]})
    reword(session, actor, question, headline=headline, body=wording, background=background, language=language)
    _file(session, actor, question, letters)
    return question


def join(session: Session, actor: Staff, question: Question, letters: Sequence[Letter]) -> None:
    """File letters to an existing question. If it was merged into another one, the letters count for the other one.

    Raises `InvalidTransition` if no letters can be filed to the question, and what `filing.file` raises.
    """
    lead = lock_row(session, lead_of(session, lock_row(session, question)))
    if not lead.takes_letters:
        raise InvalidTransition("question", "join", lead.state)
    _file(session, actor, question, letters)


def _file(session: Session, actor: Staff, question: Question, letters: Sequence[Letter]) -> None:
    for letter in letters:
        filing.file(session, actor, letter, "question", question_id=question.id)


def merge(session: Session, actor: Staff, question: Question, target: Question) -> None:
    """Merge `question` into `target`. The letters stay filed to `question`, so that a split restores the former state.

    The followers of `question`, which were merged into it before, are merged into the target too. Raises `CannotMerge`.
    Pages call `answers.closing.merge_question`, which also checks for assignments.
    """
    lock_both(session, question, target)
    if error := find_merge_error(question, target):
        raise error
    follower_ids = list(session.scalars(select(Question.id).filter_by(merged_into_id=question.id)))
    why = {"into": target.id, "followers": follower_ids}
    QUESTION.apply(session, actor, question, "merge", why=why, merged_into_id=target.id)
    _set_lead(session, follower_ids, target.id)


def lock_both(session: Session, question: Question, target: Question) -> None:
    """Lock two questions in the order of their ids, so that two merges can't deadlock."""
    for row in sorted({question, target}, key=lambda row: row.id):
        lock_row(session, row)


def find_merge_error(question: Question, target: Question) -> CannotMerge | None:
    """Return the error that merging one question into another would raise, or None."""
    if question.id == target.id:
        return CannotMerge("itself")
    if target.newsletter_id != question.newsletter_id:
        return CannotMerge("elsewhere")
    if not target.takes_letters:
        return CannotMerge(CANNOT_TAKE_IN.get(target.state or "", "into_this_state"))
    if QUESTION.has_move("merge", question.state):
        return None
    return CannotMerge(CANNOT_BE_MERGED.get(question.state or "", "in_this_state"))


def split(session: Session, actor: Staff, question: Question) -> None:
    """Undo a merge: the question gets its letters and followers back. Withdraw the verdict that both are the same."""
    QUESTION.apply(session, actor, lock_row(session, question), "split", merged_into_id=None)
    merge_event = find_latest_event(session, "question", question.id, "question.merge")
    take_back_followers(session, actor, question, merge_event)
    if merge_event and merge_event.facts:
        withdraw_same_verdict(session, actor, ("question", question.id), ("question", merge_event.facts["into"]))


def take_back_followers(session: Session, _actor: Staff, question: Question, merge_event: Event | None) -> None:
    """Merge a question's former followers into it again, unless they were split off or moved since the merge."""
    facts = (merge_event.facts or {}) if merge_event else {}
    unmoved = select(Question.id).where(
        Question.id.in_(facts.get("followers", ())), Question.merged_into_id == facts.get("into"), Question.is_merged
    )
    _set_lead(session, list(session.scalars(unmoved)), question.id)


def _set_lead(session: Session, follower_ids: Sequence[int], lead_id: int) -> None:
    for follower in session.scalars(select(Question).where(Question.id.in_(follower_ids))):
        follower.merged_into_id = lead_id
    session.flush()


def require_can_leave(session: Session, letter: Letter) -> None:
    """Raise `InEdition` if the letter is filed to a question that is picked or has run."""
    question = session.get(Question, letter.question_id) if letter.question_id else None
    if question is not None and lead_of(session, question).is_in_edition:
        raise InEdition(letter.public_id)


def shelve(session: Session, actor: Staff, question: Question) -> None:
    """Put a good question on the shelf for a later edition."""
    QUESTION.apply(session, actor, lock_row(session, question), "shelve")


def show(session: Session, actor: Staff, question: Question, is_public: bool) -> None:
    """Show an open question to readers in the desk's wording, or hide it again.

    Raises `MissingPrecondition` if the wording isn't cleared, and `PermissionDenied`.
    """
    must(actor, "show")
    if is_public:
        has_cleared_text.require(question)
    question.shown_at = now(session) if is_public else None
    audit.record(session, actor, "question.show" if is_public else "question.hide", question)


def set_topics(session: Session, actor: Staff, question: Question, topic_ids: Sequence[int]) -> None:
    must(actor, "word")
    lock_row(session, question)
    old_topic_ids = _list_topic_ids(session, question)
    put_topics(session, question, topic_ids)
    facts = {"topics": list(topic_ids), "was": old_topic_ids}
    audit.record(session, actor, "question.topics", question, facts=facts)


def add_topic(session: Session, actor: Staff, question: Question, topic_id: int) -> None:
    """Add a topic to a question, unless it has it already."""
    topic_ids = _list_topic_ids(session, question)
    if topic_id not in topic_ids:
        set_topics(session, actor, question, [*topic_ids, topic_id])


def _list_topic_ids(session: Session, question: Question) -> list[int]:
    return list(session.scalars(select(QuestionTopic.topic_id).filter_by(question_id=question.id)))


def put_topics(session: Session, question: Question, topic_ids: Sequence[int]) -> None:
    """Replace the topics of a question. Check no permission, and record no event."""
    session.execute(delete(QuestionTopic).where(QuestionTopic.question_id == question.id))
    session.add_all(QuestionTopic(question_id=question.id, topic_id=topic_id) for topic_id in topic_ids)
    session.flush()
    index_again(session, question.id)


def set_must_run_by(
    session: Session, actor: Staff, question: Question, day: date | None, version: int | None = None
) -> None:
    """Set the last day on which it is of use to run the question; None removes the day.

    Raises `InvalidField` for a past day, `InvalidTransition` for a question that has run or will not run,
    `VersionConflict` and `PermissionDenied`.
    """
    must(actor, "word")
    check_version(lock_row(session, question), version)
    if not question.can_run:
        raise InvalidTransition("question", "set a date for", question.state)
    zone = ZoneInfo(session.get_one(Newsletter, question.newsletter_id).zone)
    if day is not None and day < now(session).astimezone(zone).date():
        raise InvalidField("date_not_in_future", "must_run_by")
    question.must_run_by = day
    facts = {"by": day.isoformat() if day else None, "edition": question.edition_id}
    audit.record(session, actor, "question.date", question, facts=facts)


def undo_open(session: Session, actor: Staff, question: Question, event: Event, press_event_ids: Sequence[int]) -> None:
    """Undo the opening of a question: close it and erase its wording. The row stays, since the trail refers to it.

    `press_event_ids` are the events of the press that opened it. Raises `VersionConflict` if the question was changed
    since.
    """
    if has_later_event(session, question.id, event.id, press_event_ids):
        raise VersionConflict(question.public_id)
    QUESTION.apply(session, actor, question, "undo", to="closed", why={"undoes": event.id}, closed_reason="undone")
    erase_words(session, question)


def undo_topics(session: Session, actor: Staff, question: Question, event: Event) -> None:
    """Restore the topics that a question had before `event`. Raises `VersionConflict` if they were set again since."""
    if find_latest_event(session, "question", question.id, event.action) is not event:
        raise VersionConflict(question.public_id)
    topic_ids = (event.facts or {}).get("was", [])
    put_topics(session, question, topic_ids)
    audit.record(session, actor, event.action, question, facts={"topics": topic_ids, "undoes": event.id})
