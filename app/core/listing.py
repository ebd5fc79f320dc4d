"""Keyset pagination: lists of rows in the order of an index, at the same cost on every page, and capped counts."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    ScalarSelect,
    Select,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.orm import Session

MANY = 1_000  # counts stop here; the pages say "1,000+"
Row = TypeVar("Row")
T = TypeVar("T")
Query = Select[*tuple[Any, ...]]
Key = int | BindParameter[int]  # a newsletter's key, or its bind parameter in a prepared statement
Place = tuple[Any, ...]  # a row's values in the columns of the order
HIGHEST_KEY = 2**31 - 1  # the largest INTEGER in PostgreSQL, which rejects comparisons with more
BEGAN = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Listing(Generic[Row]):
    """A query and the order of its rows.

    `order` is the columns of an index, ending with the row's key; it is descending unless `rising`. `each` is a column
    and some of its values: each value is scanned by an index range of its own, so a page reads few rows however rare
    or common a value is.
    """

    query: Query
    order: tuple[Any, ...]
    rising: bool = False
    each: tuple[Any, Sequence[Any]] | None = None

    def page(self, session: Session, after: Row | Place | None, limit: int, up: bool = False) -> list[Row]:
        """Return the rows after a row or a place, in one statement; with `up`, those before it, nearest first."""
        return list(session.scalars(self.select(after, limit, up)))

    def column(self, session: Session, column: Any, after: Row | None, limit: int, reverse: bool = False) -> list[Any]:
        """Return one column of a page's rows."""
        return list(session.scalars(self.select(after, limit, reverse).with_only_columns(column)))

    def select(self, after: Row | Place | None, limit: int, reverse: bool = False) -> Query:
        """Return the statement of a page."""
        is_rising = self.rising != reverse
        order = self.order if is_rising else tuple(column.desc() for column in self.order)
        conditions = [] if after is None else [self._after_condition(after, is_rising)]
        if self.each is None:
            return self.query.where(*conditions).order_by(*order).limit(limit)
        key = self.order[-1]
        column, values = self.each
        key_query = self.query.with_only_columns(key)
        scans = [
            key_query.where(column == value, *conditions).order_by(*order).limit(limit).subquery() for value in values
        ]
        keys = union_all(*(select(scan.c[0]) for scan in scans)).subquery()
        return select(key.class_).join(keys, keys.c[0] == key).order_by(*order).limit(limit)

    def keys(self, limit: int) -> Select[int]:
        """Return a statement that selects the keys of the first rows."""
        return self.select(None, limit).with_only_columns(self.order[-1])

    def place(self, row: Row) -> Place:
        """Return a row's values in the columns of the order."""
        return tuple(getattr(row, column.key) for column in self.order)

    def _after_condition(self, row: Row | Place, is_rising: bool) -> ColumnElement[bool]:
        place = row if isinstance(row, tuple) else self.place(row)
        values = [literal(value, column.type) for value, column in zip(place, self.order, strict=True)]
        left: ColumnElement[Any]
        right: ColumnElement[Any]
        if len(values) == 1:
            left, right = self.order[0], values[0]
        else:
            left, right = tuple_(*self.order), tuple_(*values)
        return left > right if is_rising else left < right

    def among(self, session: Session, keys: Sequence[int]) -> list[Row]:
        """Return those of the rows with these keys that belong to the list, to narrow down search results."""
        if not keys:  # with an empty IN, SQLite would scan the whole table
            return []
        return list(session.scalars(self._whole.where(self.order[-1].in_(keys))))

    def count(self, session: Session) -> int:
        """Count the rows, up to `MANY` + 1."""
        return session.scalar(self._counting) or 0

    @property
    def counted(self) -> ScalarSelect[int]:
        """The count as a scalar subquery, to count several lists in one statement."""
        return self._counting.scalar_subquery()

    @property
    def is_there(self) -> ColumnElement[bool]:
        """Return a column that says whether the list has any row."""
        return self._whole.with_only_columns(self.order[-1]).exists()

    @property
    def _counting(self) -> Query:
        keys = self._whole.with_only_columns(self.order[-1]).limit(MANY + 1)
        return select(func.count()).select_from(keys.subquery())

    @property
    def rule(self) -> ColumnElement[bool]:
        """The condition for a row to belong to the list."""
        condition = self._whole.whereclause
        return true() if condition is None else condition

    @property
    def _whole(self) -> Query:
        """The query for all rows, in no order."""
        if self.each is None:
            return self.query
        column, values = self.each
        return self.query.where(column.in_(values))

    def whole(self, session: Session, at_once: int) -> Iterator[list[Row]]:
        """Yield all rows in batches, expunging each from the session, so that long lists fit in memory."""
        last: Row | None = None
        while rows := self.page(session, last, at_once):
            yield rows
            last = rows[-1]
            session.expunge_all()


