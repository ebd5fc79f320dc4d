"""Building an edition: what is ready, what stands in its slots, how it will be read, and the press that sends it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import abort, make_response, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from werkzeug.wrappers import Response

from ..editions import arriving, withdrawal
from ..editions import desk as editions
from ..editions.block import Block
from ..editions.lifecycle import EDITION
from ..editions.models import Edition
from ..editions.ready import facts_of, ready_to_run
from ..editions.record import hands
from ..editions.renderers import to_html, to_json, to_markdown, to_text
from ..errors import REASONS
from ..letters import queries as letters
from ..letters.models import Letter
from ..lifecycle import Missing, Refused, Stale
from ..mail.outbox import OnItsWay
from ..mail.reply_address import address_for
from ..questions import queries as questions
from ..questions.models import Question
from .frame import Desk, at_desk, change, editor, found, page

MAIL_SIZE = 100  # kB; Gmail cuts a mail off at 102 kB of HTML
WRITERS: dict[str, tuple[str, str, Callable[[Block], str]]] = {
    "html": ("html", "text/html; charset=utf-8", to_html),
    "text": ("txt", "text/plain; charset=utf-8", to_text),
    "markdown": ("md", "text/markdown; charset=utf-8", to_markdown),
}
BY_ENDING = {ending: (kind, write) for ending, kind, write in WRITERS.values()}
FORMS = (("html", "HTML"), ("text", _l("Text")), ("markdown", "Markdown"))


@editor.get("/<slug>/editions/<public_id>")
def edition(slug: str, public_id: str) -> str:
    with at_desk(slug) as desk:
        return _builder(desk, found(editions.load(desk.session, desk.actor, public_id)))


def _builder(desk: Desk, edition: Edition, trouble: str = "") -> str:
    session, newsletter = desk.session, desk.newsletter
    planned = edition.state == "planned"
    picked = editions.picked(session, edition)
    blocks = editions.blocks(session, edition)
    form = request.args.get("form", "html")
    form = form if form in WRITERS else "html"
    return page(
        desk,
        "editor/edition.html",
        "edition",
        edition=edition,
        acts=EDITION.open_to(desk.actor, edition),
        trouble=trouble,
        names=_name_troubles(desk, edition),
        ready=ready_to_run(session, newsletter) if planned else [],
        picked=facts_of(session, newsletter, picked),
        open_slots=range(len(picked) + 1, edition.slots + 1) if planned else range(0),
        items=editions.items_of(session, edition),
        hands=hands(session, edition),
        over=edition.runs_at < datetime.now(UTC),
        may_recall=edition.sent_at is not None and datetime.now(UTC) < edition.sent_at + editions.GRACE,
        form=form,
        forms=FORMS,
        endings={name: ending for name, (ending, _kind, _write) in WRITERS.items()} | {"json": "json"},
        preview=_preview(form, blocks),
        size=len("".join(map(to_html, blocks)).encode()) / 1_000,
        room=MAIL_SIZE,
        reply_to=_reply_address(desk, edition),
        changes=arriving.changes(session, edition) if edition.arrived_at else [],
    )


def _reply_address(desk: Desk, edition: Edition) -> str:
    """Where replies to this edition's mail should go, so that each is known to be one; "" where no mail comes in."""
    inbox = desk.newsletter.inbox
    if not inbox or edition.state == "skipped":
        return ""
    return address_for(inbox, arriving.reply_token(desk.session, edition))


@editor.get("/<slug>/editions/<public_id>/reply-address.txt")
def reply_address(slug: str, public_id: str) -> Response:
    """The address by itself, for the button that copies it."""
    with at_desk(slug) as desk:
        edition = found(editions.load(desk.session, desk.actor, public_id))
        response = make_response(found(_reply_address(desk, edition) or None))
        response.headers["Content-Type"] = "text/plain; charset=utf-8"
        return response


def _preview(form: str, blocks: list[Block]) -> str | Markup:
    written = "\n".join(WRITERS[form][2](block) for block in blocks)
    # The renderer escapes every text and lets no address through but http, https and mailto.
    return Markup(written) if form == "html" else written  # noqa: S704


def _name_troubles(desk: Desk, edition: Edition) -> list[dict[str, Any]]:
    """Whose name may not be printed: the letter that holds it, and the question where the check can be noted."""
    return [
        {
            "headline": trouble.headline,
            "fault": trouble.fault,
            "letter": desk.session.get_one(Letter, trouble.letter_id).public_id,
            "question": desk.session.get_one(Question, trouble.question_id).public_id,
        }
        for trouble in editions.name_troubles(desk.session, edition)
    ]


