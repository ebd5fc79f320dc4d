"""Lists with keyset pagination, where every page costs the same, and counts that stop at a limit."""

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

COUNT_LIMIT = 1_000  # counts end at one more than this, which pages show as "1,000+"
Row = TypeVar("Row")
T = TypeVar("T")
Query = Select[*tuple[Any, ...]]
Key = int | BindParameter[int]  # a newsletter's id, or its bind parameter in a prepared statement
Cursor = tuple[Any, ...]  # the values of a row in the columns of the list's order
HIGHEST_KEY = 2**31 - 1  # the largest INTEGER in PostgreSQL, which rejects comparisons with a larger number
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Listing(Generic[Row]):
    """A query for rows, and their order.

    `order` are the columns of an index, of which the last is the row's key. The order is descending unless `rising`.
    `split_by` is a column with some of its values, and restricts the list to rows that have one of these. The index is
    scanned for each value separately, so that a page reads few rows, no matter how rare a value is.
    """

    query: Query
    order: tuple[Any, ...]
    rising: bool = False
    split_by: tuple[Any, Sequence[Any]] | None = None

    def page(self, session: Session, after: Row | Cursor | None, limit: int, reverse: bool = False) -> list[Row]:
        """Return up to `limit` rows that follow `after`, or without `after` the first rows.

        With `reverse`, return the rows that precede `after`, or the last rows, in reverse order. One statement is
        enough.
        """
        return list(session.scalars(self.select(after, limit, reverse)))

    def column(self, session: Session, column: Any, after: Row | None, limit: int, reverse: bool = False) -> list[Any]:
        """Return one column of the rows of `page`."""
        return list(session.scalars(self.select(after, limit, reverse).with_only_columns(column)))

    def select(self, after: Row | Cursor | None, limit: int, reverse: bool = False) -> Query:
        """Return the statement of `page`."""
        is_rising = self.rising != reverse
        order = self.order if is_rising else tuple(column.desc() for column in self.order)
        conditions = [] if after is None else [self._after_condition(after, is_rising)]
        if self.split_by is None:
            return self.query.where(*conditions).order_by(*order).limit(limit)
        key = self.order[-1]
        column, values = self.split_by
        key_query = self.query.with_only_columns(key)
        scans = [
            key_query.where(column == value, *conditions).order_by(*order).limit(limit).subquery() for value in values
        ]
        keys = union_all(*(select(scan.c[0]) for scan in scans)).subquery()
        return select(key.class_).join(keys, keys.c[0] == key).order_by(*order).limit(limit)

    def keys(self, limit: int) -> Select[int]:
        """Return a statement that selects the keys of the first rows."""
        return self.select(None, limit).with_only_columns(self.order[-1])

    def cursor(self, row: Row) -> Cursor:
        """Return the position of a row in the list."""
        return tuple(getattr(row, column.key) for column in self.order)

    def _after_condition(self, after: Row | Cursor, is_rising: bool) -> ColumnElement[bool]:
        cursor = after if isinstance(after, tuple) else self.cursor(after)
        values = [literal(value, column.type) for value, column in zip(cursor, self.order, strict=True)]
        left: ColumnElement[Any]
        right: ColumnElement[Any]
        if len(values) == 1:
            left, right = self.order[0], values[0]
        else:
            left, right = tuple_(*self.order), tuple_(*values)
        return left > right if is_rising else left < right

    def load_by_keys(self, session: Session, keys: Sequence[int]) -> list[Row]:
        """Return the rows of the list that have one of these keys, to filter search results."""
        if not keys:  # with an empty IN, SQLite would scan the whole table
            return []
        return list(session.scalars(self._unordered_query.where(self.order[-1].in_(keys))))

    def iter_batches(self, session: Session, batch_size: int) -> Iterator[list[Row]]:
        """Yield all rows in batches. Everything is expunged from the session after each, to save memory."""
        return _iter_batches(self, session, batch_size)

    def count(self, session: Session) -> int:
        """Count the rows, up to `COUNT_LIMIT` + 1."""
        return session.scalar(self._count_query) or 0

    @property
    def count_subquery(self) -> ScalarSelect[int]:
        """The count as a scalar subquery, to count several lists in one statement."""
        return self._count_query.scalar_subquery()

    @property
    def has_rows(self) -> ColumnElement[bool]:
        """An SQL expression for whether the list has any row."""
        return self._unordered_query.with_only_columns(self.order[-1]).exists()

    @property
    def condition(self) -> ColumnElement[bool]:
        """The SQL condition for a row to be in the list."""
        condition = self._unordered_query.whereclause
        return true() if condition is None else condition

    @property
    def _count_query(self) -> Query:
        keys = self._unordered_query.with_only_columns(self.order[-1]).limit(COUNT_LIMIT + 1)
        return select(func.count()).select_from(keys.subquery())

    @property
    def _unordered_query(self) -> Query:
        """The query for all rows of the list."""
        if self.split_by is None:
            return self.query
        column, values = self.split_by
        return self.query.where(column.in_(values))


