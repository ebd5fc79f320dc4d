"""The latest answers as Atom (RFC 4287) and JSON Feed 1.1, and the coming editions as an iCalendar file (RFC 5545).

Old Q&As that were recently corrected or reworded are listed again, so that feed readers update their copies. The Atom
feed also lists those that were recently withdrawn (RFC 6721). Earlier Q&As follow page by page (RFC 5005, section 3;
`next_url` of JSON Feed), to the first one. The ID of an entry contains no words of its Q&A, so it stays the same when
the Q&A is reworded. The feeds of a language have the Q&As that can be read in it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from xml.etree import ElementTree

from flask import Response, current_app, render_template, request, url_for

from ..db.session import now
from ..editions import archive, corrections
from ..editions.calendar import EditionDate, render_ics
from ..editions.item_translations import list_versions_in
from ..editions.items import block_from
from ..editions.models import Correction, EditionItem, ItemTranslation
from ..editions.queries import list_editions_to_run
from ..newsletters.models import Newsletter
from ..questions.models import Question
from ..typesetting.renderers import to_html
from ..web.setup import or_404, paginate
from . import copies
from .page_frame import ReaderContext, get_list_cursor, open_context, public, reader
from .stories import Story, stories_of

ATOM = "http://www.w3.org/2005/Atom"
TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"
MAX_ENTRIES = 20
RECENT = timedelta(days=30)  # how long corrected and withdrawn Q&As are listed
CALENDAR_DATES = 30
NO_CHANGE_YET = datetime(2000, 1, 1, tzinfo=UTC)  # stands for the last change of an empty feed or calendar


def _feed_path(endpoint: str, newsletter: Newsletter, code: str | None, **params: Any) -> str:
    if code:
        params["code"] = code
    return url_for(f"reader.{endpoint}", slug=newsletter.slug, **params)


def _full_url(path: str) -> str:
    """Return an absolute URL with the configured host, as the Host header can be forged."""
    return f"{current_app.config['BASE_URL']}{path}"


@dataclass(frozen=True)
class FeedEntry:
    """A Q&A with its corrections, as an entry of a feed."""

    item: EditionItem
    version: EditionItem | ItemTranslation  # the item, or its translation into the language of the feed
    story: Story
    corrections: list[Correction]
    permanent_id: str  # RFC 4287, section 4.2.6

    @property
    def updated(self) -> datetime:
        return max(self.story.at, self.item.mended_at or self.story.at)

    @property
    def html(self) -> str:
        html = to_html(block_from(self.version))
        if not self.corrections:
            return html
        return html + render_template(
            "reader/_corrections.html", corrections=self.corrections, language=self.item.piece["language"]
        )


class FeedPage(NamedTuple):
    """A page of a feed: its entries, and the URL of the page with earlier ones, or None on the last page."""

    entries: list[FeedEntry]
    next_url: str | None


def _get_page(context: ReaderContext, endpoint: str, code: str | None) -> FeedPage:
    """Return the requested page of the newsletter's feed, or of the feed of a language."""
    session, newsletter = context.session, context.newsletter
    last = get_list_cursor(lambda key: archive.find_cursor(session, newsletter, key))
    make_url = partial(_feed_path, endpoint, newsletter, code)
    listing = archive.listing(newsletter, language=code)
    page = paginate(session, listing, MAX_ENTRIES, last, make_url, cursor=archive.get_public_id)
    items = list(page.rows)
    if last is None:
        since = now(session) - RECENT
        corrected_items = archive.list_corrected_items(session, newsletter, since, MAX_ENTRIES)
        items += [item for item in corrected_items if item not in items]
    older_path = page.page_urls["older"]
    return FeedPage(_build_entries(context, items, code), _full_url(older_path) if older_path else None)


def _build_entries(context: ReaderContext, items: Sequence[EditionItem], code: str | None) -> list[FeedEntry]:
    session, newsletter = context.session, context.newsletter
    versions = list_versions_in(session, items, code) if code else items
    corrections_by_question = corrections.of_questions(session, [item.question_id for item in items])
    return [
        FeedEntry(
            item,
            version,
            story,
            corrections_by_question[item.question_id],
            _permanent_id(newsletter, item.question, code if version is not item else None),
        )
        for item, version, story in zip(items, versions, stories_of(newsletter, versions), strict=True)
        if code in (None, story.language)
    ]


def _permanent_id(newsletter: Newsletter, question: Question, translated_into: str | None = None) -> str:
    query = f"?lang={translated_into}" if translated_into else ""
    return f"{_full_url(archive.fixed_path(newsletter, question))}{query}"


def _check_language(context: ReaderContext, code: str | None) -> str | None:
    """Return the language of a feed. Aborts with 404 if the archive has nothing in it."""
    if code:
        or_404(code in archive.list_languages(context.session, context.newsletter) or None)
    return code


