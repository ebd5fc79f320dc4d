"""listmonk, by its API (listmonk.app/docs/apis/apis and /campaigns; its source, cmd/campaigns.go and
internal/core/campaigns.go; read in November 2026).

- `Authorization: token user:token` with the name and the token of an API user, created under Admin > Users.
- `POST /api/campaigns` always makes a draft; `PUT /api/campaigns/{id}` changes the fields that it is given. Both need
  the lists.
- A campaign that doesn't exist is answered with 400, not 404.
- Subject, body and altbody are Go templates: `{{` in the text of an edition would be one too
  (listmonk.app/docs/templating).
- A tag identifies the edition. The list of campaigns contains their tags, so it is filtered by the tag again here.
"""

import re
from typing import Any

from .tool_api import Account, DraftError, DraftRef, EditionDraft, NotFound, call_api, get_id, get_list, get_object

KEY = re.compile(r"[^\s:]+:\S+")
AUDIENCE = re.compile(r"\d{1,9}(?:\s*,\s*\d{1,9})*")
CAMPAIGNS = "/api/campaigns"


def _call_api(account: Account, path: str, payload: Any = None, method: str = "", **query: str) -> dict[str, Any]:
    headers = {"Authorization": f"token {account.key}"}
    return get_object(call_api(account, path, headers, payload, method, **query), "data")


def _list_ids(account: Account) -> list[int]:
    return [int(list_id) for list_id in account.audience.split(",")]


def verify_account(account: Account) -> None:
    """Check that the lists exist, in one request (listmonk.app/docs/apis/lists). Raises `DraftError`."""
    lists = get_list(_call_api(account, "/api/lists", per_page="all"), "results")
    if not {existing.get("id") for existing in lists}.issuperset(_list_ids(account)):
        raise DraftError("refused")


def fetch_draft(account: Account, campaign_id: str) -> dict[str, Any]:
    try:
        return _call_api(account, f"{CAMPAIGNS}/{campaign_id}", no_body="true")
    except DraftError as error:
        if error.code == "refused":  # status 400, also for a campaign that doesn't exist
            raise NotFound from None
        raise


def is_draft(campaign: dict[str, Any]) -> bool:
    return campaign.get("status") == "draft"


def find_draft_id(account: Account, draft: EditionDraft) -> str:
    filters = {"status": "draft", "tag": draft.mark}
    newest_first = {"order_by": "created_at", "order": "DESC", "per_page": "50"}
    campaigns = get_list(_call_api(account, CAMPAIGNS, no_body="true", **filters, **newest_first), "results")
    for campaign in campaigns:
        if draft.mark in (campaign.get("tags") or ()) and is_draft(campaign):
            return get_id(campaign)
    return ""


def create_draft(account: Account, draft: EditionDraft) -> DraftRef:
    settings = {"name": draft.title, "lists": _list_ids(account), "type": "regular", "tags": [draft.mark]}
    return _draft_ref(_call_api(account, CAMPAIGNS, settings | _campaign_content(draft)))


def update_draft(account: Account, campaign: dict[str, Any], draft: EditionDraft) -> DraftRef:
    # The lists that somebody chose at the tool stay.
    chosen_ids = [chosen["id"] for chosen in get_list(campaign, "lists") if isinstance(chosen.get("id"), int)]
    payload = {"lists": chosen_ids or _list_ids(account)} | _campaign_content(draft)
    return _draft_ref(_call_api(account, f"{CAMPAIGNS}/{get_id(campaign)}", payload, "PUT"))


def _campaign_content(draft: EditionDraft) -> dict[str, Any]:
    return {
        "subject": _escape_template(draft.title),
        "content_type": "html",
        "body": draft.html.replace("{{", "&#123;&#123;"),
        "altbody": _escape_template(draft.text),
    }


def _escape_template(text: str) -> str:
    """Escape a text so that the template renders it unchanged."""
    return text.replace("{{", '{{"{{"}}')


def _draft_ref(campaign: dict[str, Any]) -> DraftRef:
    if not is_draft(campaign):
        raise DraftError("sent")
    campaign_id = get_id(campaign)
    return DraftRef(campaign_id, f"/admin/campaigns/{campaign_id}")
