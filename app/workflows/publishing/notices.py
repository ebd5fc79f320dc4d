"""Notices that something ran, or did not: to the experts by name, to the readers without a word of their question."""

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
from ...mail.mail_templates import write
from ...mail.mail_values import AssignmentMail, DeskMail, LetterMail
from ...mail.message import Sender
from ...mail.models import OutboxMail
from ...newsletters import mail_texts
from ...newsletters.models import Newsletter
from ...questions.models import Question
from ...questions.queries import letters_of
from ...text.translation import say

NIGHT = timedelta(hours=5)


def tell_experts(
    session: Session,
    actor: Actor,
    question: Question,
    kind: str,
    mail_values: AssignmentMail,
    cause_key: str = "",
    **posting: Unpack[outbox.Posting],
) -> None:
    """Write to each expert whose approved answer stands in the question. What has `cause_key` as its cause is written
    once.

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
    """Return the key of the newest mail: what is written after it has a higher one."""
    return session.scalar(select(func.max(OutboxMail.id))) or 0


def mail_ids_since(
    session: Session, last_id: int, kinds: Sequence[str], questions: Sequence[int], assignments: Sequence[int]
) -> list[int]:
    """Return the keys of the mails after `last_id` of these kinds, about these questions or assignments."""
    about = OutboxMail.question_id.in_(questions) | OutboxMail.assignment_id.in_(assignments)
    query = select(OutboxMail.id).where(OutboxMail.id > last_id, OutboxMail.kind.in_(kinds), about)
    return list(session.scalars(query.order_by(OutboxMail.id)))


def tell_reader(
    session: Session,
    actor: Actor,
    letter: Letter,
    mail_values: LetterMail,
    due_at: datetime | None = None,
    edition_id: int | None = None,
) -> None:
    """Send the one notice to a reader who left an address. It says neither what was asked nor that anything was."""
    to = contacts.email_of(session, letter)
    if to is None:
        return
    newsletter = session.get_one(Newsletter, letter.newsletter_id)
    language = mail_texts.tongue_of(newsletter, letter.language)
    kind = "reader.once" if letter.hear_back == "once" else "reader.news"
    stop = unsubscribing.stop_link(session, letter) if letter.hear_back == "while" else None
    values = replace(mail_values, link=absolute_url(session, mail_values.link or f"/{newsletter.slug}/"), stop=stop)
    own = mail_texts.get_custom_texts(session, newsletter, kind, language)
    posting = expert_mails.delivery_options(session, actor, newsletter, kind, due_at)
    posting.update({"newsletter_id": newsletter.id, "letter_id": letter.id, "edition_id": edition_id})
    posting["once_key"] = cause(mail_values.opening, letter.id, edition_id)
    outbox.put(session, write(kind, Sender(newsletter.name, language=language), to, "", values, own), **posting)


def cause(kind: str, letter_id: int, edition_id: int | None = None) -> str:
    """Name what a notice is about, so that its reader gets it once: of each end, and of each edition."""
    return f"{kind}:{letter_id}:{edition_id or ''}"


def recall_notice(session: Session, actor: Actor, letter: Letter) -> None:
    """Take back the notice that a letter or its question ended, as part of an undo.

    Raises `OnItsWay` where it has gone out.
    """
    if (mail := find_ending_notice(session, letter)) is None or mail.is_discarded:
        return
    if not mail.waits:
        raise outbox.OnItsWay(mail.public_id)
    outbox.recall(session, actor, mail)


def recall_waiting_notice(session: Session, actor: Actor, letter: Letter) -> None:
    """Take back that notice as far as it has not gone out yet. Raises `OnItsWay`."""
    if (mail := find_ending_notice(session, letter)) and mail.waits:
        outbox.recall(session, actor, mail)


def find_ending_notice(session: Session, letter: Letter) -> OutboxMail | None:
    """Return the notice that a letter or its question ended."""
    return session.scalar(select(OutboxMail).filter_by(once_key=cause("ended", letter.id)))


def notify_skipped(session: Session, actor: Actor, question: Question) -> None:
    """The edition was skipped: the experts hear that their answers are kept."""
    newsletter = session.get_one(Newsletter, question.newsletter_id)
    kept = say(newsletter.language).gettext("There is no edition on that date. Your answer is kept for a later one.")
    tell_experts(session, actor, question, "expert.dropped", AssignmentMail(said=kept))


def notify_dropped(session: Session, actor: Actor, question: Question, reason: str) -> None:
    """Tell the experts why what was to run does not. Raises `LeakDetected` as `expert_mails.send_to_expert` does."""
    tell_experts(session, actor, question, "expert.dropped", AssignmentMail(typed=reason))


def notify_carried_over(session: Session, actor: Actor, question: Question, edition: Edition) -> None:
    """Tell the experts when what was to run does, which waits for a later edition."""
    about = AssignmentMail(runs_on=edition.runs_at)
    tell_experts(session, actor, question, "expert.carried_over", about, f"carried:{edition.id}")


def notify_restored(session: Session, actor: Actor, question: Question) -> None:
    """A page that was withdrawn stands again: the experts get its address once more."""
    if edition := session.get(Edition, question.edition_id):
        tell_experts(session, actor, question, "expert.published", _build_published_mail(session, question, edition))


def _build_published_mail(session: Session, question: Question, edition: Edition) -> AssignmentMail:
    newsletter = session.get_one(Newsletter, question.newsletter_id)
    return AssignmentMail(link=absolute_url(session, story_path(newsletter, question)), runs_on=edition.runs_at)


def notify_letter_withdrawn(session: Session, question: Question, runs_unnamed: bool, due_at: datetime | None) -> None:
    """The editors hear that a letter behind a question was taken back; `due_at` hides the minute of one without
    address.
    """
    newsletter = session.get_one(Newsletter, question.newsletter_id)
    link = absolute_url(session, f"/desk/{newsletter.slug}/questions/{question.public_id}")
    about = DeskMail(link=link, runs_unnamed=runs_unnamed)
    expert_mails.send_to_editors(
        session, newsletter, "desk.letter_withdrawn", about, question_id=question.id, due_at=due_at
    )


def notify_published(session: Session, actor: Actor, edition: Edition, question: Question, due_at: datetime) -> None:
    """Thanks with the lasting address to the experts."""
    ran = _build_published_mail(session, question, edition)
    tell_experts(session, actor, question, "expert.published", ran, edition_id=edition.id, due_at=due_at)


def notify_askers(
    session: Session, actor: Actor, edition: Edition, questions: Sequence[Question], due_at: datetime
) -> None:
    """One notice to each asker who left an address, in no order: by its place among the others a mail would tell
    whoever sees the mail server's log which question it is about.
    """
    newsletter = session.get_one(Newsletter, edition.newsletter_id)
    owed = [(letter, question) for question in questions for letter in letters_of(session, question)]
    SystemRandom().shuffle(owed)
    for letter, question in owed:
        # The slug is made of the question's words, which a reader's mail never carries; any other one leads there too.
        about = LetterMail(opening="answered", link=f"/{newsletter.slug}/q/{question.public_id}/-")
        tell_reader(session, actor, letter, about, due_at, edition.id)


def by_night(session: Session) -> datetime:
    """Return a time of the coming night (UTC), another one at each call: what was done at the desk by day is not told
    by when its mail leaves.
    """
    return truncate_to_day(now(session)) + timedelta(days=1) + SystemRandom().random() * NIGHT
