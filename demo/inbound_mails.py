"""The demo's incoming mails of the last hours, stored as a mail server would deliver them, for the worker to place."""

from datetime import datetime, timedelta
from email.header import Header
from email.utils import format_datetime

from sqlalchemy import select

from app.answers.models import Assignment
from app.mail import inbound, outbox
from app.mail.models import OutboxMail
from app.mail.reply_address import address_for, bounce_address
from app.people.links import new_reply_token
from app.workflows.back_issues.received_editions import reply_token
from config import DEMO_AUTHSERV_ID

from .newsroom import ContentRow, DemoNewsroom, delay_until_run


def get_arrival_time(newsroom: DemoNewsroom, row: ContentRow) -> datetime:
    """Return when a mail of the content arrives. A reply to an edition arrives after the edition ran."""
    arrived_at = newsroom.loaded_at - timedelta(minutes=row["minutes_ago"])
    recipient, _, target = row["to"].partition(" ")
    if recipient != "edition":
        return arrived_at
    edition = newsroom.desks[row["newsletter"]].get_past_edition(int(target))
    return delay_until_run(edition.runs_at, arrived_at, newsroom.loaded_at)


def store_mail(newsroom: DemoNewsroom, row: ContentRow, sent_at: datetime) -> None:
    """Store a mail of the content."""
    inbound.store(newsroom.session, _build_bytes(newsroom, row, sent_at), source="lmtp", mailbox="demo")


def _build_bytes(newsroom: DemoNewsroom, row: ContentRow, sent_at: datetime) -> bytes:
    recipient, sender = _get_recipient(newsroom, row), row["from_address"]
    headers = {
        "Return-Path": f"<{sender}>",
        "Delivered-To": recipient,
        "From": f"{_encode_header(row['from_name'])} <{sender}>",
        "To": f"<{recipient}>",
        "Subject": _encode_header(row["subject"]),
        "Date": format_datetime(sent_at),
        "Message-ID": f"<{row['minutes_ago']}.{sender}>",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
        **row.get("headers", {}),
    }
    if domain := row.get("verified_domain"):
        headers["Authentication-Results"] = (
            f"{DEMO_AUTHSERV_ID}; dkim=pass header.d={domain}; dmarc=pass header.from={domain}"
        )
        headers["Received"] = f"from mail.{domain} by {DEMO_AUTHSERV_ID} with ESMTPS"
    if "boundary" in headers["Content-Type"]:
        del headers["Content-Transfer-Encoding"]
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    body = row["body"].strip("\n").replace("\n", "\r\n")
    return f"{head}\r\n{body}\r\n".encode()


def _encode_header(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8").encode()


def _get_recipient(newsroom: DemoNewsroom, row: ContentRow) -> str:
    """Return the address for "inbox", "reply <question>", "edition <number>" or "bounce <question>"."""
    session, desk = newsroom.session, newsroom.desks[row["newsletter"]]
    inbox = desk.newsletter.inbox
    recipient, _, target = row["to"].partition(" ")
    if recipient == "inbox":
        return inbox
    if recipient == "edition":
        return address_for(inbox, reply_token(session, desk.get_past_edition(int(target))))
    question = newsroom.questions[target]
    assignments = select(Assignment).filter_by(question_id=question.id).order_by(Assignment.id.desc())
    assignment = session.scalars(assignments).first()
    if assignment is None:
        raise ValueError(f"the question has no assignment: {target}")
    if recipient == "reply":
        return address_for(inbox, new_reply_token(session, assignment_id=assignment.id))
    invitations = select(OutboxMail).filter_by(assignment_id=assignment.id, kind="expert.invitation")
    invitation = session.scalars(invitations.order_by(OutboxMail.id.desc())).one()
    return bounce_address(inbox, outbox.read(session, invitation).return_token or "")
