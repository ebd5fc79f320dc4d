"""The directory of experts: the list, the page of an expert, verification, the public page, and deletion."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...answers.candidates import load_histories
from ...answers.expert_address import AddressTaken, change_address
from ...answers.merging_experts import list_merged_experts
from ...answers.queries import count_open_assignments, has_open_assignment, list_assignments_of_expert, was_never_asked
from ...core.domain_errors import DomainError, MissingPrecondition, TooLong, VersionConflict
from ...core.fields import read_form
from ...db.session import now
from ...editions import archive
from ...editions.archive import published_by
from ...mail.outbox import OnItsWay
from ...people import directory, expert_pages, expert_search
from ...people.contact_status import has_bounced, status_of, statuses_of
from ...people.duplicates import has_namesake
from ...people.models import PROFILE, Expert
from ...text.clean import single_line
from ...web.error_sentences import format_error
from ...web.formatting import format_language
from ...web.photo_form import PhotoForm, describe_photo
from ...web.setup import get_cursor_row, or_404, paginate
from ...workflows.retention import erase_people
from .. import form_fields
from ..conflict import (
    check_form_unchanged,
    describe_last_change_in_full,
    find_last_save,
    list_column_saves,
    merge_form,
    note_overwritten_fields,
    submitted_version,
)
from ..frame import (
    RequestContext,
    abort_unknown_filter,
    announce,
    editor,
    page,
    read_context,
    rerender,
    run_in_transaction,
)

PAGE_SIZE = 50
SEARCH_PARAMS = ("q", "language", "topic", "show")


class DirectoryFilter(NamedTuple):
    label: Any
    condition: Callable[[datetime], Any] | None = None  # builds the SQL condition for the current time


# By value of ?show=.
FILTERS = {
    "": DirectoryFilter(_l("Everybody")),
    "work": DirectoryFilter(_l("Has something now"), lambda _now: has_open_assignment()),
    "never": DirectoryFilter(_l("Never asked"), lambda _now: was_never_asked()),
    "unverified": DirectoryFilter(_l("Not checked"), lambda _now: Expert.verified_at.is_(None)),
    "bounced": DirectoryFilter(_l("Mail comes back"), has_bounced),
    "away": DirectoryFilter(_l("Away"), lambda now: Expert.away_until >= now.date()),
}
# By state of an assignment: its mark and label on the expert's page.
STATE_LABELS = {
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
        return _render_directory(desk, {}, {})


def get_search_params() -> dict[str, Any]:
    """Return the search parameters of the query string, without empty ones and without an unknown filter."""
    params = {name: single_line(request.args.get(name, ""))[:100] for name in SEARCH_PARAMS}
    if params["show"] not in FILTERS:
        params["show"] = ""
    return {name: value for name, value in params.items() if value}


def _render_directory(desk: RequestContext, form_data: Mapping[str, str], faults: Mapping[str, str]) -> str:
    """Render the list with the form for a new expert, filled with `form_data`."""
    if request.args.get("show", "") not in FILTERS:
        abort_unknown_filter(desk, "show", "editor.experts")
    search_params = dict.fromkeys(SEARCH_PARAMS, "") | get_search_params()
    condition = FILTERS[search_params["show"]].condition
    listing = expert_search.directory(
        search_params["q"],
        search_params["language"],
        search_params["topic"],
        *([condition(now(desk.session))] if condition else []),
    )
    last_on_previous_page = get_cursor_row(
        lambda public_id: directory.load_expert(desk.session, desk.actor, public_id), "after"
    )

    def list_url(**changed_params: str | None) -> str:
        params: dict[str, Any] = {name: value for name, value in {**search_params, **changed_params}.items() if value}
        return url_for("editor.experts", slug=desk.newsletter.slug, **params)

    list_page = paginate(desk.session, listing, PAGE_SIZE, last_on_previous_page, list_url, "after")
    return page(
        desk,
        "editor/experts/experts.html",
        "experts",
        experts=list_page.rows,
        open_counts=count_open_assignments(desk.session, [expert.id for expert in list_page.rows]),
        contacts=statuses_of(desk.session, list_page.rows),
        search_params=search_params,
        filters=[(show, filter_.label, list_url(show=show)) for show, filter_ in FILTERS.items()],
        languages=_language_options(desk, search_params["language"]),
        list_url=list_url,
        files_url=url_for("editor.expert_files", slug=desk.newsletter.slug, **get_search_params()),
        page_urls=list_page.page_urls,
        form_data=form_data,
        faults=faults,
        may_manage_all=desk.may("whole directory"),
    )


def _language_options(desk: RequestContext, selected_language: str) -> list[tuple[str, str]]:
    """Return (code, name) of the languages to filter by: those that experts write, and the selected one."""
    codes = expert_search.list_languages(desk.session) | {selected_language}
    options = [(code, format_language(code) or code) for code in codes if code]
    return [("", _("Any language")), *sorted(options, key=lambda option: option[1])]


@editor.action("/<slug>/experts", permission="directory")
def add_expert(slug: str) -> Response | tuple[str, int]:
    """Add an expert. If the e-mail address is known, redirect to the existing expert.

    If somebody else has the same name, show a hint that the two may be one person.
    """
    name, email = request.form.get("name", ""), request.form.get("email", "")
    faults: dict[str, str] = {}

    def fn(desk: RequestContext) -> tuple[str, bool]:
        expert = directory.record_expert(desk.session, desk.actor, name, email or None)
        return expert.public_id, has_namesake(desk.session, expert)

    try:
        public_id, name_exists = run_in_transaction(slug, fn)
    except TooLong as error:
        faults = {error.field: format_error(error)}
    except MissingPrecondition:
        faults = {"name": _("Say who it is.")}
    except (directory.BadAddress, directory.ExpertRemoved) as error:
        faults = {"email": format_error(error)}
    if faults:
        return rerender(slug, 422, _render_directory, {"name": name, "email": email}, faults)
    if name_exists:
        announce(
            _("Someone with this name is already in the directory. If it is the same person, merge them:"),
            href=url_for("editor.expert_duplicates", slug=slug),
            label=_("Duplicates"),
        )
    return redirect(url_for("editor.expert", slug=slug, public_id=public_id), code=303)


@editor.get("/<slug>/experts/<public_id>")
def expert(slug: str, public_id: str) -> str | Response:
    with read_context(slug) as desk:
        loaded = or_404(directory.load_expert(desk.session, desk.actor, public_id))
        kept = directory.resolve_merged_expert(desk.session, loaded)
        if kept is not None and kept is not loaded:  # `loaded` was merged into `kept`
            return redirect(url_for("editor.expert", slug=slug, public_id=kept.public_id), code=302)
        return _render_expert(desk, loaded)


def load_and_render_expert(desk: RequestContext, /, public_id: str, **values: Any) -> str:
    return _render_expert(desk, or_404(directory.load_expert(desk.session, desk.actor, public_id)), **values)


def _render_expert(
    desk: RequestContext,
    expert: Expert,
    *,
    form_data: dict[str, Any] | None = None,
    faults: dict[str, str] | None = None,
    has_conflict: bool = False,
    email: str | None = None,
    photo_form: PhotoForm | None = None,
) -> str:
    """Render the page of an expert, with `email` if their address was revealed.

    `form_data`, `faults` and `photo_form` are those of a rejected form. With `has_conflict`, show beside it what
    somebody else saved.
    """
    verifier_id = expert.verified_by_id
    public_page = expert_pages.page_of(desk.session, expert, desk.newsletter.id)
    consent_recorder_id = public_page.noted_by_id if public_page else None
    form = merge_form(
        desk,
        form_fields.get_stored_values(PROFILE, expert),
        form_data,
        form_fields.field_labels(PROFILE),
        find_last_save(desk, expert, "expert.change") if has_conflict else None,
    )
    return page(
        desk,
        "editor/experts/expert.html",
        "experts",
        expert=expert,
        has_address=expert.person.email_sealed is not None,
        contact=status_of(desk.session, expert),
        email=email,
        verified_by=_get_name(desk, verifier_id),
        fields=PROFILE,
        **form._asdict(),
        overwritten=note_overwritten_fields(desk, list_column_saves(desk, expert, "expert.change")),
        faults=faults or {},
        open_count=count_open_assignments(desk.session, [expert.id])[expert.id],
        history=load_histories(desk.session, [expert.id])[expert.id],
        state_labels=STATE_LABELS,
        assignments=list_assignments_of_expert(desk.session, desk.newsletter.id, expert.id),
        published=published_by(desk.session, expert.id, desk.newsletter.id),
        merged_experts=list_merged_experts(desk.session, expert),
        own_page=public_page,
        **describe_photo(desk.session, expert, photo_form, desk.newsletter.id),
        public_url=archive.expert_page_path(desk.session, desk.newsletter, public_page),
        page_noted_by=_get_name(desk, consent_recorder_id),
        may_manage_all=desk.may("whole directory"),
        is_needed=erase_people.has_open_work(desk.session, expert),
    )


def _get_name(desk: RequestContext, person_id: int | None) -> str | None:
    return directory.names_of(desk.session, [person_id]).get(person_id) if person_id else None


@editor.action("/<slug>/experts/<public_id>", permission="directory")
def change_expert(slug: str, public_id: str) -> Response | tuple[str, int]:
    form_data = form_fields.get_submitted_values(PROFILE)
    values, field_errors = read_form(PROFILE, form_data)
    if field_errors:
        faults = {name: form_fields.format_fault(error) for name, error in field_errors.items()}
        return rerender(slug, 422, load_and_render_expert, public_id, form_data=form_data, faults=faults)

    def fn(desk: RequestContext) -> None:
        expert = or_404(directory.load_expert(desk.session, desk.actor, public_id))
        check_form_unchanged(desk, expert, lambda: form_fields.get_stored_values(PROFILE, expert), form_data)
        directory.change_profile(desk.session, desk.actor, expert, version=None, **values)  # checked above

    try:
        run_in_transaction(slug, fn)
    except VersionConflict:
        return rerender(slug, 409, load_and_render_expert, public_id, form_data=form_data, has_conflict=True)
    announce(_("The profile is saved."))
    return redirect(url_for("editor.expert", slug=slug, public_id=public_id), code=303)


@editor.action("/<slug>/experts/<public_id>/address", permission="directory")
def expert_address(slug: str, public_id: str) -> str:
    """Show an expert's e-mail address, and record who looked at it."""

    def fn(desk: RequestContext) -> str | None:
        expert = or_404(directory.load_expert(desk.session, desk.actor, public_id))
        return directory.reveal_address(desk.session, desk.actor, expert.person)

    email = run_in_transaction(slug, fn)
    with read_context(slug) as desk:
        return load_and_render_expert(desk, public_id, email=email)


