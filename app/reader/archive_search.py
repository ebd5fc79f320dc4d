"""The readers' search in the archive.

What somebody looks for must be in no log, and in no browser history where anybody can read it. The form is sent by POST
and redirects to an address in which the search is sealed, and padded so that its length tells nothing. After an hour
the address shows nothing any more. Until then, "back" from a result shows the list again.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from ..core.clock import unix_time
from ..crypto.seal import Unsealable
from ..db.session import get_keyring
from ..editions import archive
from ..editions.item_translations import get_visible_translations
from ..editions.items import list_printed_texts
from ..editions.models import EditionItem, ItemTranslation
from ..newsletters.models import Newsletter
from ..search import PUBLIC
from ..search.full_text import Clause, Hit, Query, Snippet, count_matches, get_cursor, search, snippet
from ..web.formatting import language
from ..web.setup import or_404
from .page_frame import ReaderContext, languages_of, open_context, reader
from .stories import Story, stories_of

PAGE_SIZE = 20
MAX_QUERY_LENGTH = 200  # characters
PADDED_LENGTH = 1000  # bytes of a search that is sealed; a query has at most 800 in UTF-8
VALID_FOR = 3600  # seconds in which the address of results shows them


class Search(NamedTuple):
    """A reader's search. `before` is the public ID of the last Q&A on the page before, or empty."""

    words: str
    before: str = ""
    tolerates_typos: bool = False


def _seal(session: Session, newsletter: Newsletter, reader_search: Search) -> str:
    content = json.dumps([int(unix_time()), *reader_search], ensure_ascii=False).encode()
    padded = content.ljust(PADDED_LENGTH)  # JSON ignores spaces at the end
    return urlsafe_b64encode(get_keyring(session).seal_bytes(_context_of(newsletter), padded)).decode()


def _unseal(session: Session, newsletter: Newsletter, token: str) -> Search | None:
    """Return the search that was sealed, or None after `VALID_FOR`, or if it wasn't sealed for this newsletter."""
    try:
        content = get_keyring(session).open_bytes(_context_of(newsletter), urlsafe_b64decode(token))
    except (Unsealable, ValueError):
        return None
    sealed_at, *reader_search = json.loads(content)
    return Search(*reader_search) if abs(unix_time() - sealed_at) <= VALID_FOR else None


def _context_of(newsletter: Newsletter) -> str:
    return f"archive search.{newsletter.id}"


def _build_results_url(context: ReaderContext, reader_search: Search) -> str:
    token = _seal(context.session, context.newsletter, reader_search)
    return url_for("reader.found", slug=context.newsletter.slug, token=token)


@reader.post("/<slug>/answers")
def find_answers(slug: str) -> ResponseReturnValue:
    """Redirect to the results, at an address that can be reloaded and returned to."""
    with open_context(slug) as context:
        words = request.form.get("words", "")[:MAX_QUERY_LENGTH]
        return redirect(_build_results_url(context, Search(words)), code=303)


@reader.get("/<slug>/found/<token>", endpoint="found")
def show_results(slug: str, token: str) -> ResponseReturnValue:
    with open_context(slug) as context:
        reader_search = _unseal(context.session, context.newsletter, token)
        if reader_search is None:
            return context.page("reader/found.html", "answers", has_ended=True, query="", page_urls={}), 410
        hits, reader_search = _find_hits(context, reader_search)
        shown_hits = hits[:PAGE_SIZE]
        items = archive.get_published_items(context.session, context.newsletter, [hit.noun_id for hit in shown_hits])
        older = None
        if len(hits) > PAGE_SIZE and items:
            last_item = list(items.values())[-1]
            older = _build_results_url(context, reader_search._replace(before=last_item.question.public_id))
        return context.page(
            "reader/found.html",
            "answers",
            query=reader_search.words,
            results=_list_results(context, shown_hits, items),
            page_urls={"newer": None, "older": older},
            is_first_page=not reader_search.before,
        )


def _find_hits(context: ReaderContext, reader_search: Search) -> tuple[list[Hit], Search]:
    """Return the hits of a page, and one more if there is another page; and the search with its tolerance.

    Typos are only tolerated if nothing has the words as they were typed.
    """
    session, newsletter = context.session, context.newsletter
    cursor = None
    if reader_search.before:
        last_item, _edition = or_404(archive.story(session, newsletter, reader_search.before))
        cursor = or_404(get_cursor(session, PUBLIC, "question", last_item.question_id))

    def find(tolerates_typos: bool) -> list[Hit]:
        query = Query(reader_search.words, [newsletter.language, *languages_of(newsletter)], tolerates_typos)
        return search(session, PUBLIC, newsletter.id, query, answered_only=True, cursor=cursor, limit=PAGE_SIZE + 1)

    hits = find(reader_search.tolerates_typos)
    if hits or reader_search.before or reader_search.tolerates_typos:
        return hits, reader_search
    return find(tolerates_typos=True), reader_search._replace(tolerates_typos=True)


def _list_results(
    context: ReaderContext, hits: list[Hit], items: dict[int, EditionItem]
) -> list[tuple[Story, tuple[Snippet, ...]]]:
    """Return each Q&A that was found, in the language in which it has the words, with the words in it."""
    translations = get_visible_translations(context.session, list(items.values()))
    results: list[tuple[Story, tuple[Snippet, ...]]] = []
    for hit in hits:
        if item := items.get(hit.noun_id):
            version, text = _choose_version([item, *translations[item.id]], hit.query_clauses)
            [story] = stories_of(context.newsletter, [version])
            results.append((story, snippet(text, hit.query_clauses)))
    return results


def _choose_version(
    versions: list[EditionItem | ItemTranslation], query_clauses: tuple[Clause, ...]
) -> tuple[EditionItem | ItemTranslation, str]:
    """Return the version that has most of the words, and its text below the headline.

    If several have them, it is the one in the page's language.
    """
    printed_texts = [list_printed_texts(version) for version in versions]

    def rank(index: int) -> tuple[int, bool]:
        matches = count_matches("\n".join(printed_texts[index]), query_clauses)
        return matches, versions[index].piece["language"] == language()

    best = max(range(len(versions)), key=rank)
    _headline, *texts = printed_texts[best]
    return versions[best], "\n".join(texts)
