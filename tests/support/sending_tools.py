"""Fakes of Ghost, listmonk, Buttondown and Mailchimp, written after their references: docs.ghost.org/admin-api,
listmonk.app/docs/apis/campaigns (and its source), Buttondown's OpenAPI document, mailchimp.com/developer/marketing/api.

Each is as strict as the real one, and records every request that could have sent something.
"""

import base64
import hashlib
import hmac
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from app.core.clock import unix_time
from app.sending_tools.known_tools import TOOLS
from app.sending_tools.tool_api import Account
from tests.support.fake_servers import CannedResponse, CannedResponseHandler, run_server
from tests.support.required_rows import RequiredRows

GHOST_ID, GHOST_SECRET = "0123456789abcdef01234567", "ab" * 32
KEYS = RequiredRows(
    "The tests have no key of the tool {name}: give it one in KEYS of tests/support/sending_tools.py.",
    {
        "ghost": f"{GHOST_ID}:{GHOST_SECRET}",
        "listmonk": "desk:a-token-of-an-api-user",
        "buttondown": "1a2b3c4d-1111-2222-3333-444455556666",
        "mailchimp": "0123456789abcdef0123456789abcdef-us21",
    },
)
AUDIENCES = {"listmonk": "3, 5", "mailchimp": "3a5b7c9d1e"}
API_PATHS = {"mailchimp": "/3.0"}  # the path of the API at its host
# For a hosted tool: the address of its API for this key, and that of its desk.
ADDRESSES = RequiredRows(
    "Say in ADDRESSES of tests/support/sending_tools.py where the API of {name} is, and where one works.",
    {
        "buttondown": ("https://api.buttondown.com", "https://buttondown.com"),
        "mailchimp": ("https://us21.api.mailchimp.com/3.0", "https://us21.admin.mailchimp.com"),
    },
)
LOST_RESPONSE = CannedResponse(b"", 500)  # the request is carried out, but its response is lost


@dataclass
class StoredDraft:
    """A draft at a tool, with the same field names for every tool."""

    id: str
    title: str = ""
    excerpt: str = ""
    html: str = ""
    text: str = ""
    status: str = "draft"
    marks: tuple[str, ...] = ()
    version: int = 0


class ToolServer(ThreadingHTTPServer):
    """A fake tool. `responses` has responses for the next requests, one for each; None means the regular response, and
    `LOST_RESPONSE` a 500 although the request was carried out. `requests` has the method and path of every request,
    `sending_paths` the paths of those that could have sent something.
    """

    daemon_threads = True

    def __init__(self, name: str) -> None:
        self.name, self.tool = name, TOOLS[name]
        self._respond, self.key = ANSWERS[name], KEYS[name]
        super().__init__(("127.0.0.1", 0), ToolHandler)
        self.responses: list[CannedResponse | None] = []
        self.requests: list[tuple[str, str]] = []
        self.sending_paths: list[str] = []
        self.drafts: dict[str, StoredDraft] = {}
        self.stop = threading.Event()
        self._draft_count = 0

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def api_url(self) -> str:
        return self.origin + API_PATHS.get(self.name, "")

    @property
    def only_draft(self) -> StoredDraft:
        [draft] = self.drafts.values()
        return draft

    def get_account(self, key: str = "", limit: float = 20.0) -> Account:
        return Account(self.api_url, key or self.key, AUDIENCES.get(self.name, ""), {"127.0.0.1"}, limit)

    def create_draft(self, **fields: Any) -> StoredDraft:
        self._draft_count += 1
        number = str(self._draft_count) if self.name == "listmonk" else f"{self._draft_count:010x}"
        self.drafts[number] = StoredDraft(number, **fields)
        return self.drafts[number]

    def respond(self, method: str, path: str, headers: Any, body: bytes) -> CannedResponse:
        self.requests.append((method, path))
        canned = self.responses.pop(0) if self.responses else None
        if canned is not None and canned is not LOST_RESPONSE:
            return canned
        query = {name: values[-1] for name, values in parse_qs(urlsplit(path).query).items()}
        response = self._respond(self, method, urlsplit(path).path, query, headers, json.loads(body or b"{}"))
        return canned or response


class ToolHandler(CannedResponseHandler):
    server: ToolServer

    def get_response(self) -> CannedResponse:
        body = b"" if self.command == "GET" else self.read_body()
        return self.server.respond(self.command, self.path, self.headers, body)


