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
def card(context: ReaderContext, public_id: str, digest: str) -> ResponseReturnValue:
    session, newsletter = context.session, context.newsletter
    item, _edition = or_404(archive.story(session, newsletter, public_id))
    if item.question.is_retracted:
        return context.page("reader/retracted.html", "answers"), 410
    translations = item_translations.list_visible_translations(session, item)
    cards = [card_of(newsletter, item)]
    cards += [card_of(newsletter, translation) for translation in translations]
    requested_card = or_404(next((card for card in cards if card.digest == digest), None))
    return Response(or_404(requested_card.png()), mimetype="image/png")


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
def answers(context: ReaderContext) -> ResponseReturnValue:
    """List all published Q&As, newest first. In the query, `year` filters, `before` is the previous page's last Q&A."""
    if request.args.get("topic"):  # the URLs of topics before they had pages of their own
        known = [topic.slug for topic in archive.topics(context.session, context.newsletter)]
        topic = str(_read_choice("topic", known))
        return redirect(_topic_url(context, topic, year=request.args.get("year")), code=301)
    return _render_listing(context, None)


@reader.get("/<slug>/topics/<topic>")
@public
def topic(context: ReaderContext, topic: str) -> str:
    """List the published Q&As on a topic, like `answers`. The URL doesn't change when the topic is renamed."""
    return _render_listing(context, topic)


def _render_listing(context: ReaderContext, slug: str | None) -> str:
    session, newsletter = context.session, context.newsletter
    topics, years = archive.topics(session, newsletter), archive.years(session, newsletter)
    topic = or_404(next((topic for topic in topics if topic.slug == slug), None)) if slug else None
    year = _read_choice("year", [str(year) for year in years])
    listing = archive.listing(newsletter, slug, int(year) if year else None)
    last = _get_cursor_row(lambda key: archive.place_of(session, newsletter, key))
    list_url = partial(_topic_url, context, slug) if slug else partial(url_for, "reader.answers", slug=newsletter.slug)
    items = paginate(session, listing, PAGE, last, partial(list_url, year=year), cursor=archive.cursor)
    stories = stories_of(newsletter, items.rows)
    return context.page(
        "reader/answers.html",
        "answers",
        by_year=[(y, list(group)) for y, group in groupby(stories, lambda story: story.at.astimezone(zone()).year)],
        topics=topics,
        years=_list_year_links(years, list_url),
        topic=topic,
        permanent_url=absolute_url(session, list_url(lang=None)),
        year=year,
        keyset=items.keyset,
    )


def _list_year_links(years: list[int], address_of: Callable[..., str]) -> list[tuple[int, str]]:
    """Return each year with its URL. Only one is built by Flask: with many years, that took half of the page's time."""
    before, _placeholder, after = address_of(year=0).rpartition("year=0")
    return [(year, f"{before}year={year}{after}") for year in years]


def _topic_url(context: ReaderContext, topic: str, **query: Any) -> str:
    return url_for("reader.topic", slug=context.newsletter.slug, topic=topic, **query)


def _read_choice(name: str, choices: list[str]) -> str | None:
    """Return a parameter of the query, or None. Abort with 404 for an unknown value: made-up URLs are no pages."""
    value = request.args.get(name)
    if not value:
        return None
    if value not in choices:
        abort(404)
    return value


def _get_cursor_row(load: Callable[[str], T | None]) -> T | None:
    """Return the last row of the previous page, or None on the first page and for a cursor that is no public ID."""
    return get_cursor_row(load) if request.args.get("before", "").isalnum() else None


@reader.get("/<slug>/q/<public_id>/<words>")
@public
def story(context: ReaderContext, public_id: str, words: str) -> ResponseReturnValue:
    session, newsletter = context.session, context.newsletter
    item, edition = or_404(archive.story(session, newsletter, public_id))
    if item.question.is_retracted:
        return context.page("reader/retracted.html", "answers"), 410
    requested_code = request.args.get("lang", "")
    slug = item.question.text.slug if item.question.text else "q"
    if words != slug:
        return redirect(href(newsletter, item, requested_code), code=301)
    versions = item_translations.list_visible_translations(session, item)
    version = next((version for version in versions if version.language == requested_code), None)
    [shown] = stories_of(newsletter, [version or item])
    permanent_url = absolute_url(session, story_path(newsletter, item.question))
    before, after = archive.neighbours(session, newsletter, item)
    return context.page(
        "reader/story.html",
        "answers",
        story=shown,
        parts=parts(version or item),
        answers=len(shown.people),
        kicker=(version or item).piece["section"],
        askers=piece_from(item).askers,
        edition=edition,
        ties=version.input["ties"] if version else archive.ties(session, item),
        page_url=f"{permanent_url}?lang={version.language}" if version else permanent_url,
        language_versions=_list_language_versions(context, item, versions, version),
        corrections=made.of_questions(session, [item.question_id])[item.question_id],
        corrections_language=item.piece["language"],
        modified_on=item.mended_at,
        topics=questions.topics_of(session, [item.question_id])[item.question_id],
        public_id=public_id,
        previous_story=stories_of(newsletter, [before])[0] if before else None,
        next_story=stories_of(newsletter, [after])[0] if after else None,
        related_stories=_list_related_stories(context, item),
        expert_pages=archive.get_expert_page_ids_by_name(session, item),
        card=card_address(context, version or item),
        card_size=SIZE,
        permanent_url=permanent_url,
    )


