"""Letters from the file of a form: looked through row by row, imported in parts, recognised when they come again."""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.audit import Event
from app.core.clock import utc_now
from app.db.engine import Database
from app.letters import contacts, filing, letter_file, letter_import, receipts, receive
from app.letters.models import Contact, Credit, Letter
from app.newsletters.models import Newsletter
from app.people.models import Upload
from app.workflows.letters import making_room, withdrawal
from app.workflows.retention import erase_letters
from tests.support.database_checks import dump_tables
from tests.support.desk import Desk
from tests.support.letters import send_letter
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom

FORM_FILES = Path(__file__).parents[1] / "support/form_files"
GOOGLE, TYPEFORM, TALLY = ((FORM_FILES / f"{name}.csv").read_bytes() for name in ("google-forms", "typeform", "tally"))
SALT = "Who weighs the salt at the cannery,\nand who reads the scales?"
PUMP = '=HYPERLINK("https://evil.example") or how does a pump know that it is dry?'
WELLS = "Why do the wells in the north taste of iron?"
FERRY = "Who decides when the ferry stops running?"


def look(nora: Desk, data: bytes | str, status: int = 303) -> str:
    """Send a file. Gives the report's path, or the page that says why there is none."""
    sent = data.encode() if isinstance(data, str) else data
    response = nora.send("letters/files", {"file": (io.BytesIO(sent), "answers.csv")})
    assert response.status_code == status, Page(response.text).main_text
    return response.location.partition("/desk/steppe/")[2] if status == 303 else Page(response.text).main_text


def press_import(nora: Desk, path: str, status: int = 303) -> str:
    """Import what a report shows, with the choices that its form carries."""
    address = f"/desk/steppe/{path.partition('?')[0]}/import"
    return nora.press(address, status, **nora.get(path).form(address).fields)


def read_letters(database: Database) -> list[Letter]:
    with database.read() as session:
        return list(session.scalars(select(Letter).order_by(Letter.received_at, Letter.id)))


def read_bodies(database: Database) -> list[str | None]:
    return [letter.body for letter in read_letters(database)]


def read_rows(nora: Desk, path: str) -> list[list[str]]:
    """Return the wrong rows as the file gives them back."""
    [url] = [url for words, url in nora.get(path).links if "as a file" in words]
    return list(csv.reader(io.StringIO(nora.open(url).data.decode("utf-8-sig"))))


@pytest.mark.both_databases
def test_a_google_form_is_looked_through_and_its_right_rows_are_imported(nora: Desk) -> None:
    before = dump_tables(nora.database)
    path = f"{look(nora, GOOGLE)}?background=4"
    page = nora.get(path)
    assert (
        "4 letters would be new. Nothing is imported yet. 1 row is here already. 2 rows have errors" in page.main_text
    )
    assert "Columns that are left out: Email Address, Your name ." in page.main_text
    after = dump_tables(nora.database)
    assert {name for name in before if before[name] != after[name]} == {"uploads"}

    assert press_import(nora, path).startswith(f"/desk/steppe/{path.partition('?')[0]}?")
    noon = [datetime(2022, 10, day, 12, tzinfo=UTC) for day in (17, 17, 18, 18)]
    letters = read_letters(nora.database)
    assert [(letter.body, letter.received_at) for letter in letters] == list(
        zip((SALT, PUMP, WELLS, FERRY), noon, strict=True)
    )
    assert {(letter.state, letter.channel, letter.hear_back, letter.language) for letter in letters} == {
        ("received", "api", "number", "en")
    }
    assert letters[0].background == "My uncle works there."
    with nora.database.read() as session:
        assert session.scalars(select(Contact)).all() == []
        assert session.scalars(select(Credit).where(Credit.choice != "none")).all() == []


def test_wrong_rows_come_back_and_say_why(nora: Desk) -> None:
    path = look(nora, GOOGLE)
    said = nora.get_text(f"{path}?show=wrong")
    assert "7 salt salt" in said
    header, *rows = read_rows(nora, path)
    assert header[:3] == ["what is wrong", "Timestamp", "Email Address"]
    assert [(row[0], row[1], row[5]) for row in rows] == [
        ("Question: There is no question", "2022/10/18 8:02:00 AM GMT+5", "Aru"),
        ("Question: A question has 2,000 characters at most", "2022/10/18 8:03:00 AM GMT+5", ""),
    ]
    assert rows[0][4] == "I only wanted to see the form."


