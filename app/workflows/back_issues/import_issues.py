"""Import of back issues: their Q&As are added to the archive as published on the day of their edition.

An import sends no mail, and neither invites nor creates experts. An answer is assigned to an expert in the directory
only if an editor says that it is theirs. A Q&A that was imported before is recognized by its fingerprint and skipped.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ...answers.lifecycle import ANSWER, ASSIGNMENT
from ...answers.models import Answer, AnswerText, Assignment
from ...back_issues.printed_qa import PrintedQA, PrintedVoice
from ...core.actors import Actor
from ...core.domain_errors import MissingPrecondition
from ...core.state_machine import must, require_length
from ...db.session import add_and_flush, lock_row, now
from ...editions.calendar import in_utc, read_time
from ...editions.items import build_edition_item
from ...editions.lifecycle import EDITION
from ...editions.models import Edition, EditionItem
from ...editions.slots import share_out, shares
from ...newsletters.models import Newsletter
from ...people.models import Expert
from ...questions.lifecycle import QUESTION
from ...questions.models import Question, QuestionText
from ...text.clean import clean, slug, word_count
from ...typesetting.house_form import ItemContent, LeadIn, Voice
from .undo_import import record_import

# How the import of one Q&A ended, as the command prints it; the desk has its own labels.
OUTCOMES = {
    "imported": "imported",
    "known": "already in the archive",
    "import.no_date": "not imported, since nothing says the day of its edition: give it with --date",
    "import.date_ahead": "not imported, since its edition is still to come",
    "import.date_taken": "not imported, since an edition of this desk has that day",
    "import.no_text": "not imported, since its question or an answer has no words",
}
LONGEST_NAME = 400  # characters
LONGEST_HEADLINE = 300  # characters
MIN_ASSIGNED_WORDS = 20  # as the table of assignments requires
MAX_ASSIGNED_WORDS = 2000


class ImportRejected(MissingPrecondition):
    """A Q&A that can't be imported; its code is a key of `OUTCOMES`."""

    family = "import"


def import_all(
    session: Session, actor: Actor, newsletter_id: int, qas: Sequence[PrintedQA], key: str
) -> list[tuple[PrintedQA, str]]:
    """Import Q&As as part of the import `key`, and return each one with its outcome, a key of `OUTCOMES`.

    Raises `PermissionDenied` and `TooLong`.
    """
    outcomes = []
    with record_import(session, actor, newsletter_id, key):
        for qa in qas:
            try:
                outcome = "imported" if import_qa(session, actor, newsletter_id, qa) else "known"
            except ImportRejected as rejection:
                outcome = rejection.code
            outcomes.append((qa, outcome))
    return outcomes


def find_imported(session: Session, newsletter_id: int, fingerprints: Sequence[str]) -> dict[str, Question]:
    """Return the questions of Q&As that were imported already, by fingerprint."""
    query = select(EditionItem.found_sha256, Question).join(Question, Question.id == EditionItem.question_id)
    query = query.where(EditionItem.found_sha256.in_(fingerprints), Question.newsletter_id == newsletter_id)
    return {str(fingerprint): question for fingerprint, question in session.execute(query)}


def import_qa(
    session: Session,
    actor: Actor,
    newsletter_id: int,
    qa: PrintedQA,
    experts: Sequence[Expert | None] = (),
    original_fingerprint: str = "",
) -> Question | None:
    """Add a Q&A to the archive; return None if it was imported before.

    `experts` are the experts of the answers, in order, with None for an author who isn't in the directory. If an editor
    has changed the Q&A, `original_fingerprint` is its fingerprint as it was in the file. Raises `PermissionDenied`,
    `ImportRejected` and `TooLong`.
    """
    must(actor, "edition", "upkeep")
    fingerprint = original_fingerprint or qa.fingerprint
    newsletter = lock_row(session, session.get_one(Newsletter, newsletter_id))
    if find_imported(session, newsletter_id, [fingerprint]):
        return None
    if not clean(qa.question) or not qa.voices or not all(clean(voice.markdown) for voice in qa.voices):
        raise ImportRejected("no_text")
    edition = _get_or_create_edition(session, actor, newsletter, qa)
    question = _create_question(session, actor, newsletter, edition, qa)
    for position, (voice, expert) in enumerate(zip(qa.voices, experts, strict=False), 1):
        if expert is not None:
            _create_answer(session, actor, question, voice, expert, position)
    item = build_edition_item(newsletter, edition, question, _build_piece(newsletter, qa), {})
    item.found_sha256 = fingerprint
    session.add(item)
    session.flush()
    return question


