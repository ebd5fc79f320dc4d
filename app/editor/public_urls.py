"""The page that shows readers what a page of the desk is about, for the link in the header."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import url_for
from sqlalchemy.orm import Session

from ..editions.models import Edition
from ..newsletters.models import Newsletter
from ..questions.models import Question
from ..questions.queries import list_public_questions


def _find_question_url(session: Session, newsletter: Newsletter, question: Question) -> str:
    """Return the page of a published question, or the front page if it shows the wording of this open one."""
    if question.is_published:
        words = question.text.slug if question.text else "q"
        return url_for("reader.story", slug=newsletter.slug, public_id=question.public_id, words=words)
    if not (question.shown_at and question.is_cleared and newsletter.takes_questions):
        return ""
    is_on_front_page = question in list_public_questions(session, newsletter.id)  # the newest
    return url_for("reader.home", slug=newsletter.slug) if is_on_front_page else ""


def _find_edition_url(_session: Session, newsletter: Newsletter, edition: Edition) -> str:
    return url_for("reader.edition", slug=newsletter.slug, public_id=edition.public_id) if edition.is_sent else ""


# By the name under which a page of the desk gets the row that it is about.
BY_ROW: dict[str, Callable[[Session, Newsletter, Any], str]] = {
    "question": _find_question_url,
    "edition": _find_edition_url,
}
# By template, for pages about no row.
BY_TEMPLATE = {
    "editor/overview/home.html": "reader.home",
    "editor/questions/archive.html": "reader.answers",
    "editor/editions/editions.html": "reader.editions",
    "editor/editions/call.html": "reader.ask",
}


def find_public_url(session: Session, newsletter: Newsletter, template: str, values: Mapping[str, Any]) -> str:
    """Return the URL of the readers' page for a page of the desk with these values; empty if there is none.

    A view can pass it as `public_url`, if finding it takes more than the row.
    """
    if "public_url" in values:
        return str(values["public_url"] or "")
    for name, find_url in BY_ROW.items():
        if row := values.get(name):
            return find_url(session, newsletter, row)
    return url_for(BY_TEMPLATE[template], slug=newsletter.slug) if template in BY_TEMPLATE else ""
