"""The routes of the API. Each reads records, and answers a repeated request with 304 if they haven't changed."""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NoReturn

from flask import Response, abort, current_app, request, url_for
from sqlalchemy import ColumnElement, select

from ..core.listing import EPOCH
from ..editions.models import Edition, EditionItem
from ..letters.models import Letter
from ..web.problems import render_problem
from ..web.setup import or_404
from ..workflows.retention.forget_order import get_first_remembered_day
from ..workflows.transfer.export_records import RecordBuilder
from ..workflows.transfer.record_kinds import EDITIONS, LETTERS, RecordKind
from ..workflows.transfer.record_shapes import ID_PATTERN
from .openapi import build_document
from .resources import ITEMS, MAX_PAGE_SIZE, PAGE_SIZE, RESOURCES, SINGLE, Resource
from .token_access import ApiContext, api, read_context

LIST_PARAMS = ("after", "limit")
RESOURCE = f"/newsletters/<slug>/<any({', '.join(RESOURCES)}):name>"
_ID = re.compile(ID_PATTERN)
METHODS = ("POST", "PUT", "PATCH", "DELETE")


@api.get("/openapi.json")
def openapi() -> Response:
    """Return the OpenAPI document, without a token."""
    return _respond(build_document(current_app.config["BASE_URL"]))


@api.get("/token")
def token() -> Response:
    """Return what the token of this call is for."""
    with read_context("") as call:
        _refuse_unknown_params(())
        found = call.token
        return _respond(
            {
                "name": found.name,
                "newsletter": call.newsletter.slug,
                "permits": list(found.acts),
                "ends_at": found.ends_at.isoformat(),
            }
        )


@api.get("/newsletters/<slug>")
def newsletter(slug: str) -> Response:
    with read_context(slug) as call:
        _refuse_unknown_params(())
        return _respond(_build_records(call, SINGLE, [call.newsletter])[0])


@api.get(RESOURCE)
def records(slug: str, name: str) -> Response:
    """Return a page of records, and the URL of the next page."""
    resource = RESOURCES[name]
    with read_context(slug, resource.act) as call:
        _refuse_unknown_params((*LIST_PARAMS, *resource.filters))
        limit = _parse_limit(request.args.get("limit", ""))
        states = _parse_states(resource)
        values = {name: _find_filter_key(call, resource, name) for name in resource.filters if _is_reference(name)}
        listing = resource.listing(call.newsletter.id, states, values, *_list_conditions(call, resource))
        rows = listing.page(call.session, _find_cursor_row(call, resource), limit + 1)
        next_url = None
        if len(rows) > limit:
            params = {**request.args.to_dict(), "after": rows[limit - 1].public_id}
            next_url = url_for("api.records", slug=call.newsletter.slug, name=resource.name, **params)
        return _respond({"items": _build_records(call, resource.kind, rows[:limit]), "next": next_url})


@api.get(f"{RESOURCE}/<public_id>")
def record(slug: str, name: str, public_id: str) -> Response:
    resource = RESOURCES[name]
    with read_context(slug, resource.act) as call:
        _refuse_unknown_params(())
        row = or_404(_load(call, resource, public_id))
        return _respond(_build_records(call, resource.kind, [row])[0])


@api.get("/newsletters/<slug>/editions/<public_id>/items")
def edition_items(slug: str, public_id: str) -> Response:
    """Return the Q&As of an edition as they were locked, in their order; none before it is locked."""
    with read_context(slug) as call:
        _refuse_unknown_params(())
        edition: Edition = or_404(_load(call, RESOURCES[EDITIONS.name], public_id))
        query = select(EditionItem).filter_by(edition_id=edition.id).order_by(EditionItem.position)
        return _respond({"items": _build_records(call, ITEMS, call.session.scalars(query).all())})


