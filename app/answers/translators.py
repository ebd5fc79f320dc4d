"""Translators outside the desk: each opens one text by a link, saves drafts and hands in a translation."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import and_, exists, select
from sqlalchemy.orm import Session

from ..audit import erasures
from ..core.actors import Actor, Clock, Staff, TranslatorActor
from ..core.domain_errors import InvalidTransition, MissingPrecondition, VersionConflict
from ..core.state_machine import must, require_length, require_text
from ..crypto.seal import Unsealable
from ..db.ids import new_public_id
from ..db.session import absolute_url, get_keyring, lock_row, now
from ..mail import outbox
from ..mail.mail_templates import render_mail
from ..mail.mail_values import DeskMail, LinksMail, PageLink, TranslatorMail
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
from .translating import MAX_LINE_LENGTHS, WORDING_KEY, Original
from .translation_fields import TranslationFields
from .unsent_mails import try_recall
from .writing import MAX_ANSWER_LENGTH, MAX_EXCERPT_LENGTH, MAX_TAB_LENGTH

FormValues = Mapping[str, str]  # by field name; a checked box has a value
DRAFT_FIELDS = (*MAX_LINE_LENGTHS, "body", "ties", "is_credited")
MAX_TABS = 20  # tabs of one translator whose drafts are kept, newest first
INVITATION_KIND = "translator.invitation"
LINKS_KIND = "translator.links"
MAX_OPEN = 500  # open translators whose addresses are compared with a typed one
LONGEST_NOTE = 400  # characters
# Grace period after the end of a question or answer. If the end is undone by then, the translators are still asked.
GRACE_PERIOD = timedelta(hours=1)


def save_draft(
    session: Session,
    translator: Translator,
    form_values: FormValues,
    tab: str,
    count: int,
    known_counts: Mapping[str, int] | None = None,
) -> TranslatorDraft:
    """Save the form of one browser tab as a draft, even if the original has changed; see `writing.save_draft`.

    Raises `InvalidTransition` if the translator isn't asked any more.
    """
    if not lock_row(session, translator).is_open:
        raise InvalidTransition("translator", "save a draft of", translator.state)
    tab = single_line(tab)[:MAX_TAB_LENGTH]
    if tab in ("", HANDED_IN):  # the draft named HANDED_IN is the translation as handed in
        tab = "page"
    return _upsert_draft(session, translator, form_values, tab, count, known_counts or {})


def _upsert_draft(
    session: Session,
    translator: Translator,
    form_values: FormValues,
    tab: str,
    count: int,
    known_counts: Mapping[str, int],
) -> TranslatorDraft:
    """Store a form as the draft of one tab, unless a later save (a higher `count`) is stored. Delete surplus drafts."""
    draft = session.scalar(select(TranslatorDraft).filter_by(translator_id=translator.id, tab=tab).with_for_update())
    if draft is None:
        draft = TranslatorDraft(translator_id=translator.id, tab=tab, words={}, saved_at=now(session), count=-1)
        session.add(draft)
    if count >= draft.count:
        # The column `words` holds the form. A draft may be longer than `hand_in` accepts.
        draft.words = {
            name: form_values.get(name, "").replace("\0", "")[: 2 * MAX_ANSWER_LENGTH] for name in DRAFT_FIELDS
        }
        draft.saved_at = now(session)
        draft.count = count
        draft.known_counts = dict(known_counts)
    session.flush()
    for old_draft in list_drafts(session, translator)[MAX_TABS:]:
        session.delete(old_draft)
    return draft


def list_drafts(session: Session, translator: Translator) -> list[TranslatorDraft]:
    """Return the drafts of all tabs, newest first."""
    query = select(TranslatorDraft).where(
        TranslatorDraft.translator_id == translator.id, TranslatorDraft.tab != HANDED_IN
    )
    return list(session.scalars(query.order_by(TranslatorDraft.saved_at.desc(), TranslatorDraft.id.desc())))


def get_handed_in_text(session: Session, translator: Translator) -> TranslationFields | None:
    """Return the translation exactly as it was handed in, or None."""
    draft = get_handed_in_draft(session, translator)
    return parse_translation(draft.words) if draft else None


def get_handed_in_draft(session: Session, translator: Translator) -> TranslatorDraft | None:
    """Return the draft that holds the translation as it was handed in, or None."""
    return session.scalar(select(TranslatorDraft).filter_by(translator_id=translator.id, tab=HANDED_IN))


def parse_translation(form_values: FormValues) -> TranslationFields:
    """Return the translation in the values of a form or a draft."""
    texts = {name: form_values.get(name, "") for name in DRAFT_FIELDS if name != "is_credited"}
    return TranslationFields(**texts, is_credited=bool(form_values.get("is_credited")))


@dataclass(frozen=True)
class TranslationTask:
    """The one text that a translator is asked to translate, as they may see it.

    `original` is None if the text has changed since it was sent, or isn't approved now.
    """

    translator: Translator
    newsletter: Newsletter
    question: Question
    original: Original | None

    @property
    def stage(self) -> str:
        """Return "write", "changed" or "handed in", or how the task ended: "declined", "done" or "ended"."""
        if self.translator.is_declined:
            return "declined"
        if self.translator.is_done:
            return "done"
        if self.question.has_ended or self.question.is_retracted or not self.translator.is_open:
            return "ended"
        if self.translator.is_handed_in:
            return "handed in"
        return "write" if self.original else "changed"


def invite(session: Session, actor: Staff, original: Original, language: str, name: str, email: str) -> Translator:
    """Ask somebody outside the desk, by a mail with a link, to translate one text.

    Raises `PermissionDenied`, `MissingField` if `name` is empty, `MissingPrecondition` if the text isn't approved,
    `BadAddress`, `TooLong`, and `InvalidTransition` if the question has ended or was retracted, `language` is its own,
    somebody is asked for this text and language already, or there is an up-to-date translation.
    """
    must(actor, "invite")
    question = lock_row(session, original.question)
    translating.require_other_language(question, language)
    _check_sendable(original)
    _check_wanted(session, original, language)
    email = checked_address(email)
    public_id = new_public_id()
    keyring = get_keyring(session)
    translator = Translator(
        public_id=public_id,
        newsletter_id=question.newsletter_id,
        question_id=question.id,
        answer_id=original.answer.id if original.answer else None,
        language=language,
        name=require_text("name", require_length("name", for_print(single_line(name)), MAX_LINE_LENGTHS["translator"])),
    )
    columns = translating.build_version_columns(original)
    columns["email_sealed"] = keyring.seal(_seal_context(public_id), email)
    columns["key_no"] = keyring.newest
    TRANSLATOR.apply(session, actor, translator, "invite", why={"language": language}, **columns)
    _send_invitation(session, actor, translator, original)
    return translator


def _check_sendable(original: Original) -> None:
    """Raise `InvalidTransition` for an ended or retracted question, `MissingPrecondition` for an unapproved text."""
    if original.question.has_ended or original.question.is_retracted:
        raise InvalidTransition("question", "translate", original.question.state)
    if not original.is_approved:
        raise MissingPrecondition("original_not_approved")


def _check_wanted(session: Session, original: Original, language: str) -> None:
    """Raise `InvalidTransition` if somebody is asked already, or there is an up-to-date translation."""
    translator = get_newest_translators(session, original.question).get((original.key, language))
    if translator and translator.is_open:
        raise InvalidTransition("translator", "invite", translator.state)
    translation = _get_written_translation(session, original, language)
    if translation and translating.is_current(session, translation, original):
        raise InvalidTransition("translation", "start", "there")


def _get_written_translation(session: Session, original: Original, language: str) -> Translation | None:
    """Return the translation, whether up to date or not, or None if there is none or it was dropped."""
    translation = translating.get_translations(session, original.question).get((original.key, language))
    if translation is None or not translation.is_written:
        return None
    return translation


def invite_again(session: Session, actor: Staff, translator: Translator, original: Original) -> None:
    """Send the current text to the same translator by a new link. The old link stops working, and drafts stay.

    Raises `PermissionDenied`, `MissingPrecondition` if the text isn't approved, and `InvalidTransition` if the question
    has ended or was retracted, or the translator isn't asked any more.
    """
    must(actor, "invite")
    lock_row(session, original.question)
    _check_sendable(original)
    handed_in = get_handed_in_draft(session, translator)
    if handed_in is not None:
        handed_in.tab = f"sent again {translator.version}"  # any other tab than HANDED_IN makes it an ordinary draft
    details = {"language": translator.language}
    columns = translating.build_version_columns(original)
    TRANSLATOR.apply(session, actor, lock_row(session, translator), "invite again", why=details, **columns)
    links.revoke_links_of_translator(session, translator.id)
    _recall_mails(session, actor, translator)
    _send_invitation(session, actor, translator, original, is_repeat=True)


def _send_invitation(
    session: Session, actor: Staff, translator: Translator, original: Original, is_repeat: bool = False
) -> None:
    newsletter = session.get_one(Newsletter, translator.newsletter_id)
    token = links.new_link(session, translator_id=translator.id)
    values = TranslatorMail(
        link=absolute_url(session, f"/a/{token}/translation"),
        language=translator.language,
        words=word_count(f"{original.fields.headline} {original.fields.body}"),
        of_answer=original.answer is not None,
        again=is_repeat,
    )
    to = _open_address(session, translator)
    custom_texts = mail_texts.get_custom_texts(session, newsletter, INVITATION_KIND)
    letter = render_mail(INVITATION_KIND, sender(session, newsletter), to, translator.name, values, custom_texts)
    posting = expert_mails.delivery_options(session, actor, newsletter, INVITATION_KIND)
    posting["newsletter_id"] = newsletter.id
    posting["question_id"] = translator.question_id
    posting["once_key"] = f"{_mail_key_prefix(translator)}{translator.version}"
    outbox.put(session, letter, **posting)


def find_open_by_address(session: Session, address: str) -> list[Translator]:
    """Return those of the newest open translators who have this address and whose invitation isn't held.

    Their addresses have no keyed hash: each of them is decrypted, which takes as long whether one fits or not.
    """
    query = (
        select(Translator).where(Translator.email_sealed.is_not(None)).order_by(Translator.id.desc()).limit(MAX_OPEN)
    )
    found = []
    for translator in session.scalars(query).all():
        with suppress(Unsealable):  # one whose key is lost doesn't keep their link from another
            if _open_address(session, translator).casefold() == address.casefold():
                found.append(translator)
    return [translator for translator in found if not _has_held_mail(session, translator)]


def _open_address(session: Session, translator: Translator) -> str:
    return get_keyring(session).open(_seal_context(translator.public_id), translator.email_sealed or b"")


def _has_held_mail(session: Session, translator: Translator) -> bool:
    query = select(OutboxMail.id).where(OutboxMail.once_key.startswith(_mail_key_prefix(translator)))
    return session.scalar(query.where(OutboxMail.is_held).limit(1)) is not None


def send_link_again(session: Session, actor: Actor, translator: Translator, due_at: datetime) -> None:
    """Mail a translator another link to the page of their text at `due_at`. Earlier links stay open."""
    newsletter = session.get_one(Newsletter, translator.newsletter_id)
    token = links.new_link(session, translator_id=translator.id)
    page = PageLink("", absolute_url(session, f"/a/{token}/translation"), translator.language)
    to = _open_address(session, translator)
    message = render_mail(LINKS_KIND, sender(session, newsletter), to, translator.name, LinksMail(pages=[page]))
    posting = expert_mails.delivery_options(session, actor, newsletter, LINKS_KIND, due_at)
    posting["newsletter_id"] = newsletter.id
    posting["question_id"] = translator.question_id
    posting["once_key"] = f"{links_key_prefix(translator)}{due_at:%Y%m%d%H%M%S%f}"
    outbox.put(session, message, **posting)


def links_key_prefix(translator: Translator) -> str:
    """Return what the once keys of the mails with a translator's links begin with; a recall finds them."""
    return f"{_mail_key_prefix(translator)}links:"


