"""Choices of the filters of the desk's lists: its editions and topics."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select, union_all
from sqlalchemy.orm import Session

from ..core.listing import Listing
from ..db.session import now
from ..editions.models import Edition, get_publication_time
from ..newsletters.models import Topic


class EditionChoice(NamedTuple):
    """An edition to choose, with as much of it as says which one it is."""

    id: int
    public_id: str
    number: int | None
    runs_at: datetime
    sent_at: datetime | None

    @property
    def ran_at(self) -> datetime:
        return get_publication_time(self.runs_at, self.sent_at)


class TopicChoice(NamedTuple):
    id: int
    slug: str
    name: str


@dataclass(frozen=True)
class Offer:
    """The editions that a list offers: so many of the newest, those that have run or the coming ones too."""

    recent: int
    has_run: bool = False


def list_edition_choices(session: Session, newsletter_id: int, offer: Offer, selected_id: str) -> list[EditionChoice]:
    """The editions that a newsletter's list offers, the newest first, with the one of the public id `selected_id`."""
    mine = Edition.newsletter_id == newsletter_id
    run = [Edition.runs_at <= now(session)] if offer.has_run else []
    newest = Listing[Edition](select(Edition.id).where(mine, *run), (Edition.runs_at,)).select(None, offer.recent)
    keys = union_all(select(newest.subquery().c[0]), select(Edition.id).where(Edition.public_id == selected_id))
    columns = (Edition.id, Edition.public_id, Edition.number, Edition.runs_at, Edition.sent_at)
    # Sorted here: asked to sort, SQLite would walk along all editions of the newsletter instead of these few.
    rows = session.execute(select(*columns).where(mine, Edition.id.in_(keys)))
    return sorted((EditionChoice(*row) for row in rows), key=lambda edition: edition.runs_at, reverse=True)


def list_topic_choices(session: Session, newsletter_id: int) -> list[TopicChoice]:
    """A newsletter's topics by name."""
    rows = session.execute(select(Topic.id, Topic.slug, Topic.name).where(Topic.newsletter_id == newsletter_id))
    return sorted((TopicChoice(*row) for row in rows), key=lambda topic: (topic.name.casefold(), topic.name))
