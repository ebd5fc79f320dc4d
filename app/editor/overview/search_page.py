"""The desk's search over letters, questions, published answers, experts, mails and editions, newest first.

It finds only what the desk's lists show. Sealed texts such as addresses and mails aren't indexed, and withdrawn ones
are removed from the index. Each group shows the first few results and links to its list.
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
from ...web.formatting import age, full_date
from ..frame import RequestContext, editor, page, read_context
from ..letter_labels import LETTER_STATE_LABELS
from ..mail_labels import format_mail_line, load_mail_names
from ..question_labels import STATE_LABELS

MOST = 6  # results shown per group
RECENT = 30  # newest assignments of the experts found whose mails are searched
LONGEST = 200  # characters of a query


@dataclass(frozen=True)
class Row:
    """A search result: its address, its text or the snippets around the search words, and a note about it."""

    href: str
    text: str
    about: str = ""
    pieces: Sequence[Any] = ()
    language: str | None = None


@dataclass(frozen=True)
class Group:
    """Search results of one kind: at most one more than is shown, and the address of the full list, if any."""

    heading: str
    found: list[Row]
    whole: str = ""

    @property
    def rows(self) -> list[Row]:
        return self.found[:MOST]

    @property
    def is_cut(self) -> bool:
        return len(self.found) > MOST


@editor.sheet("/<slug>/search", "read", endpoint="search")
def look_for(slug: str) -> str:
    words = single_line(request.args.get("q", ""))[:LONGEST]
    with read_context(slug) as desk:
        groups = _groups(desk, words) if words else []
        return page(desk, "editor/search/search.html", "", query=words, groups=groups)


def _groups(desk: RequestContext, query: str) -> list[Group]:
    """Return the results by kind, in a fixed number of queries."""
    session, newsletter = desk.session, desk.newsletter

    def hits(noun: str) -> list[Hit]:
        return search(session, DESK, newsletter.id, query, nouns=(noun,), limit=MOST + 1)

    letters, questions = hits("letter"), hits("question")
    public = search(session, PUBLIC, newsletter.id, query, answered_only=True, limit=MOST + 1)
    ran = archive.get_published_items(session, newsletter, [hit.noun_id for hit in (*public, *questions)])
    experts = expert_search.directory(query).page(session, None, MOST + 1)
    going = [hit for hit in questions if hit.noun_id not in ran]

    def whole(name: str) -> str:
        return url_for(f"editor.{name}", slug=newsletter.slug, q=query)

    found = (
        Group(_("Letters"), _letters(desk, letters), whole("letters")),
        Group(_("Questions"), _questions(desk, going), whole("questions")),
        Group(_("Published answers"), _published(desk, public, ran)),
        Group(_("Experts"), _experts(desk, experts), whole("experts")),
        Group(_("Mails"), _mails(desk, [hit.noun_id for hit in questions], experts)),
        Group(_("Editions"), _editions(desk, query, ran), url_for("editor.all_editions", slug=newsletter.slug)),
    )
    return [group for group in found if group.found]


def _build_url(desk: RequestContext, endpoint: str, public_id: str) -> str:
    return url_for(f"editor.{endpoint}", slug=desk.newsletter.slug, public_id=public_id)


def _letters(desk: RequestContext, hits: Sequence[Hit]) -> list[Row]:
    letters = get_many(desk.session, Letter, [hit.noun_id for hit in hits])
    return [
        Row(
            _build_url(desk, "letter", one.public_id),
            one.body,
            _("%(stands)s, %(time)s", stands=LETTER_STATE_LABELS[str(one.state)], time=age(one.received_at)),
            hit.snippet,
            one.language,
        )
        for hit in hits
        if (one := letters.get(hit.noun_id)) and one.body
    ]


def _questions(desk: RequestContext, hits: Sequence[Hit]) -> list[Row]:
    questions = get_many(desk.session, Question, [hit.noun_id for hit in hits])
    return [
        Row(_build_url(desk, "question", one.public_id), one.title, _label(one), hit.snippet)
        for hit in hits
        if (one := questions.get(hit.noun_id))
    ]


def _label(question: Question) -> str:
    """Return the label of the list that contains the question."""
    return str(STATE_LABELS[STATE_LABELS[str(question.state)].listed].label)


def _published(desk: RequestContext, hits: Sequence[Hit], published_items: Mapping[int, EditionItem]) -> list[Row]:
    return [
        Row(
            _build_url(desk, "question", item.question.public_id),
            headline(item),
            ", ".join(voice["lead_in"]["name"] for voice in item.piece["voices"]),
        )
        for hit in hits
        if (item := published_items.get(hit.noun_id))
    ]


def _experts(desk: RequestContext, experts: Sequence[Expert]) -> list[Row]:
    return [Row(_build_url(desk, "expert", one.public_id), one.name, one.credit_line) for one in experts]


def _mails(desk: RequestContext, questions: Sequence[int], experts: Sequence[Expert]) -> list[Row]:
    """Return the mails about the questions found and to the experts found. The contents of mails are sealed."""
    if not (questions or experts):
        return []
    theirs = select(Assignment).where(Assignment.newsletter_id == desk.newsletter.id)
    each = (Assignment.expert_id, [one.id for one in experts])
    asked = Listing[Assignment](theirs, (Assignment.id,), split_by=each).keys(RECENT) if experts else None
    mails = mail_queries.list_related(desk.newsletter.id, questions, asked).page(desk.session, None, MOST + 1)
    names = load_mail_names(desk, mails)
    lines = [format_mail_line(desk, mail, names) for mail in mails]
    return [
        Row(
            _build_url(desk, "mail", line["id"]),
            _("%(kind)s to %(name)s", kind=line["kind"], name=line["to"]),
            _("%(stands)s, %(time)s", stands=line["stands"], time=line["when"]),
        )
        for line in lines
    ]


def _editions(desk: RequestContext, query: str, published_items: Mapping[int, EditionItem]) -> list[Row]:
    """Return the editions of the date in the query, or else those in which the results were published."""
    of_date = find_editions_by_date(desk.newsletter.id, query)
    if of_date:
        editions = of_date.page(desk.session, None, MOST + 1)
    else:
        held = get_many(desk.session, Edition, {item.edition_id for item in published_items.values()})
        editions = sorted(held.values(), key=lambda one: one.runs_at, reverse=True)
    return [
        Row(
            _build_url(desk, "edition", one.public_id),
            full_date(one.runs_at),
            _("number %(number)s", number=one.number) if one.number else "",
        )
        for one in editions
    ]
