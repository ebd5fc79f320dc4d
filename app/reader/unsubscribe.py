"""The page behind the link that stops our mails. Opening it changes nothing: mail programs and scanners open every
link.

The button and a mail program's own "unsubscribe" (RFC 8058: one POST, without a cookie or a page before it) do the
same, as often as they are pressed. Used, unknown and fresh links answer with the same status.
"""

from flask import g, render_template, request
from flask_babel import refresh
from sqlalchemy.orm import Session

from ..letters import unsubscribing
from ..letters.models import Letter
from ..newsletters import mail_texts
from ..newsletters.models import Newsletter
from ..web.setup import db
from .page_frame import enter, reader


@reader.get("/stop/<token>")
def stop(token: str) -> str:
    return _page(token)


@reader.post("/stop/<token>")
def stop_press(token: str) -> str:
    with db.read() as session:
        fresh = unsubscribing.can_stop(session, token)
    if fresh:
        db.write(lambda session: unsubscribing.stop(session, token))
    return _page(token)


def _page(token: str) -> str:
    """The button while the link can do something, else that it is done; for an unknown link what it may be."""
    with db.read() as session:
        letter = unsubscribing.letter_of(session, token)
        if letter is None:
            return render_template("reader/stop_unknown.html")
        return _render_stop_page(session, letter, is_done=not unsubscribing.can_stop(session, token))


def _render_stop_page(session: Session, letter: Letter, is_done: bool) -> str:
    place = enter(session, session.get_one(Newsletter, letter.newsletter_id))
    if "lang" not in request.args:
        g.language = mail_texts.tongue_of(place.newsletter, letter.language)
        refresh()
    return place.page("reader/stop.html", "", is_done=is_done)
