"""All editions: the rhythm in words, the dates that come, the dates that are over."""

from functools import partial

from flask import url_for

from ...editions import archive
from ...editions import queries as editions
from ...editions.history import unsent
from ...editions.slots import filled
from ...web.setup import last_row, paged
from ..frame import at_desk, editor, page
from .rhythm_text import dates_in_words, in_words

PAGE = 30


@editor.get("/<slug>/editions")
def all_editions(slug: str) -> str:
    with at_desk(slug) as desk:
        last = last_row(lambda key: editions.load(desk.session, desk.actor, key))
        here = partial(url_for, "editor.all_editions", slug=slug)
        past = paged(desk.session, archive.sent_editions(desk.newsletter), PAGE, last, here)
        ahead = [] if last else unsent(desk.session, desk.newsletter.id, PAGE)
        return page(
            desk,
            "editor/editions/editions.html",
            "edition",
            rhythm=in_words(desk.newsletter),
            skips=[dates_in_words(one) for one in desk.newsletter.skips],
            extra=[dates_in_words(one) for one in desk.newsletter.extra],
            ahead=ahead,
            filled=filled(desk.session, ahead),
            past=past.rows,
            ran=archive.items(desk.session, past.rows),
            keyset=past.keyset,
        )
