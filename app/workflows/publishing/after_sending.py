"""Changes of a Q&A after it was sent: a correction with a note, a sign mended in silence, other words for safety.

The edition as sent stays as it was sent: what readers see since stands beside it. For somebody's safety alone the
former words are erased, there too.
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
LONGEST_ANSWER = 300_000  # characters: more than any edition has


@dataclass(frozen=True)
class PublishedText:
    """The words of a Q&A that ran, as they were typed: an answer for each of its experts, in the order in which they
    run.
    """

    headline: str
    question: str
    answers: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        return self.headline, self.question, *self.answers


@dataclass(frozen=True)
class Note:
    """A note to readers, as it was typed: what was wrong and what is right. With `runs` the next edition carries it."""

    wrong: str = ""
    right: str = ""
    runs: bool = False


def item_of(session: Session, question: Question) -> EditionItem:
    """Return what ran. Raises `InvalidTransition` for what can't be read: it hasn't run, or was withdrawn meanwhile."""
    item = session.scalar(select(EditionItem).filter_by(question_id=question.id))
    if item is None or not question.is_published:
        raise InvalidTransition("question", "correct", question.state)
    return item


def get_published_text(item: EditionItem) -> PublishedText:
    """Return the words of a Q&A as readers' pages show it."""
    piece = item.piece
    return PublishedText(piece["headline"], piece["question"], tuple(voice["answer"] for voice in piece["voices"]))


def is_typo_only(old_text: PublishedText, new_text: PublishedText) -> bool:
    """Return whether a change may be made without a note."""
    return old_text != new_text and typo_only("\n\n".join(old_text.all), "\n\n".join(new_text.all))


def correct(
    session: Session, actor: Staff, question: Question, new_text: PublishedText, note: Note, quietly: bool = False
) -> Correction | None:
    """Mend what ran, with a note; its experts are told. The words may stay as they are.

    `quietly` mends without one, where only a sign changes. Raises `InvalidTransition` for what can't be read any more,
    `MissingField`, `InvalidField`, `TooLong`, and `LeakDetected` (see `source_protection`).
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
    """Return a correction that is not added yet."""
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
    """Give what ran other words for somebody's safety, without a note, which would point to the former ones.

    They are erased wherever this house has them: pages, feeds, search and frames at once, and the edition as it was
    sent. Its experts are asked not to pass the former ones on. Raises what `correct` does, and what `clear` does, for
    nobody may be recognised in the new ones.
    """
    must(actor, "correct")
    item = _lock_item(session, question)
    before, after = get_published_text(item), _clean_text(item, new_text)
    if before == after and item.mended is None:  # what was corrected may go without any other word
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
    # What nobody touched stays to the letter, also where it was locked before it would have been cleaned.
    typed = [old if clean(old) == clean(new) else new for old, new in zip(before.all, new, strict=True)]
    return PublishedText(
        typed[0], typed[1], tuple(require_length("answer", answer, LONGEST_ANSWER) for answer in typed[2:])
    )


def _text_or_empty(text: str) -> str:
    """Return a text in which something is said, and nothing for one of signs alone, seen or unseen."""
    return text if any(map(str.isalnum, text)) else ""


def _check_private_passages(
    session: Session, actor: Staff, question: Question, old_texts: Sequence[str], new_texts: Sequence[str]
) -> None:
    """Raise `LeakDetected` where new public words hold readers' own, or what they said to the desk alone, and nobody
    has looked at that. What stood there before may stay.
    """
    stood = single_line(" ".join(old_texts))
    found = list_reader_passages(session, asker_letters(session, question), new_texts)
    must_have_looked(actor, [passage for passage in found if passage not in stood], "private_details")


def _refresh_public_pages(session: Session, question: Question) -> None:
    session.flush()
    index_again(session, question.id)
    queue_deliveries(session, question.newsletter_id, "answer.corrected", question_id=question.id)
    session.refresh(question)


def _notify_experts(session: Session, actor: Staff, question: Question, kind: str, note: str = "") -> None:
    """A recall of the edition, within its ten minutes, takes these mails back too."""
    edition = session.get_one(Edition, question.edition_id)
    path = archive.story_path(session.get_one(Newsletter, question.newsletter_id), question)
    about = AssignmentMail(typed=note, link=absolute_url(session, path), runs_on=edition.runs_at)
    notices.tell_experts(session, actor, question, kind, about, edition_id=edition.id)
