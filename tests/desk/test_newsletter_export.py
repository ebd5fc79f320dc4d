"""The newsletter, and lists of letters and questions, as files at the desk: who may take them, and what is noted."""

import csv
import io
from typing import Any
from zipfile import ZipFile

import pytest
from sqlalchemy import select

from app.audit import Event
from app.core.actors import Staff
from app.db.engine import Database
from app.letters import filing
from app.people.sessions import NotFresh
from app.questions import actions
from app.workflows.indexing import index_due
from app.workflows.transfer import export_archive
from tests.support.assignments import ExpertAssignment
from tests.support.desk import Desk
from tests.support.letters import change_letter, send_letter
from tests.support.sample_newsroom import Newsroom, create_coast_newsletter


def list_exports(database: Database) -> list[tuple[str, str]]:
    """Who took what away, by the trail."""
    with database.read() as session:
        query = select(Event.actor, Event.action).where(Event.action.like("newsletter.export%")).order_by(Event.id)
        return [(row.actor, row.action) for row in session.execute(query)]


def take(desk: Desk, path: str = "export") -> ZipFile:
    response = desk.send(path, {})
    assert (response.status_code, response.mimetype) == (200, "application/zip")
    assert response.headers["Content-Disposition"] == 'attachment; filename="steppe.zip"'
    return ZipFile(io.BytesIO(response.data))


def take_list(desk: Desk, name: str, query: str = "", column: str = "body") -> list[str]:
    """The cells of a column of the list that a query string selects."""
    response = desk.send(f"{name}/csv", {"list": query})
    assert (response.status_code, response.mimetype) == (200, "text/csv")
    return [row[column] for row in csv.DictReader(io.StringIO(response.data.decode("utf-8-sig"), newline=""))]


def test_an_editor_takes_the_newsletter_away_without_contacts(nora: Desk, salt: ExpertAssignment) -> None:
    page = nora.get("export")
    assert (
        "An admin can export readers’ addresses and names, too." in page.main_text
        and "Download the file with" not in page.main_text
    )
    archive = take(nora)
    said = "".join(archive.read(name).decode() for name in archive.namelist())
    assert "Who measures the salt in the wind" in said and "timur@post" not in said and "Aliev" not in said
    assert list_exports(nora.database) == [(salt.newsroom.nora.ref, "newsletter.export")]


def test_an_editor_gets_no_contacts_by_a_forged_form(nora: Desk, salt: ExpertAssignment) -> None:
    assert nora.send("export/contacts", {}).status_code == 404
    assert list_exports(nora.database) == []


def test_an_admin_can_take_contacts_along_and_the_trail_says_so(
    vera: Desk, database: Database, salt: ExpertAssignment
) -> None:
    text = vera.get_text("export")
    assert "under a hostile government that can lead to questioning or arrest" in text
    archive = take(vera, "export/contacts")
    assert "timur@post.example" in archive.read("letters.jsonl").decode()
    [(_actor, action)] = list_exports(database)
    assert action == "newsletter.export_contacts"
    assert "Vera Holm exported the newsletter with readers’ addresses and names." in vera.get_text("trail")


def test_an_assistant_takes_nothing_away(ilya: Desk, newsroom: Newsroom) -> None:
    assert ilya.open("export").status_code == 404
    assert [
        ilya.send(path, {}).status_code for path in ("export", "export/contacts", "letters/csv", "questions/csv")
    ] == [404] * 4
    assert "Export the newsletter" not in ilya.get_text("settings")
    send_letter(ilya.database, newsroom, "How deep is the well?")
    assert "Export this list" not in ilya.get_text("letters")
    assert list_exports(ilya.database) == []


