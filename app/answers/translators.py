"""Translators outside the desk: each opens one text by a link, saves drafts and hands in a translation."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, exists, select
from sqlalchemy.orm import Session

from ..audit import erasures
from ..core.actors import Actor, Clock, Staff
from ..core.actors import Translator as Outside
from ..core.domain_errors import InvalidTransition, MissingPrecondition, VersionConflict
from ..core.state_machine import must, require_length, require_text
from ..db.ids import new_public_id
from ..db.session import absolute_url, get_keyring, lock_row, now
from ..mail import outbox
from ..mail.mail_templates import write
from ..mail.mail_values import DeskMail, TranslatorMail
from ..mail.models import OutboxMail
from ..newsletters import mail_texts
from ..newsletters.desk_mails import sender
from ..newsletters.models import Newsletter
from ..newsletters.queries import all_newsletters
from ..people import links
from ..people.directory import checked_address
from ..questions.lifecycle import TRANSLATOR
from ..questions.models import HANDED_IN, Question, Translation, Translator, TranslatorDraft
from ..questions.wording import erase_translators
from ..text.clean import clean, for_print, single_line, word_count
from . import expert_mails, translating
from .models import Answer
from .translating import LINES, QUESTION, Original, Words
from .unsent_mails import try_recall
from .writing import MAXIMUM

FormValues = Mapping[str, str]  # by field name; a checked box has a value
DRAFT_FIELDS = (*LINES, "body", "ties", "is_credited")
MAX_TABS = 20


def save_draft(
    session: Session, translator: Translator, form_values: FormValues, tab: str, count: int
) -> TranslatorDraft:
    """Save the form of one tab as a draft, even if the original has changed since; see `writing.save_draft`.

    Raises `InvalidTransition` once nobody waits for the translation any more.
    """
    if not lock_row(session, translator).is_open:
        raise InvalidTransition("translator", "save a draft of", translator.state)
    tab = single_line(tab)[:40]
    return store_draft(session, translator, form_values, tab if tab not in ("", HANDED_IN) else "page", count)


def store_draft(
    session: Session, translator: Translator, form_values: FormValues, tab: str, count: int
) -> TranslatorDraft:
    draft = session.scalar(select(TranslatorDraft).filter_by(translator_id=translator.id, tab=tab).with_for_update())
    if draft is None:
        draft = TranslatorDraft(translator_id=translator.id, tab=tab, words={}, saved_at=now(session), count=-1)
        session.add(draft)
    if count >= draft.count:
        draft.words = {name: form_values.get(name, "").replace("\0", "")[: 2 * MAXIMUM] for name in DRAFT_FIELDS}
        draft.saved_at, draft.count = now(session), count
    session.flush()
    for oldest in list_drafts(session, translator)[MAX_TABS:]:
        session.delete(oldest)
    return draft


def list_drafts(session: Session, translator: Translator) -> list[TranslatorDraft]:
    """Return the drafts of all tabs, newest first."""
    query = select(TranslatorDraft).where(
        TranslatorDraft.translator_id == translator.id, TranslatorDraft.tab != HANDED_IN
    )
    return list(session.scalars(query.order_by(TranslatorDraft.saved_at.desc(), TranslatorDraft.id.desc())))


def get_handed_in_text(session: Session, translator: Translator) -> Words | None:
    """Return the translation exactly as it was handed in, or None."""
    draft = get_handed_in_draft(session, translator)
    return parse_translation(draft.words) if draft else None


def get_handed_in_draft(session: Session, translator: Translator) -> TranslatorDraft | None:
    return session.scalar(select(TranslatorDraft).filter_by(translator_id=translator.id, tab=HANDED_IN))


def parse_translation(form_values: FormValues) -> Words:
    texts = {name: form_values.get(name, "") for name in DRAFT_FIELDS if name != "is_credited"}
    return Words(**texts, is_credited=bool(form_values.get("is_credited")))


INVITATION_KIND = "translator.invitation"
LONGEST_NOTE = 400  # characters
AFTER_AN_END = timedelta(hours=1)  # grace period, so that undoing the end of a question finds everybody still asked


@dataclass(frozen=True)
class Task:
    """The one text that a translator is asked to translate, as they may see it.

    `original` is None if the text has changed since it was sent, or isn't approved at the moment.
    """

    translator: Translator
    newsletter: Newsletter
    question: Question
    original: Original | None

    @property
    def stage(self) -> str:
        """Return "write", "changed" or "handed in", or how it ended: "declined", "done" or "ended"."""
        one = self.translator
        if self.question.has_ended or self.question.is_retracted or not one.is_open:
            return "declined" if one.is_declined else "done" if one.is_done else "ended"
        return "handed in" if one.is_handed_in else "write" if self.original else "changed"


def invite(session: Session, actor: Staff, original: Original, language: str, name: str, email: str) -> Translator:
    """Ask somebody outside the desk to translate one text, by a mail with a link; one person per text and language.

    Raises `PermissionDenied`, `MissingPrecondition` if `name` is empty or the text isn't approved, `BadAddress`,
    `TooLong`, and `InvalidTransition` if somebody is asked already, or there is a translation that is up to date.
    """
    must(actor, "invite")
    question = lock_row(session, original.question)
    translating.require_other_language(question, language)
    _check_sendable(original)
    _must_be_free(session, original, language)
    email, public_id, ring = checked_address(email), new_public_id(), get_keyring(session)
    one = Translator(
        public_id=public_id,
        newsletter_id=question.newsletter_id,
        question_id=question.id,
        answer_id=original.answer.id if original.answer else None,
        language=language,
        name=require_text("name", require_length("name", for_print(single_line(name)), LINES["translator"])),
    )
    reached: dict[str, Any] = {"email_sealed": ring.seal(_place(public_id), email), "key_no": ring.newest}
    why = {"language": language}
    TRANSLATOR.apply(session, actor, one, "invite", why=why, **reached, **translating.version_of(original))
    _send(session, actor, one, original)
    return one


def _check_sendable(original: Original) -> None:
    """Raise `InvalidTransition` for an ended or retracted question, `MissingPrecondition` for an unapproved text."""
    if original.question.has_ended or original.question.is_retracted:
        raise InvalidTransition("question", "translate", original.question.state)
    if not original.is_approved:
        raise MissingPrecondition("original_not_approved")


def _must_be_free(session: Session, original: Original, language: str) -> None:
    there = get_newest_translators(session, original.question).get((original.key, language))
    if there and there.is_open:
        raise InvalidTransition("translator", "invite", there.state)
    there_is = _get_written_translation(session, original, language)
    if there_is and translating.is_current(session, there_is, original):
        raise InvalidTransition("translation", "start", "there")


def _get_written_translation(session: Session, original: Original, language: str) -> Translation | None:
    """Return the translation if it is written, whether it is up to date or not."""
    one = translating.get_translations(session, original.question).get((original.key, language))
    return one if one and one.is_written else None


def invite_again(session: Session, actor: Staff, translator: Translator, original: Original) -> None:
    """Send the current text by a new link. The old link stops working, and drafts stay.

    Raises `PermissionDenied`, `InvalidTransition`, and `MissingPrecondition` if the text isn't approved.
    """
    must(actor, "invite")
    lock_row(session, original.question)
    _check_sendable(original)
    why = {"language": translator.language}
    if handed := get_handed_in_draft(session, translator):
        handed.tab = f"sent again {translator.version}"  # a draft again, which the form shows
    TRANSLATOR.apply(
        session, actor, lock_row(session, translator), "invite again", why=why, **translating.version_of(original)
    )
    links.revoke_links_of_translator(session, translator.id)
    _stop_mails(session, actor, translator)
    _send(session, actor, translator, original, is_repeat=True)


def _send(session: Session, actor: Staff, translator: Translator, original: Original, is_repeat: bool = False) -> None:
    newsletter = session.get_one(Newsletter, translator.newsletter_id)
    words = original.words
    about = TranslatorMail(
        link=absolute_url(session, f"/a/{links.new_link(session, translator_id=translator.id)}/translation"),
        language=translator.language,
        words=word_count(f"{words.headline} {words.body}"),
        of_answer=original.answer is not None,
        again=is_repeat,
    )
    to = get_keyring(session).open(_place(translator.public_id), translator.email_sealed or b"")
    own = mail_texts.get_custom_texts(session, newsletter, INVITATION_KIND)
    letter = write(INVITATION_KIND, sender(session, newsletter), to, translator.name, about, own)
    posting = expert_mails.delivery_options(session, actor, newsletter, INVITATION_KIND)
    once = f"{_mail_key_prefix(translator)}{translator.version}"
    posting.update({"newsletter_id": newsletter.id, "question_id": translator.question_id, "once_key": once})
    outbox.put(session, letter, **posting)


def _mail_key_prefix(translator: Translator) -> str:
    return f"translator:{translator.id}:"


def _stop_mails(session: Session, actor: Actor, translator: Translator) -> None:
    """Recall unsent mails to a translator: held for an editor, or still in their undo time."""
    theirs = select(OutboxMail).where(OutboxMail.once_key.startswith(_mail_key_prefix(translator)), OutboxMail.waits)
    for mail in session.scalars(theirs.order_by(OutboxMail.id)).all():
        try_recall(session, actor if isinstance(actor, Staff) else Clock(), mail)


def _place(public_id: str) -> str:
    return f"translators.email.{public_id}"


def get_newest_translators(session: Session, question: Question) -> dict[tuple[str, str], Translator]:
    """Return whom the desk asked last for each text of a question, keyed by the original's key and the language."""
    query = select(Translator, Answer.public_id).outerjoin(Answer, Answer.id == Translator.answer_id)
    rows = session.execute(query.where(Translator.question_id == question.id).order_by(Translator.id))
    return {(key or QUESTION, one.language): one for one, key in rows}


