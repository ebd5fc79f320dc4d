"""Erasure of published texts: withdrawn pages, and the former texts of Q&As that were reworded for somebody's safety.

A withdrawn page is erased after `RESTORE_PERIOD`, or at once on request. The record that something ran and the hash of
the text as sent stay.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.orm import Session

from ... import audit
from ...answers.models import Answer, AnswerText, Assignment, Draft
from ...audit import Event, erasures
from ...core.actors import Actor, Clock
from ...core.domain_errors import InvalidTransition
from ...core.state_machine import must
from ...db.session import lock_row, now
from ...editions.models import Correction, Edition, EditionItem, ItemTranslation
from ...forms import form_drafts, idempotency
from ...mail import erasing, outbox
from ...mail.models import Inbound
from ...questions.models import Note, Question, QuestionText
from ...questions.queries import list_family_ids
from ...questions.wording import erase_text, erase_translations, erase_words, index_again
from ...search.index import remove_from_indexes
from ..publishing import publication
from . import erase_answers

RESTORE_PERIOD = timedelta(days=7)  # in which a withdrawn page can be restored
BATCH = 50  # pages in one transaction
ERASURE_ACTIONS = ("question.protect", "question.forget")  # of the events that erase published text


def forget_withdrawn(session: Session, actor: Actor, question: Question) -> None:
    """Erase the text of a withdrawn page, so that it can't be restored.

    Raises `InvalidTransition` and `PermissionDenied`.
    """
    must(actor, "correct", "upkeep")
    if not lock_row(session, question).is_retracted:
        raise InvalidTransition("question", "forget", question.state)
    item = session.scalars(select(EditionItem).filter_by(question_id=question.id)).one()
    if item.erased_at is not None and not item.output:
        return  # erased already
    forget_former(session, actor, question)
    question_ids = list_family_ids(session, question)
    for question_id in question_ids:
        erase_words(session, session.get_one(Question, question_id))
    answers = select(Answer.id).where(Answer.question_id.in_(question_ids))
    erase_texts = update(AnswerText).where(AnswerText.answer_id.in_(answers)).values(body="", ties="", words=0)
    session.execute(erase_texts)
    piece = item.input["piece"]
    empty_lead_in = {"name": "", "credit_line": None, "relation": None}
    voices = [{"lead_in": empty_lead_in, "answer": ""} for _voice in piece["voices"]]
    overwrite_item(session, item, {**piece, "headline": "", "question": "", "voices": voices}, output="")
    item.credits = [None for _credit in item.credits]
    audit.record(session, actor, "question.forget", question)
    session.flush()


def forget_former(session: Session, actor: Actor, question: Question) -> None:
    """Erase all former texts of a published Q&A, and everything that may contain them.

    These are wordings, briefs, versions of answers, corrections, mails, notes and drafts of the desk, the newsletter's
    own mail as it arrived, and all translations, including published ones.
    """
    question_ids = list_family_ids(session, question)
    outbox.forget_questions(session, actor, question_ids)
    texts = select(QuestionText).where(
        QuestionText.question_id.in_(question_ids), QuestionText.id != (question.text_id or 0)
    )
    for text in session.scalars(texts):
        erase_text(session, text)
    # Translations before items, like a concurrent approval, which locks the translation and then adds it to the item.
    erase_translations(session, "question_id", question_ids)
    items = select(EditionItem.id).where(EditionItem.question_id.in_(question_ids))
    session.execute(delete(ItemTranslation).where(ItemTranslation.item_id.in_(items)))
    erase_answers.erase(session, Answer.question_id.in_(question_ids))
    assignments = select(Assignment.id).where(Assignment.question_id.in_(question_ids))
    session.execute(delete(Draft).where(Draft.assignment_id.in_(assignments)))
    session.execute(update(Assignment).where(Assignment.question_id.in_(question_ids)).values(brief=""))
    corrections = update(Correction).where(Correction.question_id.in_(question_ids), Correction.erased_at.is_(None))
    session.execute(corrections.values(wrong="", right="", erased_at=now(session)))
    session.execute(delete(Note).where(Note.question_id.in_(question_ids)))
    _forget_own_mail(session, question, question_ids)
    public_ids = session.scalars(select(Question.public_id).where(Question.id.in_(question_ids)))
    form_drafts.erase_about(session, list(public_ids))
    idempotency.erase_outcomes(session, question.newsletter_id)
    erasures.note(session, "wording", list_erasure_ids(session, [question]))
    session.flush()
    # Mark the question as due before its documents are removed: marking waits for a worker that has just read the text
    # (see `questions.wording`).
    index_again(session, question.id)
    remove_from_indexes(session, "question", question.id)


def list_erasure_ids(session: Session, questions: Sequence[Question | Row[Any]]) -> list[str]:
    """Return the ids under which the next erasures of these questions are noted: public id and number, as in "K3… 2".

    The number counts the erasures of a question, since a reworded text can be erased in turn, and a backup may contain
    only the first erasure.
    """
    ids = [question.id for question in questions]
    query = select(Event.noun_id, func.count()).where(
        Event.noun == "question", Event.action.in_(ERASURE_ACTIONS), Event.noun_id.in_(ids)
    )
    erasure_counts: dict[int, int] = dict(session.execute(query.group_by(Event.noun_id)).all())
    return [f"{question.public_id} {erasure_counts.get(question.id, 0) + 1}" for question in questions]


def _forget_own_mail(session: Session, question: Question, question_ids: list[int]) -> None:
    """Erase the newsletter's own mails of the question's edition, and of the editions with a correction of it."""
    correcting_editions = select(Correction.edition_id).where(
        Correction.question_id.in_(question_ids), Correction.edition_id.is_not(None)
    )
    edition_ids = {question.edition_id, *session.scalars(correcting_editions)}
    session.execute(update(Edition).where(Edition.id.in_(edition_ids)).values(arrived_text=None))
    mails = select(Inbound.id).where(Inbound.is_edition, Inbound.edition_id.in_(edition_ids))
    erasing.destroy(session, session.scalars(mails).all())


def overwrite_item(session: Session, item: EditionItem, piece: dict[str, object], output: str) -> None:
    """Replace the text of an item as sent, and delete its correction. The hash of the original text stays."""
    item.input = {**item.input, "piece": piece}
    item.output = output
    item.mended = None
    item.erased_at = item.mended_at = now(session)
    session.flush()


def erase_due(session: Session) -> int:
    """Erase a batch of withdrawn pages that can't be restored any more, and return their number."""
    query = select(Question).join(EditionItem, EditionItem.question_id == Question.id)
    due_conditions = (
        Question.is_retracted,
        Question.state_at < now(session) - RESTORE_PERIOD,
        EditionItem.output != "",
    )
    questions = session.scalars(query.where(*due_conditions).order_by(Question.id).limit(BATCH)).unique().all()
    for question in questions:
        forget_withdrawn(session, Clock(), question)
    return len(questions)


def repeat_erasure(session: Session, question: Question) -> None:
    """Erase published text again that a restored backup contains.

    The page is withdrawn, since the backup doesn't contain the text that replaced it.
    """
    if question.is_published:
        publication.take_down(session, Clock(), question)
    forget_withdrawn(session, Clock(), question)
