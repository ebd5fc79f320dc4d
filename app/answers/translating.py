"""Translations of a question's wording and of its answers: stored beside the originals, approved by an editor.

An expert is never asked to check a text in a language that they don't read. If their profile lists the language, the
quote check shows the translation below their own text, and an editor who approves the translation without their consent
must give a reason.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..core.actors import Actor, Staff, TranslatorActor
from ..core.domain_errors import InvalidTransition, MissingPrecondition
from ..core.state_machine import check_version, must, require_length, require_text
from ..db.session import lock_row, now
from ..people.models import Expert
from ..questions.lifecycle import TRANSLATION
from ..questions.models import Question, QuestionText, Translation, Translator
from ..questions.source_protection import list_asker_letters, list_reader_passages, must_be_clear, must_have_looked
from ..text.clean import clean, for_print, single_line
from ..text.languages import likely_script, script_subtag
from .leftovers import find_leftovers
from .models import Answer, AnswerText, Check
from .translation_fields import TranslationFields
from .writing import MAX_ANSWER_LENGTH

# Maximum characters of the one-line fields, by name.
MAX_LINE_LENGTHS = {"headline": 300, "name": 400, "credit_line": 400, "relation": 400, "translator": 200}
NOT_CHECKED = "precondition.translation_not_checked"
MAX_REASON_LENGTH = 400  # characters
WORDING_KEY = "question"  # the key of the wording in URLs; the key of an answer is its public ID


@dataclass(frozen=True)
class Original:
    """A text to translate: a question's current wording, or the newest text of an answer to it.

    `answer` is None for a wording.
    """

    question: Question
    answer: Answer | None
    text: QuestionText | AnswerText

    @property
    def key(self) -> str:
        """Return the key of the text in URLs, and in the result of `get_translations`."""
        return self.answer.public_id if self.answer else WORDING_KEY

    @property
    def is_approved(self) -> bool:
        """Return whether an editor has approved the answer or cleared the wording."""
        return self.answer.is_approved if self.answer else self.question.is_cleared

    @property
    def fields(self) -> TranslationFields:
        """Return the text in the fields of a translation. For an approved answer, the credit is as approved."""
        if isinstance(self.text, QuestionText):
            return TranslationFields(self.text.body or "", headline=self.text.headline)
        credit: dict[str, Any] = {}
        if self.answer:
            credit = self.answer.credit or self.answer.assignment.credit
        return TranslationFields(
            self.text.body,
            name=str(credit.get("name") or ""),
            credit_line=str(credit.get("credit_line") or ""),
            relation=str(credit.get("relation") or ""),
            ties=self.text.ties,
        )


def list_wording(question: Question) -> list[Original]:
    """Return the wording of a question as a list of one original, or an empty list if it has no text."""
    if question.text is None or not question.text.body:
        return []
    return [Original(question, None, question.text)]


def list_originals(session: Session, question: Question) -> list[Original]:
    """Return the texts of a question to translate: its wording, then its answers in the order of print."""
    query = select(Answer, AnswerText).join(AnswerText, AnswerText.id == Answer.text_id)
    query = query.where(Answer.question_id == question.id, ~Answer.is_withdrawn, AnswerText.body != "")
    rows = session.execute(query.order_by(Answer.run_position, Answer.id))
    return list_wording(question) + [Original(question, answer, text) for answer, text in rows]


def get_translations(session: Session, question: Question) -> dict[tuple[str, str], Translation]:
    """Return the translations of a question's texts, keyed by the original's key and the language."""
    query = select(Translation, Answer.public_id).outerjoin(Answer, Answer.id == Translation.answer_id)
    rows = session.execute(query.where(Translation.question_id == question.id).order_by(Translation.id))
    return {(answer_key or WORDING_KEY, translation.language): translation for translation, answer_key in rows}


def get_original_version(session: Session, row: Translation | Translator) -> QuestionText | AnswerText:
    """Return the version of the original that a translation was made from, or that a translator was sent."""
    if row.of_answer_text_id is not None:
        return session.get_one(AnswerText, row.of_answer_text_id)
    return session.get_one(QuestionText, row.of_question_text_id)


def is_current(session: Session, row: Translation | Translator, original: Original) -> bool:
    """Return whether the original is unchanged since it was translated or, for a translator, sent to them.

    A change of the background doesn't count, as it isn't printed.
    """
    old, new = get_original_version(session, row), original.text
    if isinstance(old, AnswerText) and isinstance(new, AnswerText):
        return (old.body, old.ties) == (new.body, new.ties)
    if isinstance(old, QuestionText) and isinstance(new, QuestionText):
        return old.parts[:2] == new.parts[:2]  # headline and body
    return False


def reads_language(expert: Expert, language: str) -> bool:
    """Return whether an expert's profile lists this language, in this script."""
    return any(is_same_language(listed, language) for listed in expert.languages)