def by_link(session: Session, token: str) -> tuple[Outside, Task] | None:
    """Return the translator who holds a link and the one task that it opens, or None. Changes nothing."""
    link = links.find_link(session, token)
    if link is None or link.translator_id is None:
        return None
    one = session.get_one(Translator, link.translator_id)
    question = session.get_one(Question, one.question_id)
    newsletter = session.get_one(Newsletter, one.newsletter_id)
    return Outside(one.id, one.name), Task(one, newsletter, question, original_of(session, one, question))


def original_of(session: Session, translator: Translator, question: Question) -> Original | None:
    """Return the text that a translator was sent, or None if it has changed or isn't approved any more."""
    if question.has_ended or question.is_retracted:
        return None
    for original in translating.originals(session, question):
        if (original.answer.id if original.answer else None) == translator.answer_id:
            sent = original.is_approved and translating.is_current(session, translator, original)
            return original if sent else None
    return None


def hand_in(session: Session, actor: Outside, translator: Translator, form_values: FormValues) -> None:
    """Hand in a translation, as the translator, and tell the editors. The same content again changes nothing.

    It becomes the translation if none is written. Otherwise that one stays, even out of date, and the desk chooses (see
    `use`). Raises `VersionConflict` if the text has changed since it was sent, `MissingPrecondition` if the body is
    empty, `TooLong`, `InvalidTransition`, `PermissionDenied`.
    """
    question = lock_row(session, session.get_one(Question, translator.question_id))
    lock_row(session, translator)
    words = parse_translation(form_values)
    if translator.is_handed_in and get_handed_in_text(session, translator) == words:
        return
    TRANSLATOR.move("hand in", translator.state)
    original = original_of(session, translator, question)
    if original is None:
        raise VersionConflict(f"the words of translator {translator.id}")
    words = replace(words, translator=words.translator.strip() or translator.name)  # for the desk, credited or not
    facts = translating.facts_of(original, words)
    if _get_written_translation(session, original, translator.language) is None:
        translating.translate(session, actor, original, translator.language, words)
    store_draft(session, translator, form_values, HANDED_IN, 0)
    TRANSLATOR.apply(session, actor, translator, "hand in", why={"language": translator.language})
    _notify_editors(session, translator, question, "desk.translation", str(facts["body"]).partition("\n\n")[0][:1_000])


