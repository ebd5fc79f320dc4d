"""The newsletters of the house, for admins, and a newsletter's own page: rename it, let it pause, let it go on, close
it.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from werkzeug.wrappers import Response

from ...audit import Event
from ...core.fields import Wrong
from ...core.permissions import roles_for
from ...core.state_machine import InvalidTransition, VersionConflict
from ...db.session import lock_row
from ...editions.planning import off_the_rhythm
from ...newsletters.models import Newsletter
from ...newsletters.queries import all_newsletters
from ...newsletters.settings import Faulty
from ...people.models import Membership
from ...web.formatting import day
from ...workflows.newsletters import pausing, renaming
from .. import declared_form
from ..conflict import second, submitted_token, token
from ..flash import announce
from ..form_values import typed_day
from ..frame import Desk, at_desk, change, editor, page, redrawn
from ..undo_press import way_back

STANDS = {"running": _l("runs"), "paused": _l("pauses"), "closed": _l("is closed")}


def stands(newsletter: Newsletter) -> str:
    """Return in a word or two how a newsletter stands."""
    if newsletter.paused_until:
        return _("pauses until %(day)s", day=day(newsletter.paused_until))
    return str(STANDS[str(newsletter.state)])


@editor.sheet("/<slug>/newsletters", "newsletters")
def newsletters(slug: str) -> str:
    with at_desk(slug) as desk:
        mine = Membership.person_id == desk.actor.person_id
        roles = select(Membership.newsletter_id).where(mine, Membership.at_work())
        managed = set(desk.session.scalars(roles.where(Membership.role.in_(roles_for("newsletters")))))
        rows = [(one, stands(one), one.id in managed) for one in all_newsletters(desk.session)]
        return page(desk, "editor/settings/newsletters.html", "settings", rows=rows)


@editor.sheet("/<slug>/newsletter", "newsletters")
def newsletter(slug: str) -> str:
    with at_desk(slug) as desk:
        return _page(desk)


def _page(
    desk: Desk, press: str = "", typed: dict[str, str] | None = None, faults: dict[str, Any] | None = None
) -> str:
    """Return the page; the `press` that couldn't be taken stands open, as it was typed."""
    one = desk.newsletter
    said = {name: declared_form.fault_words(fault) for name, fault in (faults or {}).items()}
    labels = {"name": _("Name"), "slug": _("Short name"), "until": _("Until"), "sentence": _("A sentence to them")}
    stay = off_the_rhythm(desk.session, one) if not one.is_running else []
    return page(
        desk,
        "editor/settings/newsletter.html",
        "settings",
        stands=stands(one),
        seen=token({"stands": _facts(one)}),
        press=press,
        typed={"name": one.name, "slug": one.slug, **(typed or {})},
        faults=said,
        summary=[(name, f"{labels[name]}: {words}") for name, words in said.items()],
        asked=len(pausing.still_asked(desk.session, one)) if one.is_going else 0,
        stay=[day(edition.runs_at, "short") for edition, _why in stay],
    )


def _facts(one: Newsletter) -> str:
    return f"{one.state} {one.paused_until} {one.slug} {one.name}"


def _typed_until() -> date | None:
    typed = request.form.get("until", "").strip()
    if typed and typed_day(typed) is None:
        raise Faulty({"until": Wrong("date")})
    return typed_day(typed)


def _pause(desk: Desk) -> Event:
    return pausing.pause(desk.session, desk.actor, desk.newsletter, _typed_until())


def _resume(desk: Desk) -> Event:
    return pausing.resume(desk.session, desk.actor, desk.newsletter)


def _close(desk: Desk) -> Event:
    return pausing.close(desk.session, desk.actor, desk.newsletter, request.form.get("sentence", ""))


def _rename(desk: Desk) -> None:
    name, slug = (request.form.get(field, "") for field in ("name", "slug"))
    renaming.rename(desk.session, desk.actor, desk.newsletter, name, slug)


# Each press with its verb, and what is said then.
PRESSES: dict[str, tuple[Callable[[Desk], Event | None], Any]] = {
    "rename": (_rename, _l("It is called %(name)s.")),
    "pause": (_pause, _l("%(name)s pauses.")),
    "resume": (_resume, _l("%(name)s goes on.")),
    "close": (_close, _l("%(name)s is closed.")),
}


@editor.press(f"/<slug>/newsletter/<any({', '.join(PRESSES)}):press>", "newsletters")
def press_newsletter(slug: str, press: str) -> Response | tuple[str, int]:
    verb, said = PRESSES[press]

    def fn(desk: Desk) -> tuple[str, str, str]:
        if submitted_token().get("stands") != _facts(lock_row(desk.session, desk.newsletter)):
            raise VersionConflict("the newsletter changed")
        event = verb(desk)
        return desk.newsletter.name, desk.newsletter.slug, way_back([event]) if event else ""

    try:
        name, slug, undo = change(slug, fn)
    except Faulty as faulty:
        return redrawn(slug, 422, _page, press, request.form.to_dict(), faulty.faults)
    except (VersionConflict, InvalidTransition) as refused:
        second(slug, lambda desk: desk.newsletter, refused)
    back = url_for("editor.newsletter", slug=slug)
    announce(str(said) % {"name": name}, undo=undo, back=back)
    return redirect(back, code=303)
