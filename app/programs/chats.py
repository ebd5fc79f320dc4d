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


def _teams_payload(text: str, link: str, label: str) -> dict[str, Any]:
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [{"type": "TextBlock", "text": text, "wrap": True}],
        "actions": [{"type": "Action.OpenUrl", "title": label, "url": link}],
    }
    return {
        "type": "message",
        "attachments": [
            {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
        ],
    }


# Documentation: api.slack.com/messaging/webhooks, developers.mattermost.com/integrate/webhooks/incoming, for the bridge
# from webhooks to Matrix matrix-org.github.io/matrix-hookshot/latest/setup/webhooks.html, and for Teams the trigger
# "When a Teams webhook request is received" of Workflows, learn.microsoft.com/connectors/teams.
CHATS = {
    "slack": Chat("Slack", _slack_payload),
    "mattermost": Chat("Mattermost", _mattermost_payload),
    "matrix": Chat("Matrix (hookshot)", _matrix_payload),
    "teams": Chat("Microsoft Teams", _teams_payload),
}
