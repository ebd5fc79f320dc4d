"""Lists of the desk: their filters, search and pages, which the address selects, and their keyboard shortcuts."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
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
from ..search.full_text import Hit, Snippet, get_cursor
from ..search.full_text import search as full_text_search
from ..web.formatting import day, language
from ..web.setup import ListPage, get_cursor_row, or_404, paginate
from .frame import RequestContext, abort_unknown_filter
from .letter_labels import END_REASONS


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


def list_edition_choices(
    session: Session, newsletter_id: int, limit: int, selected_id: str, *, only_past: bool
) -> list[EditionChoice]:
    """Return the `limit` newest editions and the one with the public id `selected_id`, newest first.

    Coming editions are included unless `only_past`.
    """
    newsletter_condition = Edition.newsletter_id == newsletter_id
    query = select(Edition.id).where(newsletter_condition)
    if only_past:
        query = query.where(Edition.runs_at <= now(session))
    newest = Listing[Edition](query, (Edition.runs_at,)).select(None, limit)
    edition_ids = union_all(select(newest.subquery().c[0]), select(Edition.id).where(Edition.public_id == selected_id))
    columns = (Edition.id, Edition.public_id, Edition.number, Edition.runs_at, Edition.sent_at)
    # Sorted in Python: with ORDER BY, SQLite would scan all editions of the newsletter instead of these few.
    rows = session.execute(select(*columns).where(newsletter_condition, Edition.id.in_(edition_ids)))
    return sorted((EditionChoice(*row) for row in rows), key=lambda edition: edition.runs_at, reverse=True)


def list_topic_choices(session: Session, newsletter_id: int) -> list[TopicChoice]:
    """Return a newsletter's topics, sorted by name."""
    rows = session.execute(select(Topic.id, Topic.slug, Topic.name).where(Topic.newsletter_id == newsletter_id))
    return sorted((TopicChoice(*row) for row in rows), key=lambda topic: (topic.name.casefold(), topic.name))


