"""Translate letters that the desk can't read, with the newsroom's own LibreTranslate server."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.settings.translation_server import TranslationServer

from .. import audit
from ..core import http_client
from ..core.actors import Staff
from ..core.domain_errors import InvalidTransition
from ..core.state_machine import must
from ..db.engine import Database
from ..db.session import add_and_flush, get_keyring, lock_row, now
from ..text.clean import clean, for_print
from .models import Letter, MachineTranslation

MAX_CHARACTERS = 20_000  # of a letter that is sent
REQUEST_TIMEOUT = 30.0  # seconds for the whole response; a small machine needs a while for a long letter
WORKER_TIMEOUT = timedelta(seconds=REQUEST_TIMEOUT * 4)  # after this, the worker that sent the request has died
# LibreTranslate sends no other status than these and 200.
FAULT_BY_STATUS = {400: "refused", 403: "key", 429: "busy", 500: "broken", 502: "broken", 503: "broken", 504: "broken"}
REQUEST_FAULTS = ("unreachable", "slow", "refused", "key", "busy", "broken", "garbage")
# Encrypted text or a key: OpenPGP (RFC 9580, section 6.2), age, S/MIME (RFC 7468).
_ENCRYPTED = re.compile(r"-----BEGIN (?:PGP|AGE|PKCS7|CMS)\b")
_IS_WAITING = (MachineTranslation.sent_at.is_(None), MachineTranslation.ended_at.is_(None))


class TranslationFailed(Exception):
    """Raised when the server gave no translation; `fault` is one of `REQUEST_FAULTS`.

    The error contains no text of the letter, as it may end up in a log.
    """

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


def request_translation(
    server: TranslationServer, texts: Sequence[str], source: str, target: str, timeout: float = REQUEST_TIMEOUT
) -> list[str]:
    """Return translations of several texts, cleaned like any untrusted text. Make one request, without retries.

    `source` and `target` are BCP 47 tags, of which the server gets only the primary language. If `source` is "und", the
    server guesses it. `timeout` is in seconds. Raises `TranslationFailed`.
    """
    source_language = source.partition("-")[0]
    payload: dict[str, str | list[str]] = {
        "q": list(texts),
        "source": "auto" if source_language == "und" else source_language,
        "target": target.partition("-")[0],
        "format": "text",
    }
    if server.key:
        payload["api_key"] = server.key
    try:
        status, body = http_client.request(server.translate_url, timeout=timeout, body=json.dumps(payload).encode())
    except http_client.NoResponse:
        raise TranslationFailed("slow") from None
    except http_client.RequestFailed:
        raise TranslationFailed("unreachable") from None
    if status != 200:
        raise TranslationFailed(FAULT_BY_STATUS.get(status, "garbage"))
    return _parse_response(body, len(texts))


def _parse_response(body: bytes, expected_count: int) -> list[str]:
    try:
        translations = http_client.parse_object(200, body).get("translatedText")
    except http_client.UnreadableResponse:
        raise TranslationFailed("garbage") from None
    if not isinstance(translations, list) or len(translations) != expected_count:
        raise TranslationFailed("garbage")
    if not all(isinstance(translation, str) for translation in translations):
        raise TranslationFailed("garbage")
    # JSON may hold half a surrogate pair, which can't be stored.
    return [for_print(clean(translation.encode(errors="replace").decode())) for translation in translations]


@dataclass(frozen=True)
class TranslationResult:
    """The state of a letter's translation: done with `body` and `background`, failed with `fault`, or else waiting.

    `at` is when it was done or failed.
    """

    language: str
    body: str = ""
    background: str = ""
    fault: str = ""
    at: datetime | None = None

    @property
    def waits(self) -> bool:
        return self.at is None and not self.fault


def get_refusal_reason(letter: Letter) -> str:
    """Return why a letter can't be sent: "erased", "sealed" for text that its writer encrypted, "long", else ""."""
    texts = _texts(letter)
    if not texts:
        return "erased"
    if any(_ENCRYPTED.search(text) for text in texts):
        return "sealed"
    return "long" if sum(map(len, texts)) > MAX_CHARACTERS else ""


def _texts(letter: Letter) -> list[str]:
    """Return the texts of a letter that are sent: body and background, never attachments or the original mail."""
    return [text for text in (letter.body, letter.background) if text]


