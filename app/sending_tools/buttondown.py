"""Buttondown, by its API (docs.buttondown.com: api-authentication, api-emails-create, api-emails-update,
drafting-emails-via-the-api, using-templating, and its OpenAPI document; read in November 2026).

- `Authorization: Token KEY`; a key may have just `email_access: write`, and then can't send at all.
- `POST /v1/emails` always with `status: draft`: older versions of the API sent an e-mail without a status.
  `PATCH /v1/emails/{id}` changes the fields that it is given.
- An e-mail has one body, which is HTML if it begins with the comment `AS_HTML`; Buttondown makes the plain text from
  it. It is a Django template: `{{` and `{%` in the text of an edition would be tags.
- `description` is a short text for archives and search engines.
- `metadata` may hold anything, and is returned with each e-mail.
"""

import re
from typing import Any

from .tool_api import Account, DraftError, DraftRef, EditionDraft, NotFound, call_api, get_id, get_list

API_URL = "https://api.buttondown.com"
DESK_URL = "https://buttondown.com"
KEY = re.compile(r"[\w-]{16,200}", re.ASCII)
EMAILS = "/v1/emails"
AS_HTML = "<!-- buttondown-editor-mode: fancy -->"
MARK_KEY = "readers_asked"  # the key of our entry in `metadata`
_TAG_START = re.compile(r"\{(?=[{%#])")


def _call_api(account: Account, path: str, payload: Any = None, method: str = "", **query: str) -> dict[str, Any]:
    return call_api(account, f"{EMAILS}{path}", {"Authorization": f"Token {account.key}"}, payload, method, **query)


def verify_account(account: Account) -> None:
    get_list(_call_api(account, "", status="draft"), "results")


def fetch_draft(account: Account, email_id: str) -> dict[str, Any]:
    email = _call_api(account, f"/{email_id}")
    if email.get("status") == "deleted":
        raise NotFound
    return email


def is_draft(email: dict[str, Any]) -> bool:
    return email.get("status") == "draft"


def find_draft_id(account: Account, draft: EditionDraft) -> str:
    newest = get_list(_call_api(account, "", status="draft", ordering="-creation_date"), "results")
    for email in newest:
        metadata = email.get("metadata")
        if is_draft(email) and isinstance(metadata, dict) and metadata.get(MARK_KEY) == draft.mark:
            return get_id(email)
    return ""


def create_draft(account: Account, draft: EditionDraft) -> DraftRef:
    email = {**_email_content(draft), "status": "draft", "metadata": {MARK_KEY: draft.mark}}
    return _draft_ref(_call_api(account, "", email))


def update_draft(account: Account, email: dict[str, Any], draft: EditionDraft) -> DraftRef:
    return _draft_ref(_call_api(account, f"/{get_id(email)}", _email_content(draft), "PATCH"))


def _email_content(draft: EditionDraft) -> dict[str, str]:
    """Return subject, description and body, with template tags in them escaped."""
    subject, description = (_TAG_START.sub("{\N{WORD JOINER}", text) for text in (draft.title, draft.excerpt))
    body = _TAG_START.sub("&#123;", draft.html)
    return {"subject": subject, "description": description, "body": f"{AS_HTML}\n{body}"}


def _draft_ref(email: dict[str, Any]) -> DraftRef:
    if not is_draft(email):
        raise DraftError("sent")
    email_id = get_id(email)
    return DraftRef(email_id, f"/emails/{email_id}")