@editor.action("/<slug>/experts/<public_id>/new-address", permission="whole directory")
def change_expert_address(slug: str, public_id: str) -> Response | tuple[str, int]:
    """Change an expert's address, from their page, a mail or a question, and go back there."""
    email, how = request.form.get("email", ""), request.form.get("how", "")

    def fn(desk: RequestContext) -> None:
        expert = or_404(directory.load_expert(desk.session, desk.actor, public_id))
        change_address(desk.session, desk.actor, expert, email, how, shown_no=submitted_version("address"))

    def render_fault(desk: RequestContext, error: DomainError) -> str:
        expert = or_404(directory.load_expert(desk.session, desk.actor, public_id))
        was_changed = isinstance(error, VersionConflict)
        fault = describe_last_change_in_full(desk, expert) if was_changed else format_error(error)
        field_id = "address-how" if isinstance(error, TooLong) else "address"
        return _render_expert(desk, expert, faults={f"{field_id}-{public_id}": fault})

    try:
        run_in_transaction(slug, fn)
    except (directory.BadAddress, TooLong) as error:
        return rerender(slug, 422, render_fault, error)
    except (AddressTaken, VersionConflict, OnItsWay, MissingPrecondition) as error:
        return rerender(slug, 409, render_fault, error)
    announce(_("From now on mail to them goes to the new address. Old links no longer work."))
    for name, endpoint in (("mail", "editor.mail"), ("question", "editor.question")):
        if origin := request.form.get(name):
            return redirect(url_for(endpoint, slug=slug, public_id=origin), code=303)
    return redirect(url_for("editor.expert", slug=slug, public_id=public_id), code=303)