@editor.get("/<slug>/editions/<public_id>/export.<any(txt, md, html, json):ending>")
def export(slug: str, public_id: str, ending: str) -> Response | tuple[str, int]:
    """The edition's blocks as a file. Refused while a reader's name in it may not be printed."""
    with at_desk(slug) as desk:
        edition = found(editions.load(desk.session, desk.actor, public_id))
        if editions.name_troubles(desk.session, edition):
            return _builder(desk, edition, _("Nothing was exported: first settle the name below.")), 409
        blocks = editions.blocks(desk.session, edition)
        if not blocks:
            return _builder(desk, edition, _("Nothing was exported: nothing is picked for this edition yet.")), 409
        if ending == "json":
            kind = "application/json"
            written = json.dumps([to_json(block) for block in blocks], ensure_ascii=False, indent=2) + "\n"
        else:
            kind, write = BY_ENDING[ending]
            written = "\n".join(write(block) for block in blocks)
        response = make_response(written.encode())
        response.headers["Content-Type"] = kind
        name = f"{desk.newsletter.slug}-{edition.local_at[:10]}.{ending}"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return response


def _question(desk: Desk, edition: Edition | None = None) -> Question:
    """The question that the form names; with `edition` one that stands in its slots."""
    question = found(questions.load(desk.session, desk.actor, request.form.get("question", "")))
    if edition is not None and question.edition_id != edition.id:
        abort(409)
    return question


def _number(name: str) -> int:
    """A whole number of the form; -1, which is no version and no number of slots, where there is none."""
    value = request.form.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else -1


def _unname(desk: Desk, edition: Edition) -> None:
    letter = found(letters.load(desk.session, desk.actor, request.form.get("letter", "")))
    if letter.id not in [trouble.letter_id for trouble in editions.name_troubles(desk.session, edition)]:
        abort(409)
    withdrawal.leave_unnamed(desk.session, desk.actor, letter)


# What a press on the page does: one verb each.
PRESSES: dict[str, Callable[[Desk, Edition], Any]] = {
    "pick": lambda desk, edition: editions.pick(desk.session, desk.actor, _question(desk), edition),
    "up": lambda desk, edition: editions.move(desk.session, desk.actor, _question(desk, edition), -1),
    "down": lambda desk, edition: editions.move(desk.session, desk.actor, _question(desk, edition), 1),
    "drop": lambda desk, edition: editions.drop(
        desk.session, desk.actor, _question(desk, edition), why=request.form.get("why", "")
    ),
    "carry": lambda desk, edition: editions.carry_over(desk.session, desk.actor, _question(desk, edition)),
    "slots": lambda desk, edition: editions.set_slots(desk.session, desk.actor, edition, _number("slots")),
    "unname": _unname,
    "lock": lambda desk, edition: editions.lock_edition(desk.session, desk.actor, edition, _number("version")),
    "unlock": lambda desk, edition: withdrawal.unlock(desk.session, desk.actor, edition, _number("version")),
    "send": lambda desk, edition: editions.send(desk.session, desk.actor, edition, version=_number("version")),
    "ran": lambda desk, edition: arriving.mark_sent_as_it_ran(desk.session, desk.actor, edition, _number("version")),
    "recall": lambda desk, edition: editions.recall(desk.session, desk.actor, edition),
    "skip": lambda desk, edition: editions.skip(desk.session, desk.actor, edition),
    "unskip": lambda desk, edition: editions.unskip(desk.session, desk.actor, edition),
}


@editor.post(f"/<slug>/editions/<public_id>/<any({', '.join(PRESSES)}):press>")
def press(slug: str, public_id: str, press: str) -> Response | tuple[str, int]:
    """Do one thing to an edition; where it can't be done, say so on the page as it stands now."""

    def fn(desk: Desk) -> None:
        PRESSES[press](desk, found(editions.load(desk.session, desk.actor, public_id)))

    try:
        change(slug, fn)
    except (Missing, Stale, OnItsWay) as refused:
        with at_desk(slug) as desk:
            return _builder(desk, found(editions.load(desk.session, desk.actor, public_id)), _why_not(refused)), 409
    return redirect(url_for("editor.edition", slug=slug, public_id=public_id), code=303)


def _why_not(refused: Refused) -> str:
    if isinstance(refused, Stale):
        return _("Somebody else changed this edition while you had it open. This is how it stands now.")
    if isinstance(refused, OnItsWay):
        return _("One of its mails is being handed over at this moment. Look again in a minute.")
    return str(REASONS.get(getattr(refused, "fact", ""), _("That can’t be done from where it stands now.")))
