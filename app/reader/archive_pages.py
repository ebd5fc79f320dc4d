"""The public archive: Q&As with their preview images, lists by topic, year, language and expert, corrections, editions.

The URL of a preview image contains a digest of its text, so an image of an earlier wording is no longer served.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

from flask import Response, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue

from ..db.session import absolute_url
from ..editions import archive, item_translations
from ..editions import corrections as edition_corrections
from ..editions.archive import story_path
from ..editions.items import headline, piece_from
from ..editions.models import Edition, EditionItem, ItemTranslation
from ..newsletters.models import Newsletter
from ..people import expert_photos
from ..questions import queries as questions
from ..search import PUBLIC
from ..search.alike import Probe, find_matches
from ..typesetting.card import SIZE, Card
from ..web.formatting import autonym, language, zone
from ..web.photo_form import format_caption, send_image
from ..web.setup import or_404, paginate
from .page_frame import ReaderContext, get_list_cursor, public, reader
from .stories import (
    Story,
    find_sent_edition,
    list_stories,
    list_stories_by_question,
    list_stories_of_edition,
    render_parts,
    stories_of,
    story_href,
)

PAGE_SIZE, RELATED_STORIES = 20, 3


class LanguageVersion(NamedTuple):
    """A Q&A in one language."""

    language: str
    name: str  # the name of the language, in the language itself
    href: str  # the link to it
    address: str  # the permanent URL, for search engines
    is_here: bool  # whether the current page is in this language


def make_card(newsletter: Newsletter, item: EditionItem | ItemTranslation) -> Card:
    return Card(headline(item), newsletter.name, item.piece["language"])


def get_card_url(context: ReaderContext, item: EditionItem | ItemTranslation) -> str | None:
    """Return the URL of the preview image of a Q&A or its translation, or None if no installed font can draw it."""
    newsletter = context.newsletter
    card = make_card(newsletter, item)
    if not card.can_be_drawn:
        return None
    path = url_for(
        "reader.card", slug=newsletter.slug, public_id=item.question.public_id, digest=card.digest, lang=None
    )
    return absolute_url(context.session, path)


def _get_oembed_url(context: ReaderContext, page_url: str) -> str:
    """Return the URL at which other programs find the card of a page (see `oembed.py`)."""
    return absolute_url(context.session, url_for("reader.oembed", slug=context.newsletter.slug, url=page_url))


@reader.get("/<slug>/cards/<public_id>/<digest>.png")
@public
def card(context: ReaderContext, public_id: str, digest: str) -> ResponseReturnValue:
    session, newsletter = context.session, context.newsletter
    item, _edition = or_404(archive.story(session, newsletter, public_id))
    if item.question.is_retracted:
        return context.page("reader/retracted.html", "answers"), 410
    translations = item_translations.list_visible_translations(session, item)
    cards = [make_card(newsletter, item)]
    cards += [make_card(newsletter, translation) for translation in translations]
    requested_card = or_404(next((card for card in cards if card.digest == digest), None))
    return Response(or_404(requested_card.png()), mimetype="image/png")


@reader.get("/<slug>/photos/<digest>.jpg")
@public
def photo(context: ReaderContext, digest: str) -> ResponseReturnValue:
    """Send the photo of an expert who lets readers see it. Its address contains a hash of the picture."""
    return send_image(or_404(expert_photos.get_shown_image(context.session, context.newsletter.id, digest)))


@reader.get("/<slug>/answers")
@public
def answers(context: ReaderContext) -> ResponseReturnValue:
    """List all published Q&As, newest first, or those of a `year`. `before` is the last Q&A of the previous page."""
    if request.args.get("topic"):  # topics had these URLs before they got pages of their own
        topic_slugs = [topic.slug for topic in archive.topics(context.session, context.newsletter)]
        topic_slug = str(_read_choice("topic", topic_slugs))
        return redirect(_topic_url(context, topic_slug, year=request.args.get("year")), code=301)
    return _render_listing(context)


@reader.get("/<slug>/topics/<topic>")
@public
def topic(context: ReaderContext, topic: str) -> str:
    """List the published Q&As on a topic, like `answers`. The URL doesn't change when the topic is renamed."""
    return _render_listing(context, topic_slug=topic)


@reader.get("/<slug>/languages/<code>")
@public
def answers_in_language(context: ReaderContext, code: str) -> str:
    """List the published Q&As that can be read in a language, like `answers`, each in this language."""
    return _render_listing(context, list_language=code)