def _decode_base64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _is_valid_ghost_token(token: str) -> bool:
    head, claims, signature = token.split(".")
    expected = hmac.digest(bytes.fromhex(GHOST_SECRET), f"{head}.{claims}".encode(), hashlib.sha256)
    payload, header = json.loads(_decode_base64(claims)), json.loads(_decode_base64(head))
    is_current = 0 < payload["exp"] - payload["iat"] <= 300 and payload["iat"] <= unix_time() <= payload["exp"]
    return (
        hmac.compare_digest(expected, _decode_base64(signature))
        and is_current
        and payload["aud"] == "/admin/"
        and header == {"alg": "HS256", "typ": "JWT", "kid": GHOST_ID}
    )


def _ghost(
    server: ToolServer, method: str, path: str, query: dict[str, str], headers: Any, payload: dict[str, Any]
) -> CannedResponse:
    def error(status: int, kind: str) -> CannedResponse:
        return CannedResponse({"errors": [{"message": "no", "type": kind}]}, status)

    scheme, _blank, token = headers.get("Authorization", "").partition(" ")
    if scheme != "Ghost" or not headers.get("Accept-Version") or not _is_valid_ghost_token(token):
        return error(401, "UnauthorizedError")
    match = re.fullmatch(r"/ghost/api/admin/posts/(?:(\w+)/)?", path)
    if match is None:
        return error(404, "NotFoundError")
    if method == "GET" and not match[1]:
        filter_match = re.fullmatch(r"status:draft\+tag:hash-([a-z0-9-]+)", query.get("filter", ""))
        tag = filter_match and f"#{filter_match[1]}"
        drafts = [draft for draft in server.drafts.values() if draft.status == "draft" and tag in draft.marks]
        return CannedResponse({"posts": [{"id": draft.id} for draft in drafts[: int(query["limit"])]], "meta": {}})
    if method == "POST":
        post = payload["posts"][0]
        draft = server.create_draft()
        draft.status, draft.marks = post.get("status", "draft"), tuple(post.get("tags", ()))
    elif (stored := server.drafts.get(match[1] or "")) is None:
        return error(404, "NotFoundError")
    else:
        draft = stored
    if method != "GET":
        post = payload["posts"][0]
        if method == "PUT" and post.get("updated_at") != str(draft.version):
            return error(409, "UpdateCollisionError")
        if query.get("source") != "html":
            return error(422, "ValidationError")
        if post.get("status", "draft") != "draft" or "newsletter" in query:
            server.sending_paths.append(path)
        if len(post["title"]) > 255 or len(post["custom_excerpt"]) > 300:
            return error(422, "ValidationError")
        draft.title, draft.html, draft.version = post["title"], post["html"], draft.version + 1
        draft.excerpt = post["custom_excerpt"]
    as_json = {
        "id": draft.id,
        "status": draft.status,
        "title": draft.title,
        "html": draft.html,
        "updated_at": str(draft.version),
    }
    return CannedResponse({"posts": [as_json]}, 201 if method == "POST" else 200)


def _listmonk(
    server: ToolServer, method: str, path: str, query: dict[str, str], headers: Any, payload: dict[str, Any]
) -> CannedResponse:
    if headers.get("Authorization") != f"token {KEYS['listmonk']}":
        return CannedResponse({"message": "invalid session"}, 403)
    if (method, path) == ("GET", "/api/lists"):
        return CannedResponse(
            {"data": {"results": [{"id": 3, "name": "Readers"}, {"id": 5, "name": "Members"}], "total": 2}}
        )
    match = re.fullmatch(r"/api/campaigns(?:/(\d+))?", path)
    if match is None:
        if path.endswith("/status"):
            server.sending_paths.append(path)
        return CannedResponse({"message": "not found"}, 404)

    def as_json(draft: StoredDraft) -> dict[str, Any]:
        fields = {
            "id": int(draft.id),
            "subject": draft.title,
            "body": draft.html,
            "altbody": draft.text,
            "status": draft.status,
        }
        return fields | {
            "tags": list(draft.marks),
            "lists": [{"id": 3, "name": "Readers"}, {"id": 5, "name": "Members"}],
        }

    if method == "GET" and not match[1]:
        drafts = [
            draft for draft in server.drafts.values() if query["tag"] in draft.marks and draft.status == query["status"]
        ]
        return CannedResponse({"data": {"results": [as_json(draft) for draft in drafts], "total": len(drafts)}})
    if method == "POST":
        if payload.get("type") != "regular" or not payload.get("name"):
            return CannedResponse({"message": "invalid"}, 400)
        draft = server.create_draft(marks=tuple(payload["tags"]))
    elif (stored := server.drafts.get(match[1] or "")) is None:
        return CannedResponse({"message": "Campaign not found"}, 400)
    else:
        draft = stored
    if method in ("POST", "PUT"):
        if (
            payload.get("lists") != [3, 5]
            or draft.status not in ("draft", "paused", "scheduled")
            or "send_at" in payload
        ):
            return CannedResponse({"message": "invalid"}, 400)
        draft.title, draft.html, draft.text = payload["subject"], payload["body"], payload["altbody"]
    return CannedResponse({"data": as_json(draft)})