def is_same_language(language: str, other_language: str) -> bool:
    """Return whether two language tags mean the same language in the same script, in whatever country."""
    tags = (language, other_language)
    languages = {tag.partition("-")[0] for tag in tags}
    scripts = {script_subtag(tag) or likely_script(tag) for tag in tags}
    return len(languages) == 1 and len(scripts) == 1


def translate(
    session: Session, actor: Staff | TranslatorActor, original: Original, language: str, content: TranslationFields
) -> Translation:
    """Save and return the translation of a text. If the content and the original are the same as before, do nothing.

    An approved translation can't be changed before it is reopened, unless its original has changed. Raises
    `PermissionDenied`, `MissingField` if the body is empty, `TooLong`, and `InvalidTransition`, also if `language` is
    the question's own or the question has ended.
    """
    must(actor, "translate", "translate one")
    lock_row(session, original.question)
    if original.question.has_ended:
        raise InvalidTransition("question", "translate", original.question.state)
    old = get_translations(session, original.question).get((original.key, language))
    require_other_language(original.question, language)
    values = build_columns(original, content)
    if old and old.is_written and all(getattr(old, name) == value for name, value in values.items()):
        return old
    if old and old.is_approved and not is_current(session, old, original):
        reopen(session, actor, old, cause="change")
    details = {"language": language}
    # The expert's consent, or the editor's reason for doing without it, was given for the former text.
    values |= {
        "written_at": now(session),
        "written_by_id": actor.person_id if isinstance(actor, Staff) else None,
        "checked_at": None,
        "unread_reason": None,
    }
    if old:
        TRANSLATION.apply(session, actor, old, "change", why=details, **values)
        return old
    translation = Translation(
        question_id=original.question.id,
        answer_id=original.answer.id if original.answer else None,
        newsletter_id=original.question.newsletter_id,
        language=language,
    )
    TRANSLATION.apply(session, actor, translation, "start", why=details, **values)
    return translation


def require_other_language(question: Question, language: str) -> None:
    """Raise `InvalidTransition` if `language` is the question's own."""
    if question.text and is_same_language(question.text.language, language):
        raise InvalidTransition("question", "translate", question.text.language)


def build_version_columns(original: Original) -> dict[str, Any]:
    """Return the columns that reference the version of the original."""
    if isinstance(original.text, AnswerText):
        return {"of_question_text_id": None, "of_answer_text_id": original.text.id}
    return {"of_question_text_id": original.text.id, "of_answer_text_id": None}


def build_columns(original: Original, content: TranslationFields) -> dict[str, Any]:
    """Return the columns of a translation, cleaned. Raises `TooLong`, and `MissingField` for an empty body."""
    lines = {}
    for name, max_length in MAX_LINE_LENGTHS.items():
        lines[name] = require_length(name, for_print(single_line(getattr(content, name))), max_length)
    if isinstance(original.text, AnswerText):
        lines["headline"] = ""
    body = require_text("translation", for_print(clean(content.body)))
    ties = for_print(clean(content.ties)) if original.fields.ties else ""
    return {
        **lines,
        "body": require_length("body", body, MAX_ANSWER_LENGTH),
        "ties": require_length("ties", ties, MAX_ANSWER_LENGTH),
        "is_credited": content.is_credited and bool(lines["translator"]),
        **build_version_columns(original),
    }


def find_leftovers_of(translation: Translation, original: Original) -> list[str]:
    """Return the passages of the original that a translation still has (see `leftovers`)."""
    return find_leftovers(original.fields, original.text.language, translation, translation.language)


def faults_of_approval(
    session: Session, translation: Translation, original: Original, has_compared: bool
) -> list[MissingPrecondition]:
    """Return what prevents the approval. Only the fault `NOT_CHECKED` can be overridden with a reason."""
    faults: list[MissingPrecondition] = []
    if not has_compared:
        faults.append(MissingPrecondition("not_compared"))
    if not original.is_approved:
        faults.append(MissingPrecondition("original_not_approved"))
    if not is_current(session, translation, original):
        faults.append(MissingPrecondition("original_changed"))
    if leftovers := find_leftovers_of(translation, original):
        faults.append(MissingPrecondition("untranslated", leftovers))
    expert = original.answer.expert if original.answer else None
    if expert and translation.checked_at is None and reads_language(expert, translation.language):
        faults.append(MissingPrecondition("translation_not_checked"))
    return faults


