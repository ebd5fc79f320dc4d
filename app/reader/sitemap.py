"""URLs for search engines: robots.txt (RFC 9309) and sitemaps (sitemaps.org, protocol 0.9), one for each year.

The header `X-Robots-Tag` tells them which pages to leave out: robots.txt would list the URLs of these for everybody.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from xml.etree import ElementTree

from flask import Response, current_app, url_for

from ..editions import archive
from ..newsletters.queries import all_newsletters
from ..web.setup import db, or_404
from .page_frame import MAX_AGE, ReaderContext, public, reader

SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
XHTML = "http://www.w3.org/1999/xhtml"  # the namespace of links to the same page in other languages
FIXED_PAGES = ("home", "ask", "answers", "editions", "corrections", "protection")


class SitemapUrl(NamedTuple):
    """A URL for a sitemap: when the page last changed, if known, and its URLs in all its languages by their tags."""

    address: str
    changed_at: datetime | None = None
    alternates: Mapping[str, str] = MappingProxyType({})


@reader.get("/robots.txt")
def robots() -> Response:
    """Allow everything, and name the sitemap of the newsletter that the root redirects to.

    The others are not named: nobody should learn which newsletters share an installation.
    """
    with db.read() as session:
        first_newsletter = next(iter(all_newsletters(session)), None)
    sitemap_line = f"\nSitemap: {_page_url('sitemap', slug=first_newsletter.slug)}\n" if first_newsletter else ""
    response = Response(f"User-agent: *\nAllow: /\n{sitemap_line}", mimetype="text/plain")
    response.cache_control.public, response.cache_control.max_age = True, MAX_AGE
    return response


@reader.get("/<slug>/sitemap.xml")
@public
def sitemap(context: ReaderContext) -> Response:
    """List the other sitemaps: one of the pages that belong to no year, and one for each year."""
    slug = context.newsletter.slug
    years = archive.years(context.session, context.newsletter)
    urls = [
        _page_url("sitemap_of_pages", slug=slug),
        *(_page_url("sitemap_of_year", slug=slug, year=year) for year in years),
    ]
    return _render_sitemap("sitemapindex", "sitemap", [SitemapUrl(url) for url in urls])


@reader.get("/<slug>/sitemap-pages.xml")
@public
def sitemap_of_pages(context: ReaderContext) -> Response:
    """List the fixed pages, and those of topics, of languages, and of experts who agreed to have a page."""
    session, newsletter = context.session, context.newsletter
    slug = newsletter.slug
    languages = archive.list_languages(session, newsletter)
    urls = [
        *(_page_url(name, slug=slug) for name in FIXED_PAGES),
        *(_page_url("topic", slug=slug, topic=topic.slug) for topic in archive.topics(session, newsletter)),
        *(_page_url("answers_in_language", slug=slug, code=code) for code in languages if len(languages) > 1),
        *(
            _page_url("expert", slug=slug, public_id=public_id)
            for public_id in archive.list_expert_page_ids(session, newsletter)
        ),
    ]
    return _render_sitemap("urlset", "url", [SitemapUrl(url) for url in urls])


@reader.get("/<slug>/sitemap-<int:year>.xml")
@public
def sitemap_of_year(context: ReaderContext, year: int) -> Response:
    session, newsletter = context.session, context.newsletter
    or_404(year in archive.years(session, newsletter) or None)
    base_url = current_app.config["BASE_URL"]
    pages = archive.list_sitemap_pages(session, newsletter, year)
    return _render_sitemap(
        "urlset",
        "url",
        [
            SitemapUrl(
                f"{base_url}{page.path}",
                page.changed_at,
                {language: f"{base_url}{path}" for language, path in page.alternates.items()},
            )
            for page in pages
        ],
    )


def _page_url(endpoint: str, **values: Any) -> str:
    return f"{current_app.config['BASE_URL']}{url_for(f'reader.{endpoint}', **values)}"


def _render_sitemap(root_tag: str, entry_tag: str, urls: Iterable[SitemapUrl]) -> Response:
    ElementTree.register_namespace("", SITEMAP)
    ElementTree.register_namespace("xhtml", XHTML)
    root = ElementTree.Element(f"{{{SITEMAP}}}{root_tag}")
    for url in urls:
        entry = ElementTree.SubElement(root, f"{{{SITEMAP}}}{entry_tag}")
        ElementTree.SubElement(entry, f"{{{SITEMAP}}}loc").text = url.address
        if url.changed_at:
            ElementTree.SubElement(entry, f"{{{SITEMAP}}}lastmod").text = url.changed_at.date().isoformat()
        for language, address in url.alternates.items():
            attributes = {"rel": "alternate", "hreflang": language, "href": address}
            ElementTree.SubElement(entry, f"{{{XHTML}}}link", attributes)
    xml = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return Response(xml, mimetype="application/xml")
