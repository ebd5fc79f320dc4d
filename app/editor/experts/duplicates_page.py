"""Duplicates in the directory: shown side by side, merged, marked as distinct, and split again."""

from collections.abc import Mapping
from functools import partial

from flask import redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ...answers import merging_experts
from ...answers.candidates import load_histories
from ...answers.queries import count_open_assignments
from ...people import directory, duplicates
from ...people.models import Expert
from ...questions.models import Question
from ...web.setup import get_cursor_row, or_404
from ..frame import RequestContext, announce, editor, page, read_context, rerender, run_in_transaction

PAGE_SIZE = 30  # pairs


@editor.restricted_page("/<slug>/experts/duplicates", permission="directory")
def expert_duplicates(slug: str) -> str:
    with read_context(slug) as desk:
        return _render_duplicates(desk)


def _render_duplicates(
    desk: RequestContext, error: merging_experts.BothAsked | None = None, emails: Mapping[int, str | None] | None = None
) -> str:
    """Render the pairs. `emails` are the revealed addresses, by expert id; `error` says why a merge failed."""
    last_shown = get_cursor_row(lambda public_id: directory.load_expert(desk.session, desk.actor, public_id), "after")
    pairs = duplicates.pairs(desk.session, last_shown, PAGE_SIZE)
    expert_ids = list(dict.fromkeys(expert.id for pair in pairs for expert in (pair.one, pair.other)))
    list_url = partial(url_for, "editor.expert_duplicates", slug=desk.newsletter.slug)
    older = list_url(after=pairs[-1].one.public_id) if len(pairs) >= PAGE_SIZE else None
    return page(
        desk,
        "editor/experts/duplicates.html",
        "experts",
        pairs=pairs,
        open_counts=count_open_assignments(desk.session, expert_ids),
        histories=load_histories(desk.session, expert_ids),
        emails=emails or {},
        cursor=request.args.get("after") or None,
        page_urls={"newer": list_url() if last_shown else None, "older": older},
        fault=_format_merge_conflict(desk, error) if error else "",
        may_manage_all=desk.may("whole directory"),
    )


def _load_submitted_pair(desk: RequestContext) -> tuple[Expert, Expert]:
    """Return the expert to keep and the other one."""
    kept, other = (
        or_404(directory.load_expert(desk.session, desk.actor, request.form.get(name, "")))
        for name in ("keep", "other")
    )
    return kept, other


@editor.action("/<slug>/experts/duplicates/addresses", permission="directory")
def expert_addresses(slug: str) -> str:
    """Show the addresses of two experts side by side, and record who looked at them."""

    def fn(desk: RequestContext) -> dict[int, str | None]:
        return {
            expert.id: directory.reveal_address(desk.session, desk.actor, expert.person)
            for expert in _load_submitted_pair(desk)
        }

    emails = run_in_transaction(slug, fn)
    with read_context(slug) as desk:
        return _render_duplicates(desk, emails=emails)


@editor.action("/<slug>/experts/duplicates/merge", permission="whole directory")
def expert_merge(slug: str) -> Response | tuple[str, int]:
    def fn(desk: RequestContext) -> tuple[str, str]:
        kept, other = _load_submitted_pair(desk)
        merging_experts.merge(desk.session, desk.actor, other, kept)
        return kept.name, kept.public_id

    try:
        name, public_id = run_in_transaction(slug, fn)
    except merging_experts.BothAsked as error:
        return rerender(slug, 409, _render_duplicates, error)
    href = url_for("editor.expert", slug=slug, public_id=public_id)
    announce(
        _("They are one now, and everything belongs to %(name)s.", name=name), href=href, label=_("Open the profile")
    )
    return redirect(url_for("editor.expert_duplicates", slug=slug), code=303)


def _format_merge_conflict(desk: RequestContext, error: merging_experts.BothAsked) -> str:
    """Return which question prevents the merge. The title of another newsletter's question isn't shown."""
    question = desk.session.get_one(Question, error.question_id)
    if question.newsletter_id != desk.newsletter.id:
        return _(
            "Both have the same question of another newsletter now. It is taken back from one of them there first."
        )
    title = question.title[:120]
    return _("Both have the question “%(question)s” now. Take it back from one of them, then merge.", question=title)


@editor.action("/<slug>/experts/duplicates/namesakes", permission="directory")
def expert_namesakes(slug: str) -> Response:
    def fn(desk: RequestContext) -> None:
        duplicates.mark_distinct(desk.session, desk.actor, *_load_submitted_pair(desk))

    run_in_transaction(slug, fn)
    announce(_("Noted: they are two people, and don’t come up again."))
    return redirect(url_for("editor.expert_duplicates", slug=slug), code=303)


@editor.action("/<slug>/experts/<public_id>/split", permission="whole directory")
def expert_split(slug: str, public_id: str) -> Response:
    def fn(desk: RequestContext) -> None:
        expert = or_404(directory.load_expert(desk.session, desk.actor, public_id))
        merging_experts.split(desk.session, desk.actor, expert)

    run_in_transaction(slug, fn)
    announce(_("They are two again, each with what was theirs."))
    return redirect(url_for("editor.expert", slug=slug, public_id=public_id), code=303)
