"""Several experts at once: all invitations are looked at before any leaves, and the order of a ladder is typed."""

import pytest
from sqlalchemy import select

from app.answers.models import Assignment
from app.db.engine import Database
from app.mail.models import OutboxMail
from app.people.models import Expert
from tests.support.letters import open_question
from tests.support.sample_newsroom import Newsroom


@pytest.fixture
def question(database: Database, newsroom: Newsroom) -> str:
    return open_question(database, newsroom)


@pytest.fixture
def keys(database: Database) -> dict[str, str]:
    """The experts' public ids, by their first names."""
    with database.read() as session:
        return {one.name.partition(" ")[0]: one.public_id for one in session.scalars(select(Expert))}


def list_assignments(database: Database) -> list[tuple[str, str, str]]:
    """Who is asked, how that stands, and who comes before."""
    with database.read() as session:
        rows = session.scalars(select(Assignment).order_by(Assignment.id))
        return [(one.expert.name, str(one.state), one.after.expert.name if one.after else "") for one in rows]


def test_all_invitations_are_looked_at_before_any_is_sent(nora, database, question, keys):
    led = nora.post(f"questions/{question}/ask", expert=(keys["Leyla"], keys["Marek"]), act="prepare")
    assert led == f"/desk/steppe/questions/{question}/invitations"
    page = nora.get(led)
    assert page.notice == "Prepared, and nothing sent: Leyla Aydın, Marek Dvořák."
    assert page.texts("section.block h2") == ["Leyla Aydın", "Marek Dvořák"]
    assert [letter.count("I’m asking one other expert too.") for letter in page.texts(".letter-body")] == [1, 1]
    form = page.form(f"/desk/steppe/questions/{question}/invitations")
    assert form.buttons == ("Send all 2",)
    led = nora.post(f"questions/{question}/invitations", assignment=tuple(page.values("assignment")))
    assert nora.get(led).notice == "On their way: Leyla Aydın, Marek Dvořák."
    assert [state for _name, state, _before in list_assignments(database)] == ["invited", "invited"]
    with database.read() as session:
        assert len(session.scalars(select(OutboxMail).filter_by(kind="expert.invitation")).all()) == 2


def test_the_page_of_the_question_leads_to_all_that_are_prepared(nora, question, keys):
    nora.post(f"questions/{question}/ask", expert=(keys["Leyla"], keys["Marek"]), act="prepare")
    links = dict(nora.get(f"questions/{question}").links)
    assert links["Look at all 2 invitations"] == f"/desk/steppe/questions/{question}/invitations"


def test_the_ladder_goes_by_the_places_that_are_typed(nora, database, question, keys):
    places = {f"place-{keys['Marek']}": "1", f"place-{keys['Gulnara']}": "2"}
    experts = (keys["Leyla"], keys["Gulnara"], keys["Marek"])
    nora.post(f"questions/{question}/ask", expert=experts, act="prepare", one_by_one="1", **places)
    assert list_assignments(database) == [
        ("Marek Dvořák", "drafted", ""),
        ("Gulnara Esenova", "drafted", "Marek Dvořák"),
        ("Leyla Aydın", "drafted", "Gulnara Esenova"),
    ]


def test_typed_places_come_back_with_a_form_that_cant_be_taken(nora, question, keys):
    places = {f"place-{keys['Marek']}": "1"}
    page = nora.post(
        f"questions/{question}/ask", 422, expert=(keys["Leyla"], keys["Marek"]), words="9", act="prepare", **places
    )
    assert page.value(f"place-{keys['Marek']}") == "1"


def test_who_stands_on_the_ladder_is_not_sent_with_the_others(nora, database, question, keys):
    experts = (keys["Leyla"], keys["Marek"])
    led = nora.post(f"questions/{question}/ask", expert=experts, act="prepare", one_by_one="1")
    page = nora.get(led)
    assert len(page.values("assignment")) == 1
    assert page.texts(".letter-body")[0].count("I’m asking only you.") == 1
