"""An edition and its mail: the one that arrives at the desk (D7), and the replies that readers write to it.

What arrives gives the edition its Message-ID and shows what changed after the lock. It never marks an edition as sent.
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

BYTES = 10  # of a reply token: 80 bits, 16 symbols
RECENT = 60  # editions whose reply addresses are known
ARRIVES_WITHIN = timedelta(days=7)  # after it was marked as sent
AROUND_ITS_DATE = timedelta(days=1)
LIKE = 0.5  # of what was locked must stand in the mail; the rest may have been edited
QUOTED = 12  # runs of words that a quote must share with an edition, whatever the shares are
LOOKED_AT = 6  # editions that a quote without any other sign is compared with
LONGEST = 200_000  # characters that are kept of what arrived


def reply_token(session: Session, edition: Edition) -> str:
    """Return what stands in the edition's reply address. It follows from the edition: it proves nothing, it only says
    which one.
    """
    return _token(get_keyring(session).mac("editions.reply", edition.public_id))


def find_by_reply_tokens(session: Session, tokens: Sequence[str]) -> Edition | None:
    """The edition whose reply address was written to, under any key that is still held."""
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
    """The editions whose own mails have one of these Message-IDs; of several that have the same one the newest."""
    bare = [one.strip("<> ") for one in message_ids]
    both = [*bare, *(f"<{one}>" for one in bare)]
    found = {}
    for edition in session.scalars(select(Edition).where(Edition.message_id.in_(both)).order_by(Edition.id)):
        found[(edition.message_id or "").strip("<> ")] = edition
    return {one: found[one.strip("<> ")] for one in message_ids if one.strip("<> ") in found}


def texts_of(session: Session, editions: Sequence[Edition]) -> dict[int, str]:
    """Return what may be quoted of each edition: its own mail if it arrived, else what was locked."""
    found = {edition.id: [edition.arrived_text] for edition in editions if edition.arrived_text}
    missing = [edition.id for edition in editions if edition.id not in found]
    items = select(EditionItem).where(EditionItem.edition_id.in_(missing)).order_by(EditionItem.position)
    for item in session.scalars(items) if missing else ():
        found.setdefault(item.edition_id, []).append(item.output)
    return {key: "\n\n".join(filter(None, texts)) for key, texts in found.items()}


@dataclass(frozen=True)
class QuotableEdition:
    """An edition that readers can have before them, with what can be quoted of it."""

    edition: Edition
    text: str

    @cached_property
    def runs(self) -> set[tuple[str, ...]]:
        return runs(self.text)


def recently_run(session: Session, newsletter_id: int, limit: int = LOOKED_AT) -> list[QuotableEdition]:
    """The newest editions of a newsletter that are fixed, the newest first."""
    fixed = Edition.is_fixed
    query = select(Edition).where(Edition.newsletter_id == newsletter_id, fixed).order_by(Edition.runs_at.desc())
    editions = session.scalars(query.limit(limit)).all()
    texts = texts_of(session, editions)
    return [QuotableEdition(edition, texts[edition.id]) for edition in editions if edition.id in texts]


def find_quoted_edition(editions: Sequence[QuotableEdition], quote: str) -> Edition | None:
    """The edition that a quote is from."""
    quoted = runs(quote)
    best: tuple[float, Edition] | None = None
    for one in editions if len(quoted) >= QUOTED else ():
        common = len(quoted & one.runs)
        like = max(common / len(quoted), common / len(one.runs)) if one.runs else 0.0
        if common >= QUOTED and like >= LIKE and (best is None or like > best[0]):
            best = (like, one.edition)
    return best[1] if best else None


def find_arriving_edition(session: Session, newsletter_id: int, text: str) -> Edition | None:
    """Find the edition that a mail of the newsletter is: it can arrive now, and most of its words stand in the mail."""
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
    """Note that an edition's own mail came, once: a second one changes nothing. Tells whether it was noted."""
    lock_row(session, edition)
    if edition.arrived_at is not None or (edition.message_id and edition.message_id != message_id):
        return False
    edition.message_id = message_id or edition.message_id
    edition.arrived_at = now(session)
    edition.arrived_text = None if history.has_erased_text(session, edition) else clean(text)[:LONGEST]
    audit.record(session, actor, "edition.arrive", edition)
    return True


def changes(session: Session, edition: Edition) -> list[diff.Change]:
    """Return what differs between what was locked and what ran, Q&A by Q&A; empty where nothing does, or nothing has
    arrived.
    """
    if not edition.arrived_text:
        return []
    ran = [(part, runs(part)) for part in split_paragraphs(edition.arrived_text)]
    found: list[diff.Change] = []
    for text in _as_it_runs(session, edition):
        found += diff.changes(text, _find_passage(text, ran))
    return found


def _as_it_runs(session: Session, edition: Edition) -> list[str]:
    """Each Q&A as it was locked, or, before that, as it would run."""
    return [to_text(block) for block in locking.blocks(session, edition)]


def _find_passage(text: str, sent_paragraphs: list[tuple[str, set[tuple[str, ...]]]]) -> str:
    """The part of what ran that a Q&A became: from the first to the last paragraph that is like one of its own."""
    places = []
    for part in split_paragraphs(text):
        own = runs(part)
        likes = [(share(own, words), -place) for place, (_, words) in enumerate(sent_paragraphs)]
        like, place = max(likes, default=(0.0, 0))
        if like >= LIKE:
            places.append(-place)
    return "\n\n".join(part for part, _ in sent_paragraphs[min(places) : max(places) + 1]) if places else ""
