"""The desk's wording of a question: write it, clear it to leave the newsroom, and erase it with its translations."""

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from .. import audit
from ..audit import erasures
from ..core.actors import Staff
from ..core.domain_errors import VersionConflict
from ..core.state_machine import check_version, must, require_length, require_text
from ..db.session import add_and_flush, lock_row, now
from ..letters.models import Letter
from ..newsletters.models import Newsletter
from ..search.index import remove_from_indexes
from ..text.clean import clean, for_print, single_line, slug
from ..text.languages import guess_language
from .models import Note, Question, QuestionText, Translation, Translator
from .queries import cleared_text
from .source_protection import (
    find_private_details,
    find_verbatim_spans,
    list_asker_letters,
    list_reader_texts,
    must_have_looked,
)

LONGEST_HEADLINE, LONGEST_REASON = 300, 400  # characters


def reword(
    session: Session,
    actor: Staff,
    question: Question,
    *,
    headline: str,
    body: str,
    background: str = "",
    language: str | None = None,
    base_label: str | None = None,
) -> QuestionText:
    """Give a question a new wording. It keeps the clearance of the old one only if nothing but the language differs.

    Without `language`, the language stays the same unless the text now looks like another language. For a first wording
    it is guessed, with the newsletter's language as fallback. `base_label` is the label of the wording that the actor
    saw. Raises `VersionConflict` if that isn't the current one, `MissingField` (wording), `TooLong` (headline) and
    `PermissionDenied`.
    """
    must(actor, "word")
    lock_row(session, question)
    background = for_print(clean(background))
    headline = require_length("headline", for_print(single_line(headline)), LONGEST_HEADLINE)
    body = require_text("wording", for_print(clean(body)))
    old = question.text
    language = language or _detect_language(f"{headline} {body}", old)
    if language == "und":
        language = session.get_one(Newsletter, question.newsletter_id).language
    if old and (old.headline, old.body, old.background, old.language) == (headline, body, background, language):
        return old
    if base_label is not None and (old is None or old.label != base_label):
        raise VersionConflict(f"question {question.id} is worded otherwise than {base_label}")
    same_text = old if old and (old.body, old.background, old.headline) == (body, background, headline) else None
    number = session.scalar(select(func.max(QuestionText.number)).filter_by(question_id=question.id, language=language))
    text = QuestionText(
        question_id=question.id,
        language=language,
        number=(number or 0) + 1,
        headline=headline,
        body=body,
        background=background,
        slug=slug(headline or body),
        written_at=now(session),
        written_by_id=actor.person_id,
        cleared_at=same_text.cleared_at if same_text else None,
        cleared_by_id=same_text.cleared_by_id if same_text else None,
        own_words_reason=same_text.own_words_reason if same_text else None,
    )
    add_and_flush(session, text)
    question.text_id = text.id
    session.flush()
    session.refresh(question)
    audit.record(session, actor, "question.reword", question, facts={"text": text.id})
    return text


def _detect_language(text: str, previous_text: QuestionText | None) -> str:
    """Guess the language of a wording.

    If the guess is the same for the previous text, keep the language of that text: somebody may have chosen it.
    """
    guess = guess_language(text)
    if previous_text is None or not previous_text.body:
        return guess
    previous_guess = guess_language(f"{previous_text.headline} {previous_text.body}")
    return previous_text.language if guess in ("und", previous_guess) else guess


def clear(session: Session, actor: Staff, question: Question, text_id: int, reason: str = "") -> None:
    """Record the actor's confirmation that nobody could recognise the asker in the wording `text_id`.

    If the wording still has a reader's own words, `reason` must say why it may leave the newsroom, and is stored.
    Raises `VersionConflict` if `text_id` is no longer the current wording, `LeakDetected` if it contains more of the
    readers' background, names and addresses than the actor has confirmed, `MissingField` and `TooLong` for the reason,
    and `PermissionDenied`.
    """
    must(actor, "clear")
    lock_row(session, question)
    check_version(question, question.version if question.text_id == text_id else -1)
    text = session.get_one(QuestionText, text_id)
    letters = list_asker_letters(session, question)
    must_have_looked(actor, find_private_details(session, letters, text.full_text), "private_details")
    reader_texts = list_reader_texts(session, letters)
    reason = require_length("own_words_reason", single_line(reason), LONGEST_REASON)
    has_own_words = any(find_verbatim_spans(reader_texts, part) for part in text.parts)
    if has_own_words:
        text.own_words_reason = require_text("own_words_reason", reason)
    text.cleared_at, text.cleared_by_id = now(session), actor.person_id
    session.flush()
    index_again(session, question.id)
    session.refresh(question)
    audit.record(session, actor, "question.clear", question, facts={"text": text_id, "own": has_own_words})


