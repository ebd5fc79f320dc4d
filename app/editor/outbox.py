"""What was mailed, what waits, and what failed. A mail opens beside the list; no reader's address is ever shown."""

import re
from collections.abc import Mapping
from typing import Any

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.wrappers import Response

from ..answers import assigning
from ..lifecycle import Missing
from ..mail import outbox
from ..mail.letter import blocks
from ..mail.lifecycle import MAIL
from ..mail.lifecycle import STATES as ALL
from ..mail.models import OutboxMail
from ..seal import Unsealable
from .frame import Desk, at_desk, change, editor, found, page
from .mail_words import STATES, named, shown

PAGE = 40
FIRST = 8  # mails of a state on the page of all of them
ORDER = ("failed", "held", "queued", "sent", "expired", "discarded")
BUTTONS = {"release": _l("Send it now"), "retry": _l("Try again"), "discard": _l("Discard")}
# What opens an assignment's page or a way in is for the receiver alone.
SECRET = re.compile(r"(https?://\S+/(?:a|sign-in)/)[\w-]+")


@editor.get("/<slug>/outbox", endpoint="outbox")
def mails(slug: str) -> str:
    with at_desk(slug) as desk:
        return _page(desk, None)


@editor.get("/<slug>/outbox/<public_id>")
def mail(slug: str, public_id: str) -> str:
    with at_desk(slug) as desk:
        return _page(desk, found(outbox.load(desk.session, desk.newsletter.id, public_id)))


def _page(desk: Desk, opened: OutboxMail | None) -> str:
    state = request.args.get("state")
    state = state if state in ALL else None
    groups, older = _groups(desk, state)
    names = named(desk, [*(mail for mails in groups.values() for mail in mails), *([opened] if opened else [])])
    counted = outbox.counts(desk.session, desk.newsletter.id)
    slug = desk.newsletter.slug
    return page(
        desk,
        "editor/mail.html" if opened else "editor/outbox.html",
        "outbox",
        state=state,
        states=[(name, STATES[name][1], counted[name]) for name in ORDER if counted[name]],
        standing=_standing(counted),
        counted=counted,
        groups=[
            (name, STATES[name][1], [shown(desk, mail, names) for mail in mails])
            for name, mails in groups.items()
            if mails
        ],
        opened=_opened(desk, opened, names) if opened else None,
        keyset={
            "newer": url_for("editor.outbox", slug=slug, state=state) if request.args.get("before") else None,
            "older": url_for("editor.outbox", slug=slug, state=state, before=older) if older else None,
        },
    )


def _standing(counted: Mapping[str, int]) -> str:
    """Who is to do something about the mails."""
    failed, held = counted["failed"], counted["held"]
    said = [ngettext("One mail can’t be delivered.", "%(num)s mails can’t be delivered.", failed)] if failed else []
    said += (
        [ngettext("One mail is held until you send it.", "%(num)s mails are held until you send them.", held)]
        if held
        else []
    )
    return " ".join(said) or _("Nothing is held and nothing failed.")


def _groups(desk: Desk, state: str | None) -> tuple[dict[str, list[OutboxMail]], str | None]:
    """The mails to list by state, and where the next page begins."""
    session, newsletter_id = desk.session, desk.newsletter.id
    if state is None:
        return {name: outbox.waiting(session, newsletter_id, name, limit=FIRST) for name in ORDER}, None
    before = request.args.get("before")
    last = found(outbox.load(session, newsletter_id, before)).id if before else None
    mails = outbox.waiting(session, newsletter_id, state, last, PAGE + 1)
    return {state: mails[:PAGE]}, mails[PAGE - 1].public_id if len(mails) > PAGE else None


def _opened(desk: Desk, mail: OutboxMail, names: tuple[dict[int, str], dict[int, str]]) -> dict[str, Any]:
    """A mail with its text, while that still exists, and the buttons that are open to this person."""
    seen = shown(desk, mail, names) | {
        "actions": [],
        "subject": "",
        "text": [],
        "hidden": False,
        "sender": "",
        "address": "",
    }
    try:
        message = outbox.read(desk.session, mail)
    except (Missing, Unsealable):
        message = None
    if message is not None:
        text, hidden = SECRET.subn(r"\1…", message.text)
        seen |= {"subject": message.subject, "sender": message.from_name, "text": blocks(text), "hidden": hidden > 0}
        seen["address"] = message.to if mail.person_id and not mail.letter_id else ""
    gone = () if message else ("retry", "release")
    seen["actions"] = [
        (act, BUTTONS[act]) for act in MAIL.open_to(desk.actor, mail) if act in BUTTONS and act not in gone
    ]
    return seen


@editor.post(f"/<slug>/outbox/<public_id>/<any({', '.join(BUTTONS)}):act>")
def press_mail(slug: str, public_id: str, act: str) -> Response:
    verb = {"release": outbox.release, "retry": outbox.retry, "discard": assigning.discard}[act]

    def fn(desk: Desk) -> None:
        verb(desk.session, desk.actor, found(outbox.load(desk.session, desk.newsletter.id, public_id)))

    change(slug, fn)
    return redirect(url_for("editor.mail", slug=slug, public_id=public_id), code=303)