def _mail_key_prefix(translator: Translator) -> str:
    return f"translator:{translator.id}:"


def _recall_mails(session: Session, actor: Actor, translator: Translator) -> None:
    """Recall the mails to a translator that are not sent yet."""
    query = select(OutboxMail).where(OutboxMail.once_key.startswith(_mail_key_prefix(translator)), OutboxMail.waits)
    recalling_actor = actor if isinstance(actor, Staff) else Clock()  # a translator has no permission to recall mails
    for mail in session.scalars(query.order_by(OutboxMail.id)).all():
        try_recall(session, recalling_actor, mail)


def _seal_context(public_id: str) -> str:
    return f"translators.email.{public_id}"


def get_newest_translators(session: Session, question: Question) -> dict[tuple[str, str], Translator]:
    """Return the translator asked last for each text of a question, keyed by the original's key and the language."""
    query = select(Translator, Answer.public_id).outerjoin(Answer, Answer.id == Translator.answer_id)
    rows = session.execute(query.where(Translator.question_id == question.id).order_by(Translator.id))
    return {(answer_key or WORDING_KEY, translator.language): translator for translator, answer_key in rows}


def load_task_by_link(session: Session, token: str) -> tuple[TranslatorActor, TranslationTask] | None:
    """Return the translator for whom a link was made and the one task that it opens, or None. Changes nothing."""
    link = links.find_link(session, token)
    if link is None or link.translator_id is None:
        return None
    translator = session.get_one(Translator, link.translator_id)
    question = session.get_one(Question, translator.question_id)
    newsletter = session.get_one(Newsletter, translator.newsletter_id)
    task = TranslationTask(translator, newsletter, question, get_valid_original(session, translator, question))
    return TranslatorActor(translator.id, translator.name), task


