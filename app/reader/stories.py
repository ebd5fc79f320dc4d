"""A Q&A as the readers' pages show it: in lists by its headline and opening, on its own page as it ran."""

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
    """`people` pairs each expert's name with their credit line, as they ran."""

    href: str
    headline: str
    opening: str
    people: list[tuple[str, str]]
    at: datetime
    language: str


def href(newsletter: Newsletter, item: EditionItem | ItemTranslation, lang: str | None = None) -> str:
    """The lasting address; only the public key in it counts, the words after it are for people. `lang` asks for a
    language, where it isn't the page's own choice."""
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
        cast(datetime, item.question.published_at),  # the archive holds nothing else
        piece["language"],
    )


def parts(item: EditionItem | ItemTranslation) -> list[tuple[str, Markup]]:
    """The Q&A as it stands, without its heading: each stretch of one role, such as an answer, and its HTML."""
    block = block_from(item)
    body = [paragraph for paragraph in block.paragraphs if paragraph.role != "heading"]
    return [
        (role, Markup(to_html(Block(block.language, tuple(stretch)))))  # noqa: S704 - it escapes every text that it is given
        for role, stretch in groupby(body, key=lambda paragraph: paragraph.role)
    ]
