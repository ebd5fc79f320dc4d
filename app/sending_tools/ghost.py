"""Ghost, by its Admin API (docs.ghost.org/admin-api, read in November 2026; Ghost 6).

- The key of a custom integration is `id:secret`. Each request has a token that is valid for five minutes at most: a JWT
  signed by HS256 with the bytes of the secret, `kid` the id, `aud` /admin/ (admin-api/#token-authentication).
  `Accept-Version` is the version of Ghost for which this was written.
- `POST /admin/posts/?source=html` converts HTML to paragraphs of the editor (admin-api/posts/creating-a-post).
  Therefore we send the fragment: a complete mail would become a single HTML card, which nobody can edit.
- `PUT /admin/posts/{id}/` needs the current `updated_at` of the post, and answers 409 if somebody has saved it since
  (admin-api/posts/updating-a-post). We send no `status`, so that a post published meanwhile stays published.
- A tag that begins with `#` is internal: readers don't see it (admin-api/#tags).
"""

import base64
import hashlib
import hmac
import json
import re
from typing import Any

from ..core.clock import unix_time
from .tool_api import Account, DraftRef, EditionDraft, call_api, get_id, get_list

KEY = re.compile(r"([0-9a-f]{24}):((?:[0-9a-f]{2}){32})")
POSTS = "/ghost/api/admin/posts/"
TAG = "#readers-asked"
VERSION = "v6.0"
TOKEN_LIFETIME = 240  # seconds


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def create_jwt(key: str, issued_at: int) -> str:
    """Return the JWT of a key, issued at a time in seconds since 1970 (RFC 7515, appendix A.1)."""
    key_id, _colon, secret = key.partition(":")
    header = {"alg": "HS256", "typ": "JWT", "kid": key_id}
    claims = {"iat": issued_at, "exp": issued_at + TOKEN_LIFETIME, "aud": "/admin/"}
    signed = ".".join(_base64(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    mac = hmac.digest(bytes.fromhex(secret), signed.encode(), hashlib.sha256)
    return f"{signed}.{_base64(mac)}"


def _call_api(account: Account, path: str, payload: Any = None, method: str = "", **query: str) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Ghost {create_jwt(account.key, int(unix_time()))}", "Accept-Version": VERSION}
    wrapped = None if payload is None else {"posts": [payload]}
    return get_list(call_api(account, f"{POSTS}{path}", headers, wrapped, method, **query), "posts")


def verify_account(account: Account) -> None:
    _call_api(account, "", limit="1", fields="id")


def fetch_draft(account: Account, post_id: str) -> dict[str, Any]:
    return _get_post(_call_api(account, f"{post_id}/", fields="id,status,updated_at"))


def is_draft(post: dict[str, Any]) -> bool:
    return post.get("status") == "draft"


def find_draft_id(account: Account, draft: EditionDraft) -> str:
    # Ghost makes a tag's slug of its name; that of an internal one begins with "hash-".
    posts = _call_api(account, "", filter=f"status:draft+tag:hash-{draft.mark}", limit="1", fields="id")
    return get_id(posts[0]) if posts else ""


def create_draft(account: Account, draft: EditionDraft) -> DraftRef:
    post = {**_post_content(draft), "status": "draft", "tags": [TAG, f"#{draft.mark}"]}
    return _draft_ref(_call_api(account, "", post, source="html"))


def update_draft(account: Account, post: dict[str, Any], draft: EditionDraft) -> DraftRef:
    changed = {**_post_content(draft), "updated_at": post.get("updated_at")}
    return _draft_ref(_call_api(account, f"{get_id(post)}/", changed, "PUT", source="html"))


def _post_content(draft: EditionDraft) -> dict[str, str]:
    return {"title": draft.title, "custom_excerpt": draft.excerpt, "html": draft.html}


def _get_post(posts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the only post of a response, or {} if it has none."""
    return posts[0] if posts else {}


def _draft_ref(posts: list[dict[str, Any]]) -> DraftRef:
    post_id = get_id(_get_post(posts))
    return DraftRef(post_id, f"/ghost/#/editor/post/{post_id}")
