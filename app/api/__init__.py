"""The API: the desk's records as JSON, for programs with a token. It is described by its own OpenAPI document."""

from . import token_access, views  # noqa: F401 - `views` registers the routes

api = token_access.api
