"""The page of the link that stops our mails. Opening it changes nothing, as mail programs and scanners open all links.

The button on the page sends the same POST as the "unsubscribe" of mail programs (RFC 8058), without a cookie. It can be
repeated. New, used and unknown links get responses with the same status.
"""

from flask import g, render_template, request
from flask_babel import refresh
from sqlalchemy.orm import Session

from ..letters import unsubscribing
from ..letters.models import Letter
from ..newsletters import mail_texts
from ..newsletters.models import Newsletter
from ..web.setup import db
from .page_frame import enter_newsletter, reader


@reader.get("/stop/<token>")
def stop(token: str) -> str:
    return _page(token)


@reader.post("/stop/<token>")
def stop_press(token: str) -> str:
    with db.read() as session:
        can_stop = unsubscribing.can_stop(session, token)
    if can_stop:
        db.write(lambda session: unsubscribing.stop(session, token))
    return _page(token)


def _page(token: str) -> str:
    """Return the page with the button, the confirmation if the link was used, or the page for an unknown link."""
    with db.read() as session:
        letter = unsubscribing.letter_of(session, token)
        if letter is None:
            return render_template("reader/stop_unknown.html")
        return _render_stop_page(session, letter, is_done=not unsubscribing.can_stop(session, token))


def _render_stop_page(session: Session, letter: Letter, is_done: bool) -> str:
    context = enter_newsletter(session, session.get_one(Newsletter, letter.newsletter_id))
    if "lang" not in request.args:
        g.language = mail_texts.choose_language(context.newsletter, letter.language)
        refresh()
    return context.page("reader/stop.html", "", is_done=is_done)
