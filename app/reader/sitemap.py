"""URLs for search engines: robots.txt (RFC 9309) and sitemaps (sitemaps.org, protocol 0.9), one for each year.

Pages that they may not index say so in `X-Robots-Tag`; in robots.txt, their URLs would be listed for everybody.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

from flask import Response, current_app, url_for

from ..editions import archive
from ..newsletters.queries import all_newsletters
from ..web.setup import db, or_404
from .page_frame import FRESH, ReaderContext, public, reader

SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
FIXED = ("home", "ask", "answers", "editions", "corrections", "protection")


@reader.get("/robots.txt")
def robots() -> Response:
    """Name only the sitemap of the newsletter that the root redirects to: nobody should learn here which newsletters
    share an installation.
    """
    with db.read() as session:
        first = next(iter(all_newsletters(session)), None)
    named = f"\nSitemap: {_page_url('sitemap', slug=first.slug)}\n" if first else ""
    response = Response(f"User-agent: *\nAllow: /\n{named}", mimetype="text/plain")
    response.cache_control.public, response.cache_control.max_age = True, FRESH
    return response


@reader.get("/<slug>/sitemap.xml")
@public
def sitemap(context: ReaderContext) -> Response:
    """List the other sitemaps: one of the pages that belong to no year, and one for each year."""
    slug, years = context.newsletter.slug, archive.years(context.session, context.newsletter)
    parts = [
        _page_url("sitemap_of_pages", slug=slug),
        *(_page_url("sitemap_of_year", slug=slug, year=y) for y in years),
    ]
    return _render_sitemap("sitemapindex", "sitemap", [(part, None) for part in parts])


@reader.get("/<slug>/sitemap-pages.xml")
@public
def sitemap_of_pages(context: ReaderContext) -> Response:
    """List the fixed pages, and those of topics and of experts who agreed to have a page."""
    session, newsletter = context.session, context.newsletter
    pages = [
        *(_page_url(name, slug=newsletter.slug) for name in FIXED),
        *(_page_url("topic", slug=newsletter.slug, topic=one.slug) for one in archive.topics(session, newsletter)),
        *(
            _page_url("expert", slug=newsletter.slug, public_id=key)
            for key in archive.list_expert_page_ids(session, newsletter)
        ),
    ]
    return _render_sitemap("urlset", "url", [(page, None) for page in pages])


@reader.get("/<slug>/sitemap-<int:year>.xml")
@public
def sitemap_of_year(context: ReaderContext, year: int) -> Response:
    session, newsletter = context.session, context.newsletter
    or_404(year in archive.years(session, newsletter) or None)
    base = current_app.config["BASE_URL"]
    pages = [(f"{base}{path}", at) for path, at in archive.addresses(session, newsletter, year)]
    return _render_sitemap("urlset", "url", pages)


def _page_url(endpoint: str, **values: Any) -> str:
    return f"{current_app.config['BASE_URL']}{url_for(f'reader.{endpoint}', **values)}"


def _render_sitemap(root: str, entry: str, pages: Iterable[tuple[str, datetime | None]]) -> Response:
    ElementTree.register_namespace("", SITEMAP)
    tree = ElementTree.Element(f"{{{SITEMAP}}}{root}")
    for address, at in pages:
        one = ElementTree.SubElement(tree, f"{{{SITEMAP}}}{entry}")
        ElementTree.SubElement(one, f"{{{SITEMAP}}}loc").text = address
        if at:
            ElementTree.SubElement(one, f"{{{SITEMAP}}}lastmod").text = at.date().isoformat()
    made = ElementTree.tostring(tree, encoding="utf-8", xml_declaration=True)
    return Response(made, mimetype="application/xml")
