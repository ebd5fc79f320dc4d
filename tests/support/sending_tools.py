"""Ghost, listmonk, Buttondown and Mailchimp on this machine, which answer as their references say: docs.ghost.org/admin-api,
listmonk.app/docs/apis/campaigns (and its source), Buttondown's OpenAPI document, mailchimp.com/developer/marketing/api.

Each is as strict as the real one, and notes whatever would send.
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
from tests.support.fake_servers import AnswerHandler, CannedAnswer, run_server
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
PATHS = {"mailchimp": "/3.0"}  # behind the host
# Of a tool that has one address for everybody: where its API is for this key, and where one works.
ADDRESSES = RequiredRows(
    "Say in ADDRESSES of tests/support/sending_tools.py where the API of {name} is, and where one works.",
    {
        "buttondown": ("https://api.buttondown.com", "https://buttondown.com"),
        "mailchimp": ("https://us21.api.mailchimp.com/3.0", "https://us21.admin.mailchimp.com"),
    },
)
LOST = CannedAnswer(b"", 500)  # what is asked is done, and the answer lost


@dataclass
class StoredDraft:
    """A draft at a tool, whatever it calls its parts."""

    id: str
    title: str = ""
    html: str = ""
    text: str = ""
    status: str = "draft"
    marks: tuple[str, ...] = ()
    changed: int = 0


class ToolServer(ThreadingHTTPServer):
    """`answers` are given first, one a request; None in it lets a request be answered as usual, and `LOST` does it and says 500.
    `asked` are the requests that came, `sends` those among them that could have sent something."""

    daemon_threads = True

    def __init__(self, name: str) -> None:
        self.name, self.tool = name, TOOLS[name]
        self.answer_as, self.key = ANSWERS[name], KEYS[name]
        super().__init__(("127.0.0.1", 0), ToolHandler)
        self.answers: list[CannedAnswer | None] = []
        self.asked: list[tuple[str, str]] = []
        self.sends: list[str] = []
        self.kept: dict[str, StoredDraft] = {}
        self.over = threading.Event()
        self._made = 0

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def address(self) -> str:
        return self.origin + PATHS.get(self.name, "")

    @property
    def draft(self) -> StoredDraft:
        [one] = self.kept.values()
        return one

    def account(self, key: str = "", limit: float = 20.0) -> Account:
        return Account(self.address, key or self.key, AUDIENCES.get(self.name, ""), {"127.0.0.1"}, limit)

    def new(self, **parts: Any) -> StoredDraft:
        self._made += 1
        number = str(self._made) if self.name == "listmonk" else f"{self._made:010x}"
        self.kept[number] = StoredDraft(number, **parts)
        return self.kept[number]

    def answer(self, method: str, path: str, head: Any, sent: bytes) -> CannedAnswer:
        self.asked.append((method, path))
        chosen = self.answers.pop(0) if self.answers else None
        if chosen is not None and chosen is not LOST:
            return chosen
        query = {name: values[-1] for name, values in parse_qs(urlsplit(path).query).items()}
        usual = self.answer_as(self, method, urlsplit(path).path, query, head, json.loads(sent or b"{}"))
        return chosen or usual


class ToolHandler(AnswerHandler):
    server: ToolServer

    def answer(self) -> CannedAnswer:
        sent = b"" if self.command == "GET" else self.sent()
        return self.server.answer(self.command, self.path, self.headers, sent)


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _ghost_knows(token: str) -> bool:
    head, claims, signed = token.split(".")
    right = hmac.digest(bytes.fromhex(GHOST_SECRET), f"{head}.{claims}".encode(), hashlib.sha256)
    said, of = json.loads(_unbase64(claims)), json.loads(_unbase64(head))
    lives = 0 < said["exp"] - said["iat"] <= 300 and said["iat"] <= unix_time() <= said["exp"]
    return (
        hmac.compare_digest(right, _unbase64(signed))
        and lives
        and said["aud"] == "/admin/"
        and of == {"alg": "HS256", "typ": "JWT", "kid": GHOST_ID}
    )


def _ghost(
    at: ToolServer, method: str, path: str, query: dict[str, str], head: Any, sent: dict[str, Any]
) -> CannedAnswer:
    def error(status: int, kind: str) -> CannedAnswer:
        return CannedAnswer({"errors": [{"message": "no", "type": kind}]}, status)

    scheme, _blank, token = head.get("Authorization", "").partition(" ")
    if scheme != "Ghost" or not head.get("Accept-Version") or not _ghost_knows(token):
        return error(401, "UnauthorizedError")
    found = re.fullmatch(r"/ghost/api/admin/posts/(?:(\w+)/)?", path)
    if found is None:
        return error(404, "NotFoundError")
    if method == "GET" and not found[1]:
        wanted = re.fullmatch(r"status:draft\+tag:hash-readers-asked\+title:'(.*)'", query.get("filter", ""))
        title = wanted and re.sub(r"\\(.)", r"\1", wanted[1])
        ours = [
            one
            for one in at.kept.values()
            if one.status == "draft" and "#readers-asked" in one.marks and one.title == title
        ]
        return CannedAnswer({"posts": [{"id": one.id} for one in ours[: int(query["limit"])]], "meta": {}})
    if method == "POST":
        post = sent["posts"][0]
        one = at.new()
        one.status, one.marks = post.get("status", "draft"), tuple(post.get("tags", ()))
    elif (known := at.kept.get(found[1] or "")) is None:
        return error(404, "NotFoundError")
    else:
        one = known
    if method != "GET":
        post = sent["posts"][0]
        if method == "PUT" and post.get("updated_at") != str(one.changed):
            return error(409, "UpdateCollisionError")
        if query.get("source") != "html":
            return error(422, "ValidationError")
        if post.get("status", "draft") != "draft" or "newsletter" in query:
            at.sends.append(path)
        one.title, one.html, one.changed = post["title"], post["html"], one.changed + 1
    as_json = {"id": one.id, "status": one.status, "title": one.title, "html": one.html, "updated_at": str(one.changed)}
    return CannedAnswer({"posts": [as_json]}, 201 if method == "POST" else 200)


def _listmonk(
    at: ToolServer, method: str, path: str, query: dict[str, str], head: Any, sent: dict[str, Any]
) -> CannedAnswer:
    if head.get("Authorization") != f"token {KEYS['listmonk']}":
        return CannedAnswer({"message": "invalid session"}, 403)
    if (method, path) == ("GET", "/api/lists"):
        return CannedAnswer(
            {"data": {"results": [{"id": 3, "name": "Readers"}, {"id": 5, "name": "Members"}], "total": 2}}
        )
    found = re.fullmatch(r"/api/campaigns(?:/(\d+))?", path)
    if found is None:
        at.sends += [path] if path.endswith("/status") else []
        return CannedAnswer({"message": "not found"}, 404)

    def as_json(one: StoredDraft) -> dict[str, Any]:
        own = {"id": int(one.id), "subject": one.title, "body": one.html, "altbody": one.text, "status": one.status}
        return own | {"tags": list(one.marks), "lists": [{"id": 3, "name": "Readers"}, {"id": 5, "name": "Members"}]}

    if method == "GET" and not found[1]:
        ours = [one for one in at.kept.values() if query["tag"] in one.marks and one.status == query["status"]]
        return CannedAnswer({"data": {"results": [as_json(one) for one in ours], "total": len(ours)}})
    if method == "POST":
        if sent.get("type") != "regular" or not sent.get("name"):
            return CannedAnswer({"message": "invalid"}, 400)
        one = at.new(marks=tuple(sent["tags"]))
    elif (known := at.kept.get(found[1] or "")) is None:
        return CannedAnswer({"message": "Campaign not found"}, 400)
    else:
        one = known
    if method in ("POST", "PUT"):
        if sent.get("lists") != [3, 5] or one.status not in ("draft", "paused", "scheduled") or "send_at" in sent:
            return CannedAnswer({"message": "invalid"}, 400)
        one.title, one.html, one.text = sent["subject"], sent["body"], sent["altbody"]
    return CannedAnswer({"data": as_json(one)})


def _buttondown(
    at: ToolServer, method: str, path: str, query: dict[str, str], head: Any, sent: dict[str, Any]
) -> CannedAnswer:
    if head.get("Authorization") != f"Token {KEYS['buttondown']}":
        return CannedAnswer({"detail": "no"}, 401 if "Authorization" not in head else 403)
    found = re.fullmatch(r"/v1/emails(?:/(\w+))?", path)
    if found is None:
        at.sends.append(path)
        return CannedAnswer({"detail": "Not found"}, 404)

    def as_json(one: StoredDraft) -> dict[str, Any]:
        mark = next(iter(one.marks), "")
        return {
            "id": one.id,
            "subject": one.title,
            "body": one.html,
            "status": one.status,
            "metadata": {"readers_asked": mark},
        }

    if method == "GET" and not found[1]:
        ours = [as_json(one) for one in at.kept.values() if one.status == query["status"]]
        return CannedAnswer({"results": ours, "count": len(ours), "next": None})
    if method == "POST":
        status = sent.get("status", "about_to_send")  # as its older versions took it
        one = at.new(status=status, marks=(sent["metadata"]["readers_asked"],))
        at.sends += [] if status == "draft" else [path]
    elif (known := at.kept.get(found[1] or "")) is None:
        return CannedAnswer({"detail": "Not found"}, 404)
    else:
        one = known
    if method in ("POST", "PATCH"):
        at.sends += [path] if sent.get("status", "draft") != "draft" else []
        one.title, one.html = sent["subject"], sent["body"]
    return CannedAnswer(as_json(one), 201 if method == "POST" else 200)


def _mailchimp(
    at: ToolServer, method: str, path: str, query: dict[str, str], head: Any, sent: dict[str, Any]
) -> CannedAnswer:
    def problem(status: int) -> CannedAnswer:
        return CannedAnswer({"type": "about:blank", "title": "no", "status": status, "detail": "no"}, status)

    scheme, _blank, named = head.get("Authorization", "").partition(" ")
    if scheme != "Basic" or base64.b64decode(named).decode().partition(":")[2] != KEYS["mailchimp"]:
        return problem(401)
    if method == "GET" and path == f"/3.0/lists/{AUDIENCES['mailchimp']}":
        return CannedAnswer({"id": AUDIENCES["mailchimp"]})
    found = re.fullmatch(r"/3\.0/campaigns(?:/(\w+)(/content)?)?", path)
    if found is None:
        at.sends += [path] if "/actions/" in path else []
        return problem(404)

    def as_json(one: StoredDraft) -> dict[str, Any]:
        status = "save" if one.status == "draft" else one.status
        return {
            "id": one.id,
            "web_id": int(one.id, 16),
            "status": status,
            "settings": {"title": one.marks[0], "subject_line": one.title},
        }

    if method == "GET" and not found[1]:
        return CannedAnswer({"campaigns": [as_json(one) for one in at.kept.values() if one.status == "draft"]})
    if method == "POST":
        if (sent.get("type"), sent["recipients"]["list_id"]) != ("regular", AUDIENCES["mailchimp"]):
            return problem(400)
        one = at.new()
    elif (known := at.kept.get(found[1] or "")) is None:
        return problem(404)
    else:
        one = known
    if method != "GET" and one.status != "draft":
        return problem(400)
    if found[2]:
        one.html, one.text = sent["html"], sent["plain_text"]
        return CannedAnswer({"html": one.html, "plain_text": one.text, "archive_html": one.html})
    if method in ("POST", "PATCH"):
        one.title, one.marks = sent["settings"]["subject_line"], (sent["settings"]["title"],)
    return CannedAnswer(as_json(one))


ANSWERS: RequiredRows[Callable[..., CannedAnswer]] = RequiredRows(
    "Nothing answers as the tool {name} does: say how in ANSWERS of tests/support/sending_tools.py.",
    {"ghost": _ghost, "listmonk": _listmonk, "buttondown": _buttondown, "mailchimp": _mailchimp},
)


@contextmanager
def tool_server(name: str) -> Iterator[ToolServer]:
    server = ToolServer(name)
    with run_server(server, server.over):
        yield server