@editor.action("/<slug>/experts/<public_id>/verify", permission="directory")
def verify_expert(slug: str, public_id: str) -> Response | tuple[str, int]:
    """Record how the desk checked who the expert is. Without such a check, no answer of theirs can be approved."""

    def fn(desk: RequestContext) -> None:
        expert = or_404(directory.load_expert(desk.session, desk.actor, public_id))
        directory.verify_expert(desk.session, desk.actor, expert, request.form.get("how", ""))

    try:
        run_in_transaction(slug, fn)
    except (MissingPrecondition, TooLong) as error:
        return rerender(slug, 422, load_and_render_expert, public_id, faults={"how": format_error(error)})
    return redirect(url_for("editor.expert", slug=slug, public_id=public_id), code=303)


@editor.action("/<slug>/experts/<public_id>/page", permission="show")
def note_expert_page(slug: str, public_id: str) -> Response | tuple[str, int]:
    """Record that an expert agreed to a public page."""

    def fn(desk: RequestContext) -> None:
        expert = or_404(directory.load_expert(desk.session, desk.actor, public_id))
        how = request.form.get("how", "")
        expert_pages.give_consent(desk.session, desk.actor, expert, desk.newsletter.id, how)

    try:
        run_in_transaction(slug, fn)
    except (MissingPrecondition, TooLong) as error:
        if error.field != "consent_note":
            raise
        return rerender(slug, 422, load_and_render_expert, public_id, faults={"page": format_error(error)})
    announce(_("Readers find their page now."))
    return redirect(url_for("editor.expert", slug=slug, public_id=public_id), code=303)


@editor.action("/<slug>/experts/<public_id>/no-page", permission="directory")
def drop_expert_page(slug: str, public_id: str) -> Response:
    def fn(desk: RequestContext) -> None:
        expert = or_404(directory.load_expert(desk.session, desk.actor, public_id))
        expert_pages.withdraw_consent(desk.session, desk.actor, expert, desk.newsletter.id)

    run_in_transaction(slug, fn)
    announce(_("The page is gone."))
    return redirect(url_for("editor.expert", slug=slug, public_id=public_id), code=303)


@editor.action("/<slug>/experts/<public_id>/<any(leave, stay):move>", permission="whole directory")
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
        return rerender(slug, 409, load_and_render_expert, public_id)
    messages = {"leave": _("%(name)s will be deleted in a week.", name=name), "stay": _("%(name)s stays.", name=name)}
    announce(messages[move])
    return redirect(url_for("editor.expert", slug=slug, public_id=public_id), code=303)