def test_the_list_of_letters_is_taken_with_its_filters(nora: Desk, newsroom: Newsroom) -> None:
    database = nora.database
    send_letter(database, newsroom, "How deep is the well?", hear_back="once", email="dina@post.example")
    send_letter(database, newsroom, "Как глубок колодец?", language="ru")
    thanks = send_letter(database, newsroom, "Thank you for the answer about the salt.")
    change_letter(database, thanks, lambda session, letter: filing.file(session, newsroom.nora, letter, "comment"))
    assert "Export this list (CSV)" in nora.get_text("letters?language=ru")
    assert take_list(nora, "letters", "language=ru") == ["Как глубок колодец?"]
    assert sorted(take_list(nora, "letters")) == ["How deep is the well?", "Как глубок колодец?"]
    assert take_list(nora, "letters", "kind=comment") == ["Thank you for the answer about the salt."]
    assert "dina" not in nora.send("letters/csv", {"list": "state=all"}).text
    assert {action for _actor, action in list_exports(database)} == {"newsletter.export_letters"}


def test_the_list_of_letters_is_taken_with_its_search(nora: Desk, newsroom: Newsroom) -> None:
    for number in range(5):
        send_letter(nora.database, newsroom, f"How deep is the well of village {number}?")
    send_letter(nora.database, newsroom, "Who weighs the salt?")
    index_due(nora.database)
    assert sorted(take_list(nora, "letters", "q=village")) == [
        f"How deep is the well of village {number}?" for number in range(5)
    ]


def test_all_pages_of_a_list_are_in_its_table(nora: Desk, newsroom: Newsroom) -> None:
    for number in range(60):
        send_letter(nora.database, newsroom, f"{number} wells: how deep are they?")
    assert len(set(take_list(nora, "letters", "state=waiting&before="))) == 60


def test_the_list_of_questions_is_taken_with_its_filters(nora: Desk, newsroom: Newsroom) -> None:
    def open_questions(session: Any) -> None:
        for text in ("Who weighs the salt?", "How deep is the well?"):
            actions.open_question(session, newsroom.nora, [], headline=text, body=text, language="en")

    nora.database.write(open_questions)
    assert sorted(take_list(nora, "questions", column="headline")) == ["How deep is the well?", "Who weighs the salt?"]
    assert take_list(nora, "questions", "state=shelved", column="headline") == []
    assert [action for _actor, action in list_exports(nora.database)] == ["newsletter.export_questions"] * 2


def test_an_unknown_filter_takes_nothing(nora: Desk, newsroom: Newsroom) -> None:
    assert nora.send("letters/csv", {"list": "colour=red"}).status_code == 404
    assert list_exports(nora.database) == []


def test_nobody_takes_another_desks_newsletter(nora: Desk, newsroom: Newsroom) -> None:
    nora.database.write(lambda session: create_coast_newsletter(session) and None)
    assert nora.send("/desk/coast/export", {}).status_code == 404


def test_a_stale_proof_starts_no_export(database: Database, newsroom: Newsroom) -> None:
    def begin(session: Any) -> None:
        nora = newsroom.nora
        stale = Staff(nora.person_id, nora.name, nora.newsletter_id, nora.role)
        export_archive.begin_export(session, stale, with_contacts=False)

    with pytest.raises(NotFresh):
        database.write(begin)
    assert list_exports(database) == []


def test_a_list_doesnt_keep_the_order_in_which_nameless_letters_came(nora: Desk, newsroom: Newsroom) -> None:
    """At the desk their order of a day is mixed in the night; a file taken on that day is there forever."""
    bodies = [f"Who weighs the salt at gauge {number}?" for number in range(12)]
    ids = {send_letter(nora.database, newsroom, body): body for body in bodies}
    expected = [ids[public_id] for public_id in sorted(ids)]  # ids are random
    for number in range(3):
        send_letter(nora.database, newsroom, f"And {number}?", hear_back="once", email=f"dina{number}@post.example")
    taken = take_list(nora, "letters", "state=all")
    assert taken == [*expected, "And 2?", "And 1?", "And 0?"]  # those with a time keep the order of the list
