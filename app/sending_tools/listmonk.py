"""listmonk, by its API (listmonk.app/docs/apis/apis and /campaigns; its source, cmd/campaigns.go and
internal/core/campaigns.go; looked up in November 2026).

- `Authorization: token user:token` of an API user, made under Admin > Users.
- `POST /api/campaigns` makes a draft, always; `PUT /api/campaigns/{id}` changes what it is given. Both want the lists.
- A campaign that isn't there is answered with 400, not 404.
- Subject, body and altbody are Go templates: `{{` in somebody's words would be one as well
  (listmonk.app/docs/templating).
- Its tag tells the edition, and comes back with the list of campaigns, which is narrowed down here once more.
"""

import re
from typing import Any

from .asking import Account, Draft, Gone, Made, NotMade, ask, inside, listed, named

KEY = re.compile(r"[^\s:]+:\S+")
AUDIENCE = re.compile(r"\d{1,9}(?:\s*,\s*\d{1,9})*")
CAMPAIGNS = "/api/campaigns"


def _ask(account: Account, way: str, sent: Any = None, method: str = "", **query: str) -> dict[str, Any]:
    head = {"Authorization": f"token {account.key}"}
    return inside(ask(account, way, head, sent, method, **query), "data")


def _lists(account: Account) -> list[int]:
    return [int(one) for one in account.audience.split(",")]


def try_it(account: Account) -> None:
    """Look whether the lists are there, in one request (listmonk.app/docs/apis/lists)."""
    found = listed(_ask(account, "/api/lists", per_page="all"), "results")
    if not {one.get("id") for one in found}.issuperset(_lists(account)):
        raise NotMade("refused")


def look(account: Account, campaign_id: str) -> dict[str, Any]:
    try:
        return _ask(account, f"{CAMPAIGNS}/{campaign_id}", no_body="true")
    except NotMade as fault:
        raise (Gone if fault.why == "refused" else fault) from None


def is_draft(campaign: dict[str, Any]) -> bool:
    return campaign.get("status") == "draft"


def find(account: Account, draft: Draft) -> str:
    narrowed = {"status": "draft", "tag": draft.mark, "no_body": "true", "per_page": "50", "order_by": "created_at"}
    found = listed(_ask(account, CAMPAIGNS, order="DESC", **narrowed), "results")
    return next((named(one) for one in found if draft.mark in (one.get("tags") or ()) and is_draft(one)), "")


def create(account: Account, draft: Draft) -> Made:
    first = {"name": draft.title, "lists": _lists(account), "type": "regular", "tags": [draft.mark]}
    return _made(_ask(account, CAMPAIGNS, first | _words(draft)))


def update(account: Account, campaign: dict[str, Any], draft: Draft) -> Made:
    lists = [one["id"] for one in listed(campaign, "lists") if isinstance(one.get("id"), int)] or _lists(account)
    return _made(_ask(account, f"{CAMPAIGNS}/{named(campaign)}", {"lists": lists} | _words(draft), "PUT"))


def _words(draft: Draft) -> dict[str, Any]:
    return {
        "subject": _as_words(draft.title),
        "content_type": "html",
        "body": draft.html.replace("{{", "&#123;&#123;"),
        "altbody": _as_words(draft.text),
    }


def _as_words(text: str) -> str:
    """Return a text so that the template that it is gives it back as it was."""
    return text.replace("{{", '{{"{{"}}')


def _made(campaign: dict[str, Any]) -> Made:
    if not is_draft(campaign):
        raise NotMade("sent")
    campaign_id = named(campaign)
    return Made(campaign_id, f"/admin/campaigns/{campaign_id}")
