"""The parts that the modules of the tools share: accounts, drafts, faults, and requests to the tool's API.

A response may contain the key or text, so no part of it is quoted or stored. Faults are reported by codes of our own.
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlencode

from ..core import http_client

TIMEOUT = 20.0  # seconds for a response
LARGEST = 4 * 1024 * 1024  # bytes of a response: most tools return the whole draft
_ID = re.compile(r"[\w-]{1,64}", re.ASCII)

# The codes of faults, and whether trying again later may help.
FAULTS = {
    "key": False,  # the key is unknown, or lacks the permission
    "address": False,  # there is no such tool at this URL, or it redirects
    "inward": False,  # the URL leads into a private network
    "refused": False,  # the tool rejects the request, mostly because of the list
    "large": False,  # the draft is too large for the tool
    "sent": False,  # the draft has been sent, or is scheduled
    "away": True,  # the tool can't be reached, is too slow, or has an error of its own
    "quota": True,  # too many requests
    "meanwhile": True,  # somebody saved the draft at the same moment
}
_FAULTS_BY_STATUS = {401: "key", 403: "key", 409: "meanwhile", 413: "large", 408: "away", 425: "away", 429: "quota"}


class DraftError(Exception):
    """The tool didn't do what was requested. `code` is a key of `FAULTS`.

    `retry_after` is the delay that the tool asked for, in seconds.
    """

    def __init__(self, code: str, retry_after: int | None = None) -> None:
        super().__init__(code)
        self.code, self.retry_after = code, retry_after

    @property
    def is_temporary(self) -> bool:
        return FAULTS[self.code]


class NotFound(Exception):
    """The tool doesn't have the object, or no longer has it."""


class EditionDraft(NamedTuple):
    """An edition to hand over. `mark` is stored with the draft at the tool, so that it can be found again.

    `title` and `excerpt`, which inboxes show beside it, have at most 150 characters each.
    """

    title: str
    excerpt: str
    html: str
    text: str
    mark: str


class DraftRef(NamedTuple):
    """A draft at the tool: its id there, and the path of the page on which it is edited."""

    id: str
    link: str


@dataclass(frozen=True)
class Account:
    """A newsletter's account at a tool: the URL of its API, its key, and for tools with several lists the audience.

    `own_hosts` are the hosts in the newsroom's own network to which the URL may lead; `timeout` is in seconds.
    """

    address: str
    key: str = field(repr=False)
    audience: str = ""
    own_hosts: Collection[str] = ()
    timeout: float = TIMEOUT


def call_api(
    account: Account, path: str, headers: Mapping[str, str], payload: Any = None, method: str = "", **query: str
) -> dict[str, Any]:
    """Request a path with `payload` as JSON, or by GET without one. Return the response's JSON object, {} if empty.

    All tools use statuses in the same way (RFC 9110, section 15; 429: RFC 6585, section 4). Raises `DraftError` and
    `NotFound`.
    """
    url = f"{account.address}{path}" + (f"?{urlencode(query)}" if query else "")
    body = None if payload is None else json.dumps(payload, ensure_ascii=False).encode()
    try:
        status, content, retry_after = http_client.send_request(
            url, headers, account.timeout, body=body, method=method, own_hosts=account.own_hosts, max_bytes=LARGEST
        )
    except http_client.Forbidden:
        raise DraftError("inward") from None
    except http_client.RequestFailed:
        raise DraftError("away") from None
    if status in (404, 410):
        raise NotFound
    if status >= 400:
        default = "away" if status >= 500 else "refused"
        raise DraftError(_FAULTS_BY_STATUS.get(status, default), retry_after)
    try:
        return http_client.parse_object(status, content) if content else {}
    except http_client.UnreadableResponse:
        raise DraftError("address") from None


def get_id(response: Mapping[str, Any], name: str = "id") -> str:
    """Return an ID from a response. Raises `DraftError` for one that isn't safe in a URL."""
    value = str(response.get(name, ""))
    if not _ID.fullmatch(value):
        raise DraftError("address")
    return value


def get_object(response: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an object from a response. Raises `DraftError` if there is none."""
    value = response.get(name)
    if not isinstance(value, dict):
        raise DraftError("address")
    return value


def get_list(response: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the objects of a list from a response. Raises `DraftError` if there is no list."""
    value = response.get(name)
    if not isinstance(value, list):
        raise DraftError("address")
    return [element for element in value if isinstance(element, dict)]
