"""Translations of a question's wording and of the answers to it: stored beside the originals, approved by an editor.

An expert is never asked to check a text in a language that they don't read. If their profile lists the language, the
quote check shows the translation below their own text, and an editor who approves it without their consent must give a
reason.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..core.actors import Staff, Translator
from ..core.domain_errors import InvalidTransition, MissingPrecondition
from ..core.state_machine import check_version, must, require_length, require_text
from ..db.session import lock_row, now
from ..people.models import Expert
from ..questions.lifecycle import TRANSLATION
from ..questions.models import Question, QuestionText, Translation
from ..questions.models import Translator as TranslatorRow
from ..questions.source_protection import asker_letters, list_reader_passages, must_be_clear, must_have_looked
from ..text.clean import clean, for_print, single_line
from ..text.languages import own_script, usual_script
from .models import Answer, AnswerText, Check
from .writing import MAXIMUM

# Maximum characters of the fields that hold a single line, by name.
LINES = {"headline": 300, "name": 400, "credit_line": 400, "relation": 400, "translator": 200}
NOT_CHECKED = "precondition.translation_not_checked"
QUESTION = "question"  # stands for the wording in URLs; an answer has its public ID there


@dataclass(frozen=True)
class Original:
    """A text that is translated: a question's current wording, or the newest text of an answer to it."""

    question: Question
    answer: Answer | None
    text: QuestionText | AnswerText

    @property
    def key(self) -> str:
        return self.answer.public_id if self.answer else QUESTION

    @property
    def is_approved(self) -> bool:
        """Return whether an editor has approved the answer or cleared the wording."""
        return self.answer.is_approved if self.answer else self.question.is_cleared

    @property
    def words(self) -> "Words":
        """Return the text in the fields of a translation; the credit of an approved answer is the approved one."""
        if isinstance(self.text, QuestionText):
            return Words(self.text.body or "", headline=self.text.headline)
        said = (self.answer.credit or self.answer.assignment.credit) if self.answer else {}
        name, credit_line, relation = (str(said.get(key) or "") for key in ("name", "credit_line", "relation"))
        return Words(self.text.body, name=name, credit_line=credit_line, relation=relation, ties=self.text.ties)


@dataclass(frozen=True)
class Words:
    """The fields of a translation as entered. An answer has no headline, and a wording has no fields of an expert."""

    body: str
    headline: str = ""
    name: str = ""
    credit_line: str = ""
    relation: str = ""
    ties: str = ""
    translator: str = ""
    is_credited: bool = False


def wording_of(question: Question) -> list[Original]:
    """Return the wording of a question as a list of one original, or an empty list if it has no text."""
    return [Original(question, None, question.text)] if question.text and question.text.body else []


def originals(session: Session, question: Question) -> list[Original]:
    """Return the texts of a question to translate: its wording, then its answers in the order of print."""
    query = select(Answer, AnswerText).join(AnswerText, AnswerText.id == Answer.text_id)
    query = query.where(Answer.question_id == question.id, ~Answer.is_withdrawn, AnswerText.body != "")
    rows = session.execute(query.order_by(Answer.run_position, Answer.id))
    return wording_of(question) + [Original(question, answer, text) for answer, text in rows]


def get_translations(session: Session, question: Question) -> dict[tuple[str, str], Translation]:
    """Return the translations of a question's texts, keyed by the original's key and the language."""
    query = select(Translation, Answer.public_id).outerjoin(Answer, Answer.id == Translation.answer_id)
    rows = session.execute(query.where(Translation.question_id == question.id).order_by(Translation.id))
    return {(key or QUESTION, one.language): one for one, key in rows}


def get_original_version(session: Session, row: Translation | TranslatorRow) -> QuestionText | AnswerText:
    """Return the version of the original that a translation was made from, or that a translator was sent."""
    if row.of_answer_text_id is not None:
        return session.get_one(AnswerText, row.of_answer_text_id)
    return session.get_one(QuestionText, row.of_question_text_id)


def is_current(session: Session, row: Translation | TranslatorRow, original: Original) -> bool:
    """Return whether the original is unchanged since it was translated, apart from the background, which isn't printed.

    For a row of a translator: unchanged since it was sent to them.
    """
    then, stands = get_original_version(session, row), original.text
    if isinstance(then, AnswerText) and isinstance(stands, AnswerText):
        return (then.body, then.ties) == (stands.body, stands.ties)
    return isinstance(then, QuestionText) and isinstance(stands, QuestionText) and then.parts[:2] == stands.parts[:2]


def reads(expert: Expert, language: str) -> bool:
    """Return whether an expert's profile lists this language, in this script."""
    return any(is_same_language(listed, language) for listed in expert.languages)


def is_same_language(language: str, other_language: str) -> bool:
    """Return whether two language tags mean the same language in the same script, whatever the country."""
    scripts = {own_script(tag) or usual_script(tag) for tag in (language, other_language)}
    return language.partition("-")[0] == other_language.partition("-")[0] and len(scripts) == 1