# By action: its key and help text. The script handles actions without a button on the page, such as moving in the list.
SHORTCUTS = {
    "next": ("j", _l("next one")),
    "previous": ("k", _l("previous one")),
    "open": ("o", _l("open it (Enter does so too)")),
    "tick": ("x", _l("tick it")),
    "question": ("q", _l("make it a question")),
    "merge": ("m", _l("merge the selected ones, or join it with its first look-alike")),
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
# Letters of readers and experts are in one list, so no key may have two meanings. "fine" and "yes" may share one: both
# let a text run, and a page never shows both.
EXPERT_LETTER_SHORTCUTS = {
    "answer": ("i", _l("it is the answer")),
    "fine": ("f", _l("the text is right")),
    "yes": ("f", _l("yes, it may run")),
    "wrong": ("w", _l("something in the text is wrong")),
    "cannot": ("d", _l("no, they can’t")),
    "later": ("l", _l("they can later, from the day beside it")),
    "question back": ("b", _l("they ask something back")),
    "comment": ("c", _l("it is just a comment")),
    "spam": ("s", _l("it is spam or a robot’s")),
}
LIST_SHORTCUTS = ("next", "previous", "open", "tick", "undo", "search", "help")


def get_expert_letter_shortcuts(kinds: Sequence[str]) -> dict[str, tuple[str, LazyString]]:
    """Return the shortcuts for an expert's letter that can be filed as these kinds."""
    filing_shortcuts = {kind: shortcut for kind, shortcut in EXPERT_LETTER_SHORTCUTS.items() if kind in kinds}
    return filing_shortcuts | {action: SHORTCUTS[action] for action in LIST_SHORTCUTS}


SEARCHED_PAGES = 3  # pages of search hits to fetch for one page, since the filters remove some of the hits
Row = TypeVar("Row", Letter, Question)


class Option(NamedTuple):
    """An option of a filter, such as a topic: its label, and the value or row that it selects by."""

    label: Any
    target: Any


Options = Mapping[str, Option]  # by value in the query string


@dataclass(frozen=True)
class Filter:
    """A filter of a list."""

    label: Any  # above the select
    phrase: Any  # describes the active filter, with a placeholder for the option's label, e.g. "on %(topic)s"
    get_options: Callable[[RequestContext, str], Options]  # its second argument is the value in the query string, or ""


@dataclass(frozen=True)
class ListDefinition(Generic[Row]):
    """The definition of a list: what its query string may hold, and the query for it."""

    model: type[Row]
    endpoint: str
    states: Mapping[str, tuple[Any, tuple[str, ...]]]  # by value of ?state=: the label and the states of rows
    filters: Mapping[str, Filter]  # by parameter of the query string
    get_default_state: Callable[[Mapping[str, str]], str]  # used without ?state=, given the other parameters
    # Builds the query from the states of rows, and the target of the selected option by filter.
    build_listing: Callable[[RequestContext, Sequence[str], Mapping[str, Any]], Rows[Row]]
    load: Callable[[Session, Staff, str], Row | None]  # loads a row by its public id
    page_size: int

    def parse(self, desk: RequestContext, args: Mapping[str, str]) -> "FilteredList[Row]":
        """Parse a query string.

        Aborts with 404 on unknown parameters or values: ignoring them would show other rows than asked for.
        """
        filter_params: tuple[str, ...] = ("state", *self.filters, "q")
        page_params = ("before", "above", "tick")  # which page is shown, and whether its rows are ticked
        values = {name: args[name].strip() for name in filter_params if args.get(name, "").strip()}
        for name in args:
            if name not in filter_params and name not in page_params:
                abort_unknown_filter(desk, name, self.endpoint)
        state = values.get("state") or self.get_default_state(values)
        if state not in self.states:
            abort_unknown_filter(desk, "state", self.endpoint)
        options: dict[str, Options] = {}
        for name, list_filter in self.filters.items():
            options[name] = list_filter.get_options(desk, values.get(name, ""))
            if name in values and values[name] not in options[name]:
                abort_unknown_filter(desk, name, self.endpoint)
        targets = {name: options[name][value].target for name, value in values.items() if name in options}
        _label, row_states = self.states[state]
        return FilteredList(self, desk, values, state, options, self.build_listing(desk, row_states, targets))

    def parse_submitted(self, desk: RequestContext) -> "tuple[FilteredList[Row], str | None]":
        """Return the list that was open when a form was submitted, and the id of the row before its page, or None."""
        args = dict(parse_qsl(request.form.get("list", "")))
        return self.parse(desk, args), args.get("before")

    def get_return_page(self, desk: RequestContext) -> "tuple[str, Rows[Row]]":
        """Return the address of the page on which a form was submitted, and the list's query."""
        filtered_list, before = self.parse_submitted(desk)
        return filtered_list.url(before=before), filtered_list.listing


@dataclass(frozen=True)
class FilteredList(Generic[Row]):
    """A list with its filters applied.

    `values` are the parameters of its query string, without page parameters. `options` are the options of each filter.
    """

    definition: ListDefinition[Row]
    desk: RequestContext
    values: Mapping[str, str]
    state: str
    options: Mapping[str, Options]
    listing: Rows[Row]

    @property
    def search(self) -> str:
        return self.values.get("q", "")

    def url(self, endpoint: str = "", **changed_params: Any) -> str:
        """Return the address of this list, or of a row in it, with some parameters changed; None removes one."""
        params = {**self.values, **changed_params}
        return url_for(endpoint or self.definition.endpoint, slug=self.desk.newsletter.slug, **params)

    @property
    def active_filters(self) -> str:
        """The active filters except the state and the search, as a phrase."""
        phrases = []
        for name, options in self.options.items():
            if name in self.values:
                phrases.append(_fill_phrase(self.definition.filters[name].phrase, options[self.values[name]].label))
        return ", ".join(phrases)

    def url_of_page_above(self, public_id: str) -> str:
        """Return the address of the page that ends just above the row `public_id`, or of the first page.

        Aborts with 404 if there is no such row.
        """
        desk, page_size = self.desk, self.definition.page_size
        row = or_404(self.definition.load(desk.session, desk.actor, public_id))
        rows_above = self.listing.page(desk.session, row, page_size, reverse=True)
        is_first_page = len(rows_above) < page_size
        return self.url(before=None if is_first_page else rows_above[-1].public_id)

    def get_page(self) -> "FilteredPage[Row]":
        """Return the requested page of rows, or of search hits if there is a search."""
        desk, page_size = self.desk, self.definition.page_size
        last_shown = get_cursor_row(lambda public_id: self.definition.load(desk.session, desk.actor, public_id))
        if self.search:
            return self.search_page(last_shown, page_size)
        rows_page = paginate(desk.session, self.listing, page_size, last_shown, self.url)
        newer = self.url(above=last_shown.public_id) if last_shown else None
        return FilteredPage(rows_page.rows, {**rows_page.page_urls, "newer": newer}, {})

    def iter_batches(self, size: int) -> Iterator[list[Row]]:
        """Yield all rows, or all hits of the search, in batches. Everything is expunged from the session after each."""
        session = self.desk.session
        if not self.search:
            yield from self.listing.iter_batches(session, size)
            return
        find_hits = partial(
            full_text_search,
            *(session, DESK, self.desk.newsletter.id, self.search),
            nouns=(self.definition.model.__name__.lower(),),
            limit=size,
        )
        cursor: int | None = None
        while hits := find_hits(cursor=cursor):
            cursor = hits[-1].cursor
            ranks = {hit.noun_id: rank for rank, hit in enumerate(hits)}
            yield sorted(self.listing.load_by_keys(session, list(ranks)), key=lambda row: ranks[row.id])
            session.expunge_all()

    def search_page(self, after: Row | None, size: int) -> "FilteredPage[Row]":
        """Return a page of search hits after the row `after`. The link to newer ones leads to the first page."""
        session, model = self.desk.session, self.definition.model
        hit_limit = size * SEARCHED_PAGES
        noun = model.__name__.lower()
        cursor = get_cursor(session, DESK, noun, after.id) if after else None
        hits = full_text_search(
            session, DESK, self.desk.newsletter.id, self.search, nouns=(noun,), cursor=cursor, limit=hit_limit
        )
        hits_by_id: dict[int, Hit] = {hit.noun_id: hit for hit in hits}
        row_ids = list(hits_by_id)
        rows = self.listing.load_by_keys(session, row_ids[: size + 1])
        if len(rows) <= size:  # the filters removed some of these: look at the other hits
            rows += self.listing.load_by_keys(session, row_ids[size + 1 :])
        rows.sort(key=lambda row: hits_by_id[row.id].cursor, reverse=True)
        last_row = None  # the row after which the next page begins, None if there is no next page
        if len(rows) > size:
            last_row = rows[size - 1]
        elif len(hits) == hit_limit:  # the filters removed most hits, and there are more
            last_row = session.get(model, hits[-1].noun_id)
        older_url = self.url(before=last_row.public_id) if last_row else None
        page_urls = {"newer": self.url() if after else None, "older": older_url}
        return FilteredPage(rows[:size], page_urls, {row.id: hits_by_id[row.id].snippet for row in rows[:size]})

    def template_values(
        self, list_page: "FilteredPage[Row]", state_counts: Mapping[str, str] | None = None, **replaced_options: Options
    ) -> dict[str, Any]:
        """Return the template values around the rows: links, shortcuts, and what selects the rows.

        "filters" are the tabs of the states, and "choices" the selects of the filters. `state_counts` are the formatted
        numbers of rows by state. `replaced_options` are options, by filter, that a select offers instead of its own.
        """
        before = request.args.get("before") or None
        states = self.definition.states
        options = {**self.options, **replaced_options}
        params = {**self.values, "before": before} if before else self.values
        return {
            "filtered_list": self,
            "list_query": urlencode(params),
            "list_url": self.url(before=before),
            "state": self.state,
            "state_label": states[self.state][0],
            "filters": [
                (name, label, self.url(state=name), (state_counts or {}).get(name, ""))
                for name, (label, _states) in states.items()
            ],
            "choices": [
                (name, list_filter.label, [(value, option.label) for value, option in options[name].items()])
                for name, list_filter in self.definition.filters.items()
            ],
            "page_urls": list_page.page_urls,
            "select_all_url": self.url(before=before, tick="all"),
            "all_selected": request.args.get("tick") == "all",
            "end_reasons": END_REASONS,
            "keys": SHORTCUTS,
        }


@dataclass(frozen=True)
class FilteredPage(ListPage[Row]):
    """A page of a list. `snippets` are the passages around the search words, by row id."""

    snippets: Mapping[int, Sequence[Snippet]]


def _fill_phrase(phrase: Any, label: str) -> str:
    """Put the label into a phrase, whatever the name of its placeholder: a defaultdict returns it for any key."""
    return str(phrase) % defaultdict(lambda: label)


def static_options(labels: Mapping[str, Any]) -> Callable[[RequestContext, str], Options]:
    """Return the `get_options` of a filter whose options are the same at every desk, cached by language."""

    @cache
    def build_options(_language: str) -> Options:
        return {value: Option(str(label), value) for value, label in labels.items()}

    return lambda _desk, _selected: build_options(language())


def edition_options(limit: int, *, only_past: bool = False) -> Callable[[RequestContext, str], Options]:
    """Return the `get_options` of a filter by edition: the `limit` newest ones, and the selected one."""

    def get_options(desk: RequestContext, selected_id: str) -> Options:
        choices = list_edition_choices(desk.session, desk.newsletter.id, limit, selected_id, only_past=only_past)
        return {edition.public_id: Option(format_edition_label(edition), edition) for edition in choices}

    return get_options


def format_edition_label(edition: Edition | EditionChoice) -> str:
    """Return the label of an edition in a filter, e.g. "60, 2 Nov"."""
    date = day(edition.runs_at, "short")
    return f"{edition.number}, {date}" if edition.number else date