def test_a_mended_file_is_chosen_again(nora: Desk) -> None:
    path = look(nora, GOOGLE)
    press_import(nora, path)
    [url] = [url for words, url in nora.get(path).links if "as a file" in words]
    mended = nora.open(url).data.decode("utf-8-sig").replace("salt " * 2000, "Who buys the salt")
    press_import(nora, look(nora, mended))
    assert "Who buys the salt?" in read_bodies(nora.database)


def test_addresses_are_taken_only_if_the_desk_says_so(nora: Desk) -> None:
    path = look(nora, GOOGLE)
    said = nora.get_text(f"{path}?write=1&show=wrong")
    assert "5 Who decides when the ferry stops running? E-mail address: This isn’t a valid e-mail address" in said
    assert "Columns that are left out: Is there anything that we should know?, Your name ." in said
    press_import(nora, f"{path}?write=1")
    with nora.database.read() as session:
        addresses = {letter.body: contacts.email_of(session, letter) for letter in session.scalars(select(Letter))}
        assert addresses == {SALT: "timur@reader.example", PUMP: "jonas@reader.example", WELLS: None}
        assert set(session.scalars(select(Letter.hear_back))) == {"once", "number"}


@pytest.mark.parametrize(
    ("data", "question", "background"),
    [
        (TYPEFORM, "Who pays for the new pier, and how much of it is a loan?", "The council said half."),
        (TALLY, "Wer prüft eigentlich die Waagen auf dem Wochenmarkt?", None),
    ],
    ids=["typeform", "tally"],
)
def test_files_of_other_services_are_understood(nora: Desk, data: bytes, question: str, background: str | None) -> None:
    path = look(nora, data)
    columns = {name: nora.get(path).form(f"/desk/steppe/{path}").fields[name] for name in letter_file.COLUMNS}
    number = {"typeform": 3, "tally": 0}["typeform" if background else "tally"]
    press_import(nora, f"{path}?background={number}")
    letters = read_letters(nora.database)
    assert (letters[0].body, letters[0].background) == (question, background)
    assert [letter.received_at.day for letter in letters] == [17, 18]
    assert columns["day"] == ("8" if background else "3")


def test_the_letters_of_persian_and_russian_forms_arrive_as_they_are(nora: Desk) -> None:
    persian = look(nora, (FORM_FILES / "google-forms-fa.csv").read_bytes())
    assert "Day: This day can’t be read" in nora.get_text(f"{persian}?show=wrong")
    press_import(nora, persian)
    russian = (FORM_FILES / "google-sheet-ru.csv").read_text()
    press_import(nora, look(nora, russian.encode("cp1251")))
    assert [(letter.language, letter.received_at.date().isoformat(), letter.body) for letter in read_letters(nora.database)] == [
        ("ru", "2022-09-05", "Почему вода в северных колодцах пахнет железом?"),
        ("fa", "2022-10-17", "چه کسی نمک را در کارخانه وزن می‌کند؟"),
        ("ru", "2022-10-17", "Кто взвешивает соль на консервном заводе?"),
    ]  # fmt: skip


def test_the_desk_chooses_the_columns_without_scripts(nora: Desk) -> None:
    path = look(nora, "A,B\nTell us who reads the meters,It is about the harbour and about nothing else at all.\n")
    form = nora.get(path).form(f"/desk/steppe/{path}")
    assert (form.method, form.fields["question"], form.fields["background"]) == ("get", "2", "0")
    press_import(nora, f"{path}?question=1&background=2")
    [letter] = read_letters(nora.database)
    assert (letter.body, letter.background) == (
        "Tell us who reads the meters",
        "It is about the harbour and about nothing else at all.",
    )


def test_an_order_of_days_that_nothing_tells_is_asked_for(nora: Desk) -> None:
    path = look(nora, f"Submitted at,Ask\n03/04/2022,{WELLS}\n")
    page = nora.get(path)
    assert "Nothing in the file says which number is the day and which the month." in page.main_text
    assert page.form(f"/desk/steppe/{path}").fields["order"] == "day"
    press_import(nora, f"{path}?order=month")
    assert [letter.received_at.date().isoformat() for letter in read_letters(nora.database)] == ["2022-03-04"]
    assert "says which number" not in nora.get_text(look(nora, f"Submitted at,Ask\n03/14/2022,{FERRY}\n"))


