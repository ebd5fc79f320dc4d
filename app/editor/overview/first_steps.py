"""The first steps of a desk that nobody has written to yet, each ticked once it is done."""

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import url_for
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from ...letters.models import Letter
from ...newsletters.models import NewsletterText
from ...people.directory import everybody_of
from ...people.models import Expert
from ..frame import Desk


class Step(NamedTuple):
    """A step: its words, the page of the desk on which it is done, the act that it needs, and whether it is done."""

    words: Any
    page: str
    act: str
    is_done: Callable[[Desk], bool]


def _is_there(desk: Desk, model: Any, **where: Any) -> bool:
    return desk.session.scalar(select(model.id).filter_by(**where).limit(1)) is not None


def _has_words(desk: Desk) -> bool:
    return bool(desk.newsletter.call) or _is_there(desk, NewsletterText, newsletter_id=desk.newsletter.id)


STEPS = (
    Step(_l("Word the call for questions that stands under each edition"), "settings/texts", "settings", _has_words),
    Step(
        _l("Say where mail comes in, so that replies to the newsletter become letters here"),
        "settings/mail",
        "settings",
        lambda desk: bool(desk.newsletter.inbox),
    ),
    Step(_l("Put the first experts into the directory"), "experts", "directory", lambda desk: _is_there(desk, Expert)),
    Step(
        _l("Invite a colleague, unless you work alone"),
        "people",
        "people",
        lambda desk: len(everybody_of(desk.session, desk.newsletter.id)) > 1,
    ),
    Step(
        _l("Tell your readers the address of the ask page, which stands below"), "letters", "read", lambda _desk: False
    ),
)


def first_steps(desk: Desk) -> list[tuple[Any, str, bool]]:
    """Return the steps that somebody can take: words, address, whether it is done; none once a letter has come."""
    if _is_there(desk, Letter, newsletter_id=desk.newsletter.id):
        return []
    home = url_for("editor.home", slug=desk.newsletter.slug)
    return [(step.words, f"{home}{step.page}", step.is_done(desk)) for step in STEPS if desk.may(step.act)]
