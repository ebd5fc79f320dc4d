"""The directory of experts: the list, the page of an expert, verification, the public page, and deletion."""

from collections.abc import Mapping
from typing import Any

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...answers.candidates import load_histories
from ...answers.merging_experts import list_merged_experts
from ...answers.queries import count_open_assignments, has_open_assignment, list_assignments_of_expert, was_never_asked
from ...core.domain_errors import MissingPrecondition, TooLong, VersionConflict
from ...core.fields import read_form
from ...db.session import now
from ...editions import archive
from ...editions.archive import published_by
from ...people import directory, expert_pages, expert_search
from ...people.duplicates import has_namesake
from ...people.models import PROFILE, Expert
from ...text.clean import single_line
from ...web.error_sentences import format_error
from ...web.formatting import tongue
from ...web.setup import get_cursor_row, or_404, paginate
from ...workflows.retention import erase_people
from .. import form_fields
from ..conflict import check_form_unchanged, find_last_save, merge_form
from ..frame import RequestContext, announce, editor, page, read_context, rerender, run_in_transaction, unknown

PAGE = 50
SOUGHT = ("q", "language", "topic", "show")
# value of ?show=: (label, condition)
SHOWN: dict[str, tuple[Any, Any]] = {
    "": (_l("Everybody"), None),
    "work": (_l("Has something now"), lambda _today: has_open_assignment()),
    "never": (_l("Never asked"), lambda _today: was_never_asked()),
    "unverified": (_l("Not checked"), lambda _today: Expert.verified_at.is_(None)),
    "away": (_l("Away"), lambda today: Expert.away_until >= today),
}
# By state of an assignment: its mark and label on the expert's page.
STANDS = {
    "drafted": ("none", _l("not asked yet")),
    "invited": ("wait", _l("is asked")),
    "accepted": ("wait", _l("has it")),
    "declined": ("none", _l("said no")),
    "received": ("new", _l("the text is here")),
    "returned": ("wait", _l("has it again")),
    "done": ("good", _l("answered")),
    "cancelled": ("none", _l("taken back")),
}


@editor.get("/<slug>/experts")
def experts(slug: str) -> str:
    with read_context(slug) as desk:
        return _list(desk, {}, {})


def get_search_params() -> dict[str, Any]:
    """Return the search parameters of the directory from the address."""
    asked = {name: single_line(request.args.get(name, ""))[:100] for name in SOUGHT}
    return {name: value for name, value in asked.items() if value and (name != "show" or value in SHOWN)}


def _list(desk: RequestContext, form_data: Mapping[str, str], faults: Mapping[str, str]) -> str:
    if request.args.get("show", "") not in SHOWN:
        unknown(desk, "show", "editor.experts")
    sought = dict.fromkeys(SOUGHT, "") | get_search_params()
    today, which = now(desk.session).date(), SHOWN[sought["show"]][1]
    rules = [which(today)] if which else []
    listing = expert_search.directory(sought["q"], sought["language"], sought["topic"], *rules)
    last = get_cursor_row(lambda key: directory.load_expert(desk.session, desk.actor, key), "after")

    def here(**more: str | None) -> str:
        filled: dict[str, Any] = {name: value for name, value in {**sought, **more}.items() if value}
        return url_for("editor.experts", slug=desk.newsletter.slug, **filled)

    shown = paginate(desk.session, listing, PAGE, last, here, "after")
    return page(
        desk,
        "editor/experts/experts.html",
        "experts",
        experts=shown.rows,
        open_counts=count_open_assignments(desk.session, [expert.id for expert in shown.rows]),
        search_params=sought,
        filters=[(show, words, here(show=show)) for show, (words, _which) in SHOWN.items()],
        languages=_tongues(desk, sought["language"]),
        list_url=here,
        files_url=url_for("editor.expert_files", slug=desk.newsletter.slug, **get_search_params()),
        keyset=shown.keyset,
        today=today,
        form_data=form_data,
        faults=faults,
        may_all=desk.may("whole directory"),
    )