def approve(
    session: Session,
    actor: Staff,
    translation: Translation,
    original: Original,
    *,
    has_compared: bool,
    reason: str = "",
    version: int | None = None,
) -> None:
    """Approve a translation for print. `has_compared` states that the actor has compared it with the original.

    `reason` says why the translation is approved without the expert's consent, if it needs one, and is stored. Raises
    `VersionConflict`, `InvalidTransition`, `PermissionDenied`, `TooLong`, the first fault from `faults_of_approval`,
    and `LeakDetected` if the translation contains readers' own words (see `source_protection`).
    """
    must(actor, "approve")
    check_version(lock_row(session, translation), version)
    TRANSLATION.find_move("approve", translation.state)  # raises `InvalidTransition` before any fault
    reason = require_length("reason", single_line(reason), MAX_REASON_LENGTH)
    for fault in faults_of_approval(session, translation, original, has_compared):
        if fault.code == NOT_CHECKED and reason:
            continue
        raise fault
    _check_no_reader_words(session, actor, translation, original)
    TRANSLATION.apply(
        session,
        actor,
        translation,
        "approve",
        why={"language": translation.language},
        approved_by_id=actor.person_id,
        unread_reason=reason or None,
    )


def _check_no_reader_words(session: Session, actor: Staff, translation: Translation, original: Original) -> None:
    """Raise `LeakDetected` if a translation contains readers' own words: letters may be in its language."""
    texts = [translation.headline, translation.body, translation.ties]
    if original.answer is not None:
        cleared_text = f"{original.fields.body}\n{original.fields.ties}"
        must_be_clear(session, actor, original.question, "\n".join(texts), cleared_text)
        return
    passages = list_reader_passages(session, list_asker_letters(session, original.question), texts)
    must_have_looked(actor, passages, "private_details")


def reopen(session: Session, actor: Actor, translation: Translation, cause: str | None = None) -> None:
    """Revoke the approval of a translation, to change it. `cause` is the move that requires this, if any.

    Raises `InvalidTransition`, and without a cause `PermissionDenied`.
    """
    details = {"language": translation.language}
    lock_row(session, translation)
    TRANSLATION.apply(session, actor, translation, "reopen", cause=cause, why=details, approved_by_id=None)


def reopen_approved(session: Session, actor: Staff, answer: Answer) -> None:
    """Revoke the approvals of an answer's translations, because what they translate has changed."""
    query = select(Translation).where(Translation.answer_id == answer.id, Translation.is_approved)
    for translation in session.scalars(query.order_by(Translation.id)).all():
        reopen(session, actor, translation, cause="change")


def drop(session: Session, actor: Staff, translation: Translation) -> None:
    """Drop a translation; it can be written again. Raises `InvalidTransition`, `PermissionDenied`."""
    details = {"language": translation.language}
    TRANSLATION.apply(session, actor, lock_row(session, translation), "drop", why=details, approved_by_id=None)


def list_shown_in_check(session: Session, answer: Answer, check: Check) -> list[Translation]:
    """Return the translations that a quote check shows the expert below their own text.

    These are the translations of the checked version into languages that the expert reads, written before the check
    began.
    """
    query = select(Translation).filter_by(answer_id=answer.id, of_answer_text_id=check.text_id)
    query = query.where(Translation.is_written, Translation.written_at <= check.asked_at)
    return _filter_readable(answer.expert, session.scalars(query.order_by(Translation.language)))


def list_readable_translations(session: Session, answer: Answer) -> list[Translation]:
    """Return the translations of an answer's newest text into languages that its expert reads."""
    query = select(Translation).filter_by(answer_id=answer.id, of_answer_text_id=answer.text_id)
    query = query.where(Translation.is_written).order_by(Translation.language)
    return _filter_readable(answer.expert, session.scalars(query))


def _filter_readable(expert: Expert, translations: Iterable[Translation]) -> list[Translation]:
    return [translation for translation in translations if reads_language(expert, translation.language)]


def mark_checked(session: Session, answer: Answer, check: Check, labels: Collection[str]) -> None:
    """Record the expert's consent to the translations that the check showed them.

    `labels` are the labels of the translations that they saw. A translation that was changed since has another label.
    """
    for translation in list_shown_in_check(session, answer, check):
        if translation.label in labels:
            translation.checked_at = now(session)
