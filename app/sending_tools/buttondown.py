"""Buttondown, by its API (docs.buttondown.com: api-authentication, api-emails-create, api-emails-update,
drafting-emails-via-the-api, using-templating, and its OpenAPI document; read in November 2026).

- `Authorization: Token KEY`; a key may have just `email_access: write`, and then can't send at all.
- `POST /v1/emails` always with `status: draft`: older versions of the API sent an e-mail without a status.
  `PATCH /v1/emails/{id}` changes the fields that it is given.
- There is one body, here HTML, as its first comment says; Buttondown makes the plain text from it. It is a Django
  template: `{{` and `{%` in the text of an edition would be tags.
- `metadata` is free to use, and is returned with each e-mail.
"""

import re
from typing import Any

from .asking import Account, Draft, DraftError, DraftRef, Gone, call_api, get_id, get_list

ADDRESS = "https://api.buttondown.com"
DESK = "https://buttondown.com"
KEY = re.compile(r"[\w-]{16,200}", re.ASCII)
EMAILS = "/v1/emails"
AS_HTML = "<!-- buttondown-editor-mode: fancy -->"
MARKED = "readers_asked"
_TAG = re.compile(r"\{(?=[{%#])")


def _call_api(account: Account, path: str, payload: Any = None, method: str = "", **query: str) -> dict[str, Any]:
    return call_api(account, f"{EMAILS}{path}", {"Authorization": f"Token {account.key}"}, payload, method, **query)


def try_it(account: Account) -> None:
    get_list(_call_api(account, "", status="draft"), "results")


def look(account: Account, email_id: str) -> dict[str, Any]:
    email = _call_api(account, f"/{email_id}")
    if email.get("status") == "deleted":
        raise Gone
    return email


def is_draft(email: dict[str, Any]) -> bool:
    return email.get("status") == "draft"


def find(account: Account, draft: Draft) -> str:
    found = get_list(_call_api(account, "", status="draft", ordering="-creation_date"), "results")
    ours = (one for one in found if is_draft(one) and isinstance(one.get("metadata"), dict))
    return next((get_id(one) for one in ours if one["metadata"].get(MARKED) == draft.mark), "")


def create(account: Account, draft: Draft) -> DraftRef:
    return _draft_ref(_call_api(account, "", {**_email(draft), "status": "draft", "metadata": {MARKED: draft.mark}}))


def update(account: Account, email: dict[str, Any], draft: Draft) -> DraftRef:
    return _draft_ref(_call_api(account, f"/{get_id(email)}", _email(draft), "PATCH"))


def _email(draft: Draft) -> dict[str, str]:
    body = _TAG.sub("&#123;", draft.html)
    return {"subject": _TAG.sub("{\N{WORD JOINER}", draft.title), "body": f"{AS_HTML}\n{body}"}


def _draft_ref(email: dict[str, Any]) -> DraftRef:
    if not is_draft(email):
        raise DraftError("sent")
    email_id = get_id(email)
    return DraftRef(email_id, f"/emails/{email_id}")
