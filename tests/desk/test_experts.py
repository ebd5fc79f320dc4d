"""The directory of experts, as Nora keeps it."""

import pytest

from app.db.engine import Database
from app.people.models import Expert
from tests.support.database_checks import dump_tables, get_one
from tests.support.desk import Desk, get_form_fields
from tests.support.sample_newsroom import Newsroom, create_submitted_answer


@pytest.fixture
def leyla(database: Database, newsroom: Newsroom) -> str:
    """The address of Leyla's page, below the desk."""
    return f"experts/{get_one(database, Expert, id=newsroom.leyla.expert_id).public_id}"


def test_the_directory_tells_who_was_checked_and_who_is_busy(nora: Desk, newsroom: Newsroom) -> None:
    nora.database.write(lambda s: create_submitted_answer(s, newsroom, "Who measures?"))
    nora.press("experts", name="Saule Bekova", email="saule@survey.example")
    said = nora.get_text("experts")
    assert (said.count(" checked "), said.count("not checked yet")) == (
        5,
        1,
    )  # once each in "Not checked", "not checked yet"
    assert "Leyla Aydın soil scientist at the Karakum Field Station checked 1 question" in said
    assert "Saule Bekova" in nora.get_text("experts?q=saule")
    assert "Leyla Aydın" not in nora.get_text("experts?q=saule")
    assert "Nobody in the directory matches." in nora.get_text("experts?q=nobody")


def test_name_and_address_are_enough_and_a_known_address_is_found_again(nora: Desk, leyla: str) -> None:
    before = dump_tables(nora.database)
    assert nora.press("experts", name="Leyla", email="LEYLA@field.example") == f"/desk/steppe/{leyla}"
    said = nora.press("experts", 422, name="Saule Bekova", email="saule at survey")
    assert "“saule at survey” is not an e-mail address" in said
    assert "Say who it is." in nora.press("experts", 422, email="saule@survey.example")
    assert dump_tables(nora.database) == before


def test_who_has_the_name_of_somebody_is_recorded_and_pointed_out(nora: Desk) -> None:
    words = "Someone with this name is already in the directory. If it is the same person, merge them: Duplicates"
    for name, is_known in (("Leyla Aydin", True), ("Saule Bekova", False)):
        address = nora.press("experts", name=name)
        assert (words in nora.get_text(address.partition("/desk/steppe/")[2])) is is_known


def test_a_change_of_name_needs_a_new_check(nora: Desk, leyla: str) -> None:
    nora.press(leyla, **get_form_fields(nora, leyla) | {"topics": "soil، salt", "place": "Karakum"})
    stored = get_one(nora.database, Expert, public_id=leyla.removeprefix("experts/"))
    assert (stored.topics, stored.place, stored.verified_how) == (
        ["soil", "salt"], "Karakum", "called the switchboard",
    )  # fmt: skip
    nora.press(leyla, **get_form_fields(nora, leyla) | {"name": "Leyla Aydın-Kaya"})
    assert "Nobody has checked yet" in nora.get_text(leyla)
    nora.press(f"{leyla}/verify", 422, how=" ")
    nora.press(f"{leyla}/verify", how="rang the institute")
    assert "rang the institute" in nora.get_text(leyla)


def test_of_two_who_edit_a_profile_the_second_sees_both(nora: Desk, leyla: str) -> None:
    opened = get_form_fields(nora, leyla)
    nora.press(leyla, **opened | {"credit_line": "soil scientist in Osh"})
    before = dump_tables(nora.database)
    said = nora.press(leyla, 409, **opened | {"credit_line": "soil scientist"})
    assert "Now it says: soil scientist in Osh" in said
    assert dump_tables(nora.database) == before
    nora.press(leyla, 422, **get_form_fields(nora, leyla) | {"away_until": "in May"})
    nora.press(leyla, 409, **opened | {"seen": "version 3"})
    assert dump_tables(nora.database) == before
