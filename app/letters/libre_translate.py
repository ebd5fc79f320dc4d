"""Asks a LibreTranslate server of the newsroom's own (its API: https://docs.libretranslate.com, POST /translate)."""

import json
from collections.abc import Sequence

from app.settings.translation_server import TranslationServer

from ..core import http_client
from ..text.clean import clean, for_print

LIMIT = 30.0  # seconds for the whole answer; a small machine takes some for a long letter
# What a status says of a request; others than these and 200 are no answer of such a server.
STATUS = {400: "refused", 403: "key", 429: "busy", 500: "broken", 502: "broken", 503: "broken", 504: "broken"}
FAULTS = ("unreachable", "slow", "refused", "key", "busy", "broken", "garbage")


class TranslationFailed(Exception):
    """There is no translation; `fault` is one of FAULTS. Nothing of what was sent or answered stands in it."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


def translated(
    server: TranslationServer, texts: Sequence[str], source: str, target: str, limit: float = LIMIT
) -> list[str]:
    """Return texts in another language, as text that nobody has to trust. One request, which is never made again here.

    `source` is a tag, or "und" to let the server guess; the server knows languages by their first part. `limit` is in
    seconds. Raises `TranslationFailed`.
    """
    known = source.partition("-")[0]
    asked = {
        "q": list(texts),
        "source": "auto" if known == "und" else known,
        "target": target.partition("-")[0],
        "format": "text",
        **({"api_key": server.key} if server.key else {}),
    }
    try:
        status, body = http_client.request(server.translate, timeout=limit, body=json.dumps(asked).encode())
    except http_client.NoResponse:
        raise TranslationFailed("slow") from None
    except http_client.RequestFailed:
        raise TranslationFailed("unreachable") from None
    if status != 200:
        raise TranslationFailed(STATUS.get(status, "garbage"))
    return _read(body, len(asked["q"]))


def _read(body: bytes, number: int) -> list[str]:
    try:
        found = http_client.parse_object(200, body).get("translatedText")
    except http_client.UnreadableResponse:
        raise TranslationFailed("garbage") from None
    if not isinstance(found, list) or len(found) != number or not all(isinstance(one, str) for one in found):
        raise TranslationFailed("garbage")
    return [for_print(clean(one.encode(errors="replace").decode())) for one in found]
