"""Changes to a published Q&A: a correction with a note, a typo fix without one, or a rewording for somebody's safety.

The text as sent is kept, and what readers see now is stored beside it. Only a rewording for safety erases the former
text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ... import audit
from ...answers import objections
from ...answers.editing import approved_of
from ...answers.models import AnswerText
from ...core.actors import Staff
from ...core.domain_errors import InvalidField, InvalidTransition, MissingField
from ...core.state_machine import must, require_length, require_text
from ...db.session import absolute_url, add_and_flush, lock_row, now
from ...editions import archive, items
from ...editions.corrections import replace_credits
from ...editions.items import PrintedExpert, list_printed_experts
from ...editions.models import Correction, Edition, EditionItem
from ...editions.typos import TypoKind, find_typos
from ...mail.mail_values import AssignmentMail
from ...newsletters.models import Newsletter
from ...programs.program_events import queue_deliveries
from ...questions import notes
from ...questions.models import Question
from ...questions.source_protection import list_asker_letters, list_reader_passages, must_have_looked
from ...questions.wording import LONGEST_HEADLINE, clear, index_again, reword
from ...text.clean import clean, for_print, single_line, word_count
from ..retention.erase_published import forget_former, overwrite_item
from . import notices
from .publication import get_notices_due_at

LONGEST_NOTE = 600  # characters of each sentence of a correction
LONGEST_NAME, LONGEST_CREDIT_LINE = 400, 400  # characters; a description in place of the name may have as many
LONGEST_ANSWER = 300_000  # characters: more than any printed answer has


@dataclass(frozen=True)
class PublishedText:
    """The text of a published Q&A, with the answers of its experts in printed order.

    `experts` are those of the answers; as the new text of a correction, None leaves them as they are.
    """

    headline: str
    question: str
    answers: tuple[str, ...]
    experts: tuple[PrintedExpert, ...] | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        return self.headline, self.question, *self.answers

    @property
    def lead_ins(self) -> tuple[str, ...]:
        return tuple(line for expert in self.experts or () for line in expert)


@dataclass(frozen=True)
class CorrectionNote:
    """A correction note for readers: what was wrong, what is right, and whether the next edition prints the note."""

    wrong: str = ""
    right: str = ""
    runs: bool = False  # named like the column that stores it


def get_published_item(session: Session, question: Question) -> EditionItem:
    """Return the published item of a question. Raises `InvalidTransition` if it hasn't run or was withdrawn."""
    item = session.scalar(select(EditionItem).filter_by(question_id=question.id))
    if item is None or not question.is_published:
        raise InvalidTransition("question", "correct", question.state)
    return item


def get_published_text(item: EditionItem) -> PublishedText:
    """Return the text of a Q&A as shown to readers now."""
    piece = item.piece
    answers = tuple(voice["answer"] for voice in piece["voices"])
    return PublishedText(piece["headline"], piece["question"], answers, list_printed_experts(piece))


def find_typos_in(old_text: PublishedText, new_text: PublishedText) -> TypoKind:
    """Return how the texts differ (see `find_typos`). The change of a name is always more than a typo."""
    if old_text.experts != new_text.experts:
        return "more"
    return find_typos("\n\n".join(old_text.texts), "\n\n".join(new_text.texts))


