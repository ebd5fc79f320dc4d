"""Ending letters and questions that get no answer of their own, and reopening them.

Readers who left an address are told about an end.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...answers import closing, unsent_mails
from ...answers.assigning import assignments_of
from ...answers.editing import approved_of, end_check
from ...answers.lifecycle import ANSWER, ASSIGNMENT
from ...answers.models import Answer, AnswerText, Assignment
from ...audit import Event
from ...audit.queries import find_latest_event, find_latest_move, get_events
from ...core.actors import Staff
from ...core.domain_errors import InvalidField, InvalidTransition
from ...core.state_machine import check_version
from ...db.session import lock_row
from ...letters import filing
from ...letters.filing import ENDINGS, get_ending_sentence
from ...letters.models import Letter
from ...mail.mail_values import LetterMail
from ...mail.models import OutboxMail
from ...newsletters.models import Newsletter
from ...people import links
from ...questions.lifecycle import QUESTION
from ...questions.models import Question
from ...questions.queries import letters_of
from ..publishing import notices
from ..undo import can_undo_followers, undo_followers


def end_letter(
    session: Session, actor: Staff, letter: Letter, reason: str, answered_by: Question | None = None
) -> None:
    """End a letter and tell its reader the reason, with a link to the published question that answers it, if any.

    Raises `InvalidField` for an unknown reason, `InvalidTransition` and `PermissionDenied`.
    """
    _validate_reason(reason)
    filing.end(session, actor, letter, reason, answered_by_id=answered_by.id if answered_by else None)
    newsletter = session.get_one(Newsletter, letter.newsletter_id)
    _notify_reader(session, actor, newsletter, letter, reason, _page_path(newsletter, answered_by))


def reopen_letter(session: Session, actor: Staff, letter: Letter, version: int | None = None) -> None:
    """Reopen a letter, and recall the notice of its end if it has not been sent.

    Raises `VersionConflict`, `InvalidTransition`, `PermissionDenied` and `OnItsWay`.
    """
    filing.reopen(session, actor, letter, version)
    notices.recall_waiting_notice(session, actor, letter)


def wait_again(session: Session, actor: Staff, letter: Letter, version: int | None = None) -> None:
    """Undo the filing of an expert's letter, so that it waits again. Unlike `undo`, this has no time limit.

    Raises `VersionConflict` if something has happened since, `InvalidTransition` and `PermissionDenied`.
    """
    check_version(lock_row(session, letter), version)
    file_event = find_latest_move(session, "letter", letter.id)
    follower_ids = (file_event.facts or {}).get("did") if file_event else None
    if letter.author != "expert" or file_event is None or file_event.action != "letter.file" or follower_ids is None:
        raise InvalidTransition("letter", "let wait again", letter.state)
    undo_followers(session, actor, follower_ids, file_event.id)
    filing.reopen(session, actor, letter)


def may_wait_again(session: Session, letter: Letter) -> bool:
    """Return whether `wait_again` can undo the filing of a letter, because nothing has happened since."""
    file_event = find_latest_move(session, "letter", letter.id) if letter.is_filed else None
    follower_ids = (file_event.facts or {}).get("did") if file_event else None
    return (
        file_event is not None and follower_ids is not None and can_undo_followers(session, follower_ids, file_event.id)
    )


def close_question(
    session: Session,
    actor: Staff,
    question: Question,
    reason: str,
    sentence: str = "",
    answered_by: Question | None = None,
) -> None:
    """Close a question. Readers are told the `reason`, with a link to `answered_by`, and experts the `sentence`.

    Raises as `end_letter` does, and `LeakDetected` (see `source_protection`).
    """
    _validate_reason(reason)
    closing.close(session, actor, question, reason, sentence)
    newsletter = session.get_one(Newsletter, question.newsletter_id)
    for letter in letters_of(session, question):
        _notify_reader(session, actor, newsletter, letter, reason, _page_path(newsletter, answered_by))


def reopen_question(session: Session, actor: Staff, question: Question) -> None:
    """Reopen a closed question, and recall the notices of its end that have not been sent.

    Submitted texts can be used again. Assignments go on if their experts have not been told about the end; the other
    experts can be invited again. Raises as `reopen_letter` does.
    """
    QUESTION.apply(session, actor, lock_row(session, question), "reopen", closed_reason=None)
    close_event = find_latest_event(session, "question", question.id, "question.close")
    if close_event is not None and question.text is not None and question.text.erased_at is None:
        _resume_assignments(session, actor, close_event)
    was_seeking = close_event is not None and close_event.old == "seeking"
    if approved_of(session, question.id):
        QUESTION.apply(session, actor, question, "answer", cause="approve")
    elif was_seeking and any(assignment.is_asked for assignment in assignments_of(session, question)):
        QUESTION.apply(session, actor, question, "seek", cause="invite")
    for letter in letters_of(session, question):
        notices.recall_waiting_notice(session, actor, letter)


def _resume_assignments(session: Session, actor: Staff, close_event: Event) -> None:
    """Recall the mails about the end of a question, and resume the assignments that ended with it."""
    facts = close_event.facts or {}  # "did" and "told" as in `undo`
    unrecalled_mails = unsent_mails.recall_mails(session, actor, facts.get("told", ()))
    notified_ids = {mail.assignment_id for mail in unrecalled_mails}
    for event in get_events(session, facts.get("did", ())):
        if event.action == "assignment.cancel":
            _resume_assignment(session, actor, event, close_event, was_notified=event.noun_id in notified_ids)


def _resume_assignment(
    session: Session, actor: Staff, cancel_event: Event, close_event: Event, *, was_notified: bool
) -> None:
    """Resume an assignment if its text was received, or if its expert was not notified of the end."""
    assignment = lock_row(session, session.get_one(Assignment, cancel_event.noun_id))
    if cancel_event.old == "received":
        answer = lock_row(session, session.scalars(select(Answer).filter_by(assignment_id=assignment.id)).one())
        end_check(session, actor, answer)
        ASSIGNMENT.apply(session, actor, assignment, "revive", cause="reopen")
        kind = session.get_one(AnswerText, answer.text_id).kind
        ANSWER.apply(session, actor, answer, "revive", to=kind, cause="reopen")
        links.restore_links(session, assignment.id, cancel_event.at)
    elif not was_notified:
        followers = get_events(session, (close_event.facts or {})["did"])
        event_ids = [event.id for event in followers if _concerns_assignment(session, event, assignment)]
        undo_followers(session, actor, event_ids, close_event.id)


def _concerns_assignment(session: Session, event: Event, assignment: Assignment) -> bool:
    """Return whether an event is about an assignment, its answer or one of its mails."""
    if event.noun == "answer":
        return session.get_one(Answer, event.noun_id).assignment_id == assignment.id
    if event.noun == "outboxmail":
        return session.get_one(OutboxMail, event.noun_id).assignment_id == assignment.id
    return (event.noun, event.noun_id) == ("assignment", assignment.id)


def _validate_reason(reason: str) -> None:
    if reason not in ENDINGS:
        raise InvalidField("reason_unknown", "reason")


def _page_path(newsletter: Newsletter, question: Question | None) -> str:
    # "-" instead of the slug, which contains words of the question.
    return f"/{newsletter.slug}/q/{question.public_id}/-" if question else ""


def _notify_reader(
    session: Session, actor: Staff, newsletter: Newsletter, letter: Letter, reason: str, path: str = ""
) -> None:
    sentence = get_ending_sentence(session, newsletter, reason, letter.language)
    mail_values = LetterMail(opening="ended", sentence=sentence.text if sentence else "", link=path)
    notices.tell_reader(session, actor, letter, mail_values, due_at=notices.random_time_tonight(session))
