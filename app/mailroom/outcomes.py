"""Outcomes of a mail in the transaction that places it: a letter, a bounce on our mail, an edition that arrived."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from ..actors import Mailroom
from ..answers import mailed_answers as from_experts
from ..answers.models import Assignment
from ..editions.models import Edition
from ..letters import mailed_letters as from_readers
from ..mail import erasing, inbound, outbox
from ..mail.models import Inbound, OutboxMail
from ..newsletters.models import Newsletter
from ..newsroom import arriving

if TYPE_CHECKING:
    from .placing import Judged

JUST_SENT = timedelta(minutes=1)  # a server next door may return a mail before we have noted that it was sent


def take(session: Session, actor: Mailroom, row: Inbound, judged: "Judged") -> dict[str, Any]:
    """Do what the decision says beside placing; returns what else is noted on the mail. It settles nothing of the
    desk's."""
    decision = judged.decision
    if decision.place == "duplicate":
        _forget_again(session, row, decision.duplicate_of_id)
        return {}
    if decision.outbox_id is None or decision.assignment_id is not None:
        inbound.keep_reading(session, row, judged.reading)
    else:
        # It answers or returns a mail to a reader, or one that opens a door: what it quotes is nobody's to read.
        erasing.destroy(session, [row.id])
    if decision.place == "letter":
        return {"letter_id": _letter(session, actor, row, judged)}
    if decision.place == "edition":
        edition = session.get_one(Edition, decision.edition_id)
        arriving.arrived(session, actor, edition, judged.message_id, judged.body)
    if decision.said is not None:
        # Our mail did not arrive, for good; the desk sees it with what the server said.
        mail = session.get_one(OutboxMail, decision.outbox_id)
        if mail.state_at <= row.stored_at + JUST_SENT:  # else it was tried again since, and this is read again
            outbox.came_back(session, actor, mail, decision.said)
    return {}


def _forget_again(session: Session, row: Inbound, first_id: int | None) -> None:
    """Forget a mail again that was taken back and destroyed, and came once more."""
    if not inbound.has_bytes(session, first_id or 0):
        erasing.destroy(session, [row.id])


def _letter(session: Session, actor: Mailroom, row: Inbound, judged: "Judged") -> int:
    decision, reading = judged.decision, judged.reading
    if decision.author == "expert":
        assignment = session.get_one(Assignment, decision.assignment_id)
        return from_experts.take(session, actor, assignment, reading.text, row.stored_at).id
    newsletter = session.get_one(Newsletter, decision.newsletter_id)
    mailed = from_readers.Mailed(
        reading.text,
        reading.from_address,
        row.stored_at,
        reading.language,
        decision.edition_id,
        reading.comment,
        decision.forwarded_by_id,
    )
    letter = from_readers.take(session, actor, newsletter, mailed, answerable=judged.answerable)
    return letter.id
