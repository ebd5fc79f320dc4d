"""Published Q&As on the readers' pages: in lists with headline and opening, on their own page in full."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import cast

from flask import url_for
from markupsafe import Markup

from ..editions import archive
from ..editions.item_translations import list_versions_in
from ..editions.items import block_from, headline, opening
from ..editions.models import Edition, EditionItem, ItemTranslation
from ..newsletters.models import Newsletter
from ..typesetting.block import Block
from ..typesetting.renderers import to_html
from ..web.formatting import language
from ..web.setup import or_404
from .page_frame import ReaderContext


@dataclass(frozen=True)
class Story:
    """A published Q&A in a list. `people` has the name and credit line of each expert, as published."""

    href: str
    headline: str
    opening: str
    people: list[tuple[str, str]]
    at: datetime  # when it was published
    language: str


def story_href(newsletter: Newsletter, item: EditionItem | ItemTranslation, lang: str | None = None) -> str:
    """Return the link to a Q&A. The words at its end are only for people; the public ID is enough to find it.

    Without `lang`, the link to a translation leads to it, and that to an original to the language that the reader has
    chosen.
    """
    if isinstance(item, ItemTranslation):
        lang = lang or item.language
    return url_for(
        "reader.story",
        slug=newsletter.slug,
        public_id=item.question.public_id,
        words=item.question.text.slug if item.question.text else "q",
        **({"lang": lang} if lang else {}),  # type: ignore[arg-type]
    )


def list_stories(context: ReaderContext, items: Sequence[EditionItem]) -> list[Story]:
    """Return published Q&As for a list, each in the page's language if it is translated into it."""
    return stories_of(context.newsletter, list_versions_in(context.session, items, language()))


def stories_of(newsletter: Newsletter, items: Iterable[EditionItem | ItemTranslation]) -> list[Story]:
    return [_story(newsletter, item) for item in items]


def find_sent_edition(context: ReaderContext, public_id: str) -> Edition:
    """Return the edition that was sent and has this public ID. Abort with 404 if there is none."""
    is_valid = public_id.isalnum()  # PostgreSQL rejects NUL in a text
    return or_404(archive.sent_edition(context.session, context.newsletter, public_id) if is_valid else None)


def list_stories_of_edition(context: ReaderContext, edition: Edition) -> list[Story]:
    """Return the Q&As of an edition as `list_stories` does, in the order in which they ran."""
    return list_stories(context, archive.items(context.session, [edition])[edition.id])


def list_stories_by_question(context: ReaderContext, items: Mapping[int, EditionItem]) -> dict[int, Story]:
    """Return `list_stories` of items that are keyed by question ID, with the same keys."""
    return dict(zip(items, list_stories(context, list(items.values())), strict=True))


def _story(newsletter: Newsletter, item: EditionItem | ItemTranslation) -> Story:
    piece = item.piece
    lead_ins = [voice["lead_in"] for voice in piece["voices"]]
    return Story(
        story_href(newsletter, item),
        headline(item),
        opening(item),
        [(lead_in["name"], lead_in["credit_line"] or "") for lead_in in lead_ins],
        cast(datetime, item.question.published_at),  # all questions in the archive have one
        piece["language"],
    )


def render_parts(item: EditionItem | ItemTranslation) -> list[tuple[str, Markup]]:
    """Return the Q&A without its heading, in parts: pairs of a role, such as "answer", and the paragraphs' HTML."""
    block = block_from(item)
    body = [paragraph for paragraph in block.paragraphs if paragraph.role != "heading"]
    return [
        (role, Markup(to_html(Block(block.language, tuple(paragraphs)))))  # noqa: S704 - `to_html` escapes all text
        for role, paragraphs in groupby(body, key=lambda paragraph: paragraph.role)
    ]