@api.route("/", defaults={"path": ""}, methods=("GET", *METHODS))
@api.route("/<path:path>", methods=("GET", *METHODS))
def nothing(path: str) -> Response:
    """Answer a path that nothing is at, and a method that a path doesn't take, without a token."""
    adapter = current_app.create_url_adapter(request)
    if request.method != "GET" and adapter is not None and adapter.match(request.path, "GET")[0] != "api.nothing":
        response = render_problem(405, "The API only reads: use GET.")
        response.headers["Allow"] = "GET, HEAD, OPTIONS"
        return response
    return render_problem(404, "There is nothing at this path.")


def _load(call: ApiContext, resource: Resource, public_id: str) -> Any:
    """Return a row of the token's newsletter that the resource lists, or None."""
    if not _ID.fullmatch(public_id):
        return None
    model = resource.kind.model
    conditions = (resource.condition(call.newsletter.id), *_list_conditions(call, resource))
    return call.session.scalar(select(model).where(model.public_id == public_id, *conditions))


def _list_conditions(call: ApiContext, resource: Resource) -> list[ColumnElement[bool]]:
    """Return further conditions for rows that the resource has.

    A letter is there once the order of its day is forgotten: a program that asks every minute would otherwise learn,
    and could store, in which minute it arrived.
    """
    if resource.kind is not LETTERS:
        return []
    return [Letter.received_at < _get_end_of_letters(call)]


def _get_end_of_letters(call: ApiContext) -> datetime:
    """Return midnight UTC of the first day of which the API has no letters yet."""
    return get_first_remembered_day(call.session) or EPOCH


def _build_records(call: ApiContext, kind: RecordKind, rows: Sequence[Any]) -> list[dict[str, Any]]:
    end = _get_end_of_letters(call) if kind is LETTERS else None
    builder = RecordBuilder(call.session, call.newsletter.id, with_contacts=False, additions_before=end)
    return builder.build_records(kind, rows)


def _is_reference(name: str) -> bool:
    return name != "state" and name in request.args


def _find_filter_key(call: ApiContext, resource: Resource, name: str) -> int:
    """Return the key of the record that a filter names. Aborts with 422 if there is none in this newsletter."""
    target = resource.get_target(name)
    public_id = request.args[name]
    query = select(target.model.id).where(target.model.public_id == public_id, target.condition(call.newsletter.id))
    key: int | None = call.session.scalar(query) if _ID.fullmatch(public_id) else None
    if key is None:
        _refuse_param(name, "There is no such record.")
    return key


def _find_cursor_row(call: ApiContext, resource: Resource) -> Any:
    """Return the row after which the page begins, None for the first page. Aborts with 422 if there is none."""
    cursor = request.args.get("after")
    if not cursor:
        return None
    row = _load(call, resource, cursor)
    if row is None:
        _refuse_param("after", "There is no such record: begin with the first page.")
    return row


def _parse_states(resource: Resource) -> Sequence[str]:
    """Return the states that the list is filtered by, by default all."""
    state = request.args.get("state", "")
    if state and state not in resource.states:
        _refuse_param("state", f"It is one of: {', '.join(resource.states)}.")
    return (state,) if state else resource.states


def _parse_limit(text: str) -> int:
    limit = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    if text and not 1 <= limit <= MAX_PAGE_SIZE:
        _refuse_param("limit", f"It is a number from 1 to {MAX_PAGE_SIZE}.")
    return limit or PAGE_SIZE


def _refuse_unknown_params(names: Iterable[str]) -> None:
    """Abort with 422 on an unknown parameter: ignoring it would return other records than asked for."""
    known_names = set(names)
    for name in request.args:
        if name not in known_names:
            _refuse_param(name[:40], "This parameter is unknown here.")


def _refuse_param(name: str, detail: str) -> NoReturn:
    abort(render_problem(422, detail, "invalid.parameter", parameter=name))


def _respond(body: dict[str, Any]) -> Response:
    """Return a body as JSON with an ETag; 304 without it if the client has the same already."""
    response = Response(json.dumps(body, ensure_ascii=False), content_type="application/json")
    response.add_etag()
    response.make_conditional(request)
    return response
