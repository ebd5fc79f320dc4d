"""Mails about publication or its cancellation, to experts, editors and readers.

Mails to readers never contain the text of their question.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Unpack

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ...answers import expert_mails
from ...answers.models import Answer, Assignment
from ...core.actors import Actor
from ...db.session import absolute_url, now
from ...editions.archive import story_path
from ...editions.models import Edition
from ...letters import contacts, unsubscribing
from ...letters.blurred_time import truncate_to_day
from ...letters.models import Letter
from ...mail import outbox
from ...mail.kinds import list_kinds_with_purpose
from ...mail.mail_templates import render_mail
from ...mail.mail_values import AssignmentMail, DeskMail, LetterMail
from ...mail.message import Sender
from ...mail.models import OutboxMail
from ...newsletters import mail_texts
from ...newsletters.models import Newsletter
from ...people.models import Person
from ...questions.models import Question
from ...questions.queries import letters_of
from ...text.translation import get_catalogue

NIGHT = timedelta(hours=5)  # from midnight UTC


def tell_experts(
    session: Session,
    actor: Actor,
    question: Question,
    kind: str,
    mail_values: AssignmentMail,
    cause_key: str = "",
    **posting: Unpack[outbox.Posting],
) -> None:
    """Mail each expert with an approved answer to the question; with a `cause_key`, at most once for this key.

    Raises `LeakDetected` as `expert_mails.send_to_expert` does.
    """
    query = (
        select(Assignment)
        .join(Answer, Answer.assignment_id == Assignment.id)
        .where(Answer.question_id == question.id, Answer.is_approved)
        .order_by(Assignment.id)
    )
    for assignment in session.scalars(query):
        posting["once_key"] = f"{cause_key}:{assignment.id}" if cause_key else None
        expert_mails.send_to_expert(session, actor, assignment, kind, mail_values, **posting)


def get_newest_mail_id(session: Session) -> int:
    """Return the key of the newest outbox mail, or 0; later mails have higher keys."""
    return session.scalar(select(func.max(OutboxMail.id))) or 0


def list_date_mails_after(
    session: Session, last_id: int, question_ids: Sequence[int], assignment_ids: Sequence[int]
) -> list[int]:
    """Return the keys of the mails after `last_id` to experts about moving or dropping one of these, oldest first."""
    is_about_them = OutboxMail.question_id.in_(question_ids) | OutboxMail.assignment_id.in_(assignment_ids)
    tells_of_date = OutboxMail.kind.in_(list_kinds_with_purpose("reschedule"))
    query = select(OutboxMail.id).where(OutboxMail.id > last_id, tells_of_date, is_about_them)
    return list(session.scalars(query.order_by(OutboxMail.id)))


def list_notified_experts(session: Session, newsletter_id: int, last_id: int) -> list[str]:
    """Return the names of the experts to whom a newsletter's mails after `last_id` tell another date, in order."""
    query = select(Person.name).join(OutboxMail, OutboxMail.person_id == Person.id).distinct().order_by(Person.name)
    tells_of_date = OutboxMail.kind.in_(list_kinds_with_purpose("reschedule"))
    return list(
        session.scalars(query.where(OutboxMail.newsletter_id == newsletter_id, OutboxMail.id > last_id, tells_of_date))
    )


def tell_reader(
    session: Session,
    actor: Actor,
    letter: Letter,
    mail_values: LetterMail,
    due_at: datetime | None = None,
    edition_id: int | None = None,
) -> None:
    """Mail a notice to the reader of a letter if they left an address, once for each letter, edition and `opening`.

    The mail doesn't reveal that a question was asked, nor its text.
    """
    address = contacts.email_of(session, letter)
    if address is None:
        return
    newsletter = session.get_one(Newsletter, letter.newsletter_id)
    language = mail_texts.choose_language(newsletter, letter.language)
    kind = "reader.once" if letter.hear_back == "once" else "reader.news"
    unsubscribe_url = unsubscribing.stop_link(session, letter) if letter.hear_back == "while" else None
    link = absolute_url(session, mail_values.link or f"/{newsletter.slug}/")
    values = replace(mail_values, link=link, stop=unsubscribe_url)
    custom_texts = mail_texts.get_custom_texts(session, newsletter, kind, language)
    message = render_mail(kind, Sender(newsletter.name, language=language), address, "", values, custom_texts)
    posting = expert_mails.delivery_options(session, actor, newsletter, kind, due_at)
    posting.update({"newsletter_id": newsletter.id, "letter_id": letter.id, "edition_id": edition_id})
    posting["once_key"] = _reader_notice_key(mail_values.opening, letter.id, edition_id)
    outbox.put(session, message, **posting)


def _reader_notice_key(opening: str, letter_id: int, edition_id: int | None = None) -> str:
    """Return the `once_key` of a notice to a reader."""
    return f"{opening}:{letter_id}:{edition_id or ''}"


