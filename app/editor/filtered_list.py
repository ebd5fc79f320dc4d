"""Lists of the desk, driven by their address: filters, search, pages, and keyboard shortcuts."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import repeat
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlencode

from flask import request, url_for
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString
from sqlalchemy import select, union_all
from sqlalchemy.orm import Session

from ..core.actors import Staff
from ..core.listing import Listing, Rows
from ..db.session import now
from ..editions.models import Edition, get_publication_time
from ..letters.models import Letter
from ..newsletters.models import Topic
from ..questions.models import Question
from ..search import DESK
from ..search.full_text import Hit, Piece, get_cursor
from ..search.full_text import search as look_up
from ..web.formatting import day, language
from ..web.setup import ListPage, get_cursor_row, or_404, paginate
from .frame import RequestContext, unknown
from .letter_labels import ENDS


class EditionChoice(NamedTuple):
    """An edition to choose from, with the columns that its label needs."""

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
    """The editions that a filter offers: the `recent` newest, including coming ones unless `has_run`."""

    recent: int
    has_run: bool = False


def list_edition_choices(session: Session, newsletter_id: int, offer: Offer, selected_id: str) -> list[EditionChoice]:
    """Return the editions that a filter offers, newest first, and the one with the public id `selected_id`."""
    is_of_newsletter = Edition.newsletter_id == newsletter_id
    query = select(Edition.id).where(is_of_newsletter)
    if offer.has_run:
        query = query.where(Edition.runs_at <= now(session))
    newest = Listing[Edition](query, (Edition.runs_at,)).select(None, offer.recent)
    edition_ids = union_all(select(newest.subquery().c[0]), select(Edition.id).where(Edition.public_id == selected_id))
    columns = (Edition.id, Edition.public_id, Edition.number, Edition.runs_at, Edition.sent_at)
    # Sorted in Python: with ORDER BY, SQLite would scan all editions of the newsletter instead of these few.
    rows = session.execute(select(*columns).where(is_of_newsletter, Edition.id.in_(edition_ids)))
    return sorted((EditionChoice(*row) for row in rows), key=lambda edition: edition.runs_at, reverse=True)


def list_topic_choices(session: Session, newsletter_id: int) -> list[TopicChoice]:
    """Return a newsletter's topics, sorted by name."""
    rows = session.execute(select(Topic.id, Topic.slug, Topic.name).where(Topic.newsletter_id == newsletter_id))
    return sorted((TopicChoice(*row) for row in rows), key=lambda topic: (topic.name.casefold(), topic.name))


# act: (key, help text). The script handles acts that have no button on the page, such as moving in the list.
SHORTCUTS = {
    "next": ("j", _l("next one")),
    "previous": ("k", _l("previous one")),
    "open": ("o", _l("open it (Enter does so too)")),
    "tick": ("x", _l("tick it")),
    "question": ("q", _l("make it a question")),
    "merge": ("m", _l("merge the ticked ones, or join it with its first look-alike")),
    "answered": ("a", _l("answer it with its first look-alike that ran")),
    "comment": ("c", _l("file it as a comment")),
    "tip": ("t", _l("file it as a tip")),
    "unsubscribe": ("n", _l("file it as “no more mails”")),
    "spam": ("s", _l("file it as spam")),
    "shelf": ("h", _l("put it on the shelf")),
    "end": ("e", _l("end it kindly: choose the sentence")),
    "release": ("r", _l("it is an honest letter")),
    "undo": ("u", _l("undo, for a minute")),
    "search": ("/", _l("search")),
    "help": ("?", _l("these keys")),
}
# Letters of readers and experts are in one list, so no key may have two meanings. "fine" and "yes" share a key: both
# let a text run, and a page shows only one of them.
EXPERT_LETTER_SHORTCUTS = {
    "answer": ("i", _l("it is the answer")),
    "fine": ("f", _l("the text is right")),
    "yes": ("f", _l("yes, it may run")),
    "wrong": ("w", _l("something in the text is wrong")),
    "cannot": ("d", _l("no, they can’t")),
    "later": ("l", _l("they can later, from the day that stands beside it")),
    "question back": ("b", _l("they ask something back")),
    "comment": ("c", _l("it is just a comment")),
    "spam": ("s", _l("it is spam or a robot’s")),
}
LIST_SHORTCUTS = ("next", "previous", "open", "tick", "undo", "search", "help")


