"""The directory: who can answer, who checked that they are who they say, and what they have on their desk."""

from datetime import date
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ..answers.workload import live, of_expert
from ..editions.archive import published_by
from ..lifecycle import Missing, Stale
from ..people import directory
from ..people.models import Expert
from ..text import clean, single_line
from .frame import Desk, at_desk, change, editor, found, page

LISTED = 200
PROFILE = ("name", "title", "organisation", "place", "credit_line", "relation", "described_as", "bio", "ties", "topics", "languages", "away_until")  # fmt: skip


@editor.get("/<slug>/experts")
def experts(slug: str) -> str:
    with at_desk(slug) as desk:
        return _list(desk, {}, {})


def _list(desk: Desk, typed: dict[str, str], faults: dict[str, str]) -> str:
    like = single_line(request.args.get("q", ""))[:100]
    rows = directory.experts(desk.session, LISTED, like)
    return page(
        desk,
        "editor/experts.html",
        "experts",
        experts=rows,
        live=live(desk.session, [expert.id for expert in rows]),
        like=like,
        more=len(rows) == LISTED,
        today=date.today(),
        typed=typed,
        faults=faults,
    )


@editor.post("/<slug>/experts")
def add_expert(slug: str) -> Response | tuple[str, int]:
    """ "Name, address" is enough; an expert whose address is known is found again."""
    name, email = request.form.get("name", ""), request.form.get("email", "")

    def fn(desk: Desk) -> str:
        return directory.record_expert(desk.session, desk.actor, name, email or None).public_id

    try:
        public_id = change(slug, fn)
    except (Missing, directory.BadAddress) as error:
        faults = (
            {"name": _("Say who it is.")}
            if isinstance(error, Missing)
            else {"email": _("This isn’t an e-mail address that one can write to.")}
        )
        with at_desk(slug) as desk:
            return _list(desk, {"name": name, "email": email}, faults), 422
    return redirect(url_for("editor.expert", slug=slug, public_id=public_id), code=303)


@editor.get("/<slug>/experts/<public_id>")
def expert(slug: str, public_id: str) -> str:
    with at_desk(slug) as desk:
        return _one(desk, public_id)


def _stored(expert: Expert) -> dict[str, Any]:
    """The profile as its form shows it."""
    return {name: getattr(expert, name) or "" for name in PROFILE} | {
        "topics": ", ".join(expert.topics),
        "languages": ", ".join(expert.languages),
        "away_until": expert.away_until.isoformat() if expert.away_until else "",
        "on_public_page": expert.on_public_page,
    }


def _one(
    desk: Desk,
    public_id: str,
    typed: dict[str, Any] | None = None,
    faults: dict[str, str] | None = None,
    stale: bool = False,
) -> str:
    expert = found(directory.load_expert(desk.session, desk.actor, public_id))
    verifier = expert.verified_by_id
    stored = _stored(expert)
    return page(
        desk,
        "editor/expert.html",
        "experts",
        expert=expert,
        email=directory.email_of(desk.session, expert.person),
        verified_by=directory.names_of(desk.session, [verifier]).get(verifier) if verifier else None,
        profile=stored | (typed or {}),
        stored=stored if stale else {},
        faults=faults or {},
        stale=stale,
        today=date.today(),
        live=live(desk.session, [expert.id])[expert.id],
        assignments=of_expert(desk.session, desk.newsletter.id, expert.id),
        published=published_by(desk.session, expert.id, desk.newsletter.id),
    )


def _listed(text: str) -> list[str]:
    """Words typed with commas between, also those of Arabic and Chinese."""
    return [
        word
        for part in clean(text).translate(str.maketrans("،，、\n", ",,,,")).split(",")
        if (word := single_line(part)[:60])
    ][:40]


def _parsed(typed: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The profile's fields as the verb takes them, and what is wrong with them."""
    faults = {"name": _("Say who it is.")} if not single_line(typed["name"]) else {}
    away = None
    if typed["away_until"]:
        try:
            away = date.fromisoformat(typed["away_until"])
        except ValueError:
            faults["away_until"] = _("Write the date like 2026-07-01.")
    lists = {"topics": _listed(typed["topics"]), "languages": _listed(typed["languages"])}
    return typed | lists | {"away_until": away}, faults


@editor.post("/<slug>/experts/<public_id>")
def change_expert(slug: str, public_id: str) -> Response | tuple[str, int]:
    typed: dict[str, Any] = {name: request.form.get(name, "") for name in PROFILE}
    typed["on_public_page"] = "on_public_page" in request.form
    fields, faults = _parsed(typed)
    if faults:
        with at_desk(slug) as desk:
            return _one(desk, public_id, typed, faults), 422

    def fn(desk: Desk) -> None:
        expert = found(directory.load_expert(desk.session, desk.actor, public_id))
        directory.change_profile(desk.session, desk.actor, expert, request.form.get("version", -1, int), **fields)

    try:
        change(slug, fn)
    except Stale:
        with at_desk(slug) as desk:
            return _one(desk, public_id, typed, stale=True), 409
    flash({"text": _("The profile is saved."), "href": ""})
    return redirect(url_for("editor.expert", slug=slug, public_id=public_id), code=303)


@editor.post("/<slug>/experts/<public_id>/verify")
def verify_expert(slug: str, public_id: str) -> Response | tuple[str, int]:
    """Note an independent check: without it no name is printed."""

    def fn(desk: Desk) -> None:
        expert = found(directory.load_expert(desk.session, desk.actor, public_id))
        directory.verify_expert(desk.session, desk.actor, expert, request.form.get("how", ""))

    try:
        change(slug, fn)
    except Missing:
        with at_desk(slug) as desk:
            return _one(desk, public_id, faults={"how": _("Say how it was checked.")}), 422
    return redirect(url_for("editor.expert", slug=slug, public_id=public_id), code=303)
