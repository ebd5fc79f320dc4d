"""Nora puts editions that ran before into the archive: she looks through them, mends what is unsure, and imports what is ticked."""

import io
from typing import Any

from sqlalchemy import func, select

from app.answers.models import Answer
from app.db.engine import Database
from app.editions import archive
from app.editions.models import EditionItem
from app.mail.models import OutboxMail
from app.people.models import Upload
from app.questions.models import Question
from tests.support.desk import Desk
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom
from tests.support.source import ROOT

EDITIONS = ROOT / "tests" / "support" / "back_issues"
PAGE = "archive/back-issues"
WELLS = """Readers asked: “Why is the well dry?”

We asked Leyla Aydın, soil scientist, who dug it:

“It was never deep.”
"""


def look(nora: Desk, *files: tuple[str, bytes], status: int = 303) -> str:
    """Send files. Gives the report's path, or what the page says that they were not taken with."""
    response = nora.client.post(
        nora.address(PAGE), base_url="https://localhost",
        data={"csrf_token": nora.token, "files": [(io.BytesIO(data), name) for name, data in files]},
    )  # fmt: skip
    assert response.status_code == status, Page(response.text).main_text
    return response.location.partition("/desk/steppe/")[2] if status == 303 else Page(response.text).main_text


def read_edition(name: str) -> tuple[str, bytes]:
    return name, (EDITIONS / name).read_bytes()


def get_report_fields(nora: Desk, path: str) -> dict[str, Any]:
    """The fields of the form as they stand on the page."""
    return dict(nora.get(path).form(nora.address(f"{path}/import")).fields)


def count(database: Database, model: Any) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_editions_are_looked_through_and_imported(nora: Desk, newsroom: Newsroom) -> None:
    mails = count(nora.database, OutboxMail)
    path = look(nora, read_edition("ghost-de.html"), read_edition("labels.md"), read_edition("decoy-quiz.txt"))
    said = nora.get_text(path)
    assert "3 editions were looked through. 3 Q&As are new." in said
    assert count(nora.database, EditionItem) == 0
    nora.post(f"{path}/import", **get_report_fields(nora, path))
    assert count(nora.database, EditionItem) == 3
    assert count(nora.database, OutboxMail) == mails
    assert "3 are in the archive already." in nora.get_text(path)
    assert "Schimmel hinter dem Schrank" in nora.get_text("archive")
    again = look(nora, read_edition("labels.md"))
    assert "2 are in the archive already." in nora.get_text(again)
    nora.post(f"{again}/drop")
    assert count(nora.database, Upload) == 0


def test_each_find_stands_beside_its_source_and_a_file_without_finds_is_named(nora: Desk, newsroom: Newsroom) -> None:
    page = nora.get(
        look(nora, ("wells.txt", WELLS.encode()), read_edition("decoy-quiz.txt"), read_edition("decoy-toc.txt"))
    )
    assert "Nothing was found in: decoy-quiz.txt, decoy-toc.txt." in page.main_text.replace(" ,", ",").replace(
        " .", "."
    )
    assert {kind: page.texts(f".source .part-{kind}") for kind in ("question", "expert", "answer", "headline")} == {
        "question": ["Why is the well dry?"],
        "expert": ["Leyla Aydın", "soil scientist", "who dug it"],
        "answer": ["It was never deep."],
        "headline": [],
    }


def test_imported_back_issues_are_not_the_first_edition_that_the_desk_sent(nora: Desk, newsroom: Newsroom) -> None:
    path = look(nora, read_edition("ghost-de.html"))
    nora.post(f"{path}/import", **get_report_fields(nora, path))
    assert "To do: Send the first edition" in nora.get_text("")


def test_what_is_imported_can_be_opened_wherever_the_archive_leads(nora: Desk, newsroom: Newsroom) -> None:
    path = look(nora, read_edition("ghost-de.html"))
    nora.post(f"{path}/import", **get_report_fields(nora, path))
    with nora.database.read() as session:
        question = session.scalars(select(Question).where(Question.is_published)).one()
    said = nora.get_text(f"questions/{question.public_id}")
    assert "Nora Lind imported it from a back issue, as it ran." in said
    links = [link for link in nora.get("archive").attributes(".ran a", "href") if link]
    assert len(links) == 3
    for link in links:
        assert nora.client.get(link, base_url="https://localhost").status_code == 200, link


def test_only_what_is_ticked_is_imported_and_as_it_was_mended(nora: Desk, newsroom: Newsroom) -> None:
    path = look(nora, read_edition("labels.md"))
    fields = get_report_fields(nora, path)
    del fields["take-1"]
    nora.post(f"{path}/import", **{**fields, "headline-0": "Sand in clay"})
    with nora.database.read() as session:
        item = session.scalars(select(EditionItem)).one()
    assert item.input["piece"]["headline"] == "Sand in clay"
    assert "1 Q&A is new. 1 is in the archive already." in nora.get_text(path)


