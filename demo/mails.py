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

from .house import House, Row, time_after_run


def came_at(house: House, row: Row) -> datetime:
    """Return when a mail of the content arrives. A reply to an edition arrives after the edition ran."""
    moment = house.at - timedelta(minutes=row["minutes_ago"])
    where, _, what = row["to"].partition(" ")
    if where != "edition":
        return moment
    return time_after_run(house.desks[row["newsletter"]].sent[int(what) - 1].runs_at, moment, house.at)


def arrive(house: House, row: Row, moment: datetime) -> None:
    """Store a mail of the content."""
    inbound.store(house.session, _raw(house, row, moment), source="lmtp", mailbox="demo")


def _raw(house: House, row: Row, moment: datetime) -> bytes:
    to, sender = _recipient(house, row), row["from_address"]
    given = row.get("headers", {})
    headers = {
        "Return-Path": f"<{sender}>",
        "Delivered-To": to,
        "From": (
            f"{Header(row['from_name'], 'utf-8').encode() if not row['from_name'].isascii() else row['from_name']} "
            f"<{sender}>"
        ),
        "To": f"<{to}>",
        "Subject": Header(row["subject"], "utf-8" if not row["subject"].isascii() else "us-ascii").encode(),
        "Date": format_datetime(moment),
        "Message-ID": f"<{row['minutes_ago']}.{sender}>",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
        **given,
    }
    if "checked" in row:
        by = row["checked"]
        headers["Authentication-Results"] = f"{DEMO_AUTHSERV_ID}; dkim=pass header.d={by}; dmarc=pass header.from={by}"
        headers["Received"] = f"from mail.{by} by {DEMO_AUTHSERV_ID} with ESMTPS"
    if "boundary" in headers["Content-Type"]:
        del headers["Content-Transfer-Encoding"]
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (head + "\r\n" + row["body"].strip("\n").replace("\n", "\r\n") + "\r\n").encode()


def _recipient(house: House, row: Row) -> str:
    """Return the address for "inbox", "reply <question>", "edition <number>" or "bounce <question>"."""
    desk, (where, _, what) = house.desks[row["newsletter"]], row["to"].partition(" ")
    inbox = desk.newsletter.inbox
    if where == "edition":
        return address_for(inbox, reply_token(house.session, desk.sent[int(what) - 1]))
    if where == "inbox":
        return inbox
    asked = select(Assignment).filter_by(question_id=house.questions[what].id).order_by(Assignment.id.desc())
    assignment = house.session.scalars(asked).first()
    if assignment is None:
        raise ValueError(f"nobody was asked: {what}")
    if where == "reply":
        return address_for(inbox, new_reply_token(house.session, assignment_id=assignment.id))
    mails = select(OutboxMail).filter_by(assignment_id=assignment.id, kind="expert.invitation")
    invitation = house.session.scalars(mails.order_by(OutboxMail.id.desc())).one()
    return bounce_address(inbox, outbox.read(house.session, invitation).return_token or "")
