"""Programs that call the API with a token, and the tokens that admins create for them."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.core.actors import Staff
from app.core.clock import utc_now
from app.core.permissions import TOKEN_ACTS
from app.db.engine import Database
from app.newsletters.models import Newsletter
from app.people import api_tokens
from app.people.models import Membership, Person
from app.watching.models import Sighting
from app.workflows.retention.forget_order import SIGHTING_NAME

ALL_ACTS = tuple(TOKEN_ACTS)


def get_admin(session: Session, slug: str) -> Staff:
    """Return an admin of a newsletter, who has just proved their identity."""
    query = (
        select(Person.id, Person.name, Newsletter.id)
        .join(Membership, Membership.person_id == Person.id)
        .join(Newsletter, Newsletter.id == Membership.newsletter_id)
        .where(Newsletter.slug == slug, Membership.role == "admin", Membership.at_work())
    )
    person_id, name, newsletter_id = session.execute(query.order_by(Person.id).limit(1)).one()
    return Staff(person_id, name, newsletter_id, "admin", utc_now())


def create_token(
    database: Database, creator: Staff | None = None, acts: Collection[str] = ALL_ACTS, slug: str = "steppe"
) -> str:
    """Create a token, by default of an admin of the newsletter, and return its secret."""

    def fn(session: Session) -> str:
        actor = replace(creator, proved_at=utc_now()) if creator else get_admin(session, slug)
        token = api_tokens.create(session, actor, "The site", acts, 90)
        return api_tokens.show_secret(session, actor, token)

    return database.write(fn)


def release_letters(database: Database, days: int = 1) -> None:
    """Let the API have the letters of today, as if the worker had forgotten their order `days` from now.

    On PostgreSQL the worker itself waits until nobody else uses the server, which other tests do.
    """
    time = utc_now() + timedelta(days=days)
    database.write(lambda session: session.merge(Sighting(name=SIGHTING_NAME, seen_at=time, number=0)))


class Program:
    """A program that calls the API with a token."""

    def __init__(self, app: Flask, secret: str, slug: str = "steppe") -> None:
        self.client, self.secret, self.slug = app.test_client(), secret, slug
        self.base_path = f"/api/v1/newsletters/{slug}"

    def open(self, path: str, method: str = "GET", **headers: str) -> TestResponse:
        """Call a path: below the newsletter, or a whole one that begins with a slash."""
        url = path if path.startswith("/") else f"{self.base_path}/{path}".rstrip("/")
        sent_headers = {"Authorization": f"Bearer {self.secret}"} if self.secret else {}
        return self.client.open(url, method=method, headers=sent_headers | headers, base_url="https://localhost")

    def get(self, path: str, status: int = 200) -> Any:
        """Return the JSON of a response, which must have the status."""
        response = self.open(path)
        assert response.status_code == status, response.get_data(as_text=True)
        return response.get_json(force=True)

    def list_all(self, path: str, limit: int = 50) -> list[dict[str, Any]]:
        """Return the records of all pages of a list."""
        records: list[dict[str, Any]] = []
        next_url: str | None = f"{self.base_path}/{path}{'&' if '?' in path else '?'}limit={limit}"
        while next_url:
            page = self.get(next_url)
            records += page["items"]
            next_url = page["next"]
        return records
