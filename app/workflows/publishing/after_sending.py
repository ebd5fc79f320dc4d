"""Changes to a published Q&A: a correction with a note, a typo fix without one, or a rewording for somebody's safety.

The text as sent is kept, and what readers see now is stored beside it. Only a rewording for safety erases the former
text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ... import audit
from ...answers.editing import approved_of
from ...answers.models import AnswerText
from ...core.actors import Staff
from ...core.domain_errors import InvalidField, InvalidTransition, MissingField
from ...core.state_machine import must, require_length, require_text
from ...db.session import absolute_url, add_and_flush, lock_row, now
from ...editions import archive, items
from ...editions.models import Correction, Edition, EditionItem
from ...editions.typos import typo_only
from ...mail.mail_values import AssignmentMail
from ...newsletters.models import Newsletter
from ...programs.telling import queue_deliveries
from ...questions.models import Question
from ...questions.source_protection import asker_letters, list_reader_passages, must_have_looked
from ...questions.wording import LONGEST_HEADLINE, clear, index_again, reword
from ...text.clean import clean, for_print, single_line, word_count
from ..retention.erase_published import forget_former, overwrite_item
from . import notices

LONGEST_NOTE = 600  # characters of each sentence of a correction
LONGEST_ANSWER = 300_000  # characters, more than any edition has


@dataclass(frozen=True)
class PublishedText:
    """The text of a published Q&A, with the answers of its experts in printed order."""

    headline: str
    question: str
    answers: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        return self.headline, self.question, *self.answers


@dataclass(frozen=True)
class Note:
    """A correction note for readers: what was wrong and what is right. With `runs` the next edition prints it."""

    wrong: str = ""
    right: str = ""
    runs: bool = False


def item_of(session: Session, question: Question) -> EditionItem:
    """Return the published item of a question. Raises `InvalidTransition` if it hasn't run or was withdrawn."""
    item = session.scalar(select(EditionItem).filter_by(question_id=question.id))
    if item is None or not question.is_published:
        raise InvalidTransition("question", "correct", question.state)
    return item


def get_published_text(item: EditionItem) -> PublishedText:
    """Return the text of a Q&A as shown to readers now."""
    piece = item.piece
    return PublishedText(piece["headline"], piece["question"], tuple(voice["answer"] for voice in piece["voices"]))


def is_typo_only(old_text: PublishedText, new_text: PublishedText) -> bool:
    """Return whether a change is a typo fix, which needs no note."""
    return old_text != new_text and typo_only("\n\n".join(old_text.all), "\n\n".join(new_text.all))


def correct(
    session: Session, actor: Staff, question: Question, new_text: PublishedText, note: Note, quietly: bool = False
) -> Correction | None:
    """Correct a published Q&A with a note to readers, and tell its experts. The text itself may stay the same.

    With `quietly` a typo is fixed without a note. Raises `PermissionDenied`, `InvalidTransition` if the Q&A isn't
    published any more, `MissingField`, `InvalidField`, `TooLong`, and `LeakDetected` (see `source_protection`).
    """
    must(actor, "correct")
    item = _lock_item(session, question)
    before, after = get_published_text(item), _clean_text(item, new_text)
    if quietly:
        if clean(note.wrong) or clean(note.right):
            raise InvalidField("note_with_typo_fix", "note")
        if before == after:
            raise InvalidField("text_unchanged", "text")
        if not is_typo_only(before, after):
            raise InvalidField("more_than_a_typo", "text")
    made = None if quietly else _build_correction(session, actor, question, note)
    _check_private_passages(
        session, actor, question, before.all, [*after.all, *((made.wrong, made.right) if made else ())]
    )
    if before != after:
        newsletter = session.get_one(Newsletter, question.newsletter_id)
        item.mended = items.build_corrected_record(
            item, newsletter.address, after.headline, after.question, after.answers
        )
    item.mended_at = now(session)
    facts = {"correction": add_and_flush(session, made).id} if made else None
    audit.record(session, actor, "question.correct" if made else "question.mend", question, facts=facts)
    _refresh_public_pages(session, question)
    if made:
        _notify_experts(session, actor, question, "expert.corrected", f"{made.wrong}\n\n{made.right}")
    return made