def count_all(session: Session, lists: Sequence[Listing[Any]]) -> list[int]:
    """Count the rows of several lists in one statement, each up to `COUNT_LIMIT` + 1."""
    return list(session.execute(select(*(listing.count_subquery for listing in lists))).one())


def union_keys(queries: Mapping[str, Select[Any]]) -> CompoundSelect[Any]:
    """Combine several named queries for keys into one statement, for `find_keys`."""
    labelled_queries = (select(literal(name), query.subquery().c[0]) for name, query in queries.items())
    return union_all(*labelled_queries)


def find_keys(
    session: Session, query: CompoundSelect[Any], params: Mapping[str, Any] | None = None
) -> dict[str, list[int]]:
    """Execute a statement of `union_keys`. Return the keys by the name of their query, in no particular order."""
    keys: dict[str, list[int]] = defaultdict(list)
    for name, key in session.execute(query, params):
        keys[name].append(key)
    return keys


def format_cursor(cursor: Cursor) -> str:
    """Format a cursor for a URL as "1669222222000000.15": a datetime in microseconds since 1970, then keys."""
    timestamp, *keys = cursor
    microseconds = (timestamp - EPOCH) // timedelta(microseconds=1)
    return ".".join(map(str, (microseconds, *keys)))


def parse_cursor(text: str, length: int) -> Cursor | None:
    """Parse the output of `format_cursor` for a cursor of `length` values. Return None if it is invalid."""
    try:
        # More than 18 digits would only cost time: no valid number has so many.
        microseconds, *keys = (int(part[:18]) for part in text.split("."))
        if len(keys) != length - 1 or max(map(abs, keys)) > HIGHEST_KEY:
            return None
        return (EPOCH + timedelta(microseconds=microseconds), *keys)
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True)
class Chain(Generic[Row]):
    """Several lists, one after the other, as one list.

    `part_of` returns the index of the list that has a row, or had it before the row was changed. One `Listing` can't
    replace a chain: new letters are sorted by time, but held letters by the crowd of similar letters. No index has both
    orders, so the database would have to sort all rows for each page.
    """

    parts: Sequence[Listing[Row]]
    part_of: Callable[[Row], int]
    rising: bool = False

    def iter_batches(self, session: Session, batch_size: int) -> Iterator[list[Row]]:
        """Yield all rows in batches, as `Listing.iter_batches` does."""
        return _iter_batches(self, session, batch_size)

    def page(self, session: Session, after: Row | None, limit: int, reverse: bool = False) -> list[Row]:
        """Return a page of rows, as `Listing.page` does."""
        return self._load(after, limit, reverse, lambda part, *page: part.page(session, *page))

    def column(self, session: Session, column: Any, after: Row | None, limit: int, reverse: bool = False) -> list[Any]:
        """Return one column of the rows of `page`."""
        return self._load(after, limit, reverse, lambda part, *page: part.column(session, column, *page))

    def _load(self, after: Row | None, limit: int, reverse: bool, load_part: Callable[..., list[T]]) -> list[T]:
        rows: list[T] = []
        for part in self._parts_from(after, reverse):
            rows += load_part(part, after, limit - len(rows), reverse)
            after = None  # the next list is read from its start
            if len(rows) >= limit:
                break
        return rows

    def _parts_from(self, after: Row | None, reverse: bool) -> Sequence[Listing[Row]]:
        """Return the lists in the direction of reading, starting with the list of the row, or all of them."""
        if reverse:
            start = len(self.parts) - 1 if after is None else self.part_of(after)
            return self.parts[start::-1]
        start = 0 if after is None else self.part_of(after)
        return self.parts[start:]

    def load_by_keys(self, session: Session, keys: Sequence[int]) -> list[Row]:
        """Return the rows of any of the lists that have one of these keys."""
        if not keys:
            return []
        key = self.parts[0].order[-1]
        conditions = (part.condition for part in self.parts)
        return list(session.scalars(select(key.class_).where(key.in_(keys), or_(*conditions))))


Rows = Listing[Row] | Chain[Row]


def _iter_batches(rows: Rows[Row], session: Session, batch_size: int) -> Iterator[list[Row]]:
    last: Row | None = None
    while batch := rows.page(session, last, batch_size):
        yield batch
        last = batch[-1]
        session.expunge_all()