def translate(
    session: Session, actor: Staff | Translator, original: Original, language: str, content: Words
) -> Translation:
    """Save and return the translation of a text. The same content for the same version of the original changes nothing.

    An approved translation has to be reopened first, unless its original has changed. Raises `PermissionDenied`,
    `MissingPrecondition` if the body is empty, `TooLong`, and `InvalidTransition`, also if `language` is the question's
    own.
    """
    must(actor, "translate", "translate one")
    lock_row(session, original.question)
    if original.question.has_ended:
        raise InvalidTransition("question", "translate", original.question.state)
    old = get_translations(session, original.question).get((original.key, language))
    require_other_language(original.question, language)
    facts = facts_of(original, content)
    if old and old.is_written and all(getattr(old, name) == value for name, value in facts.items()):
        return old
    why = {"language": language}
    if old and old.is_approved and not is_current(session, old, original):
        TRANSLATION.apply(session, actor, old, "reopen", cause="change", why=why, approved_by_id=None)
    by = actor.person_id if isinstance(actor, Staff) else None
    facts |= {"written_at": now(session), "written_by_id": by, "checked_at": None, "unread_reason": None}
    one = old or Translation(
        question_id=original.question.id,
        answer_id=original.answer.id if original.answer else None,
        newsletter_id=original.question.newsletter_id,
        language=language,
    )
    TRANSLATION.apply(session, actor, one, "change" if old else "start", why=why, **facts)
    return one


def require_other_language(question: Question, language: str) -> None:
    """Raise `InvalidTransition` if `language` is the question's own."""
    if question.text and is_same_language(question.text.language, language):
        raise InvalidTransition("question", "translate", question.text.language)


def version_of(original: Original) -> dict[str, Any]:
    """Return the columns that reference the version of the original."""
    of_answer = isinstance(original.text, AnswerText)
    return {
        "of_question_text_id": None if of_answer else original.text.id,
        "of_answer_text_id": original.text.id if of_answer else None,
    }


def facts_of(original: Original, content: Words) -> dict[str, Any]:
    """Return the columns of a translation, cleaned. Raises `TooLong`, and `MissingPrecondition` for an empty body."""
    lines = {
        name: require_length(name, for_print(single_line(getattr(content, name))), most) for name, most in LINES.items()
    }
    of_answer = isinstance(original.text, AnswerText)
    ties = for_print(clean(content.ties)) if original.words.ties else ""
    return {
        **lines,
        "headline": "" if of_answer else lines["headline"],
        "body": require_length("body", require_text("translation", for_print(clean(content.body))), MAXIMUM),
        "ties": require_length("ties", ties, MAXIMUM),
        "is_credited": content.is_credited and bool(lines["translator"]),
        **version_of(original),
    }


def faults_of_approval(
    session: Session, translation: Translation, original: Original, has_compared: bool
) -> list[MissingPrecondition]:
    """Return what prevents the approval. A reason can override that the expert hasn't checked it, and nothing else."""
    faults = [] if has_compared else [MissingPrecondition("not_compared")]
    if not original.is_approved:
        faults.append(MissingPrecondition("original_not_approved"))
    if not is_current(session, translation, original):
        faults.append(MissingPrecondition("original_changed"))
    unread = (
        original.answer is not None
        and reads(original.answer.expert, translation.language)
        and translation.checked_at is None
    )
    return [*faults, MissingPrecondition("translation_not_checked")] if unread else faults


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

    The original must be approved, and unchanged since. The translation is checked for readers' private words, as the
    original was. Raises `VersionConflict`, `InvalidTransition`, `PermissionDenied`, `LeakDetected`, `TooLong`, and
    `MissingPrecondition` for what `faults_of_approval` returns.
    """
    must(actor, "approve")
    check_version(lock_row(session, translation), version)
    TRANSLATION.move("approve", translation.state)
    reason = require_length("reason", single_line(reason), 400)
    for fault in faults_of_approval(session, translation, original, has_compared):
        if fault.code != NOT_CHECKED or not reason:
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
    """Raise `LeakDetected` if readers' own words are in a translation: a letter may be in the same language."""
    texts = [translation.headline, translation.body, translation.ties]
    if original.answer is not None:
        whole = "\n".join(texts)
        must_be_clear(session, actor, original.question, whole, f"{original.words.body}\n{original.words.ties}")
        return
    found = list_reader_passages(session, asker_letters(session, original.question), texts)
    must_have_looked(actor, found, "private_details")


def reopen(session: Session, actor: Staff, translation: Translation) -> None:
    """Revoke the approval of a translation, to change it. Raises `InvalidTransition`, `PermissionDenied`."""
    why = {"language": translation.language}
    TRANSLATION.apply(session, actor, lock_row(session, translation), "reopen", why=why, approved_by_id=None)


def drop(session: Session, actor: Staff, translation: Translation) -> None:
    """Drop a translation; it can be written again. Raises `InvalidTransition`, `PermissionDenied`."""
    why = {"language": translation.language}
    TRANSLATION.apply(session, actor, lock_row(session, translation), "drop", why=why, approved_by_id=None)


def shown_in_check(session: Session, answer: Answer, check: Check) -> list[Translation]:
    """Return the translations that a quote check shows the expert below their own text.

    Those are translations of the checked version into languages that the expert reads, written before the check began.
    """
    query = select(Translation).filter_by(answer_id=answer.id, of_answer_text_id=check.text_id)
    query = query.where(Translation.is_written, Translation.written_at <= check.asked_at)
    return [one for one in session.scalars(query.order_by(Translation.language)) if reads(answer.expert, one.language)]


def of_text(session: Session, answer: Answer) -> Sequence[Translation]:
    """Return the translations of an answer's newest text that its expert reads."""
    query = select(Translation).filter_by(answer_id=answer.id, of_answer_text_id=answer.text_id)
    found = session.scalars(query.where(Translation.is_written).order_by(Translation.language))
    return [one for one in found if reads(answer.expert, one.language)]


def mark_checked(session: Session, answer: Answer, check: Check, labels: Collection[str]) -> None:
    """Record the expert's consent to the translations that the check showed them, if their labels are in `labels`.

    A translation that was changed meanwhile has another label.
    """
    for one in shown_in_check(session, answer, check):
        if one.label in labels:
            one.checked_at = now(session)
