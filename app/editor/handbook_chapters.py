"""The chapter of the editor's handbook (`docs/handbook/editor.md`) that a page of the desk leads to by its "?"."""

from flask import request

from .frame import editor

# By the page's endpoint, or else by its section.
CHAPTERS = {
    "editor.home": "every-day-who-waits-for-whom",
    "letters": "thursday-the-letters",
    "pen": "when-a-mail-fits-nowhere",
    "questions": "friday-the-question",
    "editor.answer": "monday-the-answer",
    "editor.answer_edit": "monday-the-answer",
    "editor.answer_by_hand": "monday-the-answer",
    "edition": "tuesday-and-wednesday-the-edition",
    "shelf": "shelf-archive-insights",
    "archive": "shelf-archive-insights",
    "insights": "shelf-archive-insights",
    "experts": "the-experts",
    "outbox": "the-outbox",
    "settings": "what-is-set-once",
}


@editor.app_template_global()
def chapter_of(section: str) -> str | None:
    """Return the place in the handbook for the page that is shown; None, its beginning, for a page without one."""
    return CHAPTERS.get(request.endpoint or "") or CHAPTERS.get(section)