def get_valid_original(session: Session, translator: Translator, question: Question) -> Original | None:
    """Return the text that a translator was sent, or None if it has changed or isn't approved any more."""
    if question.has_ended or question.is_retracted:
        return None
    for original in translating.list_originals(session, question):
        answer_id = original.answer.id if original.answer else None
        if answer_id == translator.answer_id:
            is_valid = original.is_approved and translating.is_current(session, translator, original)
            return original if is_valid else None
    return None


def hand_in(session: Session, actor: TranslatorActor, translator: Translator, form_values: FormValues) -> None:
    """Hand in a translation, as the translator, and tell the editors. Handing in the same content changes nothing.

    If no translation is written, this one is used. Otherwise the existing one stays, even if it is out of date, and the
    desk chooses (see `use`). Raises `VersionConflict` if the text has changed since it was sent, `MissingField` if the
    body is empty, `TooLong`, `InvalidTransition` and `PermissionDenied`.
    """
    question = lock_row(session, session.get_one(Question, translator.question_id))
    lock_row(session, translator)
    content = parse_translation(form_values)
    if translator.is_handed_in and get_handed_in_text(session, translator) == content:
        return
    TRANSLATOR.find_move("hand in", translator.state)  # raises `InvalidTransition` before anything is stored
    original = get_valid_original(session, translator, question)
    if original is None:
        raise VersionConflict(f"the words of translator {translator.id}")
    # The desk sees the translator's name, whether it is credited or not.
    content = replace(content, translator=content.translator.strip() or translator.name)
    columns = translating.build_columns(original, content)
    if _get_written_translation(session, original, translator.language) is None:
        translating.translate(session, actor, original, translator.language, content)
    shown_counts = {draft.tab: draft.count for draft in list_drafts(session, translator)}
    _upsert_draft(session, translator, form_values, HANDED_IN, 0, shown_counts)
    TRANSLATOR.apply(session, actor, translator, "hand in", why={"language": translator.language})
    first_paragraph = str(columns["body"]).partition("\n\n")[0]
    _notify_editors(session, translator, question, "desk.translation", first_paragraph[:MAX_EXCERPT_LENGTH])


