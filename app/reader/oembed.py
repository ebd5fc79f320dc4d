"""Cards for other programs, by oEmbed 1.0 (oembed.com): what WordPress and Ghost make of a pasted link.

A link to a Q&A or an edition becomes a frame with its beginning if the newsletter's settings let a site frame our
pages, and else a link with the headline. The frame follows what is published, corrected and withdrawn here.
"""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from flask import abort, current_app, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from ..db.session import absolute_url
from ..editions import archive
from ..editions.item_translations import list_versions_in
from ..editions.items import headline
from ..typesetting.card import SIZE
from ..web.formatting import day, language
from ..web.setup import or_404
from .archive_pages import get_card_url
from .page_frame import MAX_AGE, ReaderContext, public, reader
from .stories import find_sent_edition

WIDTH, STORY_HEIGHT, EDITION_HEIGHT = 600, 320, 640  # pixels of a frame, unless the consumer has less room
FRAME = Markup(
    '<iframe src="{src}" title="{title}" width="{width}" height="{height}" loading="lazy" referrerpolicy="no-referrer"'
    ' style="border:0;max-width:100%"></iframe>'
)


class _Card(NamedTuple):
    """The card of a page: its title, the path of its frame, its height in pixels, the preview image's URL."""

    title: str
    frame_path: str
    height: int
    image_url: str | None = None


@reader.get("/<slug>/oembed")
@public
def oembed(context: ReaderContext) -> ResponseReturnValue:
    """Return the card of the page at `url`: 404 if it is no Q&A or edition of the archive, 501 for another format."""
    if request.args.get("format", "json") != "json":
        return "", 501  # not by `abort`: this is no error of ours, which would be logged
    newsletter = context.newsletter
    card = _find_card(context, request.args.get("url", ""))
    home_url = absolute_url(context.session, url_for("reader.home", slug=newsletter.slug, lang=None))
    fields = {
        "version": "1.0",
        "type": "link",
        "title": card.title,
        "provider_name": newsletter.name,
        "provider_url": home_url,
        "cache_age": MAX_AGE,
    }
    if card.image_url:
        fields |= {"thumbnail_url": card.image_url, "thumbnail_width": SIZE[0], "thumbnail_height": SIZE[1]}
    if newsletter.framed_by:
        width, height = _limit_size("maxwidth", WIDTH), _limit_size("maxheight", card.height)
        src = absolute_url(context.session, card.frame_path)
        html = FRAME.format(src=src, title=card.title, width=width, height=height)
        fields |= {"type": "rich", "html": html, "width": width, "height": height}
    return jsonify(fields)


def _find_card(context: ReaderContext, page_url: str) -> _Card:
    """Return the card of a page. Abort with 404 if it isn't a Q&A or an edition of this newsletter's archive."""
    endpoint, values, code = _parse_url(context, page_url)
    lang = None if code == context.newsletter.language else code
    newsletter = context.newsletter
    if endpoint == "reader.story":
        item, _edition = or_404(archive.story(context.session, newsletter, values["public_id"]))
        if item.question.is_retracted:
            abort(404)
        [version] = list_versions_in(context.session, [item], code)
        path = url_for("reader.framed_story", slug=newsletter.slug, public_id=values["public_id"], lang=lang)
        title = f"{headline(version)}: {newsletter.name}"
        return _Card(title, path, STORY_HEIGHT, get_card_url(context, version))
    edition = find_sent_edition(context, values["public_id"])
    number, edition_day = edition.number, day(edition.runs_at)
    edition_name = (
        _("Edition %(number)s, %(day)s", number=number, day=edition_day)
        if number
        else _("Edition of %(day)s", day=edition_day)
    )
    path = url_for("reader.framed_edition", slug=newsletter.slug, public_id=values["public_id"], lang=lang)
    return _Card(f"{edition_name}: {newsletter.name}", path, EDITION_HEIGHT)


def _parse_url(context: ReaderContext, page_url: str) -> tuple[str, Mapping[str, str], str]:
    """Return the endpoint, its values and the language of a page's URL. Abort with 404 if it is none of these pages."""
    try:
        parts = urlsplit(page_url)
        endpoint, values = current_app.url_map.bind(parts.netloc).match(parts.path, method="GET")
    except (ValueError, HTTPException):  # an invalid URL; no page, or a redirect to one
        abort(404)
    is_ours = page_url.startswith(absolute_url(context.session, "/")) and values.get("slug") == context.newsletter.slug
    if not is_ours or endpoint not in ("reader.story", "reader.edition") or not values["public_id"].isalnum():
        abort(404)
    return endpoint, values, parse_qs(parts.query).get("lang", [language()])[0]


def _limit_size(name: str, size: int) -> int:
    """Return a size in pixels, or the one that the consumer has room for if that is smaller."""
    requested = request.args.get(name, "")
    is_valid = requested.isdecimal() and len(requested) < 6 and int(requested) > 0
    return min(size, int(requested)) if is_valid else size
