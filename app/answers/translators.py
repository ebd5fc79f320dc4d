"""Translators outside of the desk: each is sent one text by a link, sees that text alone, and hands their words in."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, exists, select
from sqlalchemy.orm import Session

from ..audit import erasures
from ..core.actors import Actor, Clock, Staff
from ..core.actors import Translator as Outside
from ..core.state_machine import (
    InvalidTransition,
    MissingPrecondition,
    VersionConflict,
    must,
    require_length,
    require_text,
)
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
from ..questions.erasing_translations import erase_translators
from ..questions.lifecycle import TRANSLATOR
from ..questions.models import Question
from ..questions.translation_table import Translation
from ..questions.translator_table import HANDED_IN, Translator, TranslatorDraft
from ..text.clean import clean, for_print, single_line, word_count
from . import expert_mails, translating
from .models import Answer
from .pending_invitations import recalled
from .translating import LINES, QUESTION, Original
from .translator_drafts import Typed, handed_draft, handed_in, keep, words_from

MAIL = "translator.invitation"
LONGEST_NOTE = 400  # characters
AFTER_AN_END = timedelta(hours=1)  # an end that is taken back within its minute finds everybody still asked


@dataclass(frozen=True)
class Task:
    """The one text that a translator is asked for, as they may see it.

    `original` is None where the words have changed since they were sent, or aren't approved at the moment.
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
    """Send somebody outside one text to translate, by a mail with a link. One at a time has it in a language.

    Raises `MissingPrecondition` (name, approved original), `BadAddress`, `TooLong`, and `InvalidTransition` where
    somebody has it, or where a translation stands that is up to date.
    """
    must(actor, "invite")
    question = lock_row(session, original.question)
    translating.must_be_another_tongue(question, language)
    _may_be_sent(original)
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


def _may_be_sent(original: Original) -> None:
    """Raise `InvalidTransition` where nobody needs a text translated any more, and `MissingPrecondition` while it may
    not leave the house."""
    if original.question.has_ended or original.question.is_retracted:
        raise InvalidTransition("question", "translate", original.question.state)
    if not original.is_approved:
        raise MissingPrecondition("approved original")


def _must_be_free(session: Session, original: Original, language: str) -> None:
    there = newest_of(session, original.question).get((original.key, language))
    if there and there.is_open:
        raise InvalidTransition("translator", "invite", there.state)
    there_is = _stands(session, original, language)
    if there_is and translating.is_current(session, there_is, original):
        raise InvalidTransition("translation", "start", "there")


def _stands(session: Session, original: Original, language: str) -> Translation | None:
    """Return the translation that stands written, up to date or not."""
    one = translating.made_of(session, original.question).get((original.key, language))
    return one if one and one.is_written else None


def invite_again(session: Session, actor: Staff, one: Translator, original: Original) -> None:
    """Send the words as they stand now, by a new link; the old one opens nothing any more, and drafts stay.

    Raises `MissingPrecondition` (approved original), `InvalidTransition`.
    """
    must(actor, "invite")
    lock_row(session, original.question)
    _may_be_sent(original)
    why = {"language": one.language}
    if handed := handed_draft(session, one):
        handed.tab = f"sent again {one.version}"  # it stands in the form again, and what comes is handed in anew
    TRANSLATOR.apply(
        session, actor, lock_row(session, one), "invite again", why=why, **translating.version_of(original)
    )
    links.revoke_links_of_translator(session, one.id)
    _stop_mails(session, actor, one)
    _send(session, actor, one, original, again=True)


def _send(session: Session, actor: Staff, one: Translator, original: Original, again: bool = False) -> None:
    newsletter = session.get_one(Newsletter, one.newsletter_id)
    words = original.words
    about = TranslatorMail(
        link=absolute_url(session, f"/a/{links.new_link(session, translator_id=one.id)}/translation"),
        language=one.language,
        words=word_count(f"{words.headline} {words.body}"),
        of_answer=original.answer is not None,
        again=again,
    )
    to = get_keyring(session).open(_place(one.public_id), one.email_sealed or b"")
    own = mail_texts.own(session, newsletter, MAIL)
    letter = write(MAIL, sender(session, newsletter), to, one.name, about, own)
    posting = expert_mails.way_out(session, actor, newsletter, MAIL)
    once = f"{_mails_of(one)}{one.version}"
    posting.update({"newsletter_id": newsletter.id, "question_id": one.question_id, "once_key": once})
    outbox.put(session, letter, **posting)


def _mails_of(one: Translator) -> str:
    """Return how the key of each mail to a translator begins."""
    return f"translator:{one.id}:"


def _stop_mails(session: Session, actor: Actor, one: Translator) -> None:
    """Stop what still waits to be sent to a translator: held for an editor, or in its minute of undo."""
    theirs = select(OutboxMail).where(OutboxMail.once_key.startswith(_mails_of(one)), OutboxMail.waits)
    for mail in session.scalars(theirs.order_by(OutboxMail.id)).all():
        recalled(session, actor if isinstance(actor, Staff) else Clock(), mail)


def _place(public_id: str) -> str:
    return f"translators.email.{public_id}"


def newest_of(session: Session, question: Question) -> dict[tuple[str, str], Translator]:
    """Return whom the desk asked last for each text of a question, by the key of the original and the language."""
    query = select(Translator, Answer.public_id).outerjoin(Answer, Answer.id == Translator.answer_id)
    rows = session.execute(query.where(Translator.question_id == question.id).order_by(Translator.id))
    return {(key or QUESTION, one.language): one for one, key in rows}