def test_a_day_that_is_to_come_or_unreadable_makes_the_row_wrong(nora: Desk) -> None:
    said = nora.get_text(look(nora, f"Date,Question\n2999-01-01,{WELLS}\nlast spring,{FERRY}\n"))
    assert "2 Why do the wells in the north taste of iron? Day: This day is in the future" in said
    assert "Day: This day can’t be read: write it like 2026-07-01" in said


def test_without_a_column_of_days_the_letters_are_of_today(nora: Desk) -> None:
    press_import(nora, look(nora, f"Question\n{WELLS}\n"))
    with nora.database.read() as session:
        assert session.scalars(select(Letter.received_at)).one().date() == utc_now().date()


def test_the_same_file_brings_nothing_twice_however_it_is_read(nora: Desk) -> None:
    press_import(nora, look(nora, GOOGLE))
    before = read_bodies(nora.database)
    again = look(nora, GOOGLE)
    assert "5 rows are here already." in nora.get_text(again)
    assert "Row 4 has the same words." in nora.get_text(f"{again}?show=here")
    assert "A letter has the same words, or had them before it was erased." in nora.get_text(f"{again}?show=here")
    nora.press(f"{again}/import", write="1", day="0")
    assert read_bodies(nora.database) == before


def test_a_letter_that_came_from_the_ask_page_is_not_doubled(nora: Desk, newsroom: Newsroom) -> None:
    send_letter(nora.database, newsroom, WELLS)
    assert "1 row is here already." in nora.get_text(look(nora, f"Question\n{WELLS}\n"))


def withdraw(session: Session, letter: Letter) -> None:
    withdrawal.withdraw(session, receipts.reader_of(letter), letter)


@pytest.mark.both_databases
@pytest.mark.threat("erased words")
def test_what_was_taken_back_or_erased_is_not_brought_back_by_the_same_file(nora: Desk, newsroom: Newsroom) -> None:
    """Nor by another day, another address or another column of the same text."""
    press_import(nora, look(nora, GOOGLE))
    salt, pump, *_others = read_letters(nora.database)
    nora.database.write(lambda session: withdraw(session, session.get_one(Letter, salt.id)))
    nora.database.write(lambda session: filing.file(session, newsroom.nora, session.get_one(Letter, pump.id), "spam"))
    nora.database.write(erase_letters.erase_due, at=utc_now() + timedelta(days=31))
    before = read_bodies(nora.database)
    assert sorted(map(str, before)) == sorted(["None", "None", WELLS, FERRY])
    again = look(nora, GOOGLE)
    assert "5 rows are here already." in nora.get_text(again)
    nora.press(f"{again}/import", write="1", day="0")
    assert read_bodies(nora.database) == before


def test_an_old_letter_is_kept_from_its_import_on(nora: Desk) -> None:
    """Its words would be erased in the night otherwise: letters that nobody files are kept for half a year."""
    press_import(nora, look(nora, f"Date,Question\n2001-09-09,{WELLS}\n"))
    nora.database.write(erase_letters.erase_due, at=utc_now() + timedelta(days=180))
    assert read_bodies(nora.database) == [WELLS]
    nora.database.write(erase_letters.erase_due, at=utc_now() + timedelta(days=184))
    assert read_bodies(nora.database) == [None]


def test_an_import_that_was_killed_goes_on_with_the_same_file(nora: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letter_import, "MAX_STORED", 2)
    path = look(nora, GOOGLE)
    store = letter_import.store_letters

    def fail_second(session: Session, *args: Any) -> int:
        if session.scalar(select(func.count()).select_from(Letter)):
            raise KeyboardInterrupt
        return store(session, *args)

    with monkeypatch.context() as patch:
        patch.setattr(letter_import, "store_letters", fail_second)
        with pytest.raises(KeyboardInterrupt):
            press_import(nora, path)
    assert read_bodies(nora.database) == [SALT, PUMP]
    assert "2 letters would be new." in nora.get_text(path)
    press_import(nora, path)
    assert read_bodies(nora.database) == [SALT, PUMP, WELLS, FERRY]


