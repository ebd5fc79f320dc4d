"""Mailchimp, by its Marketing API 3.0 (mailchimp.com/developer/marketing: docs/fundamentals, docs/errors,
api/campaigns, api/campaign-content; read in November 2026).

- HTTP Basic with any user name and the key. The key ends with the data centre, the first part of the host name.
- `POST /campaigns` with the type `regular` makes a draft, whose status is called `save`; `PUT /campaigns/{id}/content`
  sets its `html` and `plain_text`. Sending is a separate action, which is never requested.
- `*|` in a text begins a merge tag.
- `subject_line` and `preview_text` have at most 150 characters.
- Only the account sees the `title` of a campaign, so it holds the mark.
"""

import base64
import re
from typing import Any

from .tool_api import Account, DraftError, DraftRef, EditionDraft, call_api, get_id, get_list, get_object

KEY = re.compile(r"[0-9a-f]{32}-([a-z]{2,4}\d{1,3})")
AUDIENCE = re.compile(r"[0-9a-f]{8,12}")
CAMPAIGNS = "/campaigns"
FIELDS = "id,web_id,status"
MAX_SEARCHED = 100  # drafts, the newest


def get_api_url(key: str) -> str:
    return f"https://{_data_centre(key)}.api.mailchimp.com/3.0"


def get_desk_url(key: str) -> str:
    return f"https://{_data_centre(key)}.admin.mailchimp.com"


def _data_centre(key: str) -> str:
    match = KEY.fullmatch(key)
    if match is None:
        raise ValueError("it names no data centre")
    return match[1]


def _call_api(account: Account, path: str, payload: Any = None, method: str = "", **query: str) -> dict[str, Any]:
    credentials = base64.b64encode(f"desk:{account.key}".encode()).decode()
    return call_api(account, path, {"Authorization": f"Basic {credentials}"}, payload, method, **query)


def verify_account(account: Account) -> None:
    get_id(_call_api(account, f"/lists/{account.audience}", fields="id"))


def fetch_draft(account: Account, campaign_id: str) -> dict[str, Any]:
    return _call_api(account, f"{CAMPAIGNS}/{campaign_id}", fields=FIELDS)


def is_draft(campaign: dict[str, Any]) -> bool:
    return campaign.get("status") == "save"


def find_draft_id(account: Account, draft: EditionDraft) -> str:
    fields = "campaigns.id,campaigns.settings.title"
    newest = {"status": "save", "sort_field": "create_time", "sort_dir": "DESC", "count": str(MAX_SEARCHED)}
    for campaign in get_list(_call_api(account, CAMPAIGNS, fields=fields, **newest), "campaigns"):
        title = get_object(campaign, "settings").get("title")
        if isinstance(title, str) and title.endswith(f"({draft.mark})"):
            return get_id(campaign)
    return ""


def create_draft(account: Account, draft: EditionDraft) -> DraftRef:
    payload = {"type": "regular", "recipients": {"list_id": account.audience}, "settings": _settings(draft)}
    return _set_content(account, _call_api(account, CAMPAIGNS, payload), draft)


def update_draft(account: Account, campaign: dict[str, Any], draft: EditionDraft) -> DraftRef:
    path = f"{CAMPAIGNS}/{get_id(campaign)}"
    return _set_content(account, _call_api(account, path, {"settings": _settings(draft)}, "PATCH"), draft)


def _settings(draft: EditionDraft) -> dict[str, str]:
    texts = {"subject_line": draft.title, "preview_text": draft.excerpt}
    return {**{name: _escape_template(text) for name, text in texts.items()}, "title": _title(draft)}


def _title(draft: EditionDraft) -> str:
    """Return the title of the campaign, by whose end it is found again."""
    return f"{draft.title[:80]} ({draft.mark})"


def _escape_template(text: str) -> str:
    return text.replace("*|", "*\N{WORD JOINER}|")


def _set_content(account: Account, campaign: dict[str, Any], draft: EditionDraft) -> DraftRef:
    if not is_draft(campaign):
        raise DraftError("sent")
    campaign_id = get_id(campaign)
    content = {"html": draft.html.replace("*|", "*&#124;"), "plain_text": _escape_template(draft.text)}
    _call_api(account, f"{CAMPAIGNS}/{campaign_id}/content", content, "PUT", fields="archive_html")
    return DraftRef(campaign_id, f"/campaigns/edit?id={get_id(campaign, 'web_id')}")
