"""Letters in a language that the desk can't read, as a machine of the newsroom's own understands them.

Somebody of the desk asks for it, letter by letter; the worker sends its words once, and keeps what comes sealed, for
the desk alone: no mail, no export, no index and no expert has it, and it goes with the letter.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.settings.translation_server import TranslationServer

from .. import audit
from ..core.actors import Staff
from ..core.state_machine import InvalidTransition, must
from ..db.engine import Database
from ..db.session import add_and_flush, get_keyring, lock_row, now
from .libre_translate import LIMIT, TranslationFailed, translated
from .models import Letter, MachineTranslation

# What somebody encrypted, or a key: by OpenPGP (RFC 9580, section 6.2), age, S/MIME (RFC 7468).
_SEALED = re.compile(r"-----BEGIN (?:PGP|AGE|PKCS7|CMS)\b")
MOST = 20_000  # characters of a letter that are sent
LOST = timedelta(seconds=LIMIT * 4)  # after this long the worker that had sent it is no more


@dataclass(frozen=True)
class TranslationResult:
    """The translation of a letter as it stands: `body` and `background` once it is there, `fault` where it failed,
    neither while it waits; `at` is when it ended."""

    language: str
    body: str = ""
    background: str = ""
    fault: str = ""
    at: datetime | None = None

    @property
    def waits(self) -> bool:
        return self.at is None and not self.fault


def get_refusal_reason(letter: Letter) -> str:
    """Return why a letter's words can't be sent: "erased"; "sealed" for what its writer encrypted; "long"; else ""."""
    texts = _texts(letter)
    if not texts:
        return "erased"
    if any(map(_SEALED.search, texts)):
        return "sealed"
    return "long" if sum(map(len, texts)) > MOST else ""


def _texts(letter: Letter) -> list[str]:
    """Its words, and what was said besides: never what hangs on its mail, nor the mail itself."""
    return [text for text in (letter.body, letter.background) if text]


def ask(session: Session, actor: Staff, letter: Letter, language: str) -> None:
    """Let a letter be put into a language. What waits or is there already is not asked for again.

    Raises `InvalidTransition` for what may not be sent, and `PermissionDenied`.
    """
    must(actor, "take letters")
    if fault := get_refusal_reason(lock_row(session, letter)):
        raise InvalidTransition("letter", "translate", fault)
    old = find_translation(session, letter)
    if old is not None:
        found = read_translation(session, letter, old)
        if not found.fault:
            return
        session.delete(old)
        session.flush()
    add_and_flush(
        session,
        MachineTranslation(letter_id=letter.id, language=language, asked_at=now(session), asked_by_id=actor.person_id),
    )
    audit.record(session, actor, "letter.translate", letter)


def find_translation(session: Session, letter: Letter) -> MachineTranslation | None:
    """The machine's translation of a letter, asked for or made."""
    return session.scalar(select(MachineTranslation).filter_by(letter_id=letter.id))


def get_finished_translations(session: Session, letter_ids: Sequence[int]) -> dict[int, MachineTranslation]:
    """The translations that the machine has made of several letters, by letter."""
    query = select(MachineTranslation).where(MachineTranslation.letter_id.in_(letter_ids))
    rows = session.scalars(query.where(MachineTranslation.found_sealed.is_not(None)))
    return {row.letter_id: row for row in rows}


def read_translation(session: Session, letter: Letter, row: MachineTranslation) -> TranslationResult:
    """Open what a machine made of a letter."""
    if row.found_sealed is not None:
        body, background = json.loads(get_keyring(session).open(_place(letter), row.found_sealed))
        return TranslationResult(row.language, body, background, at=row.ended_at)
    lost = row.sent_at is not None and row.sent_at < now(session) - LOST
    return TranslationResult(row.language, fault=row.fault or ("lost" if lost else ""), at=row.ended_at)


def _place(letter: Letter) -> str:
    return f"machine_translations.found.{letter.public_id}"


def translate_next(database: Database, server: TranslationServer | None) -> bool:
    """Send the words of the letter that has waited longest, and keep the answer; gives whether there was one.

    That it is sent is written down before it leaves, so that no other worker, nor one after a crash, sends it again.
    """
    if server is None:
        return False
    with database.read() as session:
        waiting = session.scalar(select(MachineTranslation.id).where(*_WAITS).order_by(MachineTranslation.id).limit(1))
    claimed = database.write(lambda session: _claim(session, waiting)) if waiting is not None else None
    if claimed is None:
        return False
    texts, source, target = claimed
    try:
        came, fault = translated(server, texts, source, target), None
    except TranslationFailed as untranslated:
        came, fault = [], untranslated.fault
    database.write(lambda session: save_translation(session, waiting or 0, came, fault))
    return True


_WAITS = (MachineTranslation.sent_at.is_(None), MachineTranslation.ended_at.is_(None))


def _claim(session: Session, key: int) -> tuple[list[str], str, str] | None:
    query = select(MachineTranslation).where(MachineTranslation.id == key, *_WAITS).with_for_update()
    row = session.scalar(query)
    letter = session.get(Letter, row.letter_id) if row else None
    if row is None:
        return None
    if letter is None or get_refusal_reason(letter):  # by now it may not be sent; others wait behind it
        session.delete(row)
        return None
    row.sent_at = now(session)
    return _texts(letter), letter.language, row.language


def save_translation(session: Session, key: int, texts: list[str], fault: str | None) -> None:
    """Keep what came for a row, or why nothing did; where the letter was taken back meanwhile its row went with it."""
    row = session.scalar(select(MachineTranslation).where(MachineTranslation.id == key).with_for_update())
    if row is None:
        return
    letter, ring = session.get_one(Letter, row.letter_id), get_keyring(session)
    row.ended_at, row.fault = now(session), fault
    if not fault:
        body = texts[0] if letter.body else ""
        background = texts[-1] if letter.background else ""
        row.found_sealed = ring.seal(_place(letter), json.dumps([body, background], ensure_ascii=False))
        row.key_no = ring.newest