def _render_listing(context: ReaderContext, topic_slug: str | None = None, list_language: str | None = None) -> str:
    session, newsletter = context.session, context.newsletter
    topics = archive.topics(session, newsletter)
    languages = archive.list_languages(session, newsletter)
    topic = None
    list_url = partial(url_for, "reader.answers", slug=newsletter.slug)
    if list_language:
        or_404(list_language in languages or None)
        list_url = partial(url_for, "reader.answers_in_language", slug=newsletter.slug, code=list_language)
    if topic_slug:
        topic = or_404(next((topic for topic in topics if topic.slug == topic_slug), None))
        list_url = partial(_topic_url, context, topic_slug)
    years = archive.years(session, newsletter)
    year = _read_choice("year", [str(year) for year in years])
    listing = archive.listing(newsletter, topic_slug, int(year) if year else None, list_language)
    last = get_list_cursor(lambda key: archive.find_cursor(session, newsletter, key))
    items = paginate(session, listing, PAGE_SIZE, last, partial(list_url, year=year), cursor=archive.get_public_id)
    versions = item_translations.list_versions_in(session, items.rows, list_language or language())
    stories = stories_of(newsletter, [version for version in versions if _is_in_language(version, list_language)])
    stories_by_year = groupby(stories, lambda story: story.at.astimezone(zone()).year)
    return context.page(
        "reader/answers.html",
        "answers",
        by_year=[(story_year, list(group)) for story_year, group in stories_by_year],
        topics=topics,
        years=_list_year_links(years, list_url),
        topic=topic,
        list_language=list_language,
        archive_languages=_list_archive_languages(context, languages),
        feed_language=list_language or (language() if language() in languages[1:] else None),
        permanent_url=absolute_url(session, list_url(lang=None)),
        year=year,
        page_urls=items.page_urls,
    )


def _is_in_language(version: EditionItem | ItemTranslation, list_language: str | None) -> bool:
    """Return whether a version belongs on the list of a language. After a correction, a translation isn't shown."""
    return list_language is None or version.piece["language"] == list_language


def _list_archive_languages(context: ReaderContext, languages: list[str]) -> list[tuple[str, str, str]]:
    """Return the code, the name and the list of each language of the archive; an empty list if there is only one."""
    if len(languages) == 1:
        return []
    slug = context.newsletter.slug
    return [(code, autonym(code), url_for("reader.answers_in_language", slug=slug, code=code)) for code in languages]


def _list_year_links(years: list[int], list_url: Callable[..., str]) -> list[tuple[int, str]]:
    """Return each year with the URL of its list.

    Flask builds only one of the URLs: building all of them took half of the page's time.
    """
    before, _placeholder, after = list_url(year=0).rpartition("year=0")
    return [(year, f"{before}year={year}{after}") for year in years]


def _topic_url(context: ReaderContext, topic_slug: str, **query: Any) -> str:
    return url_for("reader.topic", slug=context.newsletter.slug, topic=topic_slug, **query)


def _read_choice(name: str, choices: list[str]) -> str | None:
    """Return a parameter of the query, or None. Abort with 404 for an unknown value, so that it doesn't get a page."""
    value = request.args.get(name)
    if not value:
        return None
    if value not in choices:
        abort(404)
    return value


@reader.get("/<slug>/q/<public_id>/", defaults={"words": ""})  # an address without its last part is found too
@reader.get("/<slug>/q/<public_id>/<words>")
@public
def story(context: ReaderContext, public_id: str, words: str) -> ResponseReturnValue:
    session, newsletter = context.session, context.newsletter
    item, edition = or_404(archive.story(session, newsletter, public_id))
    if item.question.is_retracted:
        return context.page("reader/retracted.html", "answers"), 410
    requested_code = request.args.get("lang", "")
    current_words = item.question.text.slug if item.question.text else "q"
    if words != current_words:
        return redirect(story_href(newsletter, item, requested_code), code=301)
    translations = item_translations.list_visible_translations(session, item)
    translation = next((translation for translation in translations if translation.language == requested_code), None)
    shown_item = translation or item
    [shown_story] = stories_of(newsletter, [shown_item])
    permanent_url = absolute_url(session, story_path(newsletter, item.question))
    page_url = f"{permanent_url}?lang={translation.language}" if translation else permanent_url
    before, after = archive.neighbours(session, newsletter, item)
    call, call_language = item_translations.get_call(
        session, newsletter, shown_story.language, is_translation=bool(translation)
    )
    return context.page(
        "reader/story.html",
        "answers",
        story=shown_story,
        parts=render_parts(shown_item),
        answers=len(shown_story.people),
        kicker=item_translations.get_section_name(session, newsletter, item, shown_item),
        askers=piece_from(item).askers,
        edition=edition,
        ties=translation.input["ties"] if translation else archive.ties(session, item),
        call=call.replace("{address}", newsletter.address),
        call_language=call_language,
        page_url=page_url,
        language_versions=_list_language_versions(context, item, translations, translation),
        corrections=edition_corrections.of_questions(session, [item.question_id])[item.question_id],
        corrections_language=item.piece["language"],
        modified_on=item.mended_at,
        topics=questions.topics_of(session, [item.question_id])[item.question_id],
        public_id=public_id,
        previous_story=list_stories(context, [before])[0] if before else None,
        next_story=list_stories(context, [after])[0] if after else None,
        related_stories=_list_related_stories(context, item),
        expert_pages=archive.get_expert_page_ids_by_name(session, item),
        photos=[
            (photo, format_caption(photo)) if photo else None for photo in archive.list_shown_photos(session, item)
        ],
        card=get_card_url(context, shown_item),
        card_size=SIZE,
        permanent_url=permanent_url,
        oembed_url=_get_oembed_url(context, page_url),
    )


