"""The desk's search over letters, questions, published answers, experts, mails and editions.

Experts are sorted by name, everything else newest first. The search finds only what the desk's lists show: sealed texts
such as addresses and mails aren't indexed, and withdrawn texts are removed from the index. Each group shows the first
few results, and most groups link to their list.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for
from flask_babel import gettext as _
from sqlalchemy import select

from ...answers.models import Assignment
from ...core.listing import Listing
from ...db.session import get_many
from ...editions import archive
from ...editions.items import headline
from ...editions.models import Edition, EditionItem
from ...editions.queries import find_editions_by_date
from ...letters.models import Letter
from ...mail import queries as mail_queries
from ...people import expert_search
from ...people.models import Expert
from ...questions.models import Question
from ...search import DESK, PUBLIC
from ...search.full_text import Hit, search
from ...text.clean import single_line
from ...web.formatting import full_date
from ..frame import RequestContext, editor, page, read_context
from ..letter_labels import LETTER_STATE_LABELS, received_age
from ..mail_labels import format_mail_line, load_mail_names
from ..question_labels import STATE_LABELS

MAX_RESULTS = 6  # shown per group
SEARCHED_ASSIGNMENTS = 30  # the newest assignments of the experts found, whose mails are results as well
MAX_QUERY_LENGTH = 200  # characters of a query


@dataclass(frozen=True)
class SearchResult:
    """A search result: its address, its text or the snippets around the search words, and a note about it."""

    href: str
    text: str
    note: str = ""
    snippets: Sequence[Any] = ()  # shown instead of the text
    language: str | None = None


@dataclass(frozen=True)
class Group:
    """Search results of one kind."""

    heading: str
    results: list[SearchResult]  # one more than is shown, if there are more
    list_url: str = ""  # of the full list, if there is one

    @property
    def rows(self) -> list[SearchResult]:
        return self.results[:MAX_RESULTS]

    @property
    def has_more(self) -> bool:
        return len(self.results) > MAX_RESULTS


@editor.restricted_page("/<slug>/search", permission="read", endpoint="search")
def look_for(slug: str) -> str:
    query = single_line(request.args.get("q", ""))[:MAX_QUERY_LENGTH]
    with read_context(slug) as desk:
        groups = _build_groups(desk, query) if query else []
        return page(desk, "editor/search/search.html", "", query=query, groups=groups)


def _build_groups(desk: RequestContext, query: str) -> list[Group]:
    """Return the results by kind, in a fixed number of queries."""
    session, newsletter = desk.session, desk.newsletter

    def find_hits(noun: str) -> list[Hit]:
        return search(session, DESK, newsletter.id, query, nouns=(noun,), limit=MAX_RESULTS + 1)

    letter_hits, question_hits = find_hits("letter"), find_hits("question")
    answer_hits = search(session, PUBLIC, newsletter.id, query, answered_only=True, limit=MAX_RESULTS + 1)
    question_ids = [hit.noun_id for hit in question_hits]
    answered_ids = [hit.noun_id for hit in answer_hits]
    published_items = archive.get_published_items(session, newsletter, [*answered_ids, *question_ids])
    unpublished_hits = [hit for hit in question_hits if hit.noun_id not in published_items]
    experts = expert_search.directory(query).page(session, None, MAX_RESULTS + 1)

    def list_url(name: str) -> str:
        return url_for(f"editor.{name}", slug=newsletter.slug, q=query)

    groups = (
        Group(_("Letters"), _letter_rows(desk, letter_hits), list_url("letters")),
        Group(_("Questions"), _question_rows(desk, unpublished_hits), list_url("questions")),
        Group(_("Published answers"), _published_rows(desk, answer_hits, published_items)),
        Group(_("Experts"), _expert_rows(desk, experts), list_url("experts")),
        Group(_("Mails"), _mail_rows(desk, question_ids, experts)),
        Group(
            _("Editions"),
            _edition_rows(desk, query, published_items),
            url_for("editor.all_editions", slug=newsletter.slug),
        ),
    )
    return [group for group in groups if group.results]


def _build_url(desk: RequestContext, endpoint: str, public_id: str) -> str:
    return url_for(f"editor.{endpoint}", slug=desk.newsletter.slug, public_id=public_id)


def _letter_rows(desk: RequestContext, hits: Sequence[Hit]) -> list[SearchResult]:
    letters = get_many(desk.session, Letter, [hit.noun_id for hit in hits])
    return [
        SearchResult(
            _build_url(desk, "letter", letter.public_id),
            letter.body,
            _(
                "%(stands)s, %(time)s",
                stands=LETTER_STATE_LABELS[str(letter.state)],
                time=received_age(letter.received_at),
            ),
            hit.snippet,
            letter.language,
        )
        for hit in hits
        if (letter := letters.get(hit.noun_id)) and letter.body
    ]


def _question_rows(desk: RequestContext, hits: Sequence[Hit]) -> list[SearchResult]:
    questions = get_many(desk.session, Question, [hit.noun_id for hit in hits])
    return [
        SearchResult(
            _build_url(desk, "question", question.public_id), question.title, _get_list_label(question), hit.snippet
        )
        for hit in hits
        if (question := questions.get(hit.noun_id))
    ]


def _get_list_label(question: Question) -> str:
    """Return the label of the list that contains the question."""
    filter_name = STATE_LABELS[str(question.state)].filter_name  # also a state: the one whose row has the label
    return str(STATE_LABELS[filter_name].filter_label)


def _published_rows(
    desk: RequestContext, hits: Sequence[Hit], published_items: Mapping[int, EditionItem]
) -> list[SearchResult]:
    return [
        SearchResult(
            _build_url(desk, "question", item.question.public_id),
            headline(item),
            ", ".join(voice["lead_in"]["name"] for voice in item.piece["voices"]),
        )
        for hit in hits
        if (item := published_items.get(hit.noun_id))
    ]


def _expert_rows(desk: RequestContext, experts: Sequence[Expert]) -> list[SearchResult]:
    return [
        SearchResult(_build_url(desk, "expert", expert.public_id), expert.name, expert.credit_line)
        for expert in experts
    ]


def _mail_rows(desk: RequestContext, question_ids: Sequence[int], experts: Sequence[Expert]) -> list[SearchResult]:
    """Return the mails about the questions found and to the experts found.

    The mails themselves can't be searched, since they are sealed.
    """
    if not (question_ids or experts):
        return []
    assignment_ids = None
    if experts:
        query = select(Assignment).where(Assignment.newsletter_id == desk.newsletter.id)
        split_by = (Assignment.expert_id, [expert.id for expert in experts])
        listing = Listing[Assignment](query, (Assignment.id,), split_by=split_by)
        assignment_ids = listing.keys(SEARCHED_ASSIGNMENTS)
    related_mails = mail_queries.list_related(desk.newsletter.id, question_ids, assignment_ids)
    mails = related_mails.page(desk.session, None, MAX_RESULTS + 1)
    names = load_mail_names(desk, mails)
    lines = [format_mail_line(desk, mail, names) for mail in mails]
    return [
        SearchResult(
            _build_url(desk, "mail", line["id"]),
            _("%(kind)s to %(name)s", kind=line["kind"], name=line["to"]),
            _("%(stands)s, %(time)s", stands=line["stands"], time=line["when"]),
        )
        for line in lines
    ]


def _edition_rows(desk: RequestContext, query: str, published_items: Mapping[int, EditionItem]) -> list[SearchResult]:
    """Return the editions of the date in the query, or without a date those in which the results were published."""
    dated_editions = find_editions_by_date(desk.newsletter.id, query)
    if dated_editions:
        editions = dated_editions.page(desk.session, None, MAX_RESULTS + 1)
    else:
        editions_by_id = get_many(desk.session, Edition, {item.edition_id for item in published_items.values()})
        editions = sorted(editions_by_id.values(), key=lambda edition: edition.runs_at, reverse=True)
    return [
        SearchResult(
            _build_url(desk, "edition", edition.public_id),
            full_date(edition.runs_at),
            _("number %(number)s", number=edition.number) if edition.number else "",
        )
        for edition in editions
    ]
