"""Recognizing the newsletter's own mail of an edition when the desk receives it, and readers' replies to that mail.

The received mail gives the edition its Message-ID and shows what changed after the lock. It never marks the edition as
sent. Texts are compared by their runs of words (see `typesetting.overlap`).
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
from ...typesetting.overlap import overlap_ratio, word_runs
from ...typesetting.renderers import to_text

TOKEN_BYTES = 10  # of a reply token: 80 bits, 16 characters
RECENT_EDITIONS = 60  # editions whose reply addresses are recognized
REPLIES_EXPECTED_BEFORE = timedelta(days=31)  # the run of an edition, whose reply address is known earlier
SENT_EDITION_ARRIVES_WITHIN = timedelta(days=7)  # after it was marked as sent
PLANNED_EDITION_ARRIVES_WITHIN = timedelta(days=1)  # before or after its planned time
MIN_SHARE = 0.5  # of the runs of words of one text that another text must have, to be taken for the same text
MIN_QUOTED_RUNS = 12  # runs of words that a quote must share with an edition, in addition to `MIN_SHARE`
COMPARED_EDITIONS = 6  # newest editions with which a text is compared if nothing else identifies its edition
LONGEST_MAIL = 200_000  # characters of the arrived mail that are stored


def reply_token(session: Session, edition: Edition) -> str:
    """Return the token in the edition's reply address, derived from its public ID.

    The token only identifies the edition, and is no proof of who writes.
    """
    return _encode_token(get_keyring(session).mac("editions.reply", edition.public_id))


def find_by_reply_tokens(session: Session, tokens: Sequence[str]) -> Edition | None:
    """Return the newest recent edition with one of these reply tokens, under any key of the keyring, or None."""
    if not tokens:
        return None
    keyring = get_keyring(session)
    newest_first = select(Edition).order_by(Edition.runs_at.desc(), Edition.id).limit(RECENT_EDITIONS)
    for edition in session.scalars(newest_first.where(Edition.runs_at <= now(session) + REPLIES_EXPECTED_BEFORE)):
        edition_tokens = {_encode_token(mac) for mac in keyring.macs("editions.reply", edition.public_id)}
        if not edition_tokens.isdisjoint(tokens):
            return edition
    return None


def _encode_token(mac: bytes) -> str:
    return b32encode(mac[:TOKEN_BYTES]).decode().lower()


def find_by_message_ids(session: Session, message_ids: Collection[str]) -> dict[str, Edition]:
    """Return the editions with these Message-IDs, by Message-ID as given.

    If several editions have the same Message-ID, return the newest. Angle brackets are ignored, in the arguments and in
    the stored Message-IDs.
    """
    bare_ids = {message_id: message_id.strip("<> ") for message_id in message_ids}
    stored_forms = [*bare_ids.values(), *(f"<{bare_id}>" for bare_id in bare_ids.values())]
    editions = {}
    for edition in session.scalars(select(Edition).where(Edition.message_id.in_(stored_forms)).order_by(Edition.id)):
        editions[(edition.message_id or "").strip("<> ")] = edition
    return {message_id: editions[bare_id] for message_id, bare_id in bare_ids.items() if bare_id in editions}


def get_quotable_texts(session: Session, editions: Sequence[Edition]) -> dict[int, str]:
    """Return the text of each edition that replies may quote: its own mail if it arrived, else the locked items."""
    texts_by_edition = {edition.id: [edition.arrived_text] for edition in editions if edition.arrived_text}
    other_ids = [edition.id for edition in editions if edition.id not in texts_by_edition]
    if other_ids:
        items = select(EditionItem).where(EditionItem.edition_id.in_(other_ids)).order_by(EditionItem.position)
        for item in session.scalars(items):
            texts_by_edition.setdefault(item.edition_id, []).append(item.output)
    return {edition_id: "\n\n".join(filter(None, texts)) for edition_id, texts in texts_by_edition.items()}


@dataclass(frozen=True)
class QuotableEdition:
    """An edition that readers may reply to, with the text that they may quote."""

    edition: Edition
    text: str

    @cached_property
    def runs(self) -> set[tuple[str, ...]]:
        """The runs of words of the text."""
        return word_runs(self.text)


def list_quotable_editions(
    session: Session, newsletter_id: int, limit: int = COMPARED_EDITIONS
) -> list[QuotableEdition]:
    """Return the newest locked or sent editions of a newsletter, newest first, without those that have no text."""
    query = select(Edition).where(Edition.newsletter_id == newsletter_id, Edition.is_fixed)
    editions = session.scalars(query.order_by(Edition.runs_at.desc()).limit(limit)).all()
    texts = get_quotable_texts(session, editions)
    return [QuotableEdition(edition, texts[edition.id]) for edition in editions if edition.id in texts]


def find_quoted_edition(editions: Sequence[QuotableEdition], quote: str) -> Edition | None:
    """Return the edition that best matches a quote, or None."""
    quoted_runs = word_runs(quote)
    if len(quoted_runs) < MIN_QUOTED_RUNS:
        return None
    best_edition: Edition | None = None
    best_share = 0.0
    for candidate in editions:
        common_count = len(quoted_runs & candidate.runs)
        if common_count < MIN_QUOTED_RUNS:
            continue
        common_share = max(common_count / len(quoted_runs), common_count / len(candidate.runs))
        if common_share >= MIN_SHARE and common_share > best_share:
            best_edition, best_share = candidate.edition, common_share
    return best_edition


def find_arriving_edition(session: Session, newsletter_id: int, text: str) -> Edition | None:
    """Return the edition whose own mail this text is, or None.

    Among the editions whose mail may arrive now, this is the most similar one, if it is similar enough.
    """
    current_time = now(session)
    planned_period = (current_time - PLANNED_EDITION_ARRIVES_WITHIN, current_time + PLANNED_EDITION_ARRIVES_WITHIN)
    can_arrive = or_(
        Edition.is_locked,
        and_(Edition.is_sent, Edition.sent_at >= current_time - SENT_EDITION_ARRIVES_WITHIN),
        and_(Edition.is_planned, Edition.runs_at.between(*planned_period)),
    )
    query = select(Edition).where(Edition.newsletter_id == newsletter_id, can_arrive)
    mail_runs = word_runs(text)
    best_edition: Edition | None = None
    best_share = 0.0
    for edition in session.scalars(query.order_by(Edition.runs_at.desc()).limit(COMPARED_EDITIONS)):
        edition_runs = word_runs("\n\n".join(_list_qa_texts(session, edition)))
        common_share = overlap_ratio(edition_runs, mail_runs)
        if common_share >= MIN_SHARE and common_share > best_share:
            best_edition, best_share = edition, common_share
    return best_edition


def record_arrival(session: Session, actor: Actor, edition: Edition, message_id: str, text: str) -> bool:
    """Store an edition's own mail and return True.

    Return False if a mail has arrived for the edition already, or the edition has another Message-ID.
    """
    lock_row(session, edition)
    if edition.arrived_at is not None or (edition.message_id and edition.message_id != message_id):
        return False
    edition.message_id = message_id or edition.message_id
    edition.arrived_at = now(session)
    edition.arrived_text = None if history.has_erased_text(session, edition) else clean(text)[:LONGEST_MAIL]
    audit.record(session, actor, "edition.arrive", edition)
    return True


def changes(session: Session, edition: Edition) -> list[diff.Change]:
    """Return the differences between the locked and the arrived text of an edition, Q&A by Q&A.

    The list is empty if there are none or the edition's own mail has not arrived.
    """
    if not edition.arrived_text:
        return []
    mail_paragraphs = [(paragraph, word_runs(paragraph)) for paragraph in split_paragraphs(edition.arrived_text)]
    found_changes: list[diff.Change] = []
    for text in _list_qa_texts(session, edition):
        found_changes += diff.changes(text, _find_passage(text, mail_paragraphs))
    return found_changes


def _list_qa_texts(session: Session, edition: Edition) -> list[str]:
    """Return the text of each Q&A as locked, or as it would run if the edition isn't locked yet."""
    return [to_text(block) for block in locking.blocks(session, edition)]


def _find_passage(qa_text: str, mail_paragraphs: list[tuple[str, set[tuple[str, ...]]]]) -> str:
    """Return the part of the mail that corresponds to a Q&A, from the first to the last similar paragraph.

    `mail_paragraphs` are the paragraphs of the mail with their runs of words.
    """
    similar_indexes = []
    for paragraph in split_paragraphs(qa_text):
        paragraph_runs = word_runs(paragraph)
        shares = [overlap_ratio(paragraph_runs, mail_runs) for _, mail_runs in mail_paragraphs]
        best_share = max(shares, default=0.0)
        if best_share >= MIN_SHARE:
            similar_indexes.append(shares.index(best_share))
    if not similar_indexes:
        return ""
    first, last = min(similar_indexes), max(similar_indexes)
    return "\n\n".join(paragraph for paragraph, _ in mail_paragraphs[first : last + 1])
