"""Chats that take an incoming webhook: one row each, with the JSON that it wants of a sentence and a link."""

from collections.abc import Callable
from html import escape
from typing import Any, NamedTuple


class Chat(NamedTuple):
    """`label` is its own name. `write` takes a sentence, an address of ours and the words of the link to it."""

    label: str
    write: Callable[[str, str, str], dict[str, Any]]


def _slack_payload(text: str, link: str, label: str) -> dict[str, Any]:
    # Without the last two Slack's servers would open the link and look for a picture.
    return {"text": f"{text} <{link}|{label}>", "unfurl_links": False, "unfurl_media": False}


def _mattermost_payload(text: str, link: str, label: str) -> dict[str, Any]:
    return {"text": f"{text} [{label}]({link})"}


def _matrix_payload(text: str, link: str, label: str) -> dict[str, Any]:
    return {"text": f"{text} {link}", "html": f'{escape(text)} <a href="{escape(link)}">{escape(label)}</a>'}


# Their documentation: api.slack.com/messaging/webhooks, developers.mattermost.com/integrate/webhooks/incoming, and of
# the bridge that brings webhooks to Matrix matrix-org.github.io/matrix-hookshot/latest/setup/webhooks.html.
CHATS = {
    "slack": Chat("Slack", _slack_payload),
    "mattermost": Chat("Mattermost", _mattermost_payload),
    "matrix": Chat("Matrix (hookshot)", _matrix_payload),
}
