"""Requests to a tool that sends: one account there, its answers, and the few ways in which it refuses.

No answer is quoted, nor anything of it kept but names of ours for what it means: it may hold the key or the words.
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlencode

from ..core import http_client

LIMIT = 20.0  # seconds that an answer may take
LARGEST = 4 * 1024 * 1024  # bytes of an answer: most tools give back the whole draft
_ID = re.compile(r"[\w-]{1,64}", re.ASCII)


class DraftError(Exception):
    """The tool made no draft. `code` is a key of `FAULTS`; what `passes` is tried again, not before `again_in` seconds
    where the tool said so."""

    def __init__(self, code: str, again_in: int | None = None) -> None:
        super().__init__(code)
        self.why, self.again_in = code, again_in

    @property
    def passes(self) -> bool:
        return FAULTS[self.why]


# Why there is no draft, and whether it may be otherwise in a while.
FAULTS = {
    "key": False,  # it doesn't know the key, or the key may not do this
    "address": False,  # at this address is no such tool, or it sends us elsewhere
    "inward": False,  # the address leads into a network that is not public
    "refused": False,  # it can't use what is asked: the list, mostly
    "large": False,  # it takes nothing so large
    "sent": False,  # the draft is one no more: it was sent there, or is about to be
    "away": True,  # it can't be reached, is too slow, or has a fault of its own
    "quota": True,  # it has been asked too often
    "meanwhile": True,  # somebody saved the draft there at the same moment
}


class Gone(Exception):
    """There is no such thing at the tool, or not any more."""


class Draft(NamedTuple):
    """An edition as it is handed over. `mark` is the edition's own, by which its draft is known at the tool again."""

    title: str
    html: str
    text: str
    mark: str


class DraftRef(NamedTuple):
    """A draft at the tool: by what it is called there, and the part of its address that leads to it."""

    id: str
    link: str


@dataclass(frozen=True)
class Account:
    """A newsletter's tool: where it is, what opens it, and for whom its drafts are, where the tool has several lists.

    `own` are the hosts of the newsroom's own network that its address may lead to; `limit` is in seconds.
    """

    address: str
    key: str = field(repr=False)
    audience: str = ""
    own: Collection[str] = ()
    limit: float = LIMIT


def call_api(
    account: Account, path: str, headers: Mapping[str, str], payload: Any = None, method: str = "", **query: str
) -> dict[str, Any]:
    """Return the object that the tool answers with, to what is `payload` as JSON or to a look. Raises `DraftError`,
    `Gone`.

    The statuses mean the same with all of them (RFC 9110, section 15; 429: RFC 6585, section 4).
    """
    url = f"{account.address}{path}" + (f"?{urlencode(query)}" if query else "")
    body = None if payload is None else json.dumps(payload, ensure_ascii=False).encode()
    try:
        status, found, again_in = http_client.send_request(
            url, headers, account.limit, body=body, method=method, own_hosts=account.own, largest=LARGEST
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
    """Return by what something is called at the tool. Raises `DraftError` for anything that couldn't stand in an
    address."""
    value = str(response.get(name, ""))
    if not _ID.fullmatch(value):
        raise DraftError("address")
    return value


def get_object(response: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the object in an answer. Raises `DraftError` where there is none."""
    value = response.get(name)
    if not isinstance(value, dict):
        raise DraftError("address")
    return value


def get_list(response: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the objects of a list in an answer. Raises `DraftError` where there is no list."""
    value = response.get(name)
    if not isinstance(value, list):
        raise DraftError("address")
    return [one for one in value if isinstance(one, dict)]