def on_letter_of_expert(kinds: Sequence[str]) -> dict[str, tuple[str, LazyString]]:
    """Return the shortcuts for an expert's letter that can be filed as these kinds."""
    return {kind: row for kind, row in EXPERT_LETTER_SHORTCUTS.items() if kind in kinds} | {
        act: SHORTCUTS[act] for act in LIST_SHORTCUTS
    }


def shortcut_key(act: str) -> str:
    return SHORTCUTS[act][0]


SEARCHED_PAGES = 3  # pages of search hits that are fetched to fill one page after filtering
Row = TypeVar("Row", Letter, Question)
Options = Mapping[str, tuple[Any, Any]]  # value in the address: (label, what it stands for)


@dataclass(frozen=True)
class Filter:
    """A filter of a list."""

    label: Any  # of its select
    says: Any  # the phrase for an active filter, with a placeholder for the option's label, e.g. "on %(topic)s"
    options: Callable[[RequestContext, str], Options]  # returns the options, given the value in the address


@dataclass(frozen=True)
class Declared(Generic[Row]):
    """The declaration of a list.

    - `noun`: the class of its rows;
    - `states`: the states to choose from by their names in the address, each as (label, states of rows);
    - `filters`: the filters by the names of their parameters;
    - `usual`: the function that returns the state to show if the address names none;
    - `listing`: the function that builds the query from the states of rows and the selected options by filter;
    - `load`: the function that loads a row by its public id;
    - `size`: the number of rows on a page.
    """

    noun: type[Row]
    endpoint: str
    states: Mapping[str, tuple[Any, tuple[str, ...]]]
    filters: Mapping[str, Filter]
    usual: Callable[[Mapping[str, str]], str]
    listing: Callable[[RequestContext, Sequence[str], Mapping[str, Any]], Rows[Row]]
    load: Callable[[Session, Staff, str], Row | None]
    size: int

    def read(self, desk: RequestContext, args: Mapping[str, str]) -> "Filtered[Row]":
        """Parse an address. Aborts with 404 on unknown parameters or values: ignoring them would show other rows."""
        names: tuple[str, ...] = ("state", *self.filters, "q")
        values = {name: args[name].strip() for name in names if args.get(name, "").strip()}
        for name in args:
            if name not in (*names, "before", "above", "tick"):
                unknown(desk, name, self.endpoint)
        state = values.get("state") or self.usual(values)
        if state not in self.states:
            unknown(desk, "state", self.endpoint)
        options: dict[str, Options] = {}
        for name, list_filter in self.filters.items():
            options[name] = list_filter.options(desk, values.get(name, ""))
            if name in values and values[name] not in options[name]:
                unknown(desk, name, self.endpoint)
        selected = {name: options[name][value][1] for name, value in values.items() if name in options}
        _label, row_states = self.states[state]
        return Filtered(self, desk, values, state, options, self.listing(desk, row_states, selected))

    def of_form(self, desk: RequestContext) -> "tuple[Filtered[Row], str | None]":
        """Return the list that was open when a form was submitted, and the id of the row after which its page began."""
        args = dict(parse_qsl(request.form.get("list", "")))
        return self.read(desk, args), args.get("before")

    def back(self, desk: RequestContext) -> "tuple[str, Rows[Row]]":
        """Return the address of the page that was open, and its query."""
        filtered, before = self.of_form(desk)
        return filtered.address(before=before), filtered.listing


