"""A newsletter's front page, the page on how readers are protected, the site's root, and the short URLs for print."""

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from ..editions import archive
from ..editions.item_translations import list_versions_in
from ..editions.models import EditionItem
from ..newsletters.queries import all_newsletters, house_text
from ..newsletters.short_codes import CODE_LENGTH, PUBLIC_ID_LENGTH, find_by_short_code
from ..questions import queries as questions
from ..web.formatting import language, requested_language
from ..web.setup import db, or_404
from .ask_form import country_notes
from .page_frame import ReaderContext, open_context, public, reader, with_form
from .stories import list_stories

LATEST_ANSWERS = 3


@reader.get("/")
def root() -> ResponseReturnValue:
    """Redirect to the front page of the first newsletter."""
    with db.read() as session:
        newsletters = all_newsletters(session)
    if not newsletters:
        return render_template("reader/nothing.html")
    return redirect(url_for("reader.home", slug=newsletters[0].slug), code=303)


@reader.get("/<slug>/")
@with_form
def home(slug: str) -> str:
    with open_context(slug) as context:
        session, newsletter = context.session, context.newsletter
        open_questions = questions.list_public_questions(session, newsletter.id)
        return context.page(
            "reader/home.html",
            "home",
            front=True,
            invitation=house_text(session, newsletter, "invitation", requested_language()),
            upcoming_dates=context.list_upcoming_dates(),
            open_questions=open_questions,
            stories=list_stories(context, _list_latest_items(context)),
            archive_languages=archive.list_languages(session, newsletter),
            answer_count=archive.count(session, newsletter),
        )


def _list_latest_items(context: ReaderContext) -> list[EditionItem]:
    """Return the latest Q&As, and on a page in another language first those that can be read in it."""
    session, newsletter = context.session, context.newsletter
    latest = archive.listing(newsletter).page(session, None, LATEST_ANSWERS)
    if language() == newsletter.language:
        return latest
    readable = archive.listing(newsletter, language=language()).page(session, None, LATEST_ANSWERS)
    versions = list_versions_in(session, readable, language())
    items = [item for item, version in zip(readable, versions, strict=True) if version.piece["language"] == language()]
    return [*items, *(item for item in latest if item not in items)][:LATEST_ANSWERS]


@reader.get("/<slug>/protection")
@public
def protection(context: ReaderContext) -> str:
    return context.page(
        "reader/protection.html", "", keep_days=context.newsletter.keep_days, notes=country_notes(context.newsletter)
    )


# The lengths keep these routes from matching the pages of a newsletter whose slug is "q".
@reader.get(f"/q/<string(length={CODE_LENGTH}):code>")
@reader.get(f"/q/<string(length={PUBLIC_ID_LENGTH}):code>")
def short_address(code: str) -> ResponseReturnValue:
    """Redirect to the ask page of the newsletter with this short code; 404 if there is none."""
    with db.read() as session:
        slug = or_404(find_by_short_code(session, code)).slug
    return redirect(url_for("reader.ask", slug=slug), code=303)
