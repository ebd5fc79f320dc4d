"""Feeds for programs: the latest answers as Atom (RFC 4287), the coming editions as a calendar (RFC 5545)."""

from datetime import UTC, datetime
from urllib.parse import urlsplit
from xml.etree import ElementTree

from flask import Response, current_app, request, url_for

from ..editions import archive
from ..editions.calendar import EditionDate
from ..editions.ics import to_ics
from ..editions.items import block_from
from ..editions.models import EditionItem
from ..editions.queries import coming_editions
from ..typesetting.renderers import to_html
from .page_frame import Place, at, public, reader
from .stories import Told, told

ATOM = "http://www.w3.org/2005/Atom"
ENTRIES = 20
DATES = 30


def _whole(path: str) -> str:
    """Programmes need whole addresses: the configured one, never what a request's Host header says."""
    return f"{current_app.config['BASE_URL']}{path}"


def _add(parent: ElementTree.Element, tag: str, text: str | None = None, **attributes: str) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, f"{{{ATOM}}}{tag}", attributes)
    element.text = text
    return element


@reader.get("/<slug>/feed.xml")
@public
def feed(place: Place) -> Response:
    newsletter = place.newsletter
    items = archive.listing(newsletter).page(place.session, None, ENTRIES)
    stories = told(newsletter, items)
    ElementTree.register_namespace("", ATOM)
    own, home = (_whole(url_for(f"reader.{name}", slug=newsletter.slug)) for name in ("feed", "answers"))
    root = ElementTree.Element(f"{{{ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": newsletter.language})
    newest = stories[0].at if stories else datetime(2000, 1, 1, tzinfo=UTC)
    for tag, text in (("id", own), ("title", newsletter.name), ("updated", newest.isoformat())):
        _add(root, tag, text)
    _add(_add(root, "author"), "name", newsletter.editor)
    _add(root, "link", rel="self", href=own)
    _add(root, "link", rel="alternate", href=home)
    for item, story in zip(items, stories, strict=True):
        _entry(root, item, story)
    made = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return Response(made, mimetype="application/atom+xml")


def _entry(root: ElementTree.Element, item: EditionItem, story: Told) -> None:
    entry, address, at = _add(root, "entry"), _whole(story.href), story.at.isoformat()
    for tag, text in (("id", address), ("title", story.headline), ("published", at), ("updated", at)):
        _add(entry, tag, text)
    for name, _line in story.people:
        _add(_add(entry, "author"), "name", name)
    _add(entry, "link", rel="alternate", href=address)
    # A text construct of type "html" holds escaped markup (RFC 4287, section 3.1.1.2).
    _add(entry, "content", to_html(block_from(item)), type="html")


@reader.get("/<slug>/calendar.ics")
def calendar(slug: str) -> Response:
    """The dates are not among what `public_version` counts, so this page is made before it is compared."""
    with at(slug) as place:
        newsletter = place.newsletter
        coming = coming_editions(place.session, newsletter.id, DATES)
        host = urlsplit(current_app.config["BASE_URL"]).hostname or "localhost"
        made = to_ics(
            newsletter.name,
            [EditionDate(e.rule_date, datetime.fromisoformat(e.local_at), e.runs_at) for e in coming],
            f"{newsletter.slug}.{host}",
            max((e.state_at for e in coming), default=datetime(2000, 1, 1, tzinfo=UTC)),
            _whole(url_for("reader.home", slug=newsletter.slug)),
        )
    response = Response(made, mimetype="text/calendar")
    response.add_etag()
    response.cache_control.public, response.cache_control.max_age = True, 600
    response.make_conditional(request)
    return response
