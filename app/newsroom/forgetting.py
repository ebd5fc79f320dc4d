"""Letters and mails that have had their time: their words are erased by the rules of the newsletter's settings.

What an edition printed stays, and that there was a letter, what it was and on which day. Nothing is noted beforehand:
what is taken up again stays, and other days hold at once.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from ..actors import Clock
from ..answers.models import Assignment
from ..db import lock, now
from ..letters import erasing_letters
from ..letters.models import Contact, Letter
from ..letters.queries import stood_behind
from ..listing import MANY
from ..mail.models import Inbound, OutboxContent, OutboxMail
from ..newsletters.models import Newsletter
from ..newsletters.queries import all_newsletters
from ..people.models import Link
from ..questions.lifecycle import STATES
from ..questions.models import Question
from ..questions.queries import family, lead_of
from ..questions.wording import erase_words, forget_own_words
from . import forgetting_answers

BATCH = 100  # letters of one rule in one transaction
BOUNCES = timedelta(days=7)  # after a mail left: servers try for five (RFC 5321, section 4.5.4.1), then they report

_own, _lead = aliased(Question), aliased(Question)
_of_reader = Letter.author == "reader"
_asks = and_(_of_reader, Letter.is_filed, Letter.filed_as == "question")
_is_spam = or_(Letter.is_held, and_(Letter.is_filed, Letter.filed_as == "spam"))


@dataclass(frozen=True)
class Rule:
    """Letters of one kind, which lose their words so many days, by the setting `days`, after `since`."""

    days: str
    since: SQLColumnExpression[Any]
    which: ColumnElement[bool]


RULES = {
    "spam": Rule("spam_days", Letter.state_at, and_(_of_reader, _is_spam)),
    "idle": Rule("idle_days", Letter.state_at, and_(_of_reader, ~_is_spam, or_(~Letter.is_filed, ~_asks))),
    "closed": Rule("idle_days", _lead.state_at, and_(_asks, _lead.state.in_(STATES.which("has_ended")))),
    "ran": Rule("ran_days", _lead.published_at, and_(_asks, _lead.state.in_(STATES.which("has_run")))),
    "expert": Rule("expert_mail_days", Letter.state_at, Letter.author == "expert"),
}


@dataclass(frozen=True)
class Leaving:
    """A letter whose words go on a day, by a rule."""

    rule: str
    letter: Letter
    on: datetime


def _due(newsletter: Newsletter, rule: Rule, until: datetime) -> Select[Letter, datetime]:
    """Return which letters a rule takes until then, with the time from which it counts, the oldest first."""
    before = until - days_of(newsletter, rule)
    return (
        select(Letter, rule.since)
        .outerjoin(_own, _own.id == Letter.question_id)
        .outerjoin(_lead, _lead.id == func.coalesce(_own.merged_into_id, _own.id))
        .where(Letter.newsletter_id == newsletter.id, Letter.erased_at.is_(None), rule.which, rule.since < before)
        .order_by(rule.since, Letter.id)
    )


def days_of(newsletter: Newsletter, rule: Rule) -> timedelta:
    """Return how long a newsletter keeps the words of the letters of a rule."""
    return timedelta(days=getattr(newsletter, rule.days))


def coming(session: Session, newsletter: Newsletter, within: timedelta, limit: int) -> list[Leaving]:
    """Return the letters of a newsletter that lose their words next, up to `limit` of each rule."""
    found = []
    for name, rule in RULES.items():
        for letter, since in session.execute(_due(newsletter, rule, now(session) + within).limit(limit)):
            found.append(Leaving(name, letter, since + days_of(newsletter, rule)))
    return found


def numbers(session: Session, newsletter: Newsletter, within: timedelta) -> dict[str, int]:
    """Return how many letters each rule takes until then, counted up to 1,001."""
    due = {name: _due(newsletter, rule, now(session) + within) for name, rule in RULES.items()}
    keys = {name: one.with_only_columns(Letter.id).order_by(None).limit(MANY + 1) for name, one in due.items()}
    return {name: session.scalar(select(func.count()).select_from(one.subquery())) or 0 for name, one in keys.items()}


def sweep(session: Session) -> int:
    """Erase a batch of what has had its time, of each newsletter and rule, as they come: of many that are due none goes
    before another.

    Returns how many letters, mails and versions of answers it was.
    """
    done = 0
    for newsletter in all_newsletters(session):
        for rule in RULES.values():
            due = _due(newsletter, rule, now(session)).order_by(None)  # to sort them, all that are due would be read
            for letter in session.scalars(due.limit(BATCH)).all():
                forget(session, letter)
                done += 1
        done += _forget_mails(session, newsletter) + forgetting_answers.sweep(session, newsletter)
    return done + _untie(session)


def forget(session: Session, letter: Letter) -> None:
    """Erase the words of a letter that has had its time, and what the desk has of them besides what ran."""
    if lock(session, letter).erased_at is not None:
        return
    words, behind = letter.body or "", sorted(stood_behind(session, letter))
    stays = {"to": letter.state} if letter.is_settled else {"end_reason": "forgotten"}
    erasing_letters.erase(session, Clock(), letter, "forget", now(session), "words", **stays)
    for key in behind:
        _forget_wordings(session, lock(session, session.get_one(Question, key)), words)


def _forget_wordings(session: Session, question: Question, words: str) -> None:
    """Erase versions that are the reader's own words; of a question that came to nothing, with its last letter, all."""
    forget_own_words(session, question, words, None)
    lead = lead_of(session, question)
    keys = family(session, lead)
    others = select(Letter.id).where(Letter.question_id.in_(keys), Letter.erased_at.is_(None)).limit(1)
    if lead.has_ended and session.scalar(others) is None:
        for key in keys:
            erase_words(session, session.get_one(Question, key))
        session.execute(update(Assignment).where(Assignment.question_id.in_(keys)).values(brief=""))


def _forget_mails(session: Session, newsletter: Newsletter) -> int:
    """Erase what stands in mails that ended long enough ago."""
    before = now(session) - timedelta(days=newsletter.expert_mail_days)
    old = (
        select(OutboxMail.id)
        .join(OutboxContent, OutboxContent.outbox_id == OutboxMail.id)
        .where(OutboxMail.newsletter_id == newsletter.id, OutboxMail.ended_at < before)
        .limit(BATCH)
    )
    keys = session.scalars(old).all()
    session.execute(delete(OutboxContent).where(OutboxContent.outbox_id.in_(keys)))
    return len(keys)


def _untie(session: Session) -> int:
    """Delete what is kept of mails to readers that can't come back any more: their letter, Message-ID and time.

    A mail company's log names the same Message-ID, and so would name the letter.
    """
    old = (
        select(OutboxMail.id, OutboxMail.letter_id)
        .outerjoin(OutboxContent, OutboxContent.outbox_id == OutboxMail.id)
        .where(OutboxMail.letter_id.is_not(None), OutboxMail.ended_at < now(session) - BOUNCES)
        .where(OutboxContent.outbox_id.is_(None))
        .order_by(OutboxMail.ended_at)
        .limit(BATCH)
    )
    rows = session.execute(old).all()
    keys, letters = [row.id for row in rows], {row.letter_id for row in rows}
    session.execute(update(Inbound).where(Inbound.outbox_id.in_(keys)).values(outbox_id=None))
    with_address = select(Contact.letter_id).where(Contact.letter_id.in_(letters))
    session.execute(delete(Link).where(Link.letter_id.in_(letters), Link.letter_id.not_in(with_address)))
    session.execute(delete(OutboxMail).where(OutboxMail.id.in_(keys)))
    return len(keys)
