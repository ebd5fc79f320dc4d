"""Every mail that the product sends: one function each, of plain values only, that returns a `Message`."""

from ..message import Message, Sender
from .check import quote_check, shortened
from .desk import (
    Section,
    desk_notice,
    digest,
    edition_missing,
    letter_withdrawn,
    mail_failed,
    mail_waits,
    mention,
    sign_in,
    staff_invitation,
)
from .experts import cancelled, invitation, invitation_again, letter_to_expert, overdue, reminder, returned
from .readers import acknowledgement, reader_news
from .run import carried_over, dropped, not_used, published

__all__ = [
    "Message",
    "Section",
    "Sender",
    "acknowledgement",
    "cancelled",
    "carried_over",
    "desk_notice",
    "digest",
    "dropped",
    "edition_missing",
    "invitation",
    "invitation_again",
    "letter_to_expert",
    "letter_withdrawn",
    "mail_failed",
    "mail_waits",
    "mention",
    "not_used",
    "overdue",
    "published",
    "quote_check",
    "reader_news",
    "reminder",
    "returned",
    "shortened",
    "sign_in",
    "staff_invitation",
]