def queue_translation(session: Session, actor: Staff, letter: Letter, language: str) -> None:
    """Queue a letter for translation into `language`, unless a translation is waiting or done.

    Raises `InvalidTransition` for a letter that can't be sent (`get_refusal_reason`), and `PermissionDenied`.
    """
    must(actor, "take letters")
    if reason := get_refusal_reason(lock_row(session, letter)):
        raise InvalidTransition("letter", "translate", reason)
    previous = find_translation(session, letter)
    if previous is not None:
        if not read_translation(session, letter, previous).fault:
            return
        session.delete(previous)
        session.flush()
    add_and_flush(
        session,
        MachineTranslation(letter_id=letter.id, language=language, asked_at=now(session), asked_by_id=actor.person_id),
    )
    audit.record(session, actor, "letter.translate", letter)


def find_translation(session: Session, letter: Letter) -> MachineTranslation | None:
    """Return the row of a letter's machine translation, whether waiting, failed or done, or None."""
    return session.scalar(select(MachineTranslation).filter_by(letter_id=letter.id))


def get_finished_translations(session: Session, letter_ids: Sequence[int]) -> dict[int, MachineTranslation]:
    """Return the finished machine translations of several letters, by letter id."""
    query = select(MachineTranslation).where(MachineTranslation.letter_id.in_(letter_ids))
    rows = session.scalars(query.where(MachineTranslation.found_sealed.is_not(None)))
    return {row.letter_id: row for row in rows}


def read_translation(session: Session, letter: Letter, row: MachineTranslation) -> TranslationResult:
    """Return the state of a machine translation, with its text decrypted. The fault is "lost" if the worker died."""
    if row.found_sealed is not None:
        body, background = json.loads(get_keyring(session).open(_seal_context(letter), row.found_sealed))
        return TranslationResult(row.language, body, background, at=row.ended_at)
    is_lost = row.sent_at is not None and row.sent_at < now(session) - WORKER_TIMEOUT
    return TranslationResult(row.language, fault=row.fault or ("lost" if is_lost else ""), at=row.ended_at)


def _seal_context(letter: Letter) -> str:
    return f"machine_translations.found.{letter.public_id}"


def translate_next(database: Database, server: TranslationServer | None) -> bool:
    """Translate the letter that has waited longest and store the result. Return whether a letter was sent.

    The row is marked as sent in a transaction of its own before the request, so that neither another worker nor one
    after a crash sends the letter again.
    """
    if server is None:
        return False
    with database.read() as session:
        waiting = select(MachineTranslation.id).where(*_IS_WAITING).order_by(MachineTranslation.id)
        waiting_id = session.scalar(waiting.limit(1))
    if waiting_id is None:
        return False
    request = database.write(lambda session: _claim(session, waiting_id))
    if request is None:
        return False
    translations: list[str] = []
    fault = None
    try:
        translations = request_translation(server, request.texts, request.source, request.target)
    except TranslationFailed as error:
        fault = error.fault
    database.write(lambda session: save_translation(session, waiting_id, translations, fault))
    return True


class _ClaimedRequest(NamedTuple):
    texts: list[str]
    source: str
    target: str


def _claim(session: Session, translation_id: int) -> _ClaimedRequest | None:
    """Mark a waiting translation as sent, and return its request, or None if it may not be sent any more."""
    query = select(MachineTranslation).where(MachineTranslation.id == translation_id, *_IS_WAITING)
    row = session.scalar(query.with_for_update())
    if row is None:
        return None
    letter = session.get(Letter, row.letter_id)
    if letter is None or get_refusal_reason(letter):
        session.delete(row)  # left in the queue, it would block the others
        return None
    row.sent_at = now(session)
    return _ClaimedRequest(_texts(letter), letter.language, row.language)


def save_translation(session: Session, translation_id: int, texts: list[str], fault: str | None) -> None:
    """Store the translated `texts` of a letter, or why there are none.

    Does nothing if the letter was withdrawn meanwhile, since the row is gone then.
    """
    row = session.scalar(select(MachineTranslation).where(MachineTranslation.id == translation_id).with_for_update())
    if row is None:
        return
    # Load these first: a query below would flush the row, ended but without a result, which a constraint forbids.
    letter, keyring = session.get_one(Letter, row.letter_id), get_keyring(session)
    row.ended_at, row.fault = now(session), fault
    if fault:
        return
    body = texts[0] if letter.body else ""
    background = texts[-1] if letter.background else ""
    row.found_sealed = keyring.seal(_seal_context(letter), json.dumps([body, background], ensure_ascii=False))
    row.key_no = keyring.newest
