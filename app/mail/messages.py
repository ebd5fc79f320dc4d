"""Every mail that the product sends: one function each, of plain values only, that returns a `Message`."""

from .letter import Message, Sender
from .messages_check import quote_check
from .messages_desk import desk_notice, letter_withdrawn, sign_in, staff_invitation
from .messages_experts import cancelled, dropped, invitation, invitation_again, published, returned
from .messages_readers import reader_news

__all__ = [
    "Message",
    "Sender",
    "cancelled",
    "desk_notice",
    "dropped",
    "invitation",
    "invitation_again",
    "letter_withdrawn",
    "published",
    "quote_check",
    "reader_news",
    "returned",
    "sign_in",
    "staff_invitation",
]
