"""The front page, the page about protection, and the site's root."""

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from ..editions import archive
from ..newsletters.queries import all_newsletters, house_text
from ..questions import queries as questions
from ..web.setup import db, requested_language
from .ask_form import country_notes
from .page_frame import ReaderContext, open_context, public, reader, with_form
from .stories import stories_of

LATEST = 3


@reader.get("/")
def root() -> ResponseReturnValue:
    with db.read() as session:
        newsletters = all_newsletters(session)
    if not newsletters:
        return render_template("reader/nothing.html")
    return redirect(url_for("reader.home", slug=newsletters[0].slug), code=303)


@reader.get("/<slug>/")
@with_form
def home(slug: str) -> str:
    with open_context(slug) as place:
        session, newsletter = place.session, place.newsletter
        shown = questions.list_public_questions(session, newsletter.id)
        return place.page(
            "reader/home.html",
            "home",
            front=True,
            invitation=house_text(session, newsletter, "invitation", requested_language()),
            upcoming_dates=place.coming(),
            open_questions=shown,
            askers=questions.askers(session, shown) if shown else {},
            stories=stories_of(newsletter, archive.listing(newsletter).page(session, None, LATEST)),
            answer_count=archive.count(session, newsletter),
        )


@reader.get("/<slug>/protection")
@public
def protection(place: ReaderContext) -> str:
    return place.page(
        "reader/protection.html", "", keep_days=place.newsletter.keep_days, notes=country_notes(place.newsletter)
    )
