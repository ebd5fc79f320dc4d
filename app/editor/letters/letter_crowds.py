"""One press for whole crowds: what a flood brought is filed as spam, and what came in before it was seen is held."""

from flask import redirect, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from ...audit import watched
from ...core.state_machine import InvalidTransition, VersionConflict
from ...letters import crowds, queries
from ..bulk import parse_selected_rows
from ..flash import announce
from ..frame import RequestContext, editor, or_404, run_in_transaction
from ..undo_press import get_undo_token
from .letter_words import ONLY_HELD


@editor.press("/<slug>/letters/crowds", "take letters")
def letter_crowds(slug: str) -> Response:
    chosen = parse_selected_rows("crowd", crowds.SHOWN)

    def fn(desk: RequestContext) -> tuple[int, str]:
        done = 0
        with watched(desk.session) as events:
            for public_id, standing in chosen:
                first = or_404(queries.load(desk.session, desk.actor, public_id))
                try:
                    crowds.sweep(desk.session, desk.actor, first, standing)
                    done += 1
                except (
                    InvalidTransition,
                    VersionConflict,
                ):  # somebody else was faster, or the crowd has grown: the page shows it anew
                    continue
            desk.session.flush()
            return done, get_undo_token(events)

    done, press = run_in_transaction(slug, fn)
    back = url_for("editor.letters", slug=slug, state=ONLY_HELD)
    said = ngettext("The crowd is filed as spam.", "%(num)s crowds are filed as spam.", done)
    announce(said if done else _("Nothing was done. Tick a crowd as it stands now."), undo=press, return_url=back)
    return redirect(back, code=303)


@editor.press("/<slug>/letters/crowds/hold", "take letters")
def letter_crowds_hold(slug: str) -> Response:
    chosen = parse_selected_rows("crowd", 1)

    def fn(desk: RequestContext) -> tuple[int, str]:
        done = 0
        with watched(desk.session) as events:
            for public_id, number in chosen:
                first = or_404(queries.load(desk.session, desk.actor, public_id))
                try:
                    done += crowds.hold(desk.session, desk.actor, first, number)
                except (InvalidTransition, VersionConflict):  # as above
                    continue
            desk.session.flush()
            return done, get_undo_token(events)

    done, press = run_in_transaction(slug, fn)
    back = url_for("editor.letters", slug=slug)
    said = ngettext("One letter is held.", "%(num)s letters are held.", done)
    announce(said if done else _("Nothing was done. More have come: look again."), undo=press, return_url=back)
    return redirect(back, code=303)