def correct(
    session: Session,
    actor: Staff,
    question: Question,
    new_text: PublishedText,
    note: CorrectionNote,
    is_typo_fix: bool = False,
    reason: str = "",
) -> Correction | None:
    """Correct a published Q&A with a note to readers, and tell its experts. The text itself may stay the same.

    With `is_typo_fix`, fix a typo without a note, and return None. If letters change, `reason` says why readers need no
    note; it is kept among the question's notes. Raises `PermissionDenied`, `InvalidTransition` if
    the Q&A isn't published any more, `MissingField`, `InvalidField`, `TooLong`, and `LeakDetected` (see
    `source_protection`).
    """
    must(actor, "correct")
    item = _lock_item(session, question)
    published = get_published_text(item)
    corrected = _clean_text(item, new_text)
    typo_kind = _validate_typo_fix(published, corrected, note) if is_typo_fix else None
    if typo_kind == "letters":
        reason = require_text("why", require_length("why", clean(reason), LONGEST_NOTE))
    correction = None if is_typo_fix else _build_correction(session, actor, question, note)
    note_texts = (correction.wrong, correction.right) if correction else ()
    _check_private_passages(
        session,
        actor,
        question,
        (*published.texts, *published.lead_ins),
        (*corrected.texts, *corrected.lead_ins, *note_texts),
    )
    if published != corrected:
        item.mended = _build_corrected_record(session, question, item, corrected)
        replace_credits(session, item, published.experts or (), corrected.experts or ())
    item.mended_at = now(session)
    if correction:
        facts = {"correction": add_and_flush(session, correction).id}
        audit.record(session, actor, "question.correct", question, facts=facts)
    elif typo_kind == "letters":
        audit.record(session, actor, "question.respell", question)
        notes.note(session, actor, question, reason)
    else:
        audit.record(session, actor, "question.mend", question)
    _refresh_public_pages(session, question)
    if correction:
        objections.settle_objections_to_question(session, question)
        _notify_experts(session, actor, question, "expert.corrected", "\n\n".join(note_texts))
    return correction


def _validate_typo_fix(published: PublishedText, corrected: PublishedText, note: CorrectionNote) -> TypoKind:
    """Return the kind of the typo. Raises `InvalidField`."""
    if clean(note.wrong) or clean(note.right):
        raise InvalidField("note_with_typo_fix", "note")
    if published == corrected:
        raise InvalidField("text_unchanged", "text")
    typo_kind = find_typos_in(published, corrected)
    if typo_kind == "more":
        raise InvalidField("more_than_a_typo", "text")
    return typo_kind


def _build_correction(session: Session, actor: Staff, question: Question, note: CorrectionNote) -> Correction:
    """Return a correction without adding it to the session. Raises `MissingField` and `TooLong`."""
    wrong = require_text("wrong", _text_or_empty(for_print(single_line(note.wrong))))
    right = require_text("right", _text_or_empty(for_print(single_line(note.right))))
    return Correction(
        newsletter_id=question.newsletter_id,
        question_id=question.id,
        wrong=require_length("wrong", wrong, LONGEST_NOTE),
        right=require_length("right", right, LONGEST_NOTE),
        made_at=now(session),
        made_by_id=actor.person_id,
        runs=note.runs,
    )


def reword_for_safety(session: Session, actor: Staff, question: Question, new_text: PublishedText) -> None:
    """Reword a published Q&A for somebody's safety, without a note, which would draw attention to the former text.

    The former text is erased from pages, feeds, search, embedded frames, and the edition as sent. The experts are asked
    not to pass it on. Raises as `correct` does, and as `clear` does, since nobody may be recognizable in the new text.
    """
    must(actor, "correct")
    item = _lock_item(session, question)
    published = get_published_text(item)
    corrected = _clean_text(item, new_text)
    # If the text was corrected before, it may stay the same now: this erases the text as sent.
    if published == corrected and item.mended is None:
        raise InvalidField("text_unchanged", "text")
    _check_private_passages(session, actor, question, published.answers, corrected.answers)
    sent_answers = [voice["answer"] for voice in item.input["piece"]["voices"]]
    language = question.text.language if question.text else item.piece["language"]
    wording = reword(session, actor, question, headline=corrected.headline, body=corrected.question, language=language)
    if wording.cleared_at is None:
        clear(session, actor, question, wording.id)
    record = _build_corrected_record(session, question, item, corrected)
    overwrite_item(session, item, record["piece"], record["output"])
    _overwrite_answers(session, question, sent_answers, corrected.answers)
    forget_former(session, actor, question)
    audit.record(session, actor, "question.protect", question)
    _refresh_public_pages(session, question)
    _notify_experts(session, actor, question, "expert.reworded")


def _overwrite_answers(
    session: Session, question: Question, old_answers: Sequence[str], new_answers: Sequence[str]
) -> None:
    """Replace the text of each approved answer, found by its old text."""
    approved_ids = [answer.approved_text_id for answer in approved_of(session, question.id)]
    for old, new in zip(old_answers, new_answers, strict=True):
        texts = update(AnswerText).where(AnswerText.id.in_(approved_ids), AnswerText.body == old)
        session.execute(texts.values(body=new, words=word_count(new)))