def _tongues(desk: RequestContext, selected_language: str) -> list[tuple[str, str]]:
    """Return the languages to filter by: those that experts write, and the selected one."""
    codes = expert_search.tongues(desk.session) | {selected_language}
    named = sorted(((code, tongue(code) or code) for code in codes if code), key=lambda one: one[1])
    return [("", _("Any language")), *named]


@editor.press("/<slug>/experts", "directory")
def add_expert(slug: str) -> Response | tuple[str, int]:
    """Add an expert by name and address. A known address leads to the existing expert, a known name to a hint."""
    name, email = request.form.get("name", ""), request.form.get("email", "")
    faults: dict[str, str] = {}

    def fn(desk: RequestContext) -> tuple[str, bool]:
        one = directory.record_expert(desk.session, desk.actor, name, email or None)
        return one.public_id, has_namesake(desk.session, one)

    try:
        public_id, is_known = run_in_transaction(slug, fn)
    except TooLong as error:
        faults = {error.field: format_error(error)}
    except MissingPrecondition:
        faults = {"name": _("Say who it is.")}
    except directory.BadAddress as error:
        faults = {"email": format_error(error)}
    if faults:
        return rerender(slug, 422, _list, {"name": name, "email": email}, faults)
    if is_known:
        announce(
            _("Somebody of this name is in the directory already. If it is one person, make the two one:"),
            href=url_for("editor.expert_duplicates", slug=slug),
            label=_("Who is here twice"),
        )
    return redirect(url_for("editor.expert", slug=slug, public_id=public_id), code=303)


@editor.get("/<slug>/experts/<public_id>")
def expert(slug: str, public_id: str) -> str | Response:
    with read_context(slug) as desk:
        one = or_404(directory.load_expert(desk.session, desk.actor, public_id))
        kept = directory.resolve_merged_expert(desk.session, one)
        if kept is not None and kept is not one:  # merged: redirect to the expert who was kept
            return redirect(url_for("editor.expert", slug=slug, public_id=kept.public_id), code=302)
        return _page(desk, one)


def _render_expert(desk: RequestContext, public_id: str, *typed: Any, **more: Any) -> str:
    return _page(desk, or_404(directory.load_expert(desk.session, desk.actor, public_id)), *typed, **more)


def _page(
    desk: RequestContext,
    expert: Expert,
    form_data: dict[str, Any] | None = None,
    faults: dict[str, str] | None = None,
    stale: bool = False,
    email: str | None = None,
) -> str:
    verifier = expert.verified_by_id
    own_page = expert_pages.page_of(desk.session, expert, desk.newsletter.id)
    noted = own_page.noted_by_id if own_page else None
    first = find_last_save(desk, expert, "expert.change") if stale else None
    form = merge_form(
        desk, form_fields.get_stored_values(PROFILE, expert), form_data, form_fields.field_labels(PROFILE), first
    )
    return page(
        desk,
        "editor/experts/expert.html",
        "experts",
        expert=expert,
        has_address=expert.person.email_sealed is not None,
        email=email,
        verified_by=directory.names_of(desk.session, [verifier]).get(verifier) if verifier else None,
        fields=PROFILE,
        **form._asdict(),
        faults=faults or {},
        today=now(desk.session).date(),
        open_count=count_open_assignments(desk.session, [expert.id])[expert.id],
        history=load_histories(desk.session, [expert.id])[expert.id],
        state_labels=STANDS,
        assignments=list_assignments_of_expert(desk.session, desk.newsletter.id, expert.id),
        published=published_by(desk.session, expert.id, desk.newsletter.id),
        merged_experts=list_merged_experts(desk.session, expert),
        own_page=own_page,
        own_page_url=archive.expert_page_path(desk.session, desk.newsletter, own_page),
        page_noted_by=directory.names_of(desk.session, [noted]).get(noted) if noted else None,
        may_all=desk.may("whole directory"),
        is_needed=erase_people.has_open_work(desk.session, expert),
    )


