"""Publishing, as readers and experts hear of it: editions are sent or recalled, answers move, pages are withdrawn."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import audit
from ..actors import Staff
from ..db import lock, now
from ..editions import archive, slots
from ..editions.lifecycle import EDITION
from ..editions.models import Edition
from ..editions.slots import picked
from ..lifecycle import Missing, expect, given, must
from ..mail import outbox
from ..mail.models import OutboxMail
from ..questions.lifecycle import QUESTION
from ..questions.models import Question
from ..text import clean
from . import notices

GRACE = timedelta(minutes=10)  # how long thanks and notices wait, and an edition can be recalled


def drop(session: Session, actor: Staff, question: Question, why: str = "") -> None:
    """Take a question out of its slot; its experts are told when `why` says something.

    Raises `Illegal`, `Stale`, and `Leaking` (see `firewall`).
    """
    slots.drop(session, actor, question)
    if why := clean(why):
        notices.dropped(session, actor, question, why)


def carry_over(session: Session, actor: Staff, question: Question) -> Edition:
    """Move a question to the next planned edition with a free slot; its experts hear when it runs now.

    Raises `Missing` when there is none.
    """
    target = slots.carry_over(session, actor, question)
    notices.carried_over(session, actor, question, target)
    return target


def set_slots(session: Session, actor: Staff, edition: Edition, wanted: int, place: int = 0) -> None:
    """Change how many Q&As a section of this edition takes; what does not fit is carried over, the last one first.

    Raises `Missing`: "slots" outside 1 to `slots.MOST_SLOTS`, "later edition" where there is none to carry over to.
    """
    must(actor, "edition")
    slots.planned(lock(session, edition))
    numbers = slots.shares(edition)
    if not 1 <= wanted <= slots.MOST_SLOTS or place not in range(len(numbers)):
        raise Missing("slots")
    for question in slots.sections_of(session, edition)[place].picked[wanted:][::-1]:
        carry_over(session, actor, question)
    numbers[place] = wanted
    slots.share_out(edition, numbers)
    slots.renumber(session, edition)
    audit.record(session, actor, "edition.slots", edition, facts={"slots": wanted})


def send(
    session: Session, actor: Staff, edition: Edition, message_id: str | None = None, version: int | None = None
) -> None:
    """Mark an edition as sent: its Q&As are public at once; thanks and notices wait ten minutes. Raises `Stale`."""
    expect(lock(session, edition), version)
    EDITION.apply(session, actor, edition, "send", sent_at=now(session), message_id=message_id or edition.message_id)
    for question in picked(session, edition):
        QUESTION.apply(session, actor, lock(session, question), "publish", cause="send", published_at=now(session))
        notices.published(session, actor, edition, question, due_at=now(session) + GRACE)
    archive.touch(session, edition.newsletter_id)


def recall(session: Session, actor: Staff, edition: Edition) -> None:
    """Take "sent" back while no mail of it has gone out. Raises `Missing` after that."""
    mails = list(session.scalars(select(OutboxMail).filter_by(edition_id=edition.id).with_for_update()))
    if any(mail.is_sent for mail in mails):
        raise Missing("its mails unsent")
    for mail in mails:
        if mail.waits:
            outbox.recall(session, actor, mail)
    EDITION.apply(session, actor, lock(session, edition), "recall", sent_at=None)
    for question in picked(session, edition):
        QUESTION.apply(session, actor, lock(session, question), "recall", cause="recall", published_at=None)
    archive.touch(session, edition.newsletter_id)


def retract(session: Session, actor: Staff, question: Question, reason: str) -> None:
    """Withdraw a published page with a stub: for someone's safety, at once. Raises `Missing` without a reason,
    `Leaking`.
    """
    reason = given("why", clean(reason))
    QUESTION.apply(session, actor, lock(session, question), "retract")
    notices.dropped(session, actor, question, reason)
    archive.touch(session, question.newsletter_id)


def restore(session: Session, actor: Staff, question: Question) -> None:
    QUESTION.apply(session, actor, lock(session, question), "restore")
    notices.public_again(session, actor, question)
    archive.touch(session, question.newsletter_id)