def use(session: Session, actor: Staff, translator: Translator, original: Original) -> Translation:
    """Replace the current translation with the one that was handed in.

    Raises what `translating.translate` raises, and `VersionConflict` if nothing is handed in any more, or the original
    has changed since it was sent, as a translation of the old version must not count as a translation of the new one.
    """
    must(actor, "translate")
    lock_row(session, original.question)
    content = get_handed_in_text(session, lock_row(session, translator))
    if content is None or not translator.is_handed_in:
        raise VersionConflict(f"the words of translator {translator.id}")
    if not translating.is_current(session, translator, original):
        raise VersionConflict(f"the words of translator {translator.id}")
    return translating.translate(session, actor, original, translator.language, content)


def decline(session: Session, actor: TranslatorActor, translator: Translator, note: str = "") -> None:
    """Decline as the translator; their address is erased. Raises `InvalidTransition`, `PermissionDenied`, `TooLong`."""
    question = lock_row(session, session.get_one(Question, translator.question_id))
    note = require_length("note", clean(note), LONGEST_NOTE)
    _stop_asking(session, actor, lock_row(session, translator), "decline")
    _notify_editors(session, translator, question, "desk.translator_declined", note)


def withdraw(session: Session, actor: Staff, translator: Translator) -> None:
    """Stop asking a translator: their address is erased, and their page shows no text any more.

    Raises `InvalidTransition`, `PermissionDenied`.
    """
    _stop_asking(session, actor, lock_row(session, translator), "withdraw")