def index_again(session: Session, question_id: int) -> None:
    """Mark a question to be indexed again after a change outside of its own row."""
    session.execute(update(Question).where(Question.id == question_id).values(indexed_version=0))


def _take_out_of_index(session: Session, question: Question) -> None:
    # The update comes first: it waits for a worker that is indexing the question at this moment, so that the rows that
    # the worker adds to the index are removed too.
    index_again(session, question.id)
    remove_from_indexes(session, "question", question.id)


def erase_words(session: Session, question: Question) -> None:
    """Erase the wordings and notes of a question. Call this if nobody asks it any more and it never ran.

    The translations of its wordings and answers are erased too, with the links of outside translators.
    """
    erase_translations(session, "question_id", [question.id])
    for text in session.scalars(select(QuestionText).filter_by(question_id=question.id)):
        erase_text(session, text)
    session.execute(delete(Note).where(Note.question_id == question.id))
    session.flush()
    _take_out_of_index(session, question)


def erase_text(session: Session, text: QuestionText) -> None:
    """Erase the text of one version, and its translations. The row of the version stays."""
    erase_translations(session, "of_question_text_id", [text.id])
    text.body, text.headline, text.background, text.slug = None, "", "", "q"
    text.own_words_reason, text.erased_at = None, now(session)


def erase_translations(session: Session, column_name: str, ids: Collection[int]) -> None:
    """Erase the translations whose column `column_name` has one of these ids of versions or questions.

    The outside translators asked for them are erased with link, name, address and drafts, so that their pages are gone
    immediately.
    """
    column: InstrumentedAttribute[int] = getattr(Translation, column_name)
    session.execute(delete(Translation).where(column.in_(ids)))
    erase_translators(session, getattr(Translator, column_name).in_(ids))


def erase_translators(session: Session, condition: ColumnElement[bool]) -> None:
    """Erase outside translators, and record the erasure, so that their links don't work again after a restore."""
    if public_ids := session.scalars(select(Translator.public_id).where(condition)).all():
        erasures.note(session, "translator", public_ids)
        session.execute(delete(Translator).where(condition))


def forget_own_words(session: Session, question: Question, letter_text: str, other_letter: Letter | None) -> None:
    """Erase the versions of the wording that are the same as the text of a letter that its reader has withdrawn.

    The current wording isn't erased. If it is cleared, it has become the desk's own, and stays. Otherwise the text of
    `other_letter`, another letter of the question, replaces it, if there is such a letter.
    """
    for text in session.scalars(select(QuestionText).filter_by(question_id=question.id, body=for_print(letter_text))):
        if text.id != question.text_id:
            erase_text(session, text)
        elif text.cleared_at is None and other_letter is not None:
            replace_text(session, question, text, other_letter)
    session.flush()


def replace_text(session: Session, question: Question, text: QuestionText, letter: Letter) -> None:
    """Replace the body of an uncleared version by the text of a letter that isn't erased, and erase its background."""
    body = for_print(letter.body or "")
    erase_translations(session, "of_question_text_id", [text.id])
    text.body, text.background, text.slug = body, "", slug(text.headline or body)
    session.flush()
    _take_out_of_index(session, question)


def forget_uncleared_copies(
    session: Session, question: Question, reader_texts: Sequence[str], other_letter: Letter | None
) -> bool:
    """Erase the uncleared versions of the wording that contain passages of these texts of a reader.

    If the current one is among them, the newest cleared version takes its place, or else the text of `other_letter`.
    Return whether there is neither, so that it couldn't be erased.
    """
    uncleared = select(QuestionText).filter_by(question_id=question.id, cleared_at=None, erased_at=None)
    copies = [
        text
        for text in session.scalars(uncleared)
        if any(find_verbatim_spans(reader_texts, part) for part in text.parts)
    ]
    current_text = next((text for text in copies if text.id == question.text_id), None)
    cleared = cleared_text(session, question.id)
    if current_text is not None and cleared is not None and cleared.body:
        question.text_id, current_text = cleared.id, None
        session.flush()
        session.refresh(question)
        _take_out_of_index(session, question)
    for text in copies:
        if text is not current_text:
            erase_text(session, text)
    if current_text is not None and other_letter is not None:
        current_text.headline = ""
        replace_text(session, question, current_text, other_letter)
        current_text = None
    session.flush()
    return current_text is not None
