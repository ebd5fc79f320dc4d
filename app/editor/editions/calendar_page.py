"""All editions: the rhythm in words, the dates that come, the dates that are over."""

from functools import partial

from flask import url_for

from ...editions import archive
from ...editions import queries as editions
from ...editions.history import unsent
from ...editions.slots import count_filled_slots
from ...web.setup import get_cursor_row, paginate
from ..frame import editor, page, read_context
from .rhythm_text import dates_in_words, format_rhythm

PAGE = 30


@editor.get("/<slug>/editions")
def all_editions(slug: str) -> str:
    with read_context(slug) as desk:
        last = get_cursor_row(lambda key: editions.load(desk.session, desk.actor, key))
        here = partial(url_for, "editor.all_editions", slug=slug)
        past = paginate(desk.session, archive.sent_editions(desk.newsletter), PAGE, last, here)
        ahead = [] if last else unsent(desk.session, desk.newsletter.id, PAGE)
        return page(
            desk,
            "editor/editions/editions.html",
            "edition",
            rhythm=format_rhythm(desk.newsletter),
            skips=[dates_in_words(one) for one in desk.newsletter.skips],
            extra=[dates_in_words(one) for one in desk.newsletter.extra],
            upcoming_editions=ahead,
            filled_counts=count_filled_slots(desk.session, ahead),
            sent_editions=past.rows,
            items_by_edition=archive.items(desk.session, past.rows),
            keyset=past.keyset,
        )
