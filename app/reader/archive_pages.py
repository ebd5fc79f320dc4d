"""The public archive: Q&As with their preview images, lists by topic, year and expert, corrections, editions, search.

A preview image has a digest of its text in its URL, so the old image of a Q&A that was reworded or withdrawn is gone.
"""

from collections.abc import Callable
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

from flask import Response, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue

from ..db.session import absolute_url
from ..editions import archive, item_translations
from ..editions import corrections as made
from ..editions.archive import story_path
from ..editions.items import headline, piece_from
from ..editions.models import EditionItem, ItemTranslation
from ..newsletters.models import Newsletter
from ..questions import queries as questions
from ..search import PUBLIC
from ..search.alike import Probe, find_matches
from ..search.full_text import get_cursor, search
from ..typesetting.card import SIZE, Card
from ..web.formatting import autonym, zone
from ..web.setup import get_cursor_row, or_404, paginate
from .page_frame import ReaderContext, T, open_context, public, reader
from .stories import Story, href, parts, stories_by_question, stories_of


def card_of(newsletter: Newsletter, item: EditionItem | ItemTranslation) -> Card:
    return Card(headline(item), newsletter.name, item.piece["language"])


def card_address(context: ReaderContext, item: EditionItem | ItemTranslation) -> str | None:
    """Return the URL of the preview image of a Q&A or its translation, or None if no installed font can draw it."""
    card, newsletter = card_of(context.newsletter, item), context.newsletter
    if not card.can_be_drawn:
        return None
    public_id, digest = item.question.public_id, card.digest
    path = url_for("reader.card", slug=newsletter.slug, public_id=public_id, digest=digest, lang=None)
    return absolute_url(context.session, path)


@reader.get("/<slug>/cards/<public_id>/<digest>.png")
@public
def card(place: ReaderContext, public_id: str, digest: str) -> ResponseReturnValue:
    session, newsletter = place.session, place.newsletter
    item, _edition = or_404(archive.story(session, newsletter, public_id))
    if item.question.is_retracted:
        return place.page("reader/retracted.html", "answers"), 410
    cards = [
        card_of(newsletter, item),
        *(card_of(newsletter, one) for one in item_translations.list_visible_translations(session, item)),
    ]
    drawn = or_404(next((one for one in cards if one.digest == digest), None)).png()
    return Response(or_404(drawn), mimetype="image/png")


PAGE, RELATED = 20, 3


class Version(NamedTuple):
    """A Q&A in one language, with the language's tag and own name. `href` is the link to it, `address` the permanent
    URL for search engines; `is_here` marks the version on the current page.
    """

    language: str
    name: str
    href: str
    address: str
    is_here: bool


@reader.get("/<slug>/answers")
@public
def answers(place: ReaderContext) -> ResponseReturnValue:
    """List all published Q&As, newest first. In the query, `year` filters, `before` is the previous page's last Q&A."""
    if request.args.get("topic"):  # the URLs of topics before they had pages of their own
        known = [topic.slug for topic in archive.topics(place.session, place.newsletter)]
        topic = str(_read_choice("topic", known))
        return redirect(_topic_url(place, topic, year=request.args.get("year")), code=301)
    return _render_listing(place, None)


@reader.get("/<slug>/topics/<topic>")
@public
def topic(place: ReaderContext, topic: str) -> str:
    """List the published Q&As on a topic, like `answers`. The URL doesn't change when the topic is renamed."""
    return _render_listing(place, topic)


def _render_listing(context: ReaderContext, slug: str | None) -> str:
    session, newsletter = context.session, context.newsletter
    topics, years = archive.topics(session, newsletter), archive.years(session, newsletter)
    topic = or_404(next((one for one in topics if one.slug == slug), None)) if slug else None
    year = _read_choice("year", [str(year) for year in years])
    listing = archive.listing(newsletter, slug, int(year) if year else None)
    last = _get_cursor_row(lambda key: archive.place_of(session, newsletter, key))
    all_of_it = partial(_topic_url, context, slug) if slug else partial(url_for, "reader.answers", slug=newsletter.slug)
    items = paginate(session, listing, PAGE, last, partial(all_of_it, year=year), cursor=archive.cursor)
    shown = stories_of(newsletter, items.rows)
    return context.page(
        "reader/answers.html",
        "answers",
        by_year=[(y, list(group)) for y, group in groupby(shown, lambda story: story.at.astimezone(zone()).year)],
        topics=topics,
        years=_list_year_links(years, all_of_it),
        topic=topic,
        permanent_url=absolute_url(session, all_of_it(lang=None)),
        year=year,
        keyset=items.keyset,
    )