def counts(session: Session, lists: Sequence[Listing[Any]]) -> list[int]:
    """Count the rows of several lists in one statement, each up to `MANY` + 1."""
    return list(session.execute(select(*(listing.counted for listing in lists))).one())


def union_keys(queries: Mapping[str, Select[Any]]) -> CompoundSelect[Any]:
    """Combine several queries for keys, each labelled with its name, into one statement for `find_keys`."""
    return union_all(*(select(literal(name), query.subquery().c[0]) for name, query in queries.items()))


def find_keys(
    session: Session, query: CompoundSelect[Any], params: Mapping[str, Any] | None = None
) -> dict[str, list[int]]:
    """Execute a statement of `union_keys`; return the keys by the name of their query, in no guaranteed order."""
    keys: dict[str, list[int]] = defaultdict(list)
    for name, key in session.execute(query, params):
        keys[name].append(key)
    return keys


def format_cursor(cursor: Place) -> str:
    """Format a place that begins with a datetime for a URL, in microseconds: "1669222222000000.15"."""
    moment, *keys = cursor
    microseconds = (moment - BEGAN) // timedelta(microseconds=1)
    return ".".join(map(str, (microseconds, *keys)))


def parse_cursor(text: str, length: int) -> Place | None:
    """Parse a cursor of `format_cursor` with `length` values; return None if it is invalid."""
    try:
        microseconds, *keys = (int(part[:18]) for part in text.split("."))
        if len(keys) != length - 1 or max(map(abs, keys)) > HIGHEST_KEY:
            return None
        return (BEGAN + timedelta(microseconds=microseconds), *keys)
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True)
class Chain(Generic[Row]):
    """Several lists, one after the other, as one; `part` returns the index of the list that a row is or was in.

    This can't be one `Listing` whose order begins with the number of the part: incoming letters are sorted by time,
    newest first, and held ones by crowd, so no index has both orders. The database would sort all rows for each page.
    """

    parts: Sequence[Listing[Row]]
    part: Callable[[Row], int]
    rising: bool = False

    def page(self, session: Session, after: Row | None, limit: int, up: bool = False) -> list[Row]:
        """Return the rows after a row; with `up`, those before it, nearest first."""
        return self._rows(after, limit, up, lambda part, *place: part.page(session, *place))

    def _parts(self, after: Row | None, reverse: bool) -> Sequence[Listing[Row]]:
        """Return the lists from that of the row on, or all of them, in the direction of reading."""
        if reverse:
            start = len(self.parts) - 1 if after is None else self.part(after)
            return self.parts[start::-1]
        start = 0 if after is None else self.part(after)
        return self.parts[start:]

    def column(self, session: Session, column: Any, after: Row | None, limit: int, reverse: bool = False) -> list[Any]:
        """Return one column of a page's rows."""
        return self._rows(after, limit, reverse, lambda part, *place: part.column(session, column, *place))

    def _rows(self, after: Row | None, limit: int, reverse: bool, load: Callable[..., list[T]]) -> list[T]:
        rows: list[T] = []
        for part in self._parts(after, reverse):
            rows += load(part, after, limit - len(rows), reverse)
            after = None  # the next list is read from its start
            if len(rows) >= limit:
                break
        return rows

    def among(self, session: Session, keys: Sequence[int]) -> list[Row]:
        """Return those of the rows with these keys that belong to any of the lists."""
        if not keys:
            return []
        key = self.parts[0].order[-1]
        rules = (part.rule for part in self.parts)
        return list(session.scalars(select(key.class_).where(key.in_(keys), or_(*rules))))


Rows = Listing[Row] | Chain[Row]
