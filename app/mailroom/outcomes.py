"""Outcomes of mails in the transaction that places them: letters, bounces on our mail, an edition that arrived."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby

from sqlalchemy.orm import Session

from ..answers import mailed_answers as from_experts
from ..answers.models import Assignment
from ..core.actors import Mailroom
from ..db.session import get_many
from ..editions import history
from ..editions.models import Edition
from ..letters import mailed_letters as from_readers
from ..letters.models import Letter
from ..mail import erasing, inbound, outbox
from ..mail.models import Inbound, OutboxMail
from ..newsletters.models import Newsletter
from ..workflows.back_issues import received_editions
from .decision import Judged

Taken = tuple[Inbound, Judged]

JUST_SENT = timedelta(minutes=1)  # a server next door may return a mail before we have noted that it was sent


def take(session: Session, actor: Mailroom, mails: Sequence[Taken]) -> dict[int, int]:
    """Do what the decisions say beside placing; returns the keys of the letters by those of their mails. It settles
    nothing of the desk's."""
    _keep_or_forget(session, mails)
    for row, judged in mails:
        decision = judged.decision
        if decision.place == "edition":
            edition = session.get_one(Edition, decision.edition_id)
            received_editions.record_arrival(session, actor, edition, judged.message_id, judged.body)
            if history.has_erased_text(session, edition):  # it holds them still
                erasing.destroy(session, [row.id])
        if decision.said is not None:
            # Our mail did not arrive, for good; the desk sees it with what the server said.
            mail = session.get_one(OutboxMail, decision.outbox_id)
            if mail.state_at <= row.stored_at + JUST_SENT:  # else it was tried again since, and this is read again
                outbox.mark_bounced(session, actor, mail, decision.said)
    return _letters(session, actor, [one for one in mails if one[1].decision.place == "letter"])


def _keep_or_forget(session: Session, mails: Sequence[Taken]) -> None:
    """Keep what was read, except of what answers or returns a mail to a reader, or one that opens a door: what that
    quotes is nobody's to read. A mail that was taken back and destroyed, and came once more, is forgotten again.
    """
    duplicates = {row.id: judged.decision.duplicate_of_id or 0 for row, judged in mails if judged.is_duplicate}
    there = inbound.with_bytes(session, duplicates.values())
    gone = [key for key, first in duplicates.items() if first not in there]
    kept = []
    for row, judged in mails:
        if judged.is_duplicate:
            continue
        if judged.decision.outbox_id is None or judged.decision.assignment_id is not None:
            kept.append((row, judged.reading))
        else:
            gone.append(row.id)
    inbound.keep_readings(session, kept)
    if gone:
        erasing.destroy(session, gone)


def _letters(session: Session, actor: Mailroom, mails: Sequence[Taken]) -> dict[int, int]:
    """Make the letters in the order in which they came: those of readers that follow one another together."""
    keys: dict[int, int] = {}
    for is_expert, some in groupby(mails, key=lambda one: one[1].decision.author == "expert"):
        run = list(some)
        letters = [_of_expert(session, actor, *one) for one in run] if is_expert else _of_readers(session, actor, run)
        keys |= {row.id: letter.id for (row, _), letter in zip(run, letters, strict=True)}
    return keys


def _of_expert(session: Session, actor: Mailroom, row: Inbound, judged_mail: Judged) -> Letter:
    assignment = session.get_one(Assignment, judged_mail.decision.assignment_id)
    return from_experts.create_letter(session, actor, assignment, judged_mail.reading.text, row.stored_at)


def _of_readers(session: Session, actor: Mailroom, mails: Sequence[Taken]) -> list[Letter]:
    newsletters = get_many(session, Newsletter, {judged.decision.newsletter_id or 0 for _, judged in mails})
    taken = []
    for row, judged in mails:
        decision, reading = judged.decision, judged.reading
        mailed = from_readers.MailedLetter(
            reading.text,
            reading.from_address,
            row.stored_at,
            reading.language,
            decision.edition_id,
            reading.comment,
            decision.forwarded_by_id,
        )
        taken.append((newsletters[decision.newsletter_id or 0], mailed, judged.answerable))
    return from_readers.take_all(session, actor, taken)