def _get_or_create_edition(session: Session, actor: Actor, newsletter: Newsletter, qa: PrintedQA) -> Edition:
    """Return the imported edition of the day of a Q&A, or create it as sent. Raises `ImportRejected`."""
    if qa.day is None:
        raise ImportRejected("no_date")
    existing_edition = session.scalar(select(Edition).filter_by(newsletter_id=newsletter.id, rule_date=qa.day))
    if existing_edition is not None:
        return _require_imported(session, existing_edition)
    local_at = datetime.combine(qa.day, read_time(newsletter.at))
    runs_at = in_utc(local_at, newsletter.zone)
    if runs_at > now(session):
        raise ImportRejected("date_ahead")
    edition = Edition(
        newsletter_id=newsletter.id,
        rule_date=qa.day,
        local_at=local_at.isoformat(timespec="minutes"),
        runs_at=runs_at,
        cutoff_at=runs_at,
        locked_at=runs_at,
        sent_at=runs_at,
    )
    share_out(edition, [0] * len(newsletter.sections))
    EDITION.apply(session, actor, edition, "import")
    session.flush()
    return edition


def _require_imported(session: Session, edition: Edition) -> Edition:
    """Lock the row of an edition and return it, if all its items were imported. Raises `ImportRejected`.

    An edition that this desk sent can't change.
    """
    fingerprints = session.scalars(select(EditionItem.found_sha256).filter_by(edition_id=edition.id)).all()
    if not edition.is_sent or not fingerprints or not all(fingerprints):
        raise ImportRejected("date_taken")
    return lock_row(session, edition)


def _create_question(
    session: Session, actor: Actor, newsletter: Newsletter, edition: Edition, qa: PrintedQA
) -> Question:
    """Create a published question in the next slot of its edition, with its text. Raises `TooLong`."""
    last_position = session.scalar(select(func.max(Question.position)).filter_by(edition_id=edition.id)) or 0
    question = Question(
        newsletter_id=newsletter.id,
        opened_at=edition.runs_at,
        edition_id=edition.id,
        position=last_position + 1,
        published_at=edition.runs_at,
    )
    QUESTION.apply(session, actor, question, "import")
    session.flush()
    slots_by_section = shares(edition)
    slots_by_section[question.section] = last_position + 1
    share_out(edition, slots_by_section)
    headline = require_length("headline", qa.title, LONGEST_HEADLINE)
    text = QuestionText(
        question_id=question.id,
        language=qa.language,
        number=1,
        headline=headline,
        body=clean(qa.question),
        slug=slug(headline),
        written_at=now(session),
    )
    question.text_id = add_and_flush(session, text).id
    session.flush()
    session.refresh(question)
    return question


def _build_piece(newsletter: Newsletter, qa: PrintedQA) -> ItemContent:
    return ItemContent(
        language=qa.language,
        marks=newsletter.marks,
        section=qa.section,
        headline=qa.title,
        askers=qa.credits,
        question=clean(qa.question),
        voices=tuple(Voice(_build_lead_in(voice), voice.markdown) for voice in qa.voices),
    )


def _build_lead_in(voice: PrintedVoice) -> LeadIn:
    expert = voice.expert
    return LeadIn(
        require_length("name", expert.name, LONGEST_NAME),
        require_length("credit_line", expert.credit_line, LONGEST_NAME) or None,
        require_length("relation", expert.relation, LONGEST_NAME) or None,
    )


def _create_answer(
    session: Session, actor: Actor, question: Question, voice: PrintedVoice, expert: Expert, position: int
) -> None:
    """Store an answer as an expert's, so that it counts for their public page and for the search for experts."""
    lead_in = _build_lead_in(voice)
    words = word_count(voice.markdown)
    assignment = Assignment(
        newsletter_id=question.newsletter_id,
        question_id=question.id,
        expert_id=expert.id,
        for_edition_id=question.edition_id,
        words=min(max(words, MIN_ASSIGNED_WORDS), MAX_ASSIGNED_WORDS),
        credit_line=lead_in.credit_line or "",
        relation=lead_in.relation or "",
        received_at=question.published_at,
    )
    ASSIGNMENT.apply(session, actor, assignment, "import", cause="import")
    session.flush()
    answer = Answer(
        newsletter_id=question.newsletter_id,
        question_id=question.id,
        assignment_id=assignment.id,
        expert_id=expert.id,
        run_position=position,
    )
    ANSWER.apply(session, actor, answer, "start", cause="import")
    session.flush()
    text = AnswerText(
        answer_id=answer.id,
        language=question.text.language if question.text else "en",
        number=1,
        kind="edited",
        body=voice.markdown,
        words=words,
        by=actor.ref,
        written_at=now(session),
    )
    answer.text_id = add_and_flush(session, text).id
    session.flush()
    credit = {
        "name": lead_in.name,
        "credit_line": lead_in.credit_line or "",
        "relation": lead_in.relation or "",
        "beside_name": [],
    }
    facts: dict[str, Any] = {
        "approved_text_id": answer.text_id,
        "approved_by_id": getattr(actor, "person_id", None),
        "credit": credit,
    }
    ANSWER.apply(session, actor, answer, "import", cause="import", **facts)