@pytest.mark.both_databases
def test_two_who_import_the_same_file_at_once_bring_nothing_twice(nora: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = look(nora, TALLY)
    find = letter_import._find_texts_here
    answers = [set[str](), set[str](), set[str]()]  # to both pages of the report, and to the first try of the import

    def find_too_early(*args: Any) -> set[str]:
        return answers.pop() if answers else find(*args)

    press_import(nora, path)
    monkeypatch.setattr(letter_import, "_find_texts_here", find_too_early)
    monkeypatch.setattr(receive, "find_sent_letter", lambda *_args: None)
    press_import(nora, look(nora, TALLY))
    assert (answers, len(read_bodies(nora.database))) == ([], 2)


def test_the_trail_has_each_letter_and_the_import_with_its_numbers(nora: Desk, newsroom: Newsroom) -> None:
    press_import(nora, look(nora, GOOGLE))
    with nora.database.read() as session:
        events = session.scalars(select(Event).order_by(Event.id)).all()
    assert [(event.action, event.actor) for event in events[-5:]] == [
        *[("letter.send", newsroom.nora.ref)] * 4,
        ("newsletter.import_letters", newsroom.nora.ref),
    ]
    assert events[-1].facts == {"letters": 4, "here": 1, "wrong": 2}
    assert "Nora Lind imported letters from a file: 4 new, 1 here already, 2 wrong." in nora.get_text("trail")


def test_an_import_uses_up_nothing_of_the_readers_day(nora: Desk, newsroom: Newsroom) -> None:
    nora.database.letters_a_day = 2
    press_import(nora, look(nora, f"Question\n{WELLS}\n{FERRY}\n"))

    def is_full(session: Session) -> bool:
        session.info["letters_a_day"] = 2
        return making_room.is_full(session, session.get_one(Newsletter, newsroom.newsletter_id))

    assert nora.database.write(is_full) is False
    for text in (SALT, PUMP):
        send_letter(nora.database, newsroom, text)
    assert nora.database.write(is_full) is True


def test_a_file_of_two_thousand_rows_is_imported_and_a_larger_one_is_refused(nora: Desk) -> None:
    rows = [f"Who counts the boats in harbour number {number}?" for number in range(letter_file.MAX_LETTERS)]
    path = look(nora, "\n".join(["Question", *rows]))
    assert nora.get(path).links[-1][0] == "More rows"
    press_import(nora, path)
    assert len(read_bodies(nora.database)) == letter_file.MAX_LETTERS
    assert "There are more than 2,000 rows in this file." in look(nora, "\n".join(["Question", *rows, WELLS]), 422)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "There is nothing in this file."),
        (b"PK\x03\x04workbook", "This is a workbook."),
        (b'Question\n"never closed\n', "Row 2 has a misplaced"),
        (b"\n\n", "There is nothing in this file."),
        (b" , \n1,2\n", "There is nothing in this file."),
        (b"," * letter_file.MAX_COLUMNS + b"Question\n", "There are more than 200 columns in this file."),
    ],
)
def test_what_is_no_table_is_refused_and_not_kept(nora: Desk, data: bytes, text: str) -> None:
    assert text in look(nora, data, 422)
    with nora.database.read() as session:
        assert session.scalars(select(Upload)).all() == []


def test_a_file_is_its_owners_and_goes_when_it_is_forgotten(nora: Desk, ilya: Desk) -> None:
    path = look(nora, GOOGLE)
    ilya.press(f"{path}/import", 404)
    assert ilya.open(f"{path}/wrong.csv").status_code == 404
    assert ilya.open(path).location == "/desk/steppe/letters/files"
    nora.press(f"{path}/drop")
    assert nora.open(path).location == "/desk/steppe/letters/files"
    assert read_bodies(nora.database) == []


def test_an_assistant_imports_letters_too(ilya: Desk) -> None:
    assert [url for words, url in ilya.get("letters").links if words == "Letters from a file"] == [
        "/desk/steppe/letters/files"
    ]
    press_import(ilya, look(ilya, TALLY))
    assert len(read_bodies(ilya.database)) == 2


@pytest.mark.threat("hostile words")
def test_what_comes_back_runs_nothing_in_a_spreadsheet_and_a_page_shows_it_as_text(nora: Desk) -> None:
    hostile = '=1+1;"<script>alert(1)</script>";2999-01-01\n'
    path = look(nora, f"=Ask;<b>More</b>;Date\n{hostile}")
    page = nora.get(f"{path}?question=2&background=1")
    assert "<script>alert(1)</script>" in page.main_text
    rows = read_rows(nora, path)
    assert [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))] == []


@pytest.mark.parametrize("number", ["0", "99", "-1", "x", "999999999999"])
def test_a_number_of_no_column_is_none_and_a_file_always_has_a_question(nora: Desk, number: str) -> None:
    path = look(nora, GOOGLE)
    fields = nora.get(f"{path}?question={number}&day={number}").form(f"/desk/steppe/{path}").fields
    assert (fields["question"], fields["day"]) == ("3", "0")
