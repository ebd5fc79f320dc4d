"""Chats that accept an incoming webhook, each with a function that builds the JSON for a sentence and a link."""

from collections.abc import Callable
from html import escape
from typing import Any, NamedTuple


class Chat(NamedTuple):
    """A kind of chat. `build_payload` gets a sentence, a URL of ours and the text of the link."""

    label: str
    build_payload: Callable[[str, str, str], dict[str, Any]]


def _slack_payload(text: str, link: str, label: str) -> dict[str, Any]:
    # The "unfurl" options keep Slack's servers from opening the link for a preview.
    return {"text": f"{text} <{link}|{label}>", "unfurl_links": False, "unfurl_media": False}


def _mattermost_payload(text: str, link: str, label: str) -> dict[str, Any]:
    return {"text": f"{text} [{label}]({link})"}


def _matrix_payload(text: str, link: str, label: str) -> dict[str, Any]:
    return {"text": f"{text} {link}", "html": f'{escape(text)} <a href="{escape(link)}">{escape(label)}</a>'}


# Documentation: api.slack.com/messaging/webhooks, developers.mattermost.com/integrate/webhooks/incoming, and, for the
# bridge from webhooks to Matrix, matrix-org.github.io/matrix-hookshot/latest/setup/webhooks.html.
CHATS = {
    "slack": Chat("Slack", _slack_payload),
    "mattermost": Chat("Mattermost", _mattermost_payload),
    "matrix": Chat("Matrix (hookshot)", _matrix_payload),
}