def by_link(session: Session, token: str) -> tuple[Outside, Task] | None:
    """Whoever holds a translator's link, and the one text that it opens. Changes nothing."""
    link = links.find_link(session, token)
    if link is None or link.translator_id is None:
        return None
    one = session.get_one(Translator, link.translator_id)
    question = session.get_one(Question, one.question_id)
    newsletter = session.get_one(Newsletter, one.newsletter_id)
    return Outside(one.id, one.name), Task(one, newsletter, question, original_of(session, one, question))


def original_of(session: Session, one: Translator, question: Question) -> Original | None:
    """Return the words that a translator was sent, as long as they stand as they were and may leave the house."""
    if question.has_ended or question.is_retracted:
        return None
    for original in translating.originals(session, question):
        if (original.answer.id if original.answer else None) == one.answer_id:
            sent = original.is_approved and translating.is_current(session, one, original)
            return original if sent else None
    return None


def hand_in(session: Session, actor: Outside, one: Translator, typed: Typed) -> None:
    """The translator hands their words in: a draft at the desk, which hears of it. The same words once more change
    nothing.

    Where a translation stands written, also one that is out of date, it stays beside it, and the desk chooses. Raises
    `VersionConflict` where the words have changed since they were sent, `MissingPrecondition` (translation), `TooLong`,
    `InvalidTransition`.
    """
    question = lock_row(session, session.get_one(Question, one.question_id))
    lock_row(session, one)
    words = words_from(typed)
    if one.is_handed_in and handed_in(session, one) == words:
        return
    TRANSLATOR.move("hand in", one.state)
    original = original_of(session, one, question)
    if original is None:
        raise VersionConflict(f"the words of translator {one.id}")
    words = replace(words, translator=words.translator.strip() or one.name)  # the desk knows it, named or not
    facts = translating.facts_of(original, words)
    if _stands(session, original, one.language) is None:
        translating.translate(session, actor, original, one.language, words)
    keep(session, one, typed, HANDED_IN, 0)
    TRANSLATOR.apply(session, actor, one, "hand in", why={"language": one.language})
    _tell(session, one, question, "desk.translation", str(facts["body"]).partition("\n\n")[0][:1_000])


def use(session: Session, actor: Staff, one: Translator, original: Original) -> Translation:
    """Put what was handed in into the place of the translation that stands.

    Raises what `translate` does, and `VersionConflict` where nothing is handed in any more, or the original has changed
    since it was sent: words of an old version never stand as a translation of the new one.
    """
    must(actor, "translate")
    lock_row(session, original.question)
    words = handed_in(session, lock_row(session, one))
    if words is None or not one.is_handed_in or not translating.is_current(session, one, original):
        raise VersionConflict(f"the words of translator {one.id}")
    return translating.translate(session, actor, original, one.language, words)


def decline(session: Session, actor: Outside, one: Translator, note: str = "") -> None:
    """The translator says no; their address is forgotten. Raises `InvalidTransition`, `TooLong`."""
    question = lock_row(session, session.get_one(Question, one.question_id))
    note = require_length("note", clean(note), LONGEST_NOTE)
    _end(session, actor, lock_row(session, one), "decline")
    _tell(session, one, question, "desk.translator_declined", note)


def withdraw(session: Session, actor: Staff, one: Translator) -> None:
    """The desk takes the link back: its page shows no words any more. Raises `InvalidTransition`,
    `PermissionDenied`."""
    _end(session, actor, lock_row(session, one), "withdraw")


def finish(session: Session, actor: Staff, translation: Translation) -> None:
    """A translation was approved: whoever was asked for it is asked no longer."""
    theirs = {name: getattr(translation, name) for name in ("question_id", "answer_id", "language")}
    for one in session.scalars(select(Translator).filter_by(**theirs).where(Translator.is_open)).all():
        _end(session, actor, lock_row(session, one), "finish" if one.is_handed_in else "withdraw", cause="approve")


def _end(session: Session, actor: Actor, one: Translator, action: str, cause: str | None = None) -> None:
    gone = {"email_sealed": None, "key_no": None}
    TRANSLATOR.apply(session, actor, one, action, cause=cause, why={"language": one.language}, **gone)
    erasures.note(session, "translator", [one.public_id])
    _stop_mails(session, actor, one)


def _tell(session: Session, one: Translator, question: Question, kind: str, said: str) -> None:
    newsletter = session.get_one(Newsletter, one.newsletter_id)
    path = f"/desk/{newsletter.slug}/questions/{question.public_id}/translations/{one.language}"
    about = DeskMail(who=one.name, headline=question.title, said=said, link=absolute_url(session, path))
    expert_mails.to_editors(session, newsletter, kind, about, question_id=question.id)


def sweep(session: Session) -> None:
    """End what was asked for where its question or answer has ended, and erase whom nobody heard of for as long as the
    newsletter keeps drafts: name, address, link, what they typed.
    """
    _end_what_is_over(session)
    for newsletter in all_newsletters(session):
        before = now(session) - timedelta(days=newsletter.draft_days)
        typed = exists().where(TranslatorDraft.translator_id == Translator.id, TranslatorDraft.saved_at >= before)
        late = (Translator.newsletter_id == newsletter.id, Translator.state_at < before, ~typed)
        erase_translators(session, and_(*late))


def _end_what_is_over(session: Session) -> None:
    """Forget the address of everybody whose text is needed no more, once that can't be taken back by one press."""
    before = now(session) - AFTER_AN_END
    ended = (Question.has_ended | Question.is_retracted) & (Question.state_at < before)
    gone = Answer.is_withdrawn & (Answer.state_at < before)
    query = select(Translator).join(Question, Question.id == Translator.question_id)
    query = query.outerjoin(Answer, Answer.id == Translator.answer_id).where(Translator.is_open, ended | gone)
    for one in session.scalars(query.order_by(Translator.id)).all():
        if lock_row(session, one).is_open:
            _end(session, Clock(), one, "withdraw", cause="close")
