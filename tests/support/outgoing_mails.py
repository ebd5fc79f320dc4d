"""An invitation and a quote check of a newsletter called The Corridor, with all values, and helpers to read mails."""

from datetime import UTC, datetime
from typing import Any

from jinja2 import BaseLoader, meta

from app.mail.kinds import KINDS
from app.mail.mail_templates import environment, render_mail
from app.mail.mail_values import EditedTextMail, InvitationMail
from app.mail.message import Message, Sender

LEYLA_RECIPIENT = ("leyla@university.example", "Leyla Hüseynli")
NORA_SENDER = Sender("The Corridor", "Nora Lindqvist", "corridor@newsroom.example", "en", "Europe/Prague")
FRIDAY = datetime(2022, 11, 11, 17, 0, tzinfo=UTC)
MONDAY = datetime(2022, 11, 14, 11, 0, tzinfo=UTC)
WEDNESDAY = datetime(2022, 11, 16, 8, 0, tzinfo=UTC)
ASSIGNMENT_LINK = "https://ask.example/a/m3Qk"
INVITATION_VALUES: dict[str, Any] = {
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
    "link": ASSIGNMENT_LINK,
    "asked_others": 0,
}
CHECK_VALUES: dict[str, Any] = {
    "headline": "Police Stations",
    "edits": [
        ("a number of governments", "Governments or local authorities"),
        ("In Ireland, the office was closed.", ""),
        ("", "She named both later."),
    ],
    "full_text": "Governments or local authorities knew.\n\nShe named both later.",
    "words_before": 214,
    "words_after": 169,
    "policy": "facts",
    "due_at": MONDAY,
    "runs_on": WEDNESDAY,
    "link": ASSIGNMENT_LINK,
}


def render_invitation(
    custom_texts: dict[str, str] | None = None, sender: Sender = NORA_SENDER, **values: Any
) -> Message:
    return render_mail(
        "expert.invitation",
        sender,
        *LEYLA_RECIPIENT,
        InvitationMail(**{"headline": "", **INVITATION_VALUES, **values}),
        custom_texts,
    )


def render_quote_check(
    custom_texts: dict[str, str] | None = None, sender: Sender = NORA_SENDER, **values: Any
) -> Message:
    return render_mail("expert.check", sender, *LEYLA_RECIPIENT, EditedTextMail(**CHECK_VALUES | values), custom_texts)


def list_template_variables(kind: str) -> set[str]:
    """Return the variables of a mail's template and the templates that it extends."""
    return _find_variables(f"{KINDS[kind].template_kind or kind}.txt")


def _find_variables(template: str) -> set[str]:
    assert isinstance(environment.loader, BaseLoader)
    tree = environment.parse(environment.loader.get_source(environment, template)[0])
    return meta.find_undeclared_variables(tree).union(
        *(_find_variables(parent) for parent in meta.find_referenced_templates(tree) if parent)
    )


def list_paragraphs(message: Message) -> list[str]:
    return message.text.rstrip("\n").split("\n\n")