def _buttondown(
    server: ToolServer, method: str, path: str, query: dict[str, str], headers: Any, payload: dict[str, Any]
) -> CannedResponse:
    if headers.get("Authorization") != f"Token {KEYS['buttondown']}":
        return CannedResponse({"detail": "no"}, 401 if "Authorization" not in headers else 403)
    match = re.fullmatch(r"/v1/emails(?:/(\w+))?", path)
    if match is None:
        server.sending_paths.append(path)
        return CannedResponse({"detail": "Not found"}, 404)

    def as_json(draft: StoredDraft) -> dict[str, Any]:
        mark = next(iter(draft.marks), "")
        return {
            "id": draft.id,
            "subject": draft.title,
            "body": draft.html,
            "status": draft.status,
            "metadata": {"readers_asked": mark},
        }

    if method == "GET" and not match[1]:
        drafts = [as_json(draft) for draft in server.drafts.values() if draft.status == query["status"]]
        return CannedResponse({"results": drafts, "count": len(drafts), "next": None})
    if method == "POST":
        status = payload.get("status", "about_to_send")  # as its older versions took it
        draft = server.create_draft(status=status, marks=(payload["metadata"]["readers_asked"],))
        if status != "draft":
            server.sending_paths.append(path)
    elif (stored := server.drafts.get(match[1] or "")) is None:
        return CannedResponse({"detail": "Not found"}, 404)
    else:
        draft = stored
    if method in ("POST", "PATCH"):
        if payload.get("status", "draft") != "draft":
            server.sending_paths.append(path)
        draft.title, draft.excerpt, draft.html = payload["subject"], payload["description"], payload["body"]
    return CannedResponse(as_json(draft), 201 if method == "POST" else 200)


def _mailchimp(
    server: ToolServer, method: str, path: str, query: dict[str, str], headers: Any, payload: dict[str, Any]
) -> CannedResponse:
    def problem(status: int) -> CannedResponse:
        return CannedResponse({"type": "about:blank", "title": "no", "status": status, "detail": "no"}, status)

    scheme, _blank, credentials = headers.get("Authorization", "").partition(" ")
    if scheme != "Basic" or base64.b64decode(credentials).decode().partition(":")[2] != KEYS["mailchimp"]:
        return problem(401)
    if method == "GET" and path == f"/3.0/lists/{AUDIENCES['mailchimp']}":
        return CannedResponse({"id": AUDIENCES["mailchimp"]})
    match = re.fullmatch(r"/3\.0/campaigns(?:/(\w+)(/content)?)?", path)
    if match is None:
        if "/actions/" in path:
            server.sending_paths.append(path)
        return problem(404)

    def as_json(draft: StoredDraft) -> dict[str, Any]:
        status = "save" if draft.status == "draft" else draft.status
        return {
            "id": draft.id,
            "web_id": int(draft.id, 16),
            "status": status,
            "settings": {"title": draft.marks[0], "subject_line": draft.title},
        }

    if method == "GET" and not match[1]:
        return CannedResponse(
            {"campaigns": [as_json(draft) for draft in server.drafts.values() if draft.status == "draft"]}
        )
    if method == "POST":
        if (payload.get("type"), payload["recipients"]["list_id"]) != ("regular", AUDIENCES["mailchimp"]):
            return problem(400)
        draft = server.create_draft()
    elif (stored := server.drafts.get(match[1] or "")) is None:
        return problem(404)
    else:
        draft = stored
    if method != "GET" and draft.status != "draft":
        return problem(400)
    if match[2]:
        draft.html, draft.text = payload["html"], payload["plain_text"]
        return CannedResponse({"html": draft.html, "plain_text": draft.text, "archive_html": draft.html})
    if method in ("POST", "PATCH"):
        settings = payload["settings"]
        if len(settings["subject_line"]) > 150 or len(settings["preview_text"]) > 150:
            return problem(400)
        draft.title, draft.excerpt = settings["subject_line"], settings["preview_text"]
        draft.marks = (settings["title"],)
    return CannedResponse(as_json(draft))


ANSWERS: RequiredRows[Callable[..., CannedResponse]] = RequiredRows(
    "Nothing answers as the tool {name} does: say how in ANSWERS of tests/support/sending_tools.py.",
    {"ghost": _ghost, "listmonk": _listmonk, "buttondown": _buttondown, "mailchimp": _mailchimp},
)


@contextmanager
def run_tool_server(name: str) -> Iterator[ToolServer]:
    server = ToolServer(name)
    with run_server(server, server.stop):
        yield server