def _answers_url(newsletter: Newsletter, code: str | None) -> str:
    """Return the URL of the page with the Q&As of a feed."""
    if code:
        return _full_url(url_for("reader.answers_in_language", slug=newsletter.slug, code=code))
    return _full_url(url_for("reader.answers", slug=newsletter.slug))


@reader.get("/<slug>/feed.json")
@reader.get("/<slug>/feed-<code>.json")
@public
def json_feed(context: ReaderContext, code: str | None = None) -> Response:
    newsletter = context.newsletter
    code = _check_language(context, code)
    page = _get_page(context, "json_feed", code)
    content = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": newsletter.name,
        **({"description": newsletter.dek} if newsletter.dek else {}),
        "home_page_url": _answers_url(newsletter, code),
        "feed_url": _full_url(_feed_path("json_feed", newsletter, code)),
        **({"next_url": page.next_url} if page.next_url else {}),
        "language": code or newsletter.language,
        "authors": [{"name": newsletter.editor}],
        "items": [
            {
                "id": entry.permanent_id,
                "url": _full_url(entry.story.href),
                "title": entry.story.headline,
                "content_html": entry.html,
                "date_published": entry.story.at.isoformat(),
                **({"date_modified": entry.updated.isoformat()} if entry.item.mended_at else {}),
                "language": entry.story.language,
                "authors": [{"name": name} for name, _line in entry.story.people],
            }
            for entry in page.entries
        ],
    }
    return Response(json.dumps(content, ensure_ascii=False), mimetype="application/feed+json")


def _add_element(
    parent: ElementTree.Element, tag: str, text: str | None = None, **attributes: str
) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, f"{{{ATOM}}}{tag}", attributes)
    element.text = text
    return element


@reader.get("/<slug>/feed.xml")
@reader.get("/<slug>/feed-<code>.xml")
@public
def feed(context: ReaderContext, code: str | None = None) -> Response:
    newsletter = context.newsletter
    code = _check_language(context, code)
    entries, next_url = _get_page(context, "feed", code)
    ElementTree.register_namespace("", ATOM)
    ElementTree.register_namespace("at", TOMBSTONES)
    feed_url = _full_url(_feed_path("feed", newsletter, code))
    answers_url = _answers_url(newsletter, code)
    language = {"{http://www.w3.org/XML/1998/namespace}lang": code or newsletter.language}
    root = ElementTree.Element(f"{{{ATOM}}}feed", language)
    updated_at = max((entry.updated for entry in entries), default=NO_CHANGE_YET)
    _add_element(root, "id", feed_url)
    _add_element(root, "title", newsletter.name)
    _add_element(root, "updated", updated_at.isoformat())
    _add_element(_add_element(root, "author"), "name", newsletter.editor)
    _add_element(root, "link", rel="self", href=feed_url)
    _add_element(root, "link", rel="alternate", href=answers_url)
    if next_url:
        _add_element(root, "link", rel="next", href=next_url)
    for entry in entries:
        _add_entry(root, entry)
    since = now(context.session) - RECENT
    for question in archive.list_withdrawn_questions(context.session, newsletter, since, MAX_ENTRIES):
        for translated_into in (None, code) if code else (None,):
            ref = _permanent_id(newsletter, question, translated_into)
            tombstone = {"ref": ref, "when": question.state_at.isoformat()}
            ElementTree.SubElement(root, f"{{{TOMBSTONES}}}deleted-entry", tombstone)
    xml = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return Response(xml, mimetype="application/atom+xml")


def _add_entry(root: ElementTree.Element, entry: FeedEntry) -> None:
    story = entry.story
    element = _add_element(root, "entry")
    _add_element(element, "id", entry.permanent_id)
    _add_element(element, "title", story.headline)
    _add_element(element, "published", story.at.isoformat())
    _add_element(element, "updated", entry.updated.isoformat())
    for name, _line in story.people:
        _add_element(_add_element(element, "author"), "name", name)
    _add_element(element, "link", rel="alternate", href=_full_url(story.href))
    # In type "html", the markup is escaped (RFC 4287, section 3.1.1.2).
    _add_element(element, "content", entry.html, type="html")


@reader.get("/<slug>/calendar.ics")
def calendar(slug: str) -> Response:
    with open_context(slug) as context:
        newsletter = context.newsletter
        copies.mark_cacheable(context.session, newsletter)
        editions = list_editions_to_run(context.session, newsletter.id, CALENDAR_DATES)
        host = urlsplit(current_app.config["BASE_URL"]).hostname or "localhost"
        ics = render_ics(
            newsletter.name,
            [
                EditionDate(edition.rule_date, datetime.fromisoformat(edition.local_at), edition.runs_at)
                for edition in editions
            ],
            f"{newsletter.slug}.{host}",
            max((edition.state_at for edition in editions), default=NO_CHANGE_YET),
            _full_url(url_for("reader.home", slug=newsletter.slug)),
        )
    response = Response(ics, mimetype="text/calendar")
    response.add_etag()
    response.cache_control.public, response.cache_control.max_age = True, 600
    response.make_conditional(request)
    return response