@dataclass(frozen=True)
class Filtered(Generic[Row]):
    """A list with its filters applied: `values` are the parameters of the address, `options` those of each filter."""

    declared: Declared[Row]
    desk: RequestContext
    values: Mapping[str, str]
    state: str
    options: Mapping[str, Options]
    listing: Rows[Row]

    @property
    def search(self) -> str:
        return self.values.get("q", "")

    def address(self, endpoint: str = "", **other: Any) -> str:
        """Return the address of this list, or of a row in it, with some parameters changed; None removes one."""
        return url_for(endpoint or self.declared.endpoint, slug=self.desk.newsletter.slug, **{**self.values, **other})

    @property
    def words(self) -> str:
        """Return the active filters except the state, in words."""
        phrases = []
        for name, options in self.options.items():
            if name in self.values:
                label, _option = options[self.values[name]]
                # Each phrase has a placeholder of its own name: the label fills whichever it is.
                phrases.append(str(self.declared.filters[name].says) % defaultdict(repeat(label).__next__))
        return ", ".join(phrases)

    def above(self, public_id: str) -> str:
        """Return the address of the page that ends with the row `public_id`. Aborts with 404 if there is none."""
        desk, size = self.desk, self.declared.size
        row = or_404(self.declared.load(desk.session, desk.actor, public_id))
        rows_above = self.listing.page(desk.session, row, size, up=True)
        is_first_page = len(rows_above) < size
        return self.address(before=None if is_first_page else rows_above[-1].public_id)

    def page(self) -> "Hits[Row]":
        """Return the requested page of rows, or of search hits if there is a search."""
        desk = self.desk
        last = get_cursor_row(lambda key: self.declared.load(desk.session, desk.actor, key))
        if self.search:
            return self.hits(last, self.declared.size)
        shown = paginate(desk.session, self.listing, self.declared.size, last, self.address)
        newer = self.address(above=last.public_id) if last else None
        return Hits(shown.rows, {**shown.keyset, "newer": newer}, {})

    def hits(self, after: Row | None, size: int) -> "Hits[Row]":
        """Return a page of search hits after the row `after`. The link to newer ones leads to the first page."""
        session, noun = self.desk.session, self.declared.noun
        limit = size * SEARCHED_PAGES
        name = noun.__name__.lower()
        cursor = get_cursor(session, DESK, name, after.id) if after else None
        hits = look_up(session, DESK, self.desk.newsletter.id, self.search, nouns=(name,), cursor=cursor, limit=limit)
        hits_by_id: dict[int, Hit] = {hit.noun_id: hit for hit in hits}
        row_ids = list(hits_by_id)
        rows = self.listing.among(session, row_ids[: size + 1])
        if len(rows) <= size:  # the filters removed some of these
            rows += self.listing.among(session, row_ids[size + 1 :])
        rows.sort(key=lambda row: hits_by_id[row.id].cursor, reverse=True)
        last = None  # the last row of the page, if there are more
        if len(rows) > size:
            last = rows[size - 1]
        elif len(hits) == limit:  # the filters removed most hits, and there are more
            last = session.get(noun, hits[-1].noun_id)
        keyset = {
            "newer": self.address() if after else None,
            "older": self.address(before=last.public_id) if last else None,
        }
        return Hits(rows[:size], keyset, {row.id: hits_by_id[row.id].snippet for row in rows[:size]})

    def frame(
        self, hits: "Hits[Row]", state_counts: Mapping[str, str] | None = None, **more: Options
    ) -> dict[str, Any]:
        """Return the template values around the rows. `state_counts` are the numbers of rows by state, and `more`
        replaces the options of filters by name.
        """
        before = request.args.get("before") or None
        states = self.declared.states
        options = {**self.options, **more}
        params = {**self.values, "before": before} if before else self.values
        return {
            "filtered_list": self,
            "list_query": urlencode(params),
            "list_url": self.address(before=before),
            "state": self.state,
            "state_label": states[self.state][0],
            "filters": [
                (name, label, self.address(state=name), (state_counts or {}).get(name, ""))
                for name, (label, _states) in states.items()
            ],
            "choices": [
                (name, list_filter.label, [(value, label) for value, (label, _option) in options[name].items()])
                for name, list_filter in self.declared.filters.items()
            ],
            "keyset": hits.keyset,
            "select_all_url": self.address(before=before, tick="all"),
            "all_selected": request.args.get("tick") == "all",
            "end_reasons": ENDS,
            "keys": SHORTCUTS,
        }


@dataclass(frozen=True)
class Hits(ListPage[Row]):
    """A page of a list. `pieces` are snippets around the search words, by row id."""

    pieces: Mapping[int, Sequence[Piece]]


def static_options(labels: Mapping[str, Any]) -> Callable[[RequestContext, str], Options]:
    """Return the options function of a filter whose options are the same at every desk, cached by language."""

    @cache
    def options(_language: str) -> Options:
        return {value: (str(label), value) for value, label in labels.items()}

    return lambda _desk, _typed: options(language())


def editions(offer: Offer) -> Callable[[RequestContext, str], Options]:
    """Return the options function of a filter by edition: those on offer, and the selected one."""

    def options(desk: RequestContext, chosen: str) -> Options:
        choices = list_edition_choices(desk.session, desk.newsletter.id, offer, chosen)
        return {edition.public_id: (format_edition_label(edition), edition) for edition in choices}

    return options


def format_edition_label(edition: Edition | EditionChoice) -> str:
    """Return the label of an edition in a filter, e.g. "60, 2 Nov"."""
    date = day(edition.runs_at, "short")
    return f"{edition.number}, {date}" if edition.number else date
