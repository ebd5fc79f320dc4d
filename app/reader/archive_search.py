"""Search in what ran. By POST: what a reader looks for stands in no address, and so in nobody's log or history."""

from flask import request

from ..editions import archive
from ..search import PUBLIC
from ..search.full_text import get_cursor, search
from .page_frame import open_context, or_404, reader
from .stories import stories_by_question

PAGE = 20


@reader.post("/<slug>/answers")
def find_answers(slug: str) -> str:
    """`before` is the public key of the last Q&A of the page before."""
    with open_context(slug) as place:
        session, newsletter = place.session, place.newsletter
        words = request.form.get("words", "")[:200]
        before = request.form.get("before", "")
        mark = None
        if before:
            last = or_404(archive.story(session, newsletter, before) if before.isalnum() else None)[0]
            mark = or_404(get_cursor(session, PUBLIC, "question", last.question_id))
        hits = search(session, PUBLIC, newsletter.id, words, answered_only=True, cursor=mark, limit=PAGE + 1)
        ran = archive.get_published_items(session, newsletter, [hit.noun_id for hit in hits[:PAGE]])
        stories = stories_by_question(newsletter, ran)
        results = [(stories[hit.noun_id], hit.snippet) for hit in hits if hit.noun_id in stories]
        older = ran[[*stories][-1]].question.public_id if len(hits) > PAGE and results else ""
        return place.page(
            "reader/found.html", "answers", query=words, results=results, older=older, is_first_page=not before
        )