def _list_language_versions(
    context: ReaderContext, item: EditionItem, versions: list[ItemTranslation], version: ItemTranslation | None
) -> list[Version]:
    """Return the versions of a Q&A in all its languages, the original first; none if there is only one."""
    translation_codes = [translation.language for translation in versions]
    if not translation_codes:
        return []
    original_code = item.piece["language"]
    current_code = version.language if version else original_code
    permanent_url = absolute_url(context.session, story_path(context.newsletter, item.question))
    return [
        Version(
            language=code,
            name=autonym(code),
            href=href(context.newsletter, item, lang=code),
            address=permanent_url if code == original_code else f"{permanent_url}?lang={code}",
            is_here=code == current_code,
        )
        for code in (original_code, *translation_codes)
    ]


def _list_related_stories(context: ReaderContext, item: EditionItem) -> list[Story]:
    """Return published Q&As that the search index finds similar, best first."""
    session, newsletter = context.session, context.newsletter
    text = item.question.text.full_text if item.question.text else headline(item)
    probe = Probe(text, "question", item.question_id)
    matches = find_matches(session, PUBLIC, newsletter.id, probe, limit=RELATED)
    question_ids = [match.noun_id for match in matches if match.answered]
    items = archive.get_published_items(session, newsletter, question_ids) if question_ids else {}
    return list(stories_by_question(newsletter, items).values())


@reader.get("/<slug>/experts/<public_id>")
@public
def expert(context: ReaderContext, public_id: str) -> str:
    """List the Q&As that an expert answered, if they agreed to have a page; 404 for all others."""
    session, newsletter = context.session, context.newsletter
    page = or_404(archive.get_expert_page(session, newsletter, public_id) if public_id.isalnum() else None)
    last = _get_cursor_row(lambda key: archive.place_of(session, newsletter, key))
    here = partial(url_for, "reader.expert", slug=newsletter.slug, public_id=public_id)
    items = paginate(session, archive.expert_page_listing(newsletter, page), PAGE, last, here, cursor=archive.cursor)
    stories = stories_of(newsletter, or_404(archive.filter_printed_items(items.rows, page) or None))
    return context.page(
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
def corrections(context: ReaderContext) -> str:
    """List all corrections, newest first, each with its Q&A."""
    session, newsletter = context.session, context.newsletter
    last = _get_cursor_row(lambda key: made.place_of(session, newsletter, key))
    here = partial(url_for, "reader.corrections", slug=newsletter.slug)
    rows = paginate(session, made.listing(newsletter), PAGE, last, here)
    stories = stories_by_question(
        newsletter,
        archive.get_published_items(session, newsletter, [correction.question_id for correction in rows.rows]),
    )
    listed = [
        (correction, stories[correction.question_id]) for correction in rows.rows if correction.question_id in stories
    ]
    return context.page("reader/corrections.html", "answers", corrections=listed, keyset=rows.keyset)


@reader.get("/<slug>/editions")
@public
def editions(context: ReaderContext) -> str:
    session, newsletter = context.session, context.newsletter
    last = _get_cursor_row(lambda key: archive.sent_edition(session, newsletter, key))
    here = partial(url_for, "reader.editions", slug=newsletter.slug)
    sent = paginate(session, archive.sent_editions(newsletter), PAGE, last, here)
    items = archive.items(session, sent.rows)
    return context.page(
        "reader/editions.html",
        "editions",
        editions=[(edition, stories_of(newsletter, items[edition.id])) for edition in sent.rows],
        upcoming_dates=context.list_upcoming_dates(),
        keyset=sent.keyset,
    )


@reader.get("/<slug>/editions/<public_id>")
@public
def edition(context: ReaderContext, public_id: str) -> str:
    session, newsletter = context.session, context.newsletter
    if not public_id.isalnum():
        abort(404)
    sent = or_404(archive.sent_edition(session, newsletter, public_id))
    stories = stories_of(newsletter, archive.items(session, [sent])[sent.id])
    return context.page("reader/edition.html", "editions", edition=sent, stories=stories)


@reader.post("/<slug>/answers")
def find_answers(slug: str) -> str:
    """Show search results. In the form, `before` is the public ID of the previous page's last Q&A."""
    with open_context(slug) as context:
        session, newsletter = context.session, context.newsletter
        words = request.form.get("words", "")[:200]
        before = request.form.get("before", "")
        cursor = None
        if before:
            last = or_404(archive.story(session, newsletter, before) if before.isalnum() else None)[0]
            cursor = or_404(get_cursor(session, PUBLIC, "question", last.question_id))
        hits = search(session, PUBLIC, newsletter.id, words, answered_only=True, cursor=cursor, limit=PAGE + 1)
        items = archive.get_published_items(session, newsletter, [hit.noun_id for hit in hits[:PAGE]])
        stories = stories_by_question(newsletter, items)
        results = [(stories[hit.noun_id], hit.snippet) for hit in hits if hit.noun_id in stories]
        older = ""
        if len(hits) > PAGE and results:
            last_question_id = list(stories)[-1]
            older = items[last_question_id].question.public_id
        return context.page(
            "reader/found.html", "answers", query=words, results=results, older=older, is_first_page=not before
        )
