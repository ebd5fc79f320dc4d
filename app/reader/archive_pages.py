"""The public archive: each Q&A with its lasting address, and the editions. All of it may be kept by caches."""

from collections.abc import Callable
from functools import partial
from itertools import groupby

from flask import abort, redirect, request, url_for
from flask.typing import ResponseReturnValue

from ..db import address
from ..editions import archive
from ..editions.archive import story_path
from ..editions.items import piece_from
from ..formatting import zone
from ..newsletters.queries import topics_of
from ..questions import queries as questions
from ..web import last_row, paged
from .page_frame import Place, T, found, public, reader
from .stories import href, parts, told

PAGE = 20


@reader.get("/<slug>/answers")
@public
def answers(place: Place) -> str:
    """Everything that ran, newest first, by topic or year; `before` is the last Q&A of the page before."""
    session, newsletter = place.session, place.newsletter
    topics, years = topics_of(session, newsletter.id), archive.years(session, newsletter)
    topic = _chosen("topic", [topic.slug for topic in topics])
    year = _chosen("year", [str(year) for year in years])
    listing = archive.listing(newsletter, topic, int(year) if year else None)
    last = _last(lambda key: archive.place_of(session, newsletter, key))
    here = partial(url_for, "reader.answers", slug=newsletter.slug, topic=topic, year=year)
    items = paged(session, listing, PAGE, last, here, cursor=archive.cursor)
    shown = told(newsletter, items.rows)
    return place.page(
        "reader/answers.html",
        "answers",
        by_year=[(y, list(group)) for y, group in groupby(shown, lambda story: story.at.astimezone(zone()).year)],
        topics=topics,
        years=years,
        topic=topic,
        year=year,
        keyset=items.keyset,
    )


def _chosen(name: str, known: list[str]) -> str | None:
    """Return what an address chooses; 404 for what there isn't, so that nobody's invented address is a page of ours."""
    value = request.args.get(name)
    return found(value if value in known else None) if value else None


def _last(load: Callable[[str], T | None]) -> T | None:
    """The last row of the page before; what is no key of ours at all is the first page."""
    return last_row(load) if request.args.get("before", "").isalnum() else None


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
    last = _last(lambda key: archive.sent_edition(session, newsletter, key))
    here = partial(url_for, "reader.editions", slug=newsletter.slug)
    sent = paged(session, archive.sent_editions(newsletter), PAGE, last, here)
    items = archive.items(session, sent.rows)
    return place.page(
        "reader/editions.html",
        "editions",
        editions=[(edition, told(newsletter, items[edition.id])) for edition in sent.rows],
        coming=place.coming(),
        keyset=sent.keyset,
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
