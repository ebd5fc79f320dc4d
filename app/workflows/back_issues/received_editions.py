"""An edition's own mail as it arrives at the desk, and readers' replies to it.

The arriving mail gives the edition its Message-ID and shows what changed after the lock. It never marks the edition as
sent.
"""

from base64 import b32encode
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from ... import audit
from ...core.actors import Actor
from ...db.session import get_keyring, lock_row, now
from ...editions import history, locking
from ...editions.models import Edition, EditionItem
from ...text import diff
from ...text.clean import clean
from ...text.diff import split_paragraphs
from ...typesetting.overlap import runs, share
from ...typesetting.renderers import to_text

BYTES = 10  # of a reply token: 80 bits, 16 characters
RECENT = 60  # editions whose reply addresses are recognized
ARRIVES_WITHIN = timedelta(days=7)  # after the edition was marked as sent
AROUND_ITS_DATE = timedelta(days=1)
LIKE = 0.5  # share of the locked text that must be in the mail; the rest may have been edited
QUOTED = 12  # runs of words that a quote must share with an edition, in addition to the share
LOOKED_AT = 6  # editions that a quote is compared with if nothing else identifies its edition
LONGEST = 200_000  # characters of the arrived mail that are stored


def reply_token(session: Session, edition: Edition) -> str:
    """Return the token in the edition's reply address, derived from its public ID.

    The token only identifies the edition, and is no proof of who writes.
    """
    return _token(get_keyring(session).mac("editions.reply", edition.public_id))


def find_by_reply_tokens(session: Session, tokens: Sequence[str]) -> Edition | None:
    """Return the newest recent edition with one of these reply tokens, under any key of the keyring, or None."""
    if not tokens:
        return None
    ring, coming = get_keyring(session), now(session) + timedelta(days=31)
    recent = select(Edition).where(Edition.runs_at <= coming).order_by(Edition.runs_at.desc(), Edition.id).limit(RECENT)
    for edition in session.scalars(recent):
        if not {_token(mac) for mac in ring.macs("editions.reply", edition.public_id)}.isdisjoint(tokens):
            return edition
    return None


def _token(mac: bytes) -> str:
    return b32encode(mac[:BYTES]).decode().lower()


def find_by_message_ids(session: Session, message_ids: Collection[str]) -> dict[str, Edition]:
    """Return the editions with these Message-IDs, with or without angle brackets; the newest of several."""
    bare = [one.strip("<> ") for one in message_ids]
    both = [*bare, *(f"<{one}>" for one in bare)]
    found = {}
    for edition in session.scalars(select(Edition).where(Edition.message_id.in_(both)).order_by(Edition.id)):
        found[(edition.message_id or "").strip("<> ")] = edition
    return {one: found[one.strip("<> ")] for one in message_ids if one.strip("<> ") in found}


def texts_of(session: Session, editions: Sequence[Edition]) -> dict[int, str]:
    """Return the text of each edition that replies may quote: its own mail if it arrived, else the locked items."""
    found = {edition.id: [edition.arrived_text] for edition in editions if edition.arrived_text}
    missing = [edition.id for edition in editions if edition.id not in found]
    items = select(EditionItem).where(EditionItem.edition_id.in_(missing)).order_by(EditionItem.position)
    for item in session.scalars(items) if missing else ():
        found.setdefault(item.edition_id, []).append(item.output)
    return {key: "\n\n".join(filter(None, texts)) for key, texts in found.items()}


@dataclass(frozen=True)
class QuotableEdition:
    """An edition that readers may reply to, with the text that they may quote."""

    edition: Edition
    text: str

    @cached_property
    def runs(self) -> set[tuple[str, ...]]:
        return runs(self.text)


def recently_run(session: Session, newsletter_id: int, limit: int = LOOKED_AT) -> list[QuotableEdition]:
    """Return the newest fixed editions of a newsletter that have a text, newest first."""
    fixed = Edition.is_fixed
    query = select(Edition).where(Edition.newsletter_id == newsletter_id, fixed).order_by(Edition.runs_at.desc())
    editions = session.scalars(query.limit(limit)).all()
    texts = texts_of(session, editions)
    return [QuotableEdition(edition, texts[edition.id]) for edition in editions if edition.id in texts]


def find_quoted_edition(editions: Sequence[QuotableEdition], quote: str) -> Edition | None:
    """Return the edition that best matches a quote, or None."""
    quoted = runs(quote)
    best: tuple[float, Edition] | None = None
    for one in editions if len(quoted) >= QUOTED else ():
        common = len(quoted & one.runs)
        like = max(common / len(quoted), common / len(one.runs)) if one.runs else 0.0
        if common >= QUOTED and like >= LIKE and (best is None or like > best[0]):
            best = (like, one.edition)
    return best[1] if best else None


def find_arriving_edition(session: Session, newsletter_id: int, text: str) -> Edition | None:
    """Return the edition whose own mail this text is: one that may arrive now and best matches the text, or None."""
    at = now(session)
    can_arrive = or_(
        Edition.is_locked,
        and_(Edition.is_sent, Edition.sent_at >= at - ARRIVES_WITHIN),
        and_(Edition.is_planned, Edition.runs_at.between(at - AROUND_ITS_DATE, at + AROUND_ITS_DATE)),
    )
    query = select(Edition).where(Edition.newsletter_id == newsletter_id, can_arrive)
    arrived = runs(text)
    best: tuple[float, Edition] | None = None
    for edition in session.scalars(query.order_by(Edition.runs_at.desc()).limit(LOOKED_AT)):
        like = share(runs("\n\n".join(_as_it_runs(session, edition))), arrived)
        if like >= LIKE and (best is None or like > best[0]):
            best = (like, edition)
    return best[1] if best else None


def record_arrival(session: Session, actor: Actor, edition: Edition, message_id: str, text: str) -> bool:
    """Store the first arrival of an edition's own mail; return False if it has arrived already or it is another one."""
    lock_row(session, edition)
    if edition.arrived_at is not None or (edition.message_id and edition.message_id != message_id):
        return False
    edition.message_id = message_id or edition.message_id
    edition.arrived_at = now(session)
    edition.arrived_text = None if history.has_erased_text(session, edition) else clean(text)[:LONGEST]
    audit.record(session, actor, "edition.arrive", edition)
    return True


def changes(session: Session, edition: Edition) -> list[diff.Change]:
    """Return the differences between the locked and the arrived text of an edition, Q&A by Q&A.

    Empty if there are none or the edition's own mail has not arrived.
    """
    if not edition.arrived_text:
        return []
    ran = [(part, runs(part)) for part in split_paragraphs(edition.arrived_text)]
    found: list[diff.Change] = []
    for text in _as_it_runs(session, edition):
        found += diff.changes(text, _find_passage(text, ran))
    return found


def _as_it_runs(session: Session, edition: Edition) -> list[str]:
    """Return the text of each Q&A as locked, or as it would run if the edition isn't locked yet."""
    return [to_text(block) for block in locking.blocks(session, edition)]


def _find_passage(text: str, sent_paragraphs: list[tuple[str, set[tuple[str, ...]]]]) -> str:
    """Return the part of the sent text that corresponds to a Q&A, from the first to the last similar paragraph."""
    places = []
    for part in split_paragraphs(text):
        own = runs(part)
        likes = [(share(own, words), -place) for place, (_, words) in enumerate(sent_paragraphs)]
        like, place = max(likes, default=(0.0, 0))
        if like >= LIKE:
            places.append(-place)
    return "\n\n".join(part for part, _ in sent_paragraphs[min(places) : max(places) + 1]) if places else ""
