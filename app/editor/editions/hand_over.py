"""The press on an edition's page that has a draft of it made in the tool that sends."""

from typing import Any

from flask import redirect, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ...core.state_machine import InvalidTransition, MissingPrecondition
from ...editions import handoff
from ...editions import queries as editions
from ...editions.models import Edition
from ..flash import announce
from ..frame import RequestContext, editor, or_404, rerender, run_in_transaction
from .builder import builder, get_preserved_params
from .edition_words import format_refusal


@editor.press("/<slug>/editions/<public_id>/draft", "edition")
def hand_over(slug: str, public_id: str) -> Response | tuple[str, int]:
    """Have a draft made, or brought up to date; the worker asks the tool."""

    def fn(desk: RequestContext) -> None:
        handoff.queue_handoff(desk.session, desk.actor, _edition(desk, public_id))

    try:
        run_in_transaction(slug, fn)
    except (InvalidTransition, MissingPrecondition) as refused:
        return rerender(slug, 409, _page, public_id, trouble=format_refusal(refused))
    announce(_("The draft is being made. What comes of it stands below, under its heading."))
    return redirect(
        url_for("editor.edition", slug=slug, public_id=public_id, _anchor="draft", **get_preserved_params()), code=303
    )


def _edition(desk: RequestContext, public_id: str) -> Edition:
    return or_404(editions.load(desk.session, desk.actor, public_id))


def _page(desk: RequestContext, public_id: str, /, **refused: Any) -> str:
    return builder(desk, _edition(desk, public_id), **refused)