def use(session: Session, actor: Staff, translator: Translator, original: Original) -> Translation:
    """Replace the current translation with the one that was handed in.

    Raises what `translate` raises, and `VersionConflict` if nothing is handed in any more, or the original has changed
    since it was sent: a translation of the old version must not count as one of the new.
    """
    must(actor, "translate")
    lock_row(session, original.question)
    words = get_handed_in_text(session, lock_row(session, translator))
    if words is None or not translator.is_handed_in or not translating.is_current(session, translator, original):
        raise VersionConflict(f"the words of translator {translator.id}")
    return translating.translate(session, actor, original, translator.language, words)


def decline(session: Session, actor: Outside, translator: Translator, note: str = "") -> None:
    """Decline as the translator; their address is erased. Raises `InvalidTransition`, `PermissionDenied`, `TooLong`."""
    question = lock_row(session, session.get_one(Question, translator.question_id))
    note = require_length("note", clean(note), LONGEST_NOTE)
    _end(session, actor, lock_row(session, translator), "decline")
    _notify_editors(session, translator, question, "desk.translator_declined", note)


def withdraw(session: Session, actor: Staff, translator: Translator) -> None:
    """Stop asking a translator: their address is erased, and their page shows no text any more.

    Raises `InvalidTransition`, `PermissionDenied`.
    """
    _end(session, actor, lock_row(session, translator), "withdraw")


