"""The shelf of questions for later, and the archive of published ones."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from flask import redirect, request
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...answers.closing import unshelve
from ...db.session import get_many
from ...editions import archive as published
from ...editions import corrections, item_translations
from ...editions.models import Edition, EditionItem
from ...newsletters.queries import topics_of
from ...questions import queries as questions
from ...questions.models import Question
from ...web.formatting import in_digits, zone
from ..filtered_list import Filter, Option, Options
from ..frame import RequestContext, editor, page, read_context
from .question_list import FILTERS, QUESTIONS, SHELF
from .question_page import question_action


@editor.get("/<slug>/shelf")
def shelf(slug: str) -> str | Response:
    """List the questions on the shelf: good, but not now."""
    with read_context(slug) as desk:
        filtered_list = SHELF.parse(desk, {})
        if above := request.args.get("above"):
            return redirect(filtered_list.url_of_page_above(above))
        list_page = filtered_list.get_page()
        return page(
            desk,
            "editor/questions/shelf.html",
            "shelf",
            questions=list_page.rows,
            askers=questions.count_askers(desk.session, list_page.rows),
            topics=questions.topics_of(desk.session, [question.id for question in list_page.rows]),
            all_topics=topics_of(desk.session, desk.newsletter.id),
            **filtered_list.template_values(list_page),
        )


@question_action("/<slug>/shelf/<public_id>/take", permission="word")
def take_from_shelf(desk: RequestContext, question: Question) -> None:
    unshelve(desk.session, desk.actor, question)


def _year_options(desk: RequestContext, _selected: str) -> Options:
    return {str(year): Option(in_digits(year), year) for year in published.years(desk.session, desk.newsletter)}


def _topic_options(desk: RequestContext, _selected: str) -> Options:
    topics = published.topics(desk.session, desk.newsletter)
    return {topic.slug: Option(topic.name, topic.slug) for topic in topics}


ARCHIVE = replace(
    QUESTIONS,
    endpoint="editor.archive",
    states={"published": FILTERS["published"]},
    filters={
        "year": Filter(_l("Year"), _l("of %(year)s"), _year_options),
        "topic": Filter(_l("Topic"), _l("on %(topic)s"), _topic_options),
    },
    get_default_state=lambda _params: "published",
    build_listing=lambda desk, _states, values: published.question_listing(desk.newsletter, **values),
)


@editor.get("/<slug>/archive")
def archive(slug: str) -> str | Response:
    """List the published Q&As by year and edition, newest first, or those that a search finds."""
    with read_context(slug) as desk:
        session = desk.session
        filtered_list = ARCHIVE.parse(desk, request.args)
        if above := request.args.get("above"):
            return redirect(filtered_list.url_of_page_above(above))
        list_page = filtered_list.get_page()
        items = published.items_of_questions(session, [question.id for question in list_page.rows])
        editions = get_many(session, Edition, {item.edition_id for item in items.values()})
        years = list(filtered_list.options["year"].values())
        shown = [item for question in list_page.rows if (item := items.get(question.id))]
        return page(
            desk,
            "editor/questions/archive.html",
            "archive",
            by_year=_group_by_year(shown, editions),
            first_year=years[-1].label if years else "",
            snippets=list_page.snippets,
            corrections=corrections.of_questions(session, list(items)),
            translations=item_translations.list_visible_languages(session, [item.id for item in shown]),
            answer_count=published.count(session, desk.newsletter),
            edition_count=published.sent_editions(desk.newsletter).count(session),
            **filtered_list.template_values(list_page),
        )


def _group_by_year(
    items: Sequence[EditionItem], editions: Mapping[int, Edition]
) -> list[tuple[int, list[tuple[Edition, list[EditionItem]]]]]:
    """Return the items by edition, and the editions by the year in which they ran, newest first.

    The items of an edition keep their order. A search finds items in the order in which they were indexed.
    """

    def rank(item: EditionItem) -> tuple[datetime, int]:
        return editions[item.edition_id].ran_at, item.edition_id

    newest_first = sorted(items, key=rank, reverse=True)
    by_edition = [(editions[key], list(group)) for key, group in groupby(newest_first, attrgetter("edition_id"))]
    by_year = groupby(by_edition, lambda pair: pair[0].ran_at.astimezone(zone()).year)
    return [(year, list(pairs)) for year, pairs in by_year]
