"""Recalling an edition that was marked as sent by mistake, with everything that followed from it."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...audit.queries import find_latest_event
from ...core.actors import Staff
from ...core.domain_errors import MissingPrecondition
from ...db.session import lock_row
from ...editions.corrections import remove_corrections
from ...editions.lifecycle import EDITION
from ...editions.models import Edition
from ...editions.slots import list_picked_questions
from ...mail import outbox
from ...mail.models import OutboxMail
from ...programs.program_events import queue_deliveries
from ...questions.lifecycle import QUESTION
from ..undo import undo_followers


def recall(session: Session, actor: Staff, edition: Edition) -> None:
    """Make a sent edition locked again, recall its mails, and restore the assignments that sending it had ended.

    Raises `MissingPrecondition` if a mail has been sent, `OnItsWay`, `InvalidTransition`, `PermissionDenied`, and
    `VersionConflict` if one of these assignments has changed since.
    """
    mails = list(session.scalars(select(OutboxMail).filter_by(edition_id=edition.id).with_for_update()))
    if any(mail.is_sent for mail in mails):
        raise MissingPrecondition("mails_already_sent")
    for mail in mails:
        if mail.waits:
            outbox.recall(session, actor, mail)
    send_event = find_latest_event(session, "edition", edition.id, "edition.send")
    EDITION.apply(session, actor, lock_row(session, edition), "recall", sent_at=None)
    remove_corrections(session, edition)
    for question in list_picked_questions(session, edition):
        QUESTION.apply(session, actor, lock_row(session, question), "recall", cause="recall", published_at=None)
        queue_deliveries(session, edition.newsletter_id, "answer.withdrawn", question_id=question.id)
    if send_event is not None and send_event.facts:
        undo_followers(session, actor, send_event.facts.get("did", ()), send_event.id)
