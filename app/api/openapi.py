"""The OpenAPI document of the API (version 3.1.1), derived from the table of resources and the shapes of records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.permissions import TOKEN_ACTS
from ..workflows.transfer.record_kinds import RecordKind
from ..workflows.transfer.record_shapes import SCHEMAS, build_record_schema
from .resources import ITEMS, MAX_PAGE_SIZE, PAGE_SIZE, RESOURCES, SINGLE, Resource

API_VERSION = "1.0"
PREFIX = "/api/v1"
ABOUT = """What a newsletter's desk has, as JSON. A token opens one newsletter, and only for reading.

Lists begin with the oldest record. `next` is the path of the next page with its query, or null. Times are in RFC 3339;
where a reader was promised that only the day is kept, a time is that day. A response has an ETag: send it back in
`If-None-Match`, and a record that hasn't changed is answered with 304.

Readers' addresses are in no response, and of the names that they gave for print only those that an edition has
printed."""
PROBLEM = {
    "description": "What went wrong (RFC 9457). Programs should look at `code`, which keeps its meaning.",
    "type": "object",
    "properties": {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "examples": ["invalid.parameter", "http.not_found"]},
        "detail": {"type": "string"},
        "parameter": {"type": "string", "description": "the parameter that can't be used"},
        "field": {"type": "string", "description": "the field that can't be used"},
        "reference": {"type": "string", "description": "of a fault of ours, for the operator's log"},
    },
    "required": ["type", "title", "status", "code", "detail"],
}
TOKEN = {
    "description": "what the token of the call is for",
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "newsletter": {"type": "string", "description": "the short name of its newsletter"},
        "permits": {"type": "array", "items": {"type": "string", "enum": list(TOKEN_ACTS)}},
        "ends_at": {"type": "string", "format": "date-time"},
    },
    "required": ["name", "newsletter", "permits", "ends_at"],
    "additionalProperties": False,
}
# By status: what an error response means.
ERRORS = {
    401: "There is no token, or it is unknown, expired or revoked.",
    403: "The token doesn't permit this.",
    404: "There is no such record in the token's newsletter.",
    422: "A parameter can't be used; `parameter` names it.",
    429: "There were too many calls. `Retry-After` says how many seconds to wait.",
    500: "Something broke on our side; `reference` finds it in the operator's log.",
    503: "The database is busy. `Retry-After` says how many seconds to wait.",
}


@dataclass(frozen=True)
class Operation:
    """One GET request of the API.

    `schema` is that of the response's body. `parameters` are those of path and query, in the notation of OpenAPI, and
    `errors` the statuses of its error responses. `act` is what a token must permit; "" if no token is needed.
    """

    name: str
    path: str
    summary: str
    schema: Mapping[str, Any]
    parameters: Sequence[Mapping[str, Any]] = ()
    errors: Sequence[int] = (401, 403, 404, 422, 429, 500, 503)
    act: str = "read"


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _path_param(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def _query_param(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


SLUG = _path_param("slug", "the short name of the token's newsletter", {"type": "string"})
AFTER = _query_param("after", "the `id` of the last record of the page before", SCHEMAS["id"])
LIMIT = _query_param(
    "limit", "the number of records", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": PAGE_SIZE}
)


def _list_filters(resource: Resource) -> list[dict[str, Any]]:
    parameters = []
    for name in resource.filters:
        if name == "state":
            states = {"type": "string", "enum": list(resource.states)}
            parameters.append(_query_param(name, "only records in this state", states))
        else:
            about = f"only records of this record of `{resource.get_target(name).name}`"
            parameters.append(_query_param(name, about, SCHEMAS["id"]))
    return parameters


def _list_schema(kind: RecordKind, *, has_next: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {"items": {"type": "array", "items": _ref(kind.name)}}
    if has_next:
        properties["next"] = {"type": ["string", "null"], "description": "the path of the next page with its query"}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def list_operations() -> list[Operation]:
    """Return all operations of the API, in the order of the reference."""
    newsletter = f"{PREFIX}/newsletters/{{slug}}"
    operations = [
        Operation(
            "token", f"{PREFIX}/token", "What the token is for", _ref("token"), (), (401, 403, 422, 429, 500, 503)
        ),
        Operation("newsletter", newsletter, "The newsletter with its settings", _ref(SINGLE.name), (SLUG,)),
    ]
    for resource in RESOURCES.values():
        path = f"{newsletter}/{resource.name}"
        one_id = _path_param("id", "the `id` of the record", SCHEMAS["id"])
        operations += [
            Operation(
                f"list_{resource.name}",
                path,
                resource.about,
                _list_schema(resource.kind, has_next=True),
                (SLUG, *_list_filters(resource), AFTER, LIMIT),
                act=resource.act,
            ),
            Operation(
                f"get_{resource.name}",
                f"{path}/{{id}}",
                f"One record of `{resource.name}`",
                _ref(resource.name),
                (SLUG, one_id),
                act=resource.act,
            ),
        ]
    operations.append(
        Operation(
            f"list_{ITEMS.name}",
            f"{newsletter}/editions/{{id}}/items",
            "The Q&As of an edition, as they were locked and ran",
            _list_schema(ITEMS, has_next=False),
            (SLUG, _path_param("id", "the `id` of the edition", SCHEMAS["id"])),
        )
    )
    openapi_schema = {"type": "object", "required": ["openapi", "paths"]}
    path = f"{PREFIX}/openapi.json"
    operations.append(Operation("openapi", path, "This document", openapi_schema, (), (429, 500), act=""))
    return operations


def build_document(base_url: str) -> dict[str, Any]:
    """Return the document for an installation; `base_url` is without a slash at its end."""
    kinds = [SINGLE, *(resource.kind for resource in RESOURCES.values()), ITEMS]
    schemas = {kind.name: build_record_schema(kind, with_contacts=False) for kind in kinds}
    operations = list_operations()
    return {
        "openapi": "3.1.1",
        "info": {"title": "Readers Asked", "version": API_VERSION, "description": ABOUT},
        "servers": [{"url": base_url}],
        "paths": {operation.path: {"get": _build_operation(operation)} for operation in operations},
        "components": {
            "schemas": {"token": TOKEN, **schemas, "problem": PROBLEM},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _build_operation(operation: Operation) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": _ref("problem")}}
    responses: dict[str, Any] = {
        "200": {"description": "The records", "content": {"application/json": {"schema": operation.schema}}},
        "304": {"description": "Nothing has changed since the response with the ETag in `If-None-Match`."},
    }
    responses |= {str(status): {"description": ERRORS[status], "content": problem} for status in operation.errors}
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": list(operation.parameters),
        "responses": responses,
    }
    if not operation.act:
        described["security"] = []
    elif operation.act != "read":
        described["description"] = f"The token must permit `{operation.act}`."
    return described