def recall_notice(session: Session, actor: Actor, letter: Letter) -> None:
    """Recall the notice that a letter or its question ended, as part of an undo.

    Raises `OnItsWay` if it is being sent, or was sent, failed or expired.
    """
    mail = find_ending_notice(session, letter)
    if mail is None or mail.is_discarded:
        return
    if not mail.waits:
        raise outbox.OnItsWay(mail.public_id)
    outbox.recall(session, actor, mail)


def recall_waiting_notice(session: Session, actor: Actor, letter: Letter) -> None:
    """Recall the notice that a letter or its question ended, unless it was sent already. Raises `OnItsWay`."""
    mail = find_ending_notice(session, letter)
    if mail and mail.waits:
        outbox.recall(session, actor, mail)


def find_ending_notice(session: Session, letter: Letter) -> OutboxMail | None:
    """Return the notice that a letter or its question ended, or None."""
    return session.scalar(select(OutboxMail).filter_by(once_key=_reader_notice_key("ended", letter.id)))


def notify_skipped(session: Session, actor: Actor, question: Question) -> None:
    """Tell the experts that the edition was skipped and their answers are kept."""
    newsletter = session.get_one(Newsletter, question.newsletter_id)
    reason = get_catalogue(newsletter.language).gettext(
        "There is no edition on that date. Your answer is kept for a later one."
    )
    tell_experts(session, actor, question, "expert.dropped", AssignmentMail(said=reason))


def notify_dropped(session: Session, actor: Actor, question: Question, reason: str) -> None:
    """Tell the experts why their answers won't run. Raises `LeakDetected` as `expert_mails.send_to_expert` does."""
    tell_experts(session, actor, question, "expert.dropped", AssignmentMail(typed=reason))


def notify_carried_over(session: Session, actor: Actor, question: Question, edition: Edition) -> None:
    """Tell the experts that their answers were carried over to `edition`, once for each edition."""
    mail_values = AssignmentMail(runs_on=edition.runs_at)
    tell_experts(session, actor, question, "expert.carried_over", mail_values, cause_key=f"carried:{edition.id}")


def notify_restored(session: Session, actor: Actor, question: Question) -> None:
    """Send the experts the link to a withdrawn page that was restored."""
    if edition := session.get(Edition, question.edition_id):
        tell_experts(session, actor, question, "expert.published", _build_published_mail(session, question, edition))


def _build_published_mail(session: Session, question: Question, edition: Edition) -> AssignmentMail:
    newsletter = session.get_one(Newsletter, question.newsletter_id)
    return AssignmentMail(link=absolute_url(session, story_path(newsletter, question)), runs_on=edition.runs_at)


def notify_letter_withdrawn(session: Session, question: Question, runs_unnamed: bool, due_at: datetime | None) -> None:
    """Tell the editors that a letter was withdrawn, and whether its question runs without the reader's name.

    For a letter without an address, `due_at` delays the mail so that it doesn't reveal the minute of the withdrawal.
    """
    newsletter = session.get_one(Newsletter, question.newsletter_id)
    link = absolute_url(session, f"/desk/{newsletter.slug}/questions/{question.public_id}")
    mail_values = DeskMail(link=link, runs_unnamed=runs_unnamed)
    expert_mails.send_to_editors(
        session, newsletter, "desk.letter_withdrawn", mail_values, question_id=question.id, due_at=due_at
    )


def notify_published(session: Session, actor: Actor, edition: Edition, question: Question, due_at: datetime) -> None:
    """Send the experts thanks and the permanent link."""
    mail_values = _build_published_mail(session, question, edition)
    tell_experts(session, actor, question, "expert.published", mail_values, edition_id=edition.id, due_at=due_at)


def notify_askers(
    session: Session, actor: Actor, edition: Edition, questions: Sequence[Question], due_at: datetime
) -> None:
    """Send a notice to each asker who left an address, in random order.

    In a fixed order, the log of a mail server would reveal which question each mail is about.
    """
    newsletter = session.get_one(Newsletter, edition.newsletter_id)
    answered_letters = [(letter, question) for question in questions for letter in letters_of(session, question)]
    SystemRandom().shuffle(answered_letters)
    for letter, question in answered_letters:
        # The page's own slug contains words of the question. "-" in its place leads to the same page.
        mail_values = LetterMail(opening="answered", link=f"/{newsletter.slug}/q/{question.public_id}/-")
        tell_reader(session, actor, letter, mail_values, due_at, edition.id)


def random_time_tonight(session: Session) -> datetime:
    """Return a random time in the coming night (UTC), so that the time of a mail doesn't reveal when the desk acted."""
    midnight = truncate_to_day(now(session)) + timedelta(days=1)
    return midnight + SystemRandom().random() * NIGHT
