"""A Q&A as the readers' pages show it: in lists by its headline and opening, on its own page as it ran."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from flask import url_for
from markupsafe import Markup

from ..editions.items import block_from, headline, opening
from ..editions.models import EditionItem
from ..newsletters.models import Newsletter
from ..typesetting.block import Block, Paragraph
from ..typesetting.renderers import to_html


@dataclass(frozen=True)
class Told:
    """`people` pairs each expert's name with their credit line, as they ran."""

    href: str
    headline: str
    opening: str
    people: list[tuple[str, str]]
    at: datetime
    language: str


def href(newsletter: Newsletter, item: EditionItem) -> str:
    """The lasting address; only the public key in it counts, the words after it are for people."""
    return url_for(
        "reader.story",
        slug=newsletter.slug,
        public_id=item.question.public_id,
        words=item.question.text.slug if item.question.text else "q",
    )


def told(newsletter: Newsletter, items: list[EditionItem]) -> list[Told]:
    return [_told(newsletter, item) for item in items]


def _told(newsletter: Newsletter, item: EditionItem) -> Told:
    piece = item.input["piece"]
    leads = [voice["lead_in"] for voice in piece["voices"]]
    return Told(
        href(newsletter, item),
        headline(item),
        opening(item),
        [(lead["name"], lead["credit_line"] or "") for lead in leads],
        cast(datetime, item.question.published_at),  # the archive holds nothing else
        piece["language"],
    )


@dataclass(frozen=True)
class Part:
    """A stretch of one role, set as HTML: the question, a lead-in, or an answer."""

    role: str
    html: Markup


def parts(item: EditionItem) -> list[Part]:
    """The Q&A as it ran, in stretches of one role, without its heading."""
    block = block_from(item)
    stretches: list[list[Paragraph]] = []
    for paragraph in block.paragraphs:
        if paragraph.role == "heading":
            continue
        if stretches and stretches[-1][-1].role == paragraph.role:
            stretches[-1].append(paragraph)
        else:
            stretches.append([paragraph])
    return [Part(stretch[0].role, _html(Block(block.language, tuple(stretch)))) for stretch in stretches]


def _html(block: Block) -> Markup:
    return Markup(to_html(block))  # noqa: S704 - it escapes every text that it is given