def _list_year_links(years: list[int], address_of: Callable[..., str]) -> list[tuple[int, str]]:
    """Return each year with its URL. Only one is built by Flask: with many years, that took half of the page's time."""
    before, year, after = address_of(year=0).rpartition("year=0")
    return [(one, f"{before}{year[:-1]}{one}{after}") for one in years]


def _topic_url(context: ReaderContext, topic: str, **asked: Any) -> str:
    return url_for("reader.topic", slug=context.newsletter.slug, topic=topic, **asked)


def _read_choice(name: str, choices: list[str]) -> str | None:
    """Return a parameter of the query, or None. Abort with 404 for an unknown value: made-up URLs are no pages."""
    value = request.args.get(name)
    return or_404(value if value in choices else None) if value else None


def _get_cursor_row(load: Callable[[str], T | None]) -> T | None:
    """Return the last row of the previous page, or None on the first page and for a cursor that is no public ID."""
    return get_cursor_row(load) if request.args.get("before", "").isalnum() else None


@reader.get("/<slug>/q/<public_id>/<words>")
@public
def story(place: ReaderContext, public_id: str, words: str) -> ResponseReturnValue:
    session, newsletter = place.session, place.newsletter
    item, edition = or_404(archive.story(session, newsletter, public_id))
    if item.question.is_retracted:
        return place.page("reader/retracted.html", "answers"), 410
    asked = request.args.get("lang", "")
    if words != (item.question.text.slug if item.question.text else "q"):
        return redirect(href(newsletter, item, asked), code=301)
    versions = item_translations.list_visible_translations(session, item)
    version = next((one for one in versions if one.language == asked), None)
    [shown] = stories_of(newsletter, [version or item])
    lasting = absolute_url(session, story_path(newsletter, item.question))
    before, after = archive.neighbours(session, newsletter, item)
    return place.page(
        "reader/story.html",
        "answers",
        story=shown,
        parts=parts(version or item),
        answers=len(shown.people),
        kicker=(version or item).piece["section"],
        askers=piece_from(item).askers,
        edition=edition,
        ties=version.input["ties"] if version else archive.ties(session, item),
        page_url=f"{lasting}?lang={version.language}" if version else lasting,
        language_versions=_list_language_versions(place, item, versions, version),
        corrections=made.of_questions(session, [item.question_id])[item.question_id],
        corrections_language=item.piece["language"],
        modified_on=item.mended_at,
        topics=questions.topics_of(session, [item.question_id])[item.question_id],
        public_id=public_id,
        previous_story=stories_of(newsletter, [before])[0] if before else None,
        next_story=stories_of(newsletter, [after])[0] if after else None,
        related_stories=_list_related_stories(place, item),
        expert_pages=archive.get_expert_page_ids_by_name(session, item),
        card=card_address(place, version or item),
        card_size=SIZE,
        permanent_url=lasting,
    )


def _list_language_versions(
    context: ReaderContext, item: EditionItem, versions: list[ItemTranslation], version: ItemTranslation | None
) -> list[Version]:
    """Return the versions of a Q&A in all its languages, the original first; none if there is only one."""
    more = [one.language for one in versions]
    own, lasting = item.piece["language"], absolute_url(context.session, story_path(context.newsletter, item.question))
    return [
        Version(
            code,
            autonym(code),
            href(context.newsletter, item, lang=code),
            lasting if code == own else f"{lasting}?lang={code}",
            code == (version.language if version else own),
        )
        for code in ([own, *more] if more else [])
    ]


def _list_related_stories(context: ReaderContext, item: EditionItem) -> list[Story]:
    """Return published Q&As that the search index finds similar, best first."""
    session, newsletter = context.session, context.newsletter
    words = item.question.text.whole if item.question.text else headline(item)
    probe = Probe(words, "question", item.question_id)
    keys = [one.noun_id for one in find_matches(session, PUBLIC, newsletter.id, probe, limit=RELATED) if one.answered]
    ran = archive.get_published_items(session, newsletter, keys) if keys else {}
    return list(stories_by_question(newsletter, ran).values())


