"""The subject of an edition's mail, and the excerpt that inboxes show beside it, for files, drafts and test mails."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from babel.dates import format_date
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..newsletters.models import Newsletter, NewsletterText
from ..newsletters.sentence_placeholders import DEFAULT_SUBJECT
from ..text.clean import single_line
from ..text.translation import locale, localize_digits
from ..typesetting.house_form import ItemContent, fill
from ..typesetting.house_languages import marks_for
from ..typesetting.quotation import set_plain

SEPARATOR = " · "  # between headlines, the same in all scripts and directions
MAX_LENGTH = 150  # characters of a subject or an excerpt; Mailchimp takes no more


class Subject(NamedTuple):
    """The subject line of an edition and its excerpt, which begins with the first question."""

    line: str
    excerpt: str


def compose_subject(
    session: Session, newsletter: Newsletter, language: str, pieces: Sequence[ItemContent], day: date
) -> Subject:
    """Return the subject of an edition with these Q&As in a language, by the newsletter's pattern. `day` is local."""
    query = select(NewsletterText.body).filter_by(newsletter_id=newsletter.id, kind="subject", language=language)
    pattern = session.scalar(query) or DEFAULT_SUBJECT
    headlines = [_set_line(piece, piece.headline or piece.question) for piece in pieces]
    babel_locale = locale(language)
    local_date = localize_digits(babel_locale, format_date(day, "long", locale=babel_locale))
    values = {"newsletter": newsletter.name, "date": local_date}
    excerpt = shorten(_set_line(pieces[0], pieces[0].question)) if pieces else ""
    return Subject(_fill(pattern, values, headlines), excerpt)


def _set_line(item: ItemContent, text: str) -> str:
    """Return a text of an item on one line, with its quotation marks as they are printed."""
    return set_plain(single_line(text), marks_for(item.language, item.marks))


def _fill(pattern: str, values: dict[str, str], headlines: Sequence[str]) -> str:
    """Return the subject with as many whole headlines as fit, but at least the first."""
    line = values["newsletter"]
    for number in range(len(headlines), 0, -1):
        line = single_line(fill(pattern, values | {"headlines": SEPARATOR.join(headlines[:number])}))
        if len(line) <= MAX_LENGTH:
            break
    return shorten(line)


def shorten(text: str) -> str:
    """Return a line cut to `MAX_LENGTH` characters, after a word if it has any spaces in its second half."""
    if len(text) <= MAX_LENGTH:
        return text
    cut = text[: MAX_LENGTH - 1]
    words = cut.rpartition(" ")[0]
    return f"{(words if len(words) > MAX_LENGTH // 2 else cut).rstrip()}…"