def _build_correction(session: Session, actor: Staff, question: Question, note: Note) -> Correction:
    """Return a correction that is not added to the session yet. Raises `MissingField` and `TooLong`."""
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

    The former text is erased from pages, feeds, search, embedded frames, and the edition as sent. Its experts are asked
    not to pass it on. Raises as `correct` does, and as `clear` does, since nobody may be recognizable in the new text.
    """
    must(actor, "correct")
    item = _lock_item(session, question)
    before, after = get_published_text(item), _clean_text(item, new_text)
    if before == after and item.mended is None:  # after a correction, the text as sent can be erased without a change
        raise InvalidField("text_unchanged", "text")
    _check_private_passages(session, actor, question, before.answers, after.answers)
    newsletter = session.get_one(Newsletter, question.newsletter_id)
    sent = [voice["answer"] for voice in item.input["piece"]["voices"]]
    language = question.text.language if question.text else item.piece["language"]
    text = reword(session, actor, question, headline=after.headline, body=after.question, language=language)
    if text.cleared_at is None:
        clear(session, actor, question, text.id)
    made = items.build_corrected_record(item, newsletter.address, after.headline, after.question, after.answers)
    overwrite_item(session, item, made["piece"], made["output"])
    approved = [answer.approved_text_id for answer in approved_of(session, question.id)]
    for old, body in zip(sent, after.answers, strict=True):
        theirs = update(AnswerText).where(AnswerText.id.in_(approved), AnswerText.body == old)
        session.execute(theirs.values(body=body, words=word_count(body)))
    forget_former(session, actor, question)
    audit.record(session, actor, "question.protect", question)
    _refresh_public_pages(session, question)
    _notify_experts(session, actor, question, "expert.reworded")


def _lock_item(session: Session, question: Question) -> EditionItem:
    lock_row(session, question)
    return lock_row(session, item_of(session, question))


def _clean_text(item: EditionItem, new_text: PublishedText) -> PublishedText:
    if len(new_text.answers) != len(item.piece["voices"]):
        raise MissingField("answer")
    headline = require_length(
        "headline",
        require_text("headline", _text_or_empty(for_print(single_line(new_text.headline)))),
        LONGEST_HEADLINE,
    )
    question = require_text("wording", _text_or_empty(for_print(clean(new_text.question))))
    answers = [require_text("answer", _text_or_empty(for_print(clean(answer)))) for answer in new_text.answers]
    before = get_published_text(item)
    new = (headline, question, *answers)
    # Unchanged texts stay exactly as they were, even if they were locked without being cleaned.
    typed = [old if clean(old) == clean(new) else new for old, new in zip(before.all, new, strict=True)]
    return PublishedText(
        typed[0], typed[1], tuple(require_length("answer", answer, LONGEST_ANSWER) for answer in typed[2:])
    )


def _text_or_empty(text: str) -> str:
    """Return the text, or an empty string if it has no letters or digits."""
    return text if any(map(str.isalnum, text)) else ""


def _check_private_passages(
    session: Session, actor: Staff, question: Question, old_texts: Sequence[str], new_texts: Sequence[str]
) -> None:
    """Raise `LeakDetected` if the new text has unconfirmed passages from readers' letters that the old one hasn't."""
    stood = single_line(" ".join(old_texts))
    found = list_reader_passages(session, asker_letters(session, question), new_texts)
    must_have_looked(actor, [passage for passage in found if passage not in stood], "private_details")


def _refresh_public_pages(session: Session, question: Question) -> None:
    session.flush()
    index_again(session, question.id)
    queue_deliveries(session, question.newsletter_id, "answer.corrected", question_id=question.id)
    session.refresh(question)


def _notify_experts(session: Session, actor: Staff, question: Question, kind: str, note: str = "") -> None:
    """Mail the experts about a change; the `edition_id` makes a recall of the edition recall these mails too."""
    edition = session.get_one(Edition, question.edition_id)
    path = archive.story_path(session.get_one(Newsletter, question.newsletter_id), question)
    about = AssignmentMail(typed=note, link=absolute_url(session, path), runs_on=edition.runs_at)
    notices.tell_experts(session, actor, question, kind, about, edition_id=edition.id)