def _lock_item(session: Session, question: Question) -> EditionItem:
    lock_row(session, question)
    return lock_row(session, get_published_item(session, question))


def _build_corrected_record(
    session: Session, question: Question, item: EditionItem, text: PublishedText
) -> dict[str, Any]:
    newsletter = session.get_one(Newsletter, question.newsletter_id)
    return items.build_corrected_record(
        item, newsletter.address, text.headline, text.question, text.answers, text.experts or ()
    )


def _clean_text(item: EditionItem, new_text: PublishedText) -> PublishedText:
    """Return the text cleaned. Raises `MissingField` for an empty text or a missing answer, and `TooLong`."""
    if len(new_text.answers) != len(item.piece["voices"]):
        raise MissingField("answer")
    headline = require_length(
        "headline",
        require_text("headline", _text_or_empty(for_print(single_line(new_text.headline)))),
        LONGEST_HEADLINE,
    )
    question = require_text("wording", _text_or_empty(for_print(clean(new_text.question))))
    answers = [require_text("answer", _text_or_empty(for_print(clean(answer)))) for answer in new_text.answers]
    # Unchanged texts stay exactly as they were, even if they were locked without being cleaned.
    text_pairs = zip(get_published_text(item).texts, (headline, question, *answers), strict=True)
    headline, question, *answers = [old if clean(old) == clean(new) else new for old, new in text_pairs]
    return PublishedText(
        headline,
        question,
        tuple(require_length("answer", answer, LONGEST_ANSWER) for answer in answers),
        _clean_experts(get_published_text(item).experts or (), new_text.experts),
    )


def _clean_experts(
    published: Sequence[PrintedExpert], new_experts: Sequence[PrintedExpert] | None
) -> tuple[PrintedExpert, ...]:
    """Return the experts of a corrected text. Raises `MissingField` if one has lost the name, and `TooLong`."""
    if new_experts is None:
        return tuple(published)
    if len(new_experts) != len(published):
        raise MissingField("name")
    experts = []
    for old, new in zip(published, new_experts, strict=True):
        name = require_length("name", for_print(single_line(new.name)), LONGEST_NAME)
        if old.name:
            require_text("name", _text_or_empty(name))
        credit_line = require_length("credit_line", for_print(single_line(new.credit_line)), LONGEST_CREDIT_LINE)
        # Unchanged lines stay exactly as they were printed.
        cleaned = zip(old, (name, credit_line), strict=True)
        lines = (before if for_print(single_line(before)) == line else line for before, line in cleaned)
        experts.append(PrintedExpert(*lines))
    return tuple(experts)


def _text_or_empty(text: str) -> str:
    """Return the text, or an empty string if it has no letters or digits."""
    return text if any(map(str.isalnum, text)) else ""


def _check_private_passages(
    session: Session, actor: Staff, question: Question, old_texts: Sequence[str], new_texts: Sequence[str]
) -> None:
    """Raise `LeakDetected` if the new text adds passages from readers' letters that the actor hasn't confirmed."""
    old_text = single_line(" ".join(old_texts))
    passages = list_reader_passages(session, list_asker_letters(session, question), new_texts)
    must_have_looked(actor, [passage for passage in passages if passage not in old_text], "private_details")


def _refresh_public_pages(session: Session, question: Question) -> None:
    """Index the changed text again and queue its webhooks."""
    session.flush()
    index_again(session, question.id)
    queue_deliveries(session, question.newsletter_id, "answer.corrected", question_id=question.id)
    session.refresh(question)


def _notify_experts(session: Session, actor: Staff, question: Question, kind: str, note: str = "") -> None:
    """Mail the experts about a change; the `edition_id` makes a recall of the edition recall these mails too.

    They hear of a correction only after the thanks, which say that it ran; of words changed for safety, at once.
    """
    edition = session.get_one(Edition, question.edition_id)
    path = archive.story_path(session.get_one(Newsletter, question.newsletter_id), question)
    mail_values = AssignmentMail(typed=note, link=absolute_url(session, path), runs_on=edition.runs_at)
    due_at = get_notices_due_at(session, edition) if kind == "expert.corrected" else None
    notices.tell_experts(session, actor, question, kind, mail_values, edition_id=edition.id, due_at=due_at)