def test_a_missing_day_is_asked_for_and_nothing_typed_is_lost(nora: Desk, newsroom: Newsroom) -> None:
    path = look(nora, ("letter.txt", WELLS.encode()))
    assert "Nothing says the day of the edition." in nora.get_text(path)
    fields = get_report_fields(nora, path)
    refused = nora.post(f"{path}/import", 422, **{**fields, "headline-0": "A dry well"})
    assert "Say the day on which this edition ran." in refused.main_text
    assert refused.value("headline-0") == "A dry well"
    assert count(nora.database, EditionItem) == 0
    for day, why in (("2090-01-01", "This day is still to come."), ("", "Say the day")):
        assert why in nora.post(f"{path}/import", 422, **{**fields, "day-0": day}).main_text
    assert (
        "Write both a question and an answer"
        in nora.post(f"{path}/import", 422, **{**fields, "day-0": "2021-01-06", "answer-0-0": " "}).main_text
    )
    del fields["take-0"]
    assert "Nothing is ticked." in nora.post(f"{path}/import", 422, **fields).main_text
    nora.post(f"{path}/import", **{**fields, "take-0": "1", "day-0": "2021-01-06"})
    assert count(nora.database, EditionItem) == 1


def test_an_answer_is_put_to_an_expert_only_where_nora_says_so(nora: Desk, newsroom: Newsroom) -> None:
    path = look(nora, ("2021-01-06.txt", WELLS.encode()))
    assert "This is Leyla Aydın of the directory" in nora.get_text(path)
    fields = get_report_fields(nora, path)
    assert "expert-0-0" not in fields
    nora.post(f"{path}/import", **{**fields, "expert-0-0": "1"})
    with nora.database.read() as session:
        answer = session.scalars(select(Answer)).one()
        assert answer.credit == {
            "name": "Leyla Aydın",
            "credit_line": "soil scientist",
            "relation": "who dug it",
            "beside_name": [],
        }
        ran = archive.published_by(session, newsroom.leyla.expert_id)
    assert [item.question_id for item in ran] == [answer.question_id]
    assert count(nora.database, OutboxMail) == 0


def test_files_in_which_nothing_can_be_read_are_told(nora: Desk, newsroom: Newsroom) -> None:
    said = look(nora, ("letter.pdf", b"%PDF-1.4"), ("empty.txt", b""), status=422)
    assert "letter.pdf: This is a PDF" in said
    assert "empty.txt: There is nothing in this file." in said
    assert "Choose a file." in look(nora, status=422)
    mixed = nora.get_text(look(nora, ("letter.pdf", b"%PDF-1.4"), read_edition("decoy-quiz.txt")))
    assert "letter.pdf : This is a PDF" in mixed
    assert "It has no reader’s question with an answer." in mixed


def test_too_much_at_once_is_told(nora: Desk, newsroom: Newsroom) -> None:
    assert "These files are larger than 16 MB together." in look(nora, ("large.mbox", b"a" * (17 << 20)), status=413)


def test_whoever_may_not_touch_an_edition_finds_no_way_in(ilya: Desk, newsroom: Newsroom) -> None:
    assert "Import back issues" not in ilya.get_text("archive")
    assert ilya.open(PAGE).status_code == 404


def undo(nora: Desk, number: int = 0, status: int = 303) -> Page:
    (address,) = {form.action for form in nora.get(PAGE).forms if form.action.endswith("/undo")}
    keys = nora.get(PAGE).attributes('input[name="import"]', "value")
    return nora.post(address.partition("/desk/steppe/")[2], status, **{"import": keys[number]})


def test_an_import_is_undone_as_a_whole_and_readers_lose_it_at_once(nora: Desk, newsroom: Newsroom) -> None:
    path = look(nora, read_edition("ghost-de.html"), read_edition("labels.md"))
    nora.post(f"{path}/import", **get_report_fields(nora, path))
    public = ("/steppe/answers", "/steppe/feed.xml", "/steppe/feed.json", "/steppe/editions", "/steppe/")
    reader = nora.client.application.test_client()
    assert "Schimmel hinter dem Schrank" in reader.get(public[0], base_url="https://localhost").text
    assert "3 Q&As, imported on" in nora.get_text(PAGE)
    undo(nora)
    said = nora.get_text(PAGE)
    assert "3 Q&As are out of the archive again." in said
    assert "What was imported" not in said
    for address in public:
        assert "Schimmel hinter dem Schrank" not in reader.get(address, base_url="https://localhost").text, address
    assert [count(nora.database, one) for one in (EditionItem, Upload)] == [0, 0]
    again = look(nora, read_edition("labels.md"))
    assert "2 Q&As are new." in nora.get_text(again)


def test_nothing_of_an_import_is_undone_where_something_was_changed_since(nora: Desk, newsroom: Newsroom) -> None:
    path = look(nora, read_edition("labels.md"))
    nora.post(f"{path}/import", **get_report_fields(nora, path))
    with nora.database.read() as session:
        question = session.scalars(select(Question).where(Question.is_published)).first()
    assert question is not None
    nora.post(f"questions/{question.public_id}/note", note="This was on page one.")
    assert "Something of this import was changed" in undo(nora, status=422).main_text
    assert count(nora.database, EditionItem) == 2
