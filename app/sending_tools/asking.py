"""Requests to a tool that sends: an account, a draft, how responses are read, and the reasons why there is no draft.

Nothing of a response is quoted or stored except our own code for it: it may hold the key or text.
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlencode

from ..core import http_client

LIMIT = 20.0  # seconds for a response
LARGEST = 4 * 1024 * 1024  # bytes of a response: most tools return the whole draft
_ID = re.compile(r"[\w-]{1,64}", re.ASCII)


class DraftError(Exception):
    """Raised when the tool made no draft. `why` is a key of `FAULTS`.

    If the fault `passes`, it is worth trying again, not before `again_in` seconds if the tool said so.
    """

    def __init__(self, code: str, again_in: int | None = None) -> None:
        super().__init__(code)
        self.why, self.again_in = code, again_in

    @property
    def passes(self) -> bool:
        return FAULTS[self.why]


# Why there is no draft, and whether trying again later may help.
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


class Gone(Exception):
    """Raised for an object that the tool doesn't have, or no longer."""


class Draft(NamedTuple):
    """An edition to hand over. `mark` identifies the edition, so that its draft can be found again at the tool."""

    title: str
    html: str
    text: str
    mark: str


class DraftRef(NamedTuple):
    """A draft at the tool: its id there, and the path of the page on which it is edited."""

    id: str
    link: str


@dataclass(frozen=True)
class Account:
    """A newsletter's account at a tool: its URL, its key, and the audience, for tools that have several lists.

    `own` are the hosts in the newsroom's own network to which the URL may lead; `limit` is in seconds.
    """

    address: str
    key: str = field(repr=False)
    audience: str = ""
    own: Collection[str] = ()
    limit: float = LIMIT


def call_api(
    account: Account, path: str, headers: Mapping[str, str], payload: Any = None, method: str = "", **query: str
) -> dict[str, Any]:
    """Return the JSON object of a response: to `payload` as JSON, or to a GET without one.

    All tools use statuses in the same way (RFC 9110, section 15; 429: RFC 6585, section 4). Raises `DraftError` and
    `Gone`.
    """
    url = f"{account.address}{path}" + (f"?{urlencode(query)}" if query else "")
    body = None if payload is None else json.dumps(payload, ensure_ascii=False).encode()
    try:
        status, found, again_in = http_client.send_request(
            url, headers, account.limit, body=body, method=method, own_hosts=account.own, max_bytes=LARGEST
        )
    except http_client.Forbidden:
        raise DraftError("inward") from None
    except http_client.RequestFailed:
        raise DraftError("away") from None
    if status in (404, 410):
        raise Gone
    if status >= 400:
        raise DraftError(_STATUSES.get(status, "away" if status >= 500 else "refused"), again_in)
    try:
        return http_client.parse_object(status, found) if found else {}
    except http_client.UnreadableResponse:
        raise DraftError("address") from None


_STATUSES = {401: "key", 403: "key", 409: "meanwhile", 413: "large", 408: "away", 425: "away", 429: "quota"}


def get_id(response: Mapping[str, Any], name: str = "id") -> str:
    """Return an id from a response. Raises `DraftError` for one that couldn't be part of a URL."""
    value = str(response.get(name, ""))
    if not _ID.fullmatch(value):
        raise DraftError("address")
    return value


def get_object(response: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an object from a response. Raises `DraftError` if it isn't there."""
    value = response.get(name)
    if not isinstance(value, dict):
        raise DraftError("address")
    return value


def get_list(response: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the objects of a list from a response. Raises `DraftError` if it isn't there."""
    value = response.get(name)
    if not isinstance(value, list):
        raise DraftError("address")
    return [one for one in value if isinstance(one, dict)]
