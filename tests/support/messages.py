"""An invitation and a quote check of The Corridor with all their values, and the paragraphs of a mail."""

from datetime import UTC, datetime
from typing import Any

from app.mail import messages
from app.mail.messages import Message, Sender

NORA = Sender("The Corridor", "Nora Lindqvist", "corridor@newsroom.example", "en", "Europe/Prague")
FRIDAY = datetime(2022, 11, 11, 17, 0, tzinfo=UTC)
MONDAY = datetime(2022, 11, 14, 11, 0, tzinfo=UTC)
WEDNESDAY = datetime(2022, 11, 16, 8, 0, tzinfo=UTC)
LINK = "https://ask.example/a/m3Qk"
INVITATION: dict[str, Any] = {
    "wording": "Last edition, you mentioned a report about overseas police stations.\n\nDid governments not know?",
    "background": None,
    "brief": None,
    "words": 180,
    "reply_by": datetime(2022, 11, 9, 17, 0, tzinfo=UTC),
    "due_at": FRIDAY,
    "runs_on": WEDNESDAY,
    "lead_in": "To find out more, I asked Leyla Hüseynli, a researcher in Baku:",
    "policy": "facts",
    "check_until": MONDAY,
    "link": LINK,
    "asked_others": 0,
    "readers": 2,
}
CHECK: dict[str, Any] = {
    "headline": "Police Stations",
    "changes": [
        ("changed", "a number of governments", "Governments or local authorities"),
        ("cut", "In Ireland, the office was closed.", ""),
        ("new", "", "She named both later."),
    ],
    "full_text": "Governments or local authorities knew.\n\nShe named both later.",
    "words_before": 214,
    "words_after": 169,
    "policy": "facts",
    "due_at": MONDAY,
    "runs_on": WEDNESDAY,
    "link": LINK,
}


def invite(sender: Sender = NORA, **other: Any) -> Message:
    return messages.invitation(sender, "leyla@university.example", "Leyla Hüseynli", **INVITATION | other)


def check(sender: Sender = NORA, **other: Any) -> Message:
    return messages.quote_check(sender, "leyla@university.example", "Leyla Hüseynli", **CHECK | other)


def paragraphs(message: Message) -> list[str]:
    return message.text.rstrip("\n").split("\n\n")
