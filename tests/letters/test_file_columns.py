"""Columns of files of forms: what their headings tell, and what the words below them do."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.letters.letter_file import COLUMNS, RowFault, choose, guess_columns, parse_letter, read_letters_sheet
from app.people.name_forms import fold
from app.people.spreadsheet import UnreadableSpreadsheet
from app.text.word_tables import word_tables

FORM_FILES = Path(__file__).parents[1] / "support/form_files"
TODAY = date(2022, 11, 1)
HEADINGS = {
    "de": "Zeitstempel,E-Mail-Adresse,Was wollen Sie wissen?",
    "fr": "Horodateur,Adresse e-mail,Que voulez-vous savoir ?",
    "fr, by name": "Horodateur,Nom d’utilisateur,Que voulez-vous savoir ?",
    "es": "Marca temporal,Dirección de correo electrónico,¿Qué quiere saber?",
    "ru": "Отметка времени,Имя пользователя,Что вы хотите знать?",
    "fa": "مُهر زمان,نشانی ایمیل,چه می‌خواهید بدانید؟",
    "en": "Timestamp,Username,What do you want to know?",
}


@pytest.mark.parametrize("headings", HEADINGS.values(), ids=HEADINGS)
def test_google_forms_are_known_in_every_language_that_we_list(headings: str) -> None:
    sheet = read_letters_sheet(f"{headings}\n2022-10-17,timur@reader.example,Who weighs the salt?\n".encode())
    assert guess_columns(sheet) == {"day": 0, "email": 1, "question": 2}


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("google-forms", {"day": 0, "email": 1, "question": 2}),
        ("google-forms-fa", {"day": 0, "email": 1, "question": 2}),
        ("google-sheet-ru", {"day": 0, "email": 1, "question": 2}),
        ("typeform", {"question": 1, "email": 3, "day": 7}),
        ("tally", {"day": 2, "question": 3}),
    ],
)
def test_the_columns_of_each_service_are_found(name: str, columns: dict[str, int]) -> None:
    sheet = read_letters_sheet((FORM_FILES / f"{name}.csv").read_bytes())
    assert guess_columns(sheet) == columns


def test_the_question_is_what_asks_and_of_several_the_longest() -> None:
    sheet = read_letters_sheet(b"a,b,c\nWhy?,Who weighs the salt?,It is about the harbour and nothing else\n")
    assert guess_columns(sheet) == {"question": 1}


def test_no_heading_stands_for_two_columns() -> None:
    tables = word_tables(str(Path("app/letters/letter_file.py").resolve()), "form_heads")
    assert tables.keys() == {*COLUMNS, "left_out"}
    headings = [fold(heading) for column in tables for heading in tables[column]]
    assert sorted(headings) == sorted(set(headings))


def test_the_order_of_days_is_american_only_by_googles_english_heading() -> None:
    orders = {}
    for heading in ("Timestamp", "Submitted at"):
        sheet = read_letters_sheet(f"{heading},Ask\n03/04/2022,Who weighs the salt?\n".encode())
        orders[heading] = choose(sheet, {}).order
    assert orders == {"Timestamp": "month", "Submitted at": "day"}


def test_two_columns_of_the_same_name_can_be_told_apart() -> None:
    sheet = read_letters_sheet(b"E-mail,E-mail,Question\na@reader.example,b@reader.example,Who weighs the salt?\n")
    [row] = sheet.rows
    first, second = choose(sheet, {}, keeps_emails=True), choose(sheet, {"email": 1}, keeps_emails=True)
    assert parse_letter(row, first, TODAY).submission.email == "a@reader.example"
    assert parse_letter(row, second, TODAY).submission.email == "b@reader.example"


def test_a_column_that_is_chosen_twice_serves_once() -> None:
    sheet = read_letters_sheet(b"A,B\nWho weighs the salt?,At the harbour\n")
    assert choose(sheet, {"question": 0, "background": 0, "day": 0}).columns == {"question": 0}


def test_a_language_that_is_unknown_is_left_to_the_words() -> None:
    sheet = read_letters_sheet("Question,Language\nКто взвешивает соль на заводе?,по-русски\nWho?,English\n".encode())
    letters = [parse_letter(row, choose(sheet, {}), TODAY) for row in sheet.rows]
    assert [letter.submission.stored_language for letter in letters] == ["ru", "en"]


def test_every_fault_of_a_row_is_named() -> None:
    sheet = read_letters_sheet(b'Question,Date,E-mail\nHm,2022-12-01,nobody,more\n"",never,\n')
    choices = choose(sheet, {}, keeps_emails=True)
    assert [parse_letter(row, choices, TODAY).faults for row in sheet.rows] == [
        (RowFault("", "more cells"), RowFault("day", "future"), RowFault("body", "short"), RowFault("email", "bad")),
        (RowFault("day", "unreadable"), RowFault("body", "empty")),
    ]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="a?,;\t\n\"'=1/.\u06f2\u0301 ", max_size=200).map(str.encode))
@example(b'"')
@example(b"a\n\n,,,\n")
def test_any_file_is_read_or_refused(data: bytes) -> None:
    try:
        sheet = read_letters_sheet(data)
    except UnreadableSpreadsheet:
        return
    choices = choose(sheet, {}, keeps_emails=True)
    letters = [parse_letter(row, choices, TODAY) for row in sheet.rows]
    assert [letter.number for letter in letters] == [row.number for row in sheet.rows]
