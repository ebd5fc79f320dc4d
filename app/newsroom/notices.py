"""Who hears that something ran, or did not: the experts by name, the readers without a word of their question."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..actors import Actor
from ..answers import expert_mails
from ..answers.models import Answer, Assignment
from ..db import address
from ..editions.archive import story_path
from ..editions.models import Edition
from ..letters import contacts, unsubscribing
from ..letters.models import Letter
from ..mail import messages, outbox
from ..mail.models import OutboxMail
from ..mail.translation import say
from ..newsletters import mail_texts
from ..newsletters.models import Newsletter
from ..people import directory
from ..questions.models import Question
from ..questions.queries import letters_of

WAITS = ("held", "queued")


def tell_experts(
    session: Session, actor: Actor, question: Question, message: Callable[..., messages.Message],
    looked: str | None = "", once: str = "", **values: Any,
) -> None:  # fmt: skip
    """Write to each expert whose approved answer stands in the question. What has `once` as its cause is written once.

    Raises `Leaking` as `post.to_expert` does.
    """
    query = (
        select(Assignment)
        .join(Answer, Answer.assignment_id == Assignment.id)
        .where(Answer.question_id == question.id, Answer.state == "approved")
        .order_by(Assignment.id)
    )
    for assignment in session.scalars(query):
        once_key = f"{once}:{assignment.id}" if once else None
        headline = expert_mails.title_of(session, assignment)
        expert_mails.to_expert(
            session, actor, assignment, message, looked, once_key=once_key, headline=headline, **values
        )


def tell_reader(
    session: Session, actor: Actor, newsletter: Newsletter, letter: Letter, kind: str, *, sentence: str = "",
    path: str = "", due_at: datetime | None = None, edition_id: int | None = None,
) -> None:  # fmt: skip
    """The one notice to a reader who left an address. It says neither what was asked nor that anything was."""
    to = contacts.email_of(session, letter)
    if to is None:
        return
    language = mail_texts.tongue_of(newsletter, letter.language)
    stop = unsubscribing.stop_link(session, letter) if letter.hear_back == "while" else None
    message = messages.reader_news(
        newsletter.name,
        language,
        to=to,
        kind=kind,
        sentence=sentence,
        link=address(session, path or f"/{newsletter.slug}/"),
        once=letter.hear_back == "once",
        stop=stop,
        own=mail_texts.own(session, newsletter, "reader.news", language),
    )
    outbox.put(
        session,
        message,
        newsletter_id=newsletter.id,
        letter_id=letter.id,
        edition_id=edition_id,
        **expert_mails.way_out(session, actor, newsletter, message.kind, due_at),
        once_key=cause(kind, letter.id, edition_id),
    )


def cause(kind: str, letter_id: int, edition_id: int | None = None) -> str:
    """What makes a notice the one that a reader gets: they are told once of each end, and once of each edition."""
    return f"{kind}:{letter_id}:{edition_id or ''}"


def untell(session: Session, actor: Actor, letter: Letter) -> None:
    """Take back the notice that a letter or its question ended, as part of an undo. Raises `OnItsWay` where it has gone out."""
    if (mail := of_ending(session, letter)) is None or mail.state == "discarded":
        return
    if mail.state not in WAITS:
        raise outbox.OnItsWay(mail.public_id)
    outbox.recall(session, actor, mail)


def untell_what_waits(session: Session, actor: Actor, letter: Letter) -> None:
    """Take back that notice as far as it has not gone out yet. Raises `OnItsWay`."""
    if (mail := of_ending(session, letter)) and mail.state in WAITS:
        outbox.recall(session, actor, mail)


def of_ending(session: Session, letter: Letter) -> OutboxMail | None:
    """Return the notice that a letter or its question ended."""
    return session.scalar(select(OutboxMail).filter_by(once_key=cause("ended", letter.id)))


def not_this_time(session: Session, actor: Actor, question: Question) -> None:
    """The edition was skipped: the experts hear that their answers are kept."""
    newsletter = session.get_one(Newsletter, question.newsletter_id)
    dropped(session, actor, question, say(newsletter.language).gettext(
        "There is no edition on that date. Your answer is kept for a later one."
    ), None)  # fmt: skip


def dropped(session: Session, actor: Actor, question: Question, why: str, looked: str | None = "") -> None:
    """What was to run does not: the experts hear why. Raises `Leaking` as `post.to_expert` does."""
    newsletter = session.get_one(Newsletter, question.newsletter_id)
    own = mail_texts.own(session, newsletter, "expert.dropped")
    tell_experts(session, actor, question, messages.dropped, looked, why=why, own=own)


def carried_over(session: Session, actor: Actor, question: Question, edition: Edition) -> None:
    """What was to run waits for a later edition: the experts hear when."""
    newsletter = session.get_one(Newsletter, question.newsletter_id)
    own = mail_texts.own(session, newsletter, "expert.carried_over")
    once = f"carried:{edition.id}"
    tell_experts(session, actor, question, messages.carried_over, once=once, runs_on=edition.runs_at, own=own)


def public_again(session: Session, actor: Actor, question: Question) -> None:
    """A page that was withdrawn stands again: the experts get its address once more."""
    newsletter, edition = session.get_one(Newsletter, question.newsletter_id), session.get(Edition, question.edition_id)
    if edition:
        link = address(session, story_path(newsletter, question))
        own = mail_texts.own(session, newsletter, "expert.published")
        tell_experts(session, actor, question, messages.published, link=link, edition_on=edition.runs_at, own=own)


def letter_withdrawn(session: Session, question: Question, runs_unnamed: bool, due_at: datetime | None) -> None:
    """The editors hear that a letter behind a question was taken back; `due_at` hides the minute of one without address."""
    newsletter = session.get_one(Newsletter, question.newsletter_id)
    for person in directory.desk_of(session, newsletter.id):
        to = directory.email_of(session, person)
        if to is None:
            continue
        message = messages.letter_withdrawn(
            expert_mails.sender(session, newsletter, person.language),
            to=to,
            name=person.name,
            runs_unnamed=runs_unnamed,
            link=address(session, f"/desk/{newsletter.slug}/questions/{question.public_id}"),
        )
        outbox.put(
            session, message, newsletter_id=newsletter.id, question_id=question.id, person_id=person.id, due_at=due_at
        )


def published(session: Session, actor: Actor, edition: Edition, question: Question, due_at: datetime) -> None:
    """Thanks with the lasting address to the experts, one notice to each asker who left an address."""
    newsletter = session.get_one(Newsletter, edition.newsletter_id)
    path = story_path(newsletter, question)
    tell_experts(
        session,
        actor,
        question,
        messages.published,
        link=address(session, path),
        edition_on=edition.runs_at,
        own=mail_texts.own(session, newsletter, "expert.published"),
        edition_id=edition.id,
        not_before=due_at,
    )
    # The slug is made of the question's words, which a reader's mail never carries; any other one leads to the page.
    bare = f"/{newsletter.slug}/q/{question.public_id}/-"
    for letter in letters_of(session, question):
        tell_reader(session, actor, newsletter, letter, "answered", path=bare, due_at=due_at, edition_id=edition.id)
