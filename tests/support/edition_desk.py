"""The coming edition of the Steppe Letter at the desk."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.editions import slots
from app.editions.models import Edition
from app.editions.queries import list_editions_to_run
from app.editor.editions.edition_page import OF_ALL_SLOTS
from tests.support.cast import Newsroom, answered
from tests.support.desk import Desk

FIRST, SECOND, THIRD = "Who measures the salt?", "Where does the wind come from?", "Who pays the gauges?"
# The first one as print has it.
TEXT = """\
Ask The Steppe: Who measures the salt?

A reader asked: “Who measures the salt?”

To find out more, I asked Leyla Aydın, soil scientist at the Karakum Field Station:

“We put up salt plates in 2009 and count what falls on them.”

What would you like to know? Write to nora@steppe.example.
"""


class Coming:
    """The coming edition and the one after it, as Nora has them before her."""

    def __init__(self, nora: Desk, newsroom: Newsroom) -> None:
        self.nora, self.database, self.newsroom = nora, nora.database, newsroom
        with self.database.read() as session:
            self.id, self.next_id = (e.public_id for e in list_editions_to_run(session, newsroom.newsletter_id, 2))
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
            return str(edition.state), [question.headline for question in slots.list_picked_questions(session, edition)]

    def version(self) -> int:
        with self.database.read() as session:
            return self.edition(session).version

    def do(self, press: str, status: int = 303, **form: Any) -> str:
        """Press as the page does, which sends along what version of the edition it shows."""
        seen = {"version": self.version()} if press in OF_ALL_SLOTS and "seen" not in form else {}
        return self.nora.press(f"{self.page}/{press}", status, **seen | form)