@reader.get("/<slug>/experts/<public_id>")
@public
def expert(place: ReaderContext, public_id: str) -> str:
    """List the Q&As that an expert answered, if they agreed to have a page; 404 for all others."""
    session, newsletter = place.session, place.newsletter
    page = or_404(archive.get_expert_page(session, newsletter, public_id) if public_id.isalnum() else None)
    last = _get_cursor_row(lambda key: archive.place_of(session, newsletter, key))
    here = partial(url_for, "reader.expert", slug=newsletter.slug, public_id=public_id)
    items = paginate(session, archive.expert_page_listing(newsletter, page), PAGE, last, here, cursor=archive.cursor)
    stories = stories_of(newsletter, or_404(archive.filter_printed_items(items.rows, page) or None))
    return place.page(
        "reader/expert.html",
        "answers",
        name=page.name,
        credit_line=next((line for story in stories for name, line in story.people if name == page.name), ""),
        language=stories[0].language,
        stories=stories,
        permanent_url=absolute_url(session, here(lang=None)),
        keyset=items.keyset,
    )


@reader.get("/<slug>/corrections")
@public
def corrections(place: ReaderContext) -> str:
    """List all corrections, newest first, each with its Q&A."""
    session, newsletter = place.session, place.newsletter
    last = _get_cursor_row(lambda key: made.place_of(session, newsletter, key))
    here = partial(url_for, "reader.corrections", slug=newsletter.slug)
    rows = paginate(session, made.listing(newsletter), PAGE, last, here)
    stories = stories_by_question(
        newsletter, archive.get_published_items(session, newsletter, [one.question_id for one in rows.rows])
    )
    listed = [(one, stories[one.question_id]) for one in rows.rows if one.question_id in stories]
    return place.page("reader/corrections.html", "answers", corrections=listed, keyset=rows.keyset)


@reader.get("/<slug>/editions")
@public
def editions(place: ReaderContext) -> str:
    session, newsletter = place.session, place.newsletter
    last = _get_cursor_row(lambda key: archive.sent_edition(session, newsletter, key))
    here = partial(url_for, "reader.editions", slug=newsletter.slug)
    sent = paginate(session, archive.sent_editions(newsletter), PAGE, last, here)
    items = archive.items(session, sent.rows)
    return place.page(
        "reader/editions.html",
        "editions",
        editions=[(edition, stories_of(newsletter, items[edition.id])) for edition in sent.rows],
        upcoming_dates=place.coming(),
        keyset=sent.keyset,
    )


@reader.get("/<slug>/editions/<public_id>")
@public
def edition(place: ReaderContext, public_id: str) -> str:
    session, newsletter = place.session, place.newsletter
    if not public_id.isalnum():
        abort(404)
    sent = or_404(archive.sent_edition(session, newsletter, public_id))
    stories = stories_of(newsletter, archive.items(session, [sent])[sent.id])
    return place.page("reader/edition.html", "editions", edition=sent, stories=stories)


@reader.post("/<slug>/answers")
def find_answers(slug: str) -> str:
    """Show search results. In the form, `before` is the public ID of the previous page's last Q&A."""
    with open_context(slug) as place:
        session, newsletter = place.session, place.newsletter
        words = request.form.get("words", "")[:200]
        before = request.form.get("before", "")
        mark = None
        if before:
            last = or_404(archive.story(session, newsletter, before) if before.isalnum() else None)[0]
            mark = or_404(get_cursor(session, PUBLIC, "question", last.question_id))
        hits = search(session, PUBLIC, newsletter.id, words, answered_only=True, cursor=mark, limit=PAGE + 1)
        ran = archive.get_published_items(session, newsletter, [hit.noun_id for hit in hits[:PAGE]])
        stories = stories_by_question(newsletter, ran)
        results = [(stories[hit.noun_id], hit.snippet) for hit in hits if hit.noun_id in stories]
        older = ran[[*stories][-1]].question.public_id if len(hits) > PAGE and results else ""
        return place.page(
            "reader/found.html", "answers", query=words, results=results, older=older, is_first_page=not before
        )
