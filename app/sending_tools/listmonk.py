"""listmonk, by its API (listmonk.app/docs/apis/apis and /campaigns; its source, cmd/campaigns.go and
internal/core/campaigns.go; read in November 2026).

- `Authorization: token user:token` of an API user, created under Admin > Users.
- `POST /api/campaigns` always makes a draft; `PUT /api/campaigns/{id}` changes the fields that it is given. Both need
  the lists.
- A campaign that doesn't exist is answered with 400, not 404.
- Subject, body and altbody are Go templates: `{{` in the text of an edition would be one too
  (listmonk.app/docs/templating).
- A tag identifies the edition. It is returned with the list of campaigns, which is filtered by it again here.
"""

import re
from typing import Any

from .asking import Account, Draft, DraftError, DraftRef, Gone, call_api, get_id, get_list, get_object

KEY = re.compile(r"[^\s:]+:\S+")
AUDIENCE = re.compile(r"\d{1,9}(?:\s*,\s*\d{1,9})*")
CAMPAIGNS = "/api/campaigns"


def _call_api(account: Account, path: str, payload: Any = None, method: str = "", **query: str) -> dict[str, Any]:
    head = {"Authorization": f"token {account.key}"}
    return get_object(call_api(account, path, head, payload, method, **query), "data")


def _lists(account: Account) -> list[int]:
    return [int(one) for one in account.audience.split(",")]


def try_it(account: Account) -> None:
    """Check that the lists exist, in one request (listmonk.app/docs/apis/lists). Raises `DraftError`."""
    found = get_list(_call_api(account, "/api/lists", per_page="all"), "results")
    if not {one.get("id") for one in found}.issuperset(_lists(account)):
        raise DraftError("refused")


def look(account: Account, campaign_id: str) -> dict[str, Any]:
    try:
        return _call_api(account, f"{CAMPAIGNS}/{campaign_id}", no_body="true")
    except DraftError as fault:
        raise (Gone if fault.why == "refused" else fault) from None


def is_draft(campaign: dict[str, Any]) -> bool:
    return campaign.get("status") == "draft"


def find(account: Account, draft: Draft) -> str:
    narrowed = {"status": "draft", "tag": draft.mark, "no_body": "true", "per_page": "50", "order_by": "created_at"}
    found = get_list(_call_api(account, CAMPAIGNS, order="DESC", **narrowed), "results")
    return next((get_id(one) for one in found if draft.mark in (one.get("tags") or ()) and is_draft(one)), "")


def create(account: Account, draft: Draft) -> DraftRef:
    first = {"name": draft.title, "lists": _lists(account), "type": "regular", "tags": [draft.mark]}
    return _draft_ref(_call_api(account, CAMPAIGNS, first | _campaign_content(draft)))


def update(account: Account, campaign: dict[str, Any], draft: Draft) -> DraftRef:
    lists = [one["id"] for one in get_list(campaign, "lists") if isinstance(one.get("id"), int)] or _lists(account)
    return _draft_ref(
        _call_api(account, f"{CAMPAIGNS}/{get_id(campaign)}", {"lists": lists} | _campaign_content(draft), "PUT")
    )


def _campaign_content(draft: Draft) -> dict[str, Any]:
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
