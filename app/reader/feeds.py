"""The latest answers as Atom (RFC 4287) and JSON Feed 1.1, and the coming editions as an iCalendar file (RFC 5545).

Q&As that were recently corrected or reworded are listed again, however old, so that feed readers update their copies.
Atom also lists those that were recently withdrawn (RFC 6721). The ID of an entry contains no words of its Q&A, so it
stays the same when the Q&A is reworded.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from xml.etree import ElementTree

from flask import Response, current_app, render_template, request, url_for

from ..db.session import now
from ..editions import archive, corrections
from ..editions.calendar import EditionDate, render_ics
from ..editions.items import block_from
from ..editions.models import Correction, EditionItem
from ..editions.queries import list_editions_to_run
from ..typesetting.renderers import to_html
from . import copies
from .page_frame import ReaderContext, open_context, public, reader
from .stories import Story, stories_of

ATOM = "http://www.w3.org/2005/Atom"
TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"
ENTRIES = 20
LATELY = timedelta(days=30)
DATES = 30


def _full_url(path: str) -> str:
    """Return an absolute URL, since feeds need them: of the configured site, as the Host header can be forged."""
    return f"{current_app.config['BASE_URL']}{path}"


@dataclass(frozen=True)
class Entry:
    """A Q&A with its corrections, as an entry of a feed."""

    item: EditionItem
    story: Story
    corrections: list[Correction]
    key: str  # never changes (RFC 4287, section 4.2.6)

    @property
    def updated(self) -> datetime:
        return max(self.story.at, self.item.mended_at or self.story.at)

    @property
    def html(self) -> str:
        html = to_html(block_from(self.item))
        if not self.corrections:
            return html
        said = {"corrections": self.corrections, "language": self.story.language}
        return html + render_template("reader/_corrections.html", **said)


def _list_latest_entries(context: ReaderContext) -> list[Entry]:
    session, newsletter = context.session, context.newsletter
    since = now(session) - LATELY
    items = archive.listing(newsletter).page(session, None, ENTRIES)
    items += [one for one in archive.list_corrected_items(session, newsletter, since, ENTRIES) if one not in items]
    made = corrections.of_questions(session, [item.question_id for item in items])
    return [
        Entry(item, story, made[item.question_id], _full_url(archive.fixed_path(newsletter, item.question)))
        for item, story in zip(items, stories_of(newsletter, items), strict=True)
    ]


@reader.get("/<slug>/feed.json")
@public
def json_feed(context: ReaderContext) -> Response:
    newsletter = context.newsletter
    made = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": newsletter.name,
        **({"description": newsletter.dek} if newsletter.dek else {}),
        "home_page_url": _full_url(url_for("reader.answers", slug=newsletter.slug)),
        "feed_url": _full_url(url_for("reader.json_feed", slug=newsletter.slug)),
        "language": newsletter.language,
        "authors": [{"name": newsletter.editor}],
        "items": [
            {
                "id": entry.key,
                "url": _full_url(entry.story.href),
                "title": entry.story.headline,
                "content_html": entry.html,
                "date_published": entry.story.at.isoformat(),
                **({"date_modified": entry.updated.isoformat()} if entry.item.mended_at else {}),
                "language": entry.story.language,
                "authors": [{"name": name} for name, _line in entry.story.people],
            }
            for entry in _list_latest_entries(context)
        ],
    }
    return Response(json.dumps(made, ensure_ascii=False), mimetype="application/feed+json")


def _add(parent: ElementTree.Element, tag: str, text: str | None = None, **attributes: str) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, f"{{{ATOM}}}{tag}", attributes)
    element.text = text
    return element


@reader.get("/<slug>/feed.xml")
@public
def feed(context: ReaderContext) -> Response:
    newsletter = context.newsletter
    latest = _list_latest_entries(context)
    ElementTree.register_namespace("", ATOM)
    ElementTree.register_namespace("at", TOMBSTONES)
    own, home = (_full_url(url_for(f"reader.{name}", slug=newsletter.slug)) for name in ("feed", "answers"))
    root = ElementTree.Element(f"{{{ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": newsletter.language})
    newest = max((entry.updated for entry in latest), default=datetime(2000, 1, 1, tzinfo=UTC))
    for tag, text in (("id", own), ("title", newsletter.name), ("updated", newest.isoformat())):
        _add(root, tag, text)
    _add(_add(root, "author"), "name", newsletter.editor)
    _add(root, "link", rel="self", href=own)
    _add(root, "link", rel="alternate", href=home)
    for entry in latest:
        _entry(root, entry)
    for question in archive.list_withdrawn_questions(
        context.session, newsletter, now(context.session) - LATELY, ENTRIES
    ):
        gone = {"ref": _full_url(archive.fixed_path(newsletter, question)), "when": question.state_at.isoformat()}
        ElementTree.SubElement(root, f"{{{TOMBSTONES}}}deleted-entry", gone)
    made = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return Response(made, mimetype="application/atom+xml")


def _entry(root: ElementTree.Element, entry: Entry) -> None:
    element, story = _add(root, "entry"), entry.story
    times = (("published", story.at.isoformat()), ("updated", entry.updated.isoformat()))
    for tag, text in (("id", entry.key), ("title", story.headline), *times):
        _add(element, tag, text)
    for name, _line in story.people:
        _add(_add(element, "author"), "name", name)
    _add(element, "link", rel="alternate", href=_full_url(story.href))
    # A text construct of type "html" holds escaped markup (RFC 4287, section 3.1.1.2).
    _add(element, "content", entry.html, type="html")


@reader.get("/<slug>/calendar.ics")
def calendar(slug: str) -> Response:
    with open_context(slug) as context:
        newsletter = context.newsletter
        copies.make_for_all(context.session, newsletter)
        coming = list_editions_to_run(context.session, newsletter.id, DATES)
        host = urlsplit(current_app.config["BASE_URL"]).hostname or "localhost"
        made = render_ics(
            newsletter.name,
            [EditionDate(e.rule_date, datetime.fromisoformat(e.local_at), e.runs_at) for e in coming],
            f"{newsletter.slug}.{host}",
            max((e.state_at for e in coming), default=datetime(2000, 1, 1, tzinfo=UTC)),
            _full_url(url_for("reader.home", slug=newsletter.slug)),
        )
    response = Response(made, mimetype="text/calendar")
    response.add_etag()
    response.cache_control.public, response.cache_control.max_age = True, 600
    response.make_conditional(request)
    return response