def finish(session: Session, actor: Staff, translation: Translation) -> None:
    """Stop asking all translators for a translation that was approved. Raises `InvalidTransition`."""
    query = select(Translator).filter_by(
        question_id=translation.question_id, answer_id=translation.answer_id, language=translation.language
    )
    for translator in session.scalars(query.where(Translator.is_open)).all():
        action = "finish" if translator.is_handed_in else "withdraw"
        _stop_asking(session, actor, lock_row(session, translator), action, cause="approve")


def _stop_asking(session: Session, actor: Actor, translator: Translator, action: str, cause: str | None = None) -> None:
    """Apply the move `action`, erase the translator's address, and recall unsent mails."""
    details = {"language": translator.language}
    TRANSLATOR.apply(session, actor, translator, action, cause=cause, why=details, email_sealed=None, key_no=None)
    erasures.note(session, "translator", [translator.public_id])
    _recall_mails(session, actor, translator)


def _notify_editors(session: Session, translator: Translator, question: Question, kind: str, message: str) -> None:
    newsletter = session.get_one(Newsletter, translator.newsletter_id)
    path = f"/desk/{newsletter.slug}/questions/{question.public_id}/translations/{translator.language}"
    values = DeskMail(who=translator.name, headline=question.title, said=message, link=absolute_url(session, path))
    expert_mails.send_to_editors(session, newsletter, kind, values, question_id=question.id)


def delete_expired(session: Session) -> None:
    """Stop asking translators whose question or answer has ended, and erase those who were inactive for `draft_days`.

    Erasing deletes their name, address, link and drafts.
    """
    _withdraw_unneeded(session)
    for newsletter in all_newsletters(session):
        cutoff = now(session) - timedelta(days=newsletter.draft_days)
        has_saved = exists().where(TranslatorDraft.translator_id == Translator.id, TranslatorDraft.saved_at >= cutoff)
        is_inactive = and_(Translator.newsletter_id == newsletter.id, Translator.state_at < cutoff, ~has_saved)
        erase_translators(session, is_inactive)


def _withdraw_unneeded(session: Session) -> None:
    """Stop asking translators whose question or answer ended more than GRACE_PERIOD ago."""
    ended_before = now(session) - GRACE_PERIOD
    question_ended = (Question.has_ended | Question.is_retracted) & (Question.state_at < ended_before)
    answer_ended = Answer.is_withdrawn & (Answer.state_at < ended_before)
    query = select(Translator).join(Question, Question.id == Translator.question_id)
    query = query.outerjoin(Answer, Answer.id == Translator.answer_id).where(
        Translator.is_open, question_ended | answer_ended
    )
    for translator in session.scalars(query.order_by(Translator.id)).all():
        if lock_row(session, translator).is_open:  # may have changed before the lock
            _stop_asking(session, Clock(), translator, "withdraw", cause="close")
