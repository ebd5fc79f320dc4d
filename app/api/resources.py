"""The table of what the API reads: each resource with its records, the act that permits it, its order and filters.

Routes, checks, the OpenAPI document and docs/api-reference.md are derived from it. The records are those of an export
(`workflows/transfer/record_kinds.py`), without readers' contacts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select

from ..core.listing import Listing
from ..people.models import Membership, Person
from ..workflows.transfer.record_kinds import (
    ANSWERS,
    ASSIGNMENTS,
    CORRECTIONS,
    EDITION_ITEMS,
    EDITIONS,
    EXPERTS,
    KINDS_BY_NAME,
    LETTERS,
    NEWSLETTER,
    PEOPLE,
    QUESTIONS,
    TRANSLATIONS,
    RecordKind,
)
from ..workflows.transfer.record_shapes import get_shapes

PAGE_SIZE, MAX_PAGE_SIZE = 50, 100  # records of a list in one response


@dataclass(frozen=True)
class Resource:
    """A kind of records that the API lists, oldest first, and returns one by one.

    - `about`: what the records are, for the reference;
    - `filters`: the fields by which a list can be filtered: "state", and references to other records;
    - `order`: the columns of the list's order, of which the last is the key;
    - `act`: what a token must permit.
    """

    kind: RecordKind
    about: str
    filters: tuple[str, ...] = ()
    order: tuple[str, ...] = ("id",)
    act: str = "read"

    @property
    def name(self) -> str:
        return self.kind.name

    @property
    def states(self) -> tuple[str, ...]:
        """The states of its records; none if they have no state."""
        shapes = get_shapes(self.kind)
        return shapes["state"].values if "state" in shapes else ()

    def get_target(self, name: str) -> RecordKind:
        """Return the kind of the record that a filter by reference names."""
        return KINDS_BY_NAME[self.kind.references[name].target]

    def condition(self, newsletter_id: int) -> ColumnElement[bool]:
        """Return the SQL condition for the rows of a newsletter."""
        if self.kind is PEOPLE:
            # The name of somebody who was invited and hasn't joined may have been recorded by another desk.
            has_joined = (Membership.newsletter_id == newsletter_id, Membership.joined_at.is_not(None))
            return Person.id.in_(select(Membership.person_id).where(*has_joined))
        return self.kind.condition(newsletter_id)

    def listing(
        self, newsletter_id: int, states: Sequence[str], values: Mapping[str, int], *conditions: ColumnElement[bool]
    ) -> Listing[Any]:
        """Return the listing of a newsletter's rows. `values` are keys of other rows, by the name of a filter."""
        model = self.kind.model
        columns = model.__table__.c
        matches = [columns[self.kind.references[name].column] == key for name, key in values.items()]
        query = select(model).where(self.condition(newsletter_id), *matches, *conditions)
        order = tuple(getattr(model, name) for name in self.order)
        # A filter by reference selects few rows. Without one, the index by state and key is scanned state by state.
        if states and not values:
            return Listing(query, order, rising=True, split_by=(model.state, states))
        if states:
            query = query.where(model.state.in_(states))
        return Listing(query, order, rising=True)


RESOURCES = {
    resource.name: resource
    for resource in (
        Resource(EDITIONS, "Editions: when they run, their cut-off and state", ("state",), ("runs_at", "id")),
        Resource(QUESTIONS, "Questions with their wordings, topics and notes", ("state", "edition")),
        Resource(ASSIGNMENTS, "Whom the desk asked what, until when", ("state", "question", "expert")),
        Resource(ANSWERS, "Answers with all versions of their text, and the quote checks", ("state", "question")),
        Resource(TRANSLATIONS, "Translations of wordings and answers", ("state", "question")),
        Resource(CORRECTIONS, "Corrections of what ran", ("question",), ("made_at", "id")),
        Resource(EXPERTS, "Experts whom the newsletter has asked, without their addresses"),
        Resource(PEOPLE, "Names of colleagues, by the IDs that other records name"),
        Resource(
            LETTERS,
            "Letters as their writers wrote them, from the day after they arrived, without addresses and names",
            ("state", "question"),
            ("received_at", "id"),
            "letters by token",
        ),
    )
}
SINGLE = NEWSLETTER  # the token's newsletter itself
ITEMS = EDITION_ITEMS  # the Q&As of one edition
