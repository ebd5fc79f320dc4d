"""Nora at the coming edition of the Steppe Letter."""

from typing import Any

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.editions import slots
from app.editions.models import Edition
from app.editions.queries import coming_editions
from app.editor.editions.edition_page import OF_ALL_SLOTS
from tests.support.cast import Newsroom, answered
from tests.support.desk import Desk

FIRST, SECOND, THIRD = "Who measures the salt?", "Where does the wind come from?", "Who pays the gauges?"


class AtEdition(Desk):
    """Nora's browser and the coming edition."""

    def __init__(self, app: Flask, newsroom: Newsroom) -> None:
        super().__init__(app, newsroom.nora)
        self.newsroom = newsroom
        with self.database.read() as session:
            self.id, self.next_id = (e.public_id for e in coming_editions(session, newsroom.newsletter_id, 2))
        self.page = f"editions/{self.id}"

    def ready(self, *words: str) -> list[str]:
        """Questions with an approved answer, by their public ids."""
        return self.database.write(lambda s: [answered(s, self.newsroom, one).public_id for one in words])

    def edition(self, session: Session) -> Edition:
        return session.scalars(select(Edition).filter_by(public_id=self.id)).one()

    def stands(self) -> tuple[str, list[str]]:
        """The state of the edition and the headlines in its slots."""
        with self.database.read() as session:
            edition = self.edition(session)
            return str(edition.state), [question.headline for question in slots.picked(session, edition)]

    def version(self) -> int:
        with self.database.read() as session:
            return self.edition(session).version

    def do(self, press: str, status: int = 303, **form: Any) -> str:
        """Press as the page does, which sends along what version of the edition it shows."""
        seen = {"version": self.version()} if press in OF_ALL_SLOTS and "seen" not in form else {}
        return self.press(f"{self.page}/{press}", status, **seen | form)
