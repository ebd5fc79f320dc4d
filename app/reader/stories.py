"""Published Q&As on the readers' pages: in lists by headline and opening, on their own page in full."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import cast

from flask import url_for
from markupsafe import Markup

from ..editions.items import block_from, headline, opening
from ..editions.models import EditionItem, ItemTranslation
from ..newsletters.models import Newsletter
from ..typesetting.block import Block
from ..typesetting.renderers import to_html


@dataclass(frozen=True)
class Story:
    """A published Q&A in a list. `people` pairs each expert's name with their credit line, as published."""

    href: str
    headline: str
    opening: str
    people: list[tuple[str, str]]
    at: datetime
    language: str


def href(newsletter: Newsletter, item: EditionItem | ItemTranslation, lang: str | None = None) -> str:
    """Return the link to a Q&A. Only the public ID in it counts; the words after it are for people. `lang` sets the
    language, otherwise the current page's choice is kept.
    """
    return url_for(
        "reader.story",
        slug=newsletter.slug,
        public_id=item.question.public_id,
        words=item.question.text.slug if item.question.text else "q",
        **({"lang": lang} if lang else {}),  # type: ignore[arg-type]
    )


def stories_of(newsletter: Newsletter, items: Iterable[EditionItem | ItemTranslation]) -> list[Story]:
    return [_story(newsletter, item) for item in items]


def stories_by_question(newsletter: Newsletter, items: Mapping[int, EditionItem]) -> dict[int, Story]:
    return {key: _story(newsletter, item) for key, item in items.items()}


def _story(newsletter: Newsletter, item: EditionItem | ItemTranslation) -> Story:
    piece = item.piece
    leads = [voice["lead_in"] for voice in piece["voices"]]
    return Story(
        href(newsletter, item),
        headline(item),
        opening(item),
        [(lead["name"], lead["credit_line"] or "") for lead in leads],
        cast(datetime, item.question.published_at),  # all questions in the archive have one
        piece["language"],
    )


def parts(item: EditionItem | ItemTranslation) -> list[tuple[str, Markup]]:
    """Return the full Q&A without its heading: the HTML of each run of paragraphs with one role, such as an answer."""
    block = block_from(item)
    body = [paragraph for paragraph in block.paragraphs if paragraph.role != "heading"]
    return [
        (role, Markup(to_html(Block(block.language, tuple(stretch)))))  # noqa: S704 - `to_html` escapes all text
        for role, stretch in groupby(body, key=lambda paragraph: paragraph.role)
    ]