def finish(session: Session, actor: Staff, translation: Translation) -> None:
    """Stop asking translators for a translation that was approved."""
    theirs = {name: getattr(translation, name) for name in ("question_id", "answer_id", "language")}
    for one in session.scalars(select(Translator).filter_by(**theirs).where(Translator.is_open)).all():
        _end(session, actor, lock_row(session, one), "finish" if one.is_handed_in else "withdraw", cause="approve")


def _end(session: Session, actor: Actor, translator: Translator, action: str, cause: str | None = None) -> None:
    gone = {"email_sealed": None, "key_no": None}
    TRANSLATOR.apply(session, actor, translator, action, cause=cause, why={"language": translator.language}, **gone)
    erasures.note(session, "translator", [translator.public_id])
    _stop_mails(session, actor, translator)


def _notify_editors(session: Session, translator: Translator, question: Question, kind: str, message: str) -> None:
    newsletter = session.get_one(Newsletter, translator.newsletter_id)
    path = f"/desk/{newsletter.slug}/questions/{question.public_id}/translations/{translator.language}"
    about = DeskMail(who=translator.name, headline=question.title, said=message, link=absolute_url(session, path))
    expert_mails.send_to_editors(session, newsletter, kind, about, question_id=question.id)


def sweep(session: Session) -> None:
    """Stop asking translators whose question or answer has ended, and erase those who were inactive for `draft_days`.

    Their name, address, link and drafts are deleted.
    """
    _end_what_is_over(session)
    for newsletter in all_newsletters(session):
        before = now(session) - timedelta(days=newsletter.draft_days)
        typed = exists().where(TranslatorDraft.translator_id == Translator.id, TranslatorDraft.saved_at >= before)
        late = (Translator.newsletter_id == newsletter.id, Translator.state_at < before, ~typed)
        erase_translators(session, and_(*late))


def _end_what_is_over(session: Session) -> None:
    """Stop asking for texts that nobody needs any more, once the end of their question or answer can't be undone."""
    before = now(session) - AFTER_AN_END
    ended = (Question.has_ended | Question.is_retracted) & (Question.state_at < before)
    gone = Answer.is_withdrawn & (Answer.state_at < before)
    query = select(Translator).join(Question, Question.id == Translator.question_id)
    query = query.outerjoin(Answer, Answer.id == Translator.answer_id).where(Translator.is_open, ended | gone)
    for one in session.scalars(query.order_by(Translator.id)).all():
        if lock_row(session, one).is_open:
            _end(session, Clock(), one, "withdraw", cause="close")