@editor.press("/<slug>/experts/<public_id>", "directory")
def change_expert(slug: str, public_id: str) -> Response | tuple[str, int]:
    typed = form_fields.get_submitted_values(PROFILE)
    values, wrong = read_form(PROFILE, typed)
    if wrong:
        faults = {name: form_fields.format_fault(fault) for name, fault in wrong.items()}
        return rerender(slug, 422, _render_expert, public_id, typed, faults)

    def fn(desk: RequestContext) -> None:
        expert = or_404(directory.load_expert(desk.session, desk.actor, public_id))
        check_form_unchanged(desk, expert, lambda: form_fields.get_stored_values(PROFILE, expert), typed)
        directory.change_profile(desk.session, desk.actor, expert, None, **values)

    try:
        run_in_transaction(slug, fn)
    except VersionConflict:
        return rerender(slug, 409, _render_expert, public_id, typed, stale=True)
    announce(_("The profile is saved."))
    return redirect(url_for("editor.expert", slug=slug, public_id=public_id), code=303)


@editor.press("/<slug>/experts/<public_id>/address", "directory")
def expert_address(slug: str, public_id: str) -> str:
    """Show an expert's address, and record who looked at it."""

    def fn(desk: RequestContext) -> str | None:
        expert = or_404(directory.load_expert(desk.session, desk.actor, public_id))
        return directory.reveal_address(desk.session, desk.actor, expert.person)

    email = run_in_transaction(slug, fn)
    with read_context(slug) as desk:
        return _render_expert(desk, public_id, email=email)


@editor.press("/<slug>/experts/<public_id>/verify", "directory")
def verify_expert(slug: str, public_id: str) -> Response | tuple[str, int]:
    """Record an independent check of who the expert is. Without one no name is printed."""

    def fn(desk: RequestContext) -> None:
        expert = or_404(directory.load_expert(desk.session, desk.actor, public_id))
        directory.verify_expert(desk.session, desk.actor, expert, request.form.get("how", ""))

    try:
        run_in_transaction(slug, fn)
    except (MissingPrecondition, TooLong) as error:
        return rerender(slug, 422, _render_expert, public_id, faults={"how": format_error(error)})
    return redirect(url_for("editor.expert", slug=slug, public_id=public_id), code=303)


@editor.press("/<slug>/experts/<public_id>/page", "show")
def note_expert_page(slug: str, public_id: str) -> Response | tuple[str, int]:
    """Record that an expert agreed to a public page."""

    def fn(desk: RequestContext) -> None:
        expert = or_404(directory.load_expert(desk.session, desk.actor, public_id))
        how = request.form.get("how", "")
        expert_pages.say_yes(desk.session, desk.actor, expert, desk.newsletter.id, how)

    try:
        run_in_transaction(slug, fn)
    except (MissingPrecondition, TooLong) as error:
        if error.field != "consent_note":
            raise
        return rerender(slug, 422, _render_expert, public_id, faults={"page": format_error(error)})
    announce(_("Readers find their page now."))
    return redirect(url_for("editor.expert", slug=slug, public_id=public_id), code=303)


@editor.press("/<slug>/experts/<public_id>/no-page", "directory")
def drop_expert_page(slug: str, public_id: str) -> Response:
    def fn(desk: RequestContext) -> None:
        expert = or_404(directory.load_expert(desk.session, desk.actor, public_id))
        expert_pages.take_back(desk.session, desk.actor, expert, desk.newsletter.id)

    run_in_transaction(slug, fn)
    announce(_("The page is gone."))
    return redirect(url_for("editor.expert", slug=slug, public_id=public_id), code=303)


@editor.press("/<slug>/experts/<public_id>/<any(leave, stay):move>", "whole directory")
def leave_expert(slug: str, public_id: str, move: str) -> Response | tuple[str, int]:
    """Schedule the deletion of an expert in a week, or cancel it."""
    verb = {"leave": erase_people.leave, "stay": erase_people.stay}[move]

    def fn(desk: RequestContext) -> str:
        expert = or_404(directory.load_expert(desk.session, desk.actor, public_id))
        verb(desk.session, desk.actor, expert)
        return expert.name

    try:
        name = run_in_transaction(slug, fn)
    except erase_people.StillNeeded:
        return rerender(slug, 409, _render_expert, public_id)
    said = {"leave": _("%(name)s is deleted in a week.", name=name), "stay": _("%(name)s stays.", name=name)}
    announce(said[move])
    return redirect(url_for("editor.expert", slug=slug, public_id=public_id), code=303)
