"""Choices of the filters of the desk's lists: its editions and topics, in one statement that is built once."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import CompoundSelect, String, bindparam, literal, null, select, union_all
from sqlalchemy.orm import Session

from ..blanks import Blanks
from ..db import now
from ..editions.models import Edition, when_it_ran
from ..listing import Listing
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
        return when_it_ran(self.runs_at, self.sent_at)


class TopicChoice(NamedTuple):
    id: int
    slug: str
    name: str


@dataclass(frozen=True)
class Offer:
    """The editions that a list offers: so many of the newest, those that have run or the coming ones too."""

    recent: int
    has_run: bool = False


@dataclass(frozen=True)
class Choices:
    """The editions to choose from, the newest first, and the topics by their names."""

    editions: tuple[EditionChoice, ...] = ()
    topics: tuple[TopicChoice, ...] = ()


def choices(session: Session, newsletter_id: int, offer: Offer, chosen: str) -> Choices:
    """Return what a newsletter's list offers, and the edition of the public id that is chosen already."""
    query, blanks = _asking(offer)
    given = blanks.filled(now(session), newsletter_id) | {"chosen": chosen}
    editions: list[EditionChoice] = []
    topics: list[TopicChoice] = []
    for kind, key, address, name, *about in session.execute(query, given):
        if kind == "edition":
            editions.append(EditionChoice(key, address, *about))
        else:
            topics.append(TopicChoice(key, address, name))
    editions.sort(key=lambda one: one.runs_at, reverse=True)
    topics.sort(key=lambda one: (one.name.casefold(), one.name))
    return Choices(tuple(editions), tuple(topics))


@cache
def _asking(offer: Offer) -> tuple[CompoundSelect[Any], Blanks]:
    blanks = Blanks()
    mine = Edition.newsletter_id == blanks.newsletter
    run = [Edition.runs_at <= blanks.now] if offer.has_run else []
    newest = Listing[Edition](select(Edition.id).where(mine, *run), (Edition.runs_at,)).select(None, offer.recent)
    chosen = select(Edition.id).where(Edition.public_id == bindparam("chosen", type_=String))
    keys = union_all(select(newest.subquery().c[0]), chosen)
    about = (Edition.number, Edition.runs_at, Edition.sent_at)
    editions = select(literal("edition"), Edition.id, Edition.public_id, literal(""), *about)
    topics = select(literal("topic"), Topic.id, Topic.slug, Topic.name, null(), null(), null())
    here = topics.where(Topic.newsletter_id == blanks.newsletter)
    return union_all(editions.where(mine, Edition.id.in_(keys)), here), blanks
