"""Read it once more before it is sent: how it will be sent, and whether something public answers it or asks it already.

What is compared is what is published and what the desk shows, never the inbox. Nothing of the draft is kept: it travels
in the page's own fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _

from ..editions import archive
from ..letters.receive import Submission
from ..questions import queries as questions
from ..questions.models import Question
from ..search import PUBLIC
from ..search.alike import Probe, find_matches
from ..web.formatting import autonym
from .page_frame import ReaderContext
from .stories import Story, stories_by_question

SHOWN = 3
LEFT_OUT = ("form", "then", "notes", "leave_empty")  # what the page's own form brings anew


@dataclass(frozen=True)
class PublicMatch:
    """Something public that looks like the draft: an answer that ran, or an open question with how many ask it."""

    words: tuple[str, ...]
    story: Story | None = None
    question: Question | None = None
    askers: int = 0


@dataclass(frozen=True)
class PreviewStep:
    """The step between a form and its receipt: what is likely to answer it, and what holds in single countries."""

    matches: list[PublicMatch]
    notes: list[dict[str, Any]]


def preview_page(
    context: ReaderContext, form_values: Mapping[str, str], submission: Submission, step: PreviewStep
) -> str:
    editions = archive.sent_editions(context.newsletter).page(context.session, None, 30)
    edition = next((one for one in editions if one.id == submission.about_edition_id), None)
    return context.page(
        "reader/preview.html",
        "ask",
        submission=submission,
        edition=edition,
        step=step,
        is_requested=form_values.get("then") == "look",
        hidden_fields=[(name, value) for name, value in form_values.items() if name not in LEFT_OUT and value],
        form_token=form_values.get("form"),
        language_name=autonym(submission.language) if submission.language else "",
        credit=format_credit(submission),
    )


def format_credit(submission: Submission) -> str:
    """Return how the reader is named if it runs; empty for not at all."""
    return (
        _("%(name)s, %(place)s", name=submission.name, place=submission.place)
        if submission.credit == "first"
        else submission.name
    )


def find_public_matches(context: ReaderContext, text: str) -> list[PublicMatch]:
    """Return what is likely to answer this, or to ask it already, best first."""
    session, newsletter = context.session, context.newsletter
    found = [one for one in find_matches(session, PUBLIC, newsletter.id, Probe(text), limit=SHOWN) if one.likely]
    keys = [one.noun_id for one in found]
    if not keys:
        return []
    # The index may be a second behind: what the pages don't show any more is not shown here either.
    ran = archive.get_published_items(session, newsletter, keys)
    open_ones = {
        question.id: question for question in questions.list_public_questions_by_id(session, newsletter.id, keys)
    }
    askers = questions.askers(session, list(open_ones.values())) if open_ones else {}
    stories = stories_by_question(newsletter, ran)
    return [
        PublicMatch(
            next((reason.values for reason in one.reasons if reason.code == "words"), ()),
            stories.get(one.noun_id),
            open_ones.get(one.noun_id),
            askers.get(one.noun_id, 0),
        )
        for one in found
        if one.noun_id in stories or one.noun_id in open_ones
    ]
