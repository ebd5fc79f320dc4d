"""The page that shows readers what a page of the desk is about, for the link in the header."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import url_for

from ..editions.models import Edition
from ..questions.models import Question


def _find_question_url(slug: str, question: Question) -> str:
    """Return the page of a published question, or the form that shows the wording of one without an answer yet."""
    if question.is_published:
        words = question.text.slug if question.text else "q"
        return url_for("reader.story", slug=slug, public_id=question.public_id, words=words)
    if question.is_going and question.shown_at:
        return url_for("reader.ask", slug=slug)
    return ""


def _find_edition_url(slug: str, edition: Edition) -> str:
    return url_for("reader.edition", slug=slug, public_id=edition.public_id) if edition.is_sent else ""


# By the name under which a page of the desk gets the row that it is about.
BY_ROW: dict[str, Callable[[str, Any], str]] = {"question": _find_question_url, "edition": _find_edition_url}
# By template, for pages about no row.
BY_TEMPLATE = {
    "editor/overview/home.html": "reader.home",
    "editor/questions/archive.html": "reader.answers",
    "editor/editions/editions.html": "reader.editions",
    "editor/editions/call.html": "reader.ask",
}


def find_public_url(slug: str, template: str, values: Mapping[str, Any]) -> str:
    """Return the URL of the readers' page for a page of the desk with these values; empty if there is none.

    A view can pass it as `public_url`, if finding it takes more than the row.
    """
    if "public_url" in values:
        return str(values["public_url"] or "")
    for name, find_url in BY_ROW.items():
        if row := values.get(name):
            return find_url(slug, row)
    return url_for(BY_TEMPLATE[template], slug=slug) if template in BY_TEMPLATE else ""
