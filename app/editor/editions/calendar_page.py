"""All editions: the rhythm in words, the dates that come, the dates that are over."""

from flask import request, url_for

from ...editions import archive
from ...editions import queries as editions
from ...editions.history import unsent
from ...editions.slots import filled
from ..frame import at_desk, editor, found, page
from .rhythm_text import dates_in_words, in_words

PAGE = 30


@editor.get("/<slug>/editions")
def all_editions(slug: str) -> str:
    with at_desk(slug) as desk:
        before = request.args.get("before")
        last = found(editions.load(desk.session, desk.actor, before)) if before else None
        past = archive.editions(desk.session, desk.newsletter, last, PAGE + 1)
        ahead = [] if before else unsent(desk.session, desk.newsletter.id, PAGE)
        more = len(past) > PAGE
        return page(
            desk,
            "editor/editions/editions.html",
            "edition",
            rhythm=in_words(desk.newsletter),
            skips=[dates_in_words(one) for one in desk.newsletter.skips],
            extra=[dates_in_words(one) for one in desk.newsletter.extra],
            ahead=ahead,
            filled=filled(desk.session, ahead),
            past=past[:PAGE],
            ran=archive.items(desk.session, past[:PAGE]),
            keyset={
                "newer": url_for("editor.all_editions", slug=slug) if before else None,
                "older": url_for("editor.all_editions", slug=slug, before=past[PAGE - 1].public_id) if more else None,
            },
        )