def _list_language_versions(
    context: ReaderContext,
    item: EditionItem,
    translations: list[ItemTranslation],
    current_translation: ItemTranslation | None,
) -> list[LanguageVersion]:
    """Return a Q&A in all its languages, the original first; an empty list if it isn't translated."""
    if not translations:
        return []
    original_code = item.piece["language"]
    current_code = current_translation.language if current_translation else original_code
    permanent_url = absolute_url(context.session, story_path(context.newsletter, item.question))
    return [
        LanguageVersion(
            language=code,
            name=autonym(code),
            href=story_href(context.newsletter, item, lang=code),
            address=permanent_url if code == original_code else f"{permanent_url}?lang={code}",
            is_here=code == current_code,
        )
        for code in (original_code, *(translation.language for translation in translations))
    ]


def _list_related_stories(context: ReaderContext, item: EditionItem) -> list[Story]:
    """Return the published Q&As that are similar by the search index, best first."""
    session, newsletter = context.session, context.newsletter
    text = item.question.text.full_text if item.question.text else headline(item)
    probe = Probe(text, "question", item.question_id)
    matches = find_matches(session, PUBLIC, newsletter.id, probe, limit=RELATED_STORIES)
    question_ids = [match.noun_id for match in matches if match.answered]
    items = archive.get_published_items(session, newsletter, question_ids) if question_ids else {}
    return list_stories(context, list(items.values()))


@reader.get("/<slug>/experts/<public_id>")
@public
def expert(context: ReaderContext, public_id: str) -> str:
    """List the Q&As that an expert answered, if they agreed to have a page; 404 for all others."""
    session, newsletter = context.session, context.newsletter
    if not public_id.isalnum():
        abort(404)
    page = or_404(archive.get_expert_page(session, newsletter, public_id))
    listing = archive.expert_page_listing(newsletter, page)
    last = get_list_cursor(lambda key: archive.find_cursor(session, newsletter, key))
    page_url = partial(url_for, "reader.expert", slug=newsletter.slug, public_id=public_id)
    items = paginate(session, listing, PAGE_SIZE, last, page_url, cursor=archive.get_public_id)
    printed_items = or_404(archive.filter_printed_items(items.rows, page) or None)
    originals = stories_of(newsletter, printed_items)
    credit_lines = [line for story in originals for name, line in story.people if name == page.name]
    return context.page(
        "reader/expert.html",
        "answers",
        name=page.name,
        credit_line=credit_lines[0] if credit_lines else "",
        language=originals[0].language,
        stories=list_stories(context, printed_items),
        permanent_url=absolute_url(session, page_url(lang=None)),
        page_urls=items.page_urls,
    )


@reader.get("/<slug>/corrections")
@public
def corrections(context: ReaderContext) -> str:
    """List all corrections, newest first, each with its Q&A."""
    session, newsletter = context.session, context.newsletter
    last = get_list_cursor(lambda key: edition_corrections.find_cursor(session, newsletter, key))
    page_url = partial(url_for, "reader.corrections", slug=newsletter.slug)
    page = paginate(session, edition_corrections.listing(newsletter), PAGE_SIZE, last, page_url)
    question_ids = [correction.question_id for correction in page.rows]
    items = archive.get_published_items(session, newsletter, question_ids)
    # In their own language, like the corrections.
    stories = dict(zip(items, stories_of(newsletter, items.values()), strict=True))
    corrections_with_stories = [
        (correction, stories[correction.question_id]) for correction in page.rows if correction.question_id in stories
    ]
    return context.page(
        "reader/corrections.html", "answers", corrections=corrections_with_stories, page_urls=page.page_urls
    )


@reader.get("/<slug>/editions")
@public
def editions(context: ReaderContext) -> str:
    session, newsletter = context.session, context.newsletter
    last = get_list_cursor(lambda key: archive.sent_edition(session, newsletter, key))
    page_url = partial(url_for, "reader.editions", slug=newsletter.slug)
    page = paginate(session, archive.sent_editions(newsletter), PAGE_SIZE, last, page_url)
    items = archive.items(session, page.rows)
    return context.page(
        "reader/editions.html",
        "editions",
        editions=_list_stories_by_edition(context, page.rows, items),
        upcoming_dates=context.list_upcoming_dates(),
        page_urls=page.page_urls,
    )


def _list_stories_by_edition(
    context: ReaderContext, editions: Sequence[Edition], items: Mapping[int, list[EditionItem]]
) -> list[tuple[Edition, list[Story]]]:
    all_items = {item.question_id: item for edition in editions for item in items[edition.id]}
    stories = list_stories_by_question(context, all_items)
    return [(edition, [stories[item.question_id] for item in items[edition.id]]) for edition in editions]


@reader.get("/<slug>/editions/<public_id>")
@public
def edition(context: ReaderContext, public_id: str) -> str:
    edition = find_sent_edition(context, public_id)
    path = url_for("reader.edition", slug=context.newsletter.slug, public_id=public_id)
    return context.page(
        "reader/edition.html",
        "editions",
        edition=edition,
        stories=list_stories_of_edition(context, edition),
        oembed_url=_get_oembed_url(context, absolute_url(context.session, path)),
    )
