"""What ran: the archive, each Q&A with its lasting address, and the editions. All of it may be kept by caches."""

from itertools import groupby
from typing import Any

from flask import abort, redirect, request, url_for
from flask.typing import ResponseReturnValue

from ..db import address
from ..editions import archive
from ..editions.archive import story_path
from ..editions.items import piece_from
from ..formatting import zone
from ..newsletters.queries import topics_of
from ..questions import queries as questions
from .page_frame import Place, found, public, reader
from .stories import href, parts, told

PAGE = 20


@reader.get("/<slug>/answers")
@public
def answers(place: Place) -> str:
    """Everything that ran, newest first, by topic or year; `before` is the last Q&A of the page before."""
    session, newsletter = place.session, place.newsletter
    topics, years = (
        topics_of(session, newsletter.id),
        archive.years(session, newsletter),
    )
    topic = _chosen("topic", [topic.slug for topic in topics])
    year = _chosen("year", [str(year) for year in years])
    before = request.args.get("before", "")
    mark = found(archive.mark_of(session, newsletter, before)) if before.isalnum() else None
    items = archive.page(
        session,
        newsletter,
        before=mark,
        topic=topic,
        year=int(year) if year else None,
        limit=PAGE + 1,
    )
    shown = told(newsletter, items[:PAGE])
    chosen = {"topic": topic, "year": year}
    here: dict[str, Any] = {key: value for key, value in chosen.items() if value}
    older = items[PAGE - 1].question.public_id if len(items) > PAGE else None
    return place.page(
        "reader/answers.html",
        "answers",
        by_year=[(y, list(group)) for y, group in groupby(shown, lambda story: story.at.astimezone(zone()).year)],
        topics=topics,
        years=years,
        topic=topic,
        year=year,
        keyset={
            "newer": url_for("reader.answers", slug=newsletter.slug, **here) if mark else None,
            "older": url_for("reader.answers", slug=newsletter.slug, before=older, **here) if older else None,
        },
    )


def _chosen(name: str, known: list[str]) -> str | None:
    """What an address chooses; 404 for what there isn't, so that nobody's invented address is a page of ours."""
    value = request.args.get(name)
    return found(value if value in known else None) if value else None


@reader.get("/<slug>/q/<public_id>/<words>")
@public
def story(place: Place, public_id: str, words: str) -> ResponseReturnValue:
    session, newsletter = place.session, place.newsletter
    item, edition = found(archive.story(session, newsletter, public_id))
    if item.question.is_retracted:
        return place.page("reader/retracted.html", "answers"), 410
    if words != (item.question.text.slug if item.question.text else "q"):
        return redirect(href(newsletter, item), code=301)
    [shown] = told(newsletter, [item])
    return place.page(
        "reader/story.html",
        "answers",
        story=shown,
        parts=parts(item),
        answers=len(shown.people),
        kicker=item.input["piece"]["section"],
        askers=piece_from(item).askers,
        edition=edition,
        ties=archive.ties(session, item),
        topics=questions.topics_of(session, [item.question_id])[item.question_id],
        public_id=public_id,
        lasting=address(session, story_path(newsletter, item.question)),
    )


@reader.get("/<slug>/editions")
@public
def editions(place: Place) -> str:
    session, newsletter = place.session, place.newsletter
    before = request.args.get("before", "")
    last = found(archive.sent_edition(session, newsletter, before)) if before.isalnum() else None
    sent = archive.editions(session, newsletter, before=last, limit=PAGE + 1)
    older = sent[PAGE - 1].public_id if len(sent) > PAGE else None
    items = archive.items(session, sent[:PAGE])
    return place.page(
        "reader/editions.html",
        "editions",
        editions=[(edition, told(newsletter, items[edition.id])) for edition in sent[:PAGE]],
        coming=place.coming(),
        keyset={
            "newer": url_for("reader.editions", slug=newsletter.slug) if last else None,
            "older": url_for("reader.editions", slug=newsletter.slug, before=older) if older else None,
        },
    )


@reader.get("/<slug>/editions/<public_id>")
@public
def edition(place: Place, public_id: str) -> str:
    session, newsletter = place.session, place.newsletter
    if not public_id.isalnum():
        abort(404)
    sent = found(archive.sent_edition(session, newsletter, public_id))
    stories = told(newsletter, archive.items(session, [sent])[sent.id])
    return place.page("reader/edition.html", "editions", edition=sent, stories=stories)
