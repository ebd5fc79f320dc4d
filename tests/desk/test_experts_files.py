"""Experts from a file and into one: looked through row by row, its right rows taken together, in whatever a spreadsheet writes."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.people import directory, directory_import, expert_file, spreadsheet, uploads
from app.people.models import Expert, Person, Upload
from app.workflows.retention import erase_people
from tests.support.database_checks import dump_tables
from tests.support.desk import Desk
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom

ROWS = """Name;E-mail;Organisation;Topics;Languages;At once;Away until;Shoe size
Сауле Бекова;saule@survey.example;Бюро;соль, ветер;kk, Russian;2;05.01.2099;38
Leyla Aydın;;Karakum;;;3;;
Marek Dvořák;marek@water.example;;;;;;
Гульнара;gulnara@law.example;;;;;;
"""
WRONG = """name,e-mail,languages,at once,away until,number
Nobody,not an address,klingonish,hundred,soon,
,who@where.example,,,,
Saule,saule@survey.example,,,,
Saule B.,SAULE@survey.example,,,,
Nora,nora@desk.example,,,,
Timo,,,,,0123456789AB
Two,two@example.org,,,,,more
"""


def look(nora: Desk, data: str | bytes, status: int = 303) -> str:
    """Send a file. Gives the report's path, or the page that says why there is none."""
    sent = data.encode() if isinstance(data, str) else data
    form = {"file": (io.BytesIO(sent), "experts.csv")}
    response = nora.send("experts/files", form)
    assert response.status_code == status, Page(response.text).main_text
    return response.location.partition("/desk/steppe/")[2] if status == 303 else Page(response.text).main_text


def take(nora: Desk, path: str, status: int = 303, **form: str) -> str:
    digest = nora.get(path).value("digest")
    return nora.press(f"{path.partition('?')[0]}/import", status, **{"digest": digest, **form})


def people(database: Database) -> dict[str, Any]:
    with database.read() as session:
        found = session.scalars(select(Expert).order_by(Expert.id)).all()
        return {one.name: (directory.email_of(session, one.person), one) for one in found}


def files(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Upload)) or 0


def test_a_file_with_heads_alone_has_nobody_in_it(nora: Desk) -> None:
    said = nora.get_text(look(nora, "Name;E-mail;Topics\n"))
    assert "It has column headings but no rows: there is nobody in it." in said
    assert "is in the directory already" not in said
    assert "All of this is in the directory already." in nora.get_text(
        look(nora, "Name;E-mail\nLeyla Aydın;leyla@field.example\n")
    )


def test_a_file_is_looked_through_and_then_imported_whole(nora: Desk, newsroom: Newsroom) -> None:
    before = dump_tables(nora.database)
    path = look(nora, ROWS)
    said = nora.get_text(path)
    assert "1 expert would be new, 2 would change. Nothing is imported yet." in said
    assert "left out: Shoe size ." in said
    assert "Organisation: Karakum" in said
    assert "Name: Gulnara Esenova Гульнара With the new name, they must be checked again." in said.replace("  ", " ").replace(" ", " ")  # fmt: skip
    assert "4 Marek" in nora.get_text(f"{path}?show=same")
    after = dump_tables(nora.database)
    assert {name for name in before if before[name] != after[name]} == {"uploads"}

    take(nora, path)
    found = people(nora.database)
    email, saule = found["Сауле Бекова"]
    assert (email, saule.topics, saule.languages, saule.at_once) == (
        "saule@survey.example", ["соль", "ветер"], ["kk", "ru"], 2,
    )  # fmt: skip
    assert (saule.away_until, saule.organisation, saule.verified_at) == (date(2099, 1, 5), "Бюро", None)
    assert (found["Leyla Aydın"][1].at_once, found["Leyla Aydın"][1].verified_how) == (3, "called the switchboard")
    assert found["Гульнара"][1].verified_at is None
    assert files(nora.database) == 0
    assert "Сауле Бекова" in nora.get_text("experts?q=saule+sol")
    again = look(nora, ROWS)
    assert "All of this is in the directory already." in nora.get_text(again)


def test_the_report_shows_topics_and_languages_of_who_is_new_and_of_who_changes(nora: Desk) -> None:
    take(nora, look(nora, "name,email,topics,languages\nLeyla Aydın,leyla@field.example,salt; wind,tr\n"))
    rows = """name,email,topics,languages
Leyla Aydın,leyla@field.example,salt; dust,tr; kk
Saule Bekova,saule@survey.example,wells; wind,kk; ru
"""
    path = look(nora, rows)
    changed, new = (nora.get_text(f"{path}?show={kind}") for kind in ("changed", "new"))
    assert "Topics: salt, wind salt, dust Languages: Turkish Turkish, Kazakh" in changed
    assert "saule@survey.example Topics: wells, wind Languages: Kazakh, Russian" in new


def test_every_wrong_cell_is_told_by_row_and_column(nora: Desk) -> None:
    path = look(nora, WRONG)
    said = nora.get_text(path)
    assert "1 expert would be new, 0 would change. Nothing is imported yet. 6 rows have errors and are left out" in said
    for words in (
        "2 Nobody E-mail address: “not an address” is not an e-mail address",
        "Languages: No language has this code or name: klingonish.",
        "Questions at once: Give a number from 1 to 99",
        "Away until: Write the date like",
        "3 … Name: Nobody is named here.",
        "5 Saule B. E-mail address: Row 4 is about the same expert already.",
        "6 Nora E-mail address: This is the address of somebody at the desk.",
        "7 Timo Number: Nobody in the directory has this number.",
        "8 Two There are more cells than column headings",
    ):
        assert words in said, words
    before = dump_tables(nora.database)
    nora.press(f"{path}/import", 409, digest="of another look")
    assert dump_tables(nora.database) == before


def download_wrong_rows(nora: Desk, path: str) -> bytes:
    [url] = [url for words, url in nora.get(path).links if "as a file" in words]
    return nora.open(url.partition("/desk/steppe/")[2]).data


def test_right_rows_are_imported_and_wrong_ones_come_back_and_say_why(nora: Desk) -> None:
    """As after a real meeting: 196 rows are right, and 4 are not."""
    right = "".join(f"Expert {number},e{number}@field.example,soil,\n" for number in range(196))
    wrong = 'Aru Serik,not an address,"wells, wind",07:30\n,who@where.example,,\nNora,nora@desk.example,,x\nExpert 7,E7@field.example,,\n'
    path = look(nora, f"name,e-mail,topics,our own column\n{right}{wrong}")
    assert take(nora, path) == f"/desk/steppe/{path}?show=wrong&as="
    page = nora.get(f"{path}?show=wrong")
    assert page.notice == "196 experts are new and 0 have changed."
    assert "4 rows have errors and are left out: save them as a file" in page.main_text
    assert page.buttons.count("Import 0 experts") == 0
    assert len(people(nora.database)) == 196 + 3  # with the three of the newsroom

    header, *rows = csv.reader(io.StringIO(download_wrong_rows(nora, path).decode("utf-8-sig")))
    assert header == ["what is wrong", "name", "e-mail", "topics", "our own column"]
    assert [row[1:] for row in rows] == [
        ["Aru Serik", "not an address", "wells, wind", "07:30"],
        ["", "who@where.example", "", ""],
        ["Nora", "nora@desk.example", "", "x"],
        ["Expert 7", "E7@field.example", "", ""],
    ]
    assert [row[0] for row in rows] == [
        "E-mail address: “not an address” is not an e-mail address, such as desk@example.org.",
        "Name: Nobody is named here.",
        "E-mail address: This is the address of somebody at the desk. Add them by hand, if they answer questions too.",
        "E-mail address: Row 9 is about the same expert already.",
    ]


def test_a_file_that_came_back_is_mended_and_chosen_again(nora: Desk) -> None:
    path = look(nora, WRONG)
    take(nora, path)
    mended = (
        download_wrong_rows(nora, path)
        .decode("utf-8-sig")
        .replace("not an address,klingonish,hundred,soon", "n@x.example,kk,2,")
    )
    again = look(nora, mended)
    said = nora.get_text(again)
    assert "Unknown columns" not in said
    assert "1 expert would be new, 1 would change. Nothing is imported yet. 4 rows have errors" in said
    header = download_wrong_rows(nora, again).decode("utf-8-sig").splitlines()[0]
    assert header == "what is wrong,name,e-mail,languages,at once,away until,number"


@pytest.mark.parametrize("encoding", ["cp1251", "utf-16", "utf-8-sig"])
@pytest.mark.parametrize("declaration", ["", "sep=;\r\n"])
def test_wrong_rows_come_back_in_the_format_of_the_file(nora: Desk, encoding: str, declaration: str) -> None:
    row = '"Есенова; Гульнара";g2@law;+7 701'
    path = look(nora, f"{declaration}Имя;Почта;Телефон\r\n{row}\r\nМарат;m@law.example;\r\n".encode(encoding))
    take(nora, f"{path}?as=")
    text = download_wrong_rows(nora, path).decode(encoding)
    assert text.removeprefix("\ufeff").startswith(f"{declaration}what is wrong;Имя;Почта;Телефон\r\n")
    assert text.endswith(""";"Есенова; Гульнара";g2@law;'+7 701\r\n""")


@pytest.mark.threat("hostile words")
def test_what_comes_back_runs_nothing_in_a_spreadsheet(nora: Desk) -> None:
    hostile = ["=HYPERLINK(1)", "'=1+1", "@sum(1)", "-2+3", "\t=1", "＝1"]
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerows(
        [["name", "e-mail", "=a header", "note"], *([cell, "nowhere", cell, "x", cell] for cell in hostile)]
    )
    path = look(nora, lines.getvalue())
    rows = list(csv.reader(io.StringIO(download_wrong_rows(nora, path).decode("utf-8-sig"))))
    formula = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
    assert [cell for row in rows for cell in row if formula.match(cell)] == []
    assert [spreadsheet.unescape_cell(row[5]) for row in rows[1:]] == [
        "=HYPERLINK(1)",
        "=1+1",
        "@sum(1)",
        "-2+3",
        "\t=1",
        "＝1",
    ]


def test_only_who_may_see_the_directory_gets_rows_back(nora: Desk, ilya: Desk) -> None:
    path = look(nora, WRONG)
    assert nora.open(f"{path}/wrong.csv").status_code == 200
    assert ilya.open(f"{path}/wrong.csv").status_code == 404
    assert nora.open(f"{path}/wrong.csv?as=utf-16").status_code == 404


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "There is nothing in this file."),
        (b"PK\x03\x04workbook", "This is a workbook."),
        (b'name,e-mail\nLeyla,"never closed\nMarek,x\n', "Row 2 has a misplaced"),
        (b"name,full name\na,b\n", "Two columns say the same: Name."),
        ("name\n" + "x\n" * (spreadsheet.MOST_ROWS + 1), "There are more than 50,000 rows"),
    ],
)
def test_what_is_no_table_is_refused_and_not_kept(nora: Desk, data: str | bytes, text: str) -> None:
    assert text in look(nora, data, 422)
    assert files(nora.database) == 0


def test_a_file_larger_than_allowed_is_refused(nora: Desk, app: Flask) -> None:
    data = b"name\n" + b"x" * (spreadsheet.MOST_BYTES + 100_000)
    assert "This file is larger than 16 MB." in look(nora, data, 413)
    app.config["WTF_CSRF_ENABLED"] = False  # so that it is the gate that answers
    stranger = app.test_client().post("/desk/steppe/experts/files", data={"file": (io.BytesIO(b"x" * 400_000), "x")})
    assert (stranger.status_code, files(nora.database)) == (403, 0)  # with the way in


@pytest.mark.parametrize(
    ("text", "encoding", "mark"),
    [
        ("Name;E-mail\nГульнара Есенова;g2@law.example\n", "cp1251", "Windows-1251 (Cyrillic), as it seems"),
        ("Name;E-mail\nJürgen Müller;j@law.example\n", "cp1252", "Windows-1252 (Western), as it seems"),
        ("name\te-mail\nГульнара Есенова\tg2@law.example\n", "utf-16", "UTF-16"),
        ("name\te-mail\nЙозеф Новак\tg2@law.example\n", "utf-16-le", "UTF-16"),
        ("sep=;\r\nФамилия;Имя;Почта\r\nЕсенова;Гульнара;g2@law.example\r\n", "utf-8-sig", "UTF-8"),
        ('"Name","E-mail"\n"Гульнара Есенова","g2@law.example"\n', "utf-8", "UTF-8"),
        ('"Name";"E-mail"\n"Гульнара Есенова";"g2@law.example"\n', "utf-8", "UTF-8"),
        ("First name,Last name,Mail\nЖанар,Сейтқызы,g2@law.example\n", "utf-8", "UTF-8"),
    ],
)
def test_what_spreadsheets_write_is_read(nora: Desk, text: str, encoding: str, mark: str) -> None:
    name = next(part for part in ("Гульнара Есенова", "Jürgen Müller", "Йозеф Новак", "Жанар Сейтқызы") if part.split()[0] in text)  # fmt: skip
    said = nora.get_text(look(nora, text.encode(encoding)))
    assert (f"2 {name}" in said, mark in said) == (True, True)


def test_a_wrong_guess_is_put_right_on_the_page(nora: Desk) -> None:
    path = look(nora, "name;e-mail\nLeyla Kaçar Ağaoğlu;leyla2@law.example\n".encode("cp1254"))
    assert "Look at the names below." in nora.get_text(path)
    assert "Leyla Kaçar Ağaoğlu" in nora.get_text(f"{path}?as=cp1254")
    assert "can’t be read as UTF-8" in nora.get_text(f"{path}?as=utf-8")
    assert "can’t be read as UTF-8" in nora.press(f"{path}/import", status=422, **{"as": "utf-8"})
    take(nora, f"{path}?as=cp1254", **{"as": "cp1254"})
    assert "Leyla Kaçar Ağaoğlu" in people(nora.database)


def test_a_table_without_a_name_says_what_heads_it_has(nora: Desk) -> None:
    said = nora.get_text(look(nora, "firm,street\nx,y\n"))
    assert "No column is called “name”, so nobody can be found in it. The column headings are: firm, street." in said


def test_what_has_changed_since_the_look_stops_the_import(nora: Desk, newsroom: Newsroom) -> None:
    path = look(nora, ROWS)
    digest = nora.get(path).value("digest")

    def change(session: Any) -> None:
        leyla = session.get_one(Expert, newsroom.leyla.expert_id)
        directory.change_profile(session, newsroom.nora, leyla, None, place="Nukus")

    nora.database.write(change)
    before = dump_tables(nora.database)
    said = nora.press(f"{path}/import", 409, digest=digest)
    assert "The directory has changed since you looked, so nothing was imported." in said
    assert dump_tables(nora.database) == before


def test_a_file_is_its_owners_for_an_hour_and_sealed(nora: Desk, ilya: Desk) -> None:
    path = look(nora, ROWS)
    with nora.database.read() as session:
        upload = session.scalars(select(Upload)).one()
        assert (b"saule" in upload.sealed, uploads.bytes_of(session, upload)) == (False, ROWS.encode())
    ilya.get_text(path, 404)
    look(nora, ROWS)
    assert files(nora.database) == 1  # the one before has gone
    nora.press(f"{look(nora, ROWS)}/drop")
    assert files(nora.database) == 0
    kept = look(nora, ROWS)
    with nora.database.read() as session:
        ends = session.scalars(select(Upload.ends_at)).one()
    nora.database.write(uploads.delete_expired, ends - timedelta(seconds=1))
    assert files(nora.database) == 1
    nora.database.write(uploads.delete_expired, ends)
    assert (files(nora.database), nora.open(kept).status_code) == (0, 302)


def exported(nora: Desk) -> str:
    response = nora.send("experts/export", {})
    assert (response.status_code, response.mimetype) == (200, "text/csv")
    return response.text


@pytest.mark.threat("hostile words")
def test_what_is_exported_runs_nothing_and_comes_back_as_it_was(nora: Desk, newsroom: Newsroom) -> None:
    nora.press("experts", name="=HYPERLINK(1)", email="evil@x.example")
    nora.press("experts", name="'=quoted")
    file = exported(nora)
    rows = list(csv.reader(io.StringIO(file.removeprefix("\ufeff"), newline="")))
    assert [row[1] for row in rows[1:]] == ["Gulnara Esenova", "'=HYPERLINK(1)", "Leyla Aydın", "Marek Dvořák", "''=quoted"]  # fmt: skip
    assert [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []
    assert "All of this is in the directory already." in nora.get_text(look(nora, file))
    assert "checked on, how it was checked" in nora.get_text(look(nora, file))
    take(nora, look(nora, file.replace("Gulnara Esenova", "Gulnara Esen")))
    found = people(nora.database)
    assert (found["Gulnara Esen"][0], len(found)) == ("gulnara@law.example", 5)


def test_a_file_gives_an_expert_their_first_address_and_no_other(nora: Desk, newsroom: Newsroom) -> None:
    nora.press("experts", name="Aliya Karim")
    numbers = {name: one.public_id for name, (_email, one) in people(nora.database).items()}
    path = look(
        nora,
        f"number,e-mail\n{numbers['Aliya Karim']},aliya@uni.example\n{numbers['Gulnara Esenova']},gulnara@uni.example\n",
    )
    assert (
        "Gulnara Esenova E-mail address: They have another address already. "
        "Change it on their page, so that their links go to the new one."
    ) in nora.get_text(path)
    take(nora, path)
    emails = {name: email for name, (email, _one) in people(nora.database).items()}
    assert (emails["Aliya Karim"], emails["Gulnara Esenova"]) == ("aliya@uni.example", "gulnara@law.example")


@pytest.mark.threat("hostile words")
@settings(max_examples=60)
@given(st.text(alphabet="='+-@\t\r\nab ", max_size=8))
def test_no_cell_begins_like_a_formula_and_each_comes_back(cell: str) -> None:
    safe = spreadsheet.escape_cell(cell)
    assert safe[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n")
    assert spreadsheet.unescape_cell(safe) == cell


@pytest.mark.threat("hostile words")
@settings(max_examples=200)
@given(st.lists(st.text(alphabet="'=+-@\t\r\n;\" ,a＝", max_size=10), min_size=2, max_size=3))
def test_a_program_that_splits_elsewhere_finds_no_formula_inside_of_a_cell_and_each_comes_back(
    cells: list[str],
) -> None:
    """Excel splits at semicolons where the comma separates decimals, and then doesn't see the quotes in the middle."""
    (_headers, line) = spreadsheet.write_csv(["a"], [cells])
    _first_piece, *pieces = re.split(r"[;\t\r\n]", line)  # the quotes of the first one are seen
    assert [piece for piece in pieces if re.match(r"[ \"]*[=+\-@＝]", piece)] == []
    (row,) = csv.reader(io.StringIO(line, newline=""), strict=True)
    assert [spreadsheet.unescape_cell(cell) for cell in row] == cells


def test_a_file_fills_nothing_into_a_colleague_who_removed_themselves(nora: Desk, newsroom: Newsroom) -> None:
    """Nora was an expert, too. Her account at the desk stays, with its address."""

    def remove(session: Session) -> None:
        expert = directory.record_expert(session, newsroom.nora, "Nora Lind", "nora@desk.example")
        erase_people.forget_expert(session, expert)

    nora.database.write(remove)
    path = look(nora, "name,email,topics\nNora Lind,nora@desk.example,salt\n")
    assert "This is the address of somebody at the desk." in nora.get_text(path)
    page = nora.press("experts", 422, name="Nora Lind", email="nora@desk.example")
    assert (
        "They were removed from the directory of experts, and work at a desk here. They can’t be added again." in page
    )


def test_an_address_changes_hands_only_by_a_number(nora: Desk, newsroom: Newsroom) -> None:
    """A row that names one expert by number and another by address is about neither."""
    number = next(one.public_id for _email, one in people(nora.database).values())
    said = nora.get_text(look(nora, f"number,name,e-mail\n{number},Leyla Aydın,marek@water.example\n"))
    assert "This address is Marek Dvořák’s, and the number is somebody else’s." in said


def test_the_command_imports_and_exports_with_the_same_rules(app: Flask, nora: Desk, tmp_path: Path) -> None:
    runner = app.test_cli_runner()
    (tmp_path / "in.csv").write_text(ROWS)
    (tmp_path / "wrong.csv").write_text(WRONG)
    before = dump_tables(nora.database)
    wrong = runner.invoke(args=["experts", "import", str(tmp_path / "wrong.csv")])
    assert (wrong.exit_code, "row 3, name: missing" in wrong.output) == (1, True)
    assert wrong.output.splitlines()[-1] == (
        f"Error: 6 rows have errors and were left out: {tmp_path}/wrong-wrong.csv has them, with a column that says why"
    )
    back = (tmp_path / "wrong-wrong.csv").read_text("utf-8-sig").splitlines()
    assert (len(back), back[0]) == (7, "what is wrong,name,e-mail,languages,at once,away until,number")
    assert back[2] == "Name: Nobody is named here.,,who@where.example,,,,"
    assert (tmp_path / "wrong-wrong.csv").stat().st_mode & 0o777 == 0o600
    assert "Saule" in people(nora.database)
    before = dump_tables(nora.database)
    again = runner.invoke(args=["experts", "import", str(tmp_path / "wrong.csv")])
    assert (again.exit_code, "exists already: move it away" in again.output) == (1, True)
    tried = runner.invoke(args=["experts", "import", "--dry-run", str(tmp_path / "in.csv")])
    assert (tried.exit_code, tried.output.splitlines()[-1]) == (0, "0 new, 3 changed, 1 unchanged")
    assert dump_tables(nora.database) == before
    done = runner.invoke(args=["experts", "import", str(tmp_path / "in.csv")])
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "0 new, 3 changed, 1 unchanged")
    out = runner.invoke(args=["experts", "export", str(tmp_path / "out.csv")])
    assert (out.exit_code, "saule@survey.example" in (tmp_path / "out.csv").read_text()) == (0, True)


def test_the_command_imports_nothing_if_the_wrong_rows_would_be_lost(
    app: Flask, nora: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in.csv").write_text(WRONG)
    before = dump_tables(nora.database)
    command = ["experts", "import", str(tmp_path / "in.csv")]
    tried = app.test_cli_runner().invoke(args=[*command, "--wrong-rows", f"{tmp_path}/nowhere/wrong.csv"])
    assert (tried.exit_code, tried.output.splitlines()[-1]) == (
        1,
        f"Error: nothing was imported, because {tmp_path}/nowhere/wrong.csv can't be created (No such file or "
        "directory): name another file for the wrong rows with --wrong-rows",
    )
    monkeypatch.setattr(directory_import, "run_import", lambda *_args: 1 / 0)
    assert isinstance(app.test_cli_runner().invoke(args=command).exception, ZeroDivisionError)
    assert (dump_tables(nora.database), [file.name for file in tmp_path.iterdir()]) == (before, ["in.csv"])


def test_of_a_directory_of_thousands_nothing_is_lost_and_nothing_doubled(
    database: Database, newsroom: Newsroom
) -> None:
    """More rows than are looked up or written at once, with people who share a name."""

    def lines(mark: str) -> Iterator[str]:
        yield "name,e-mail,topics,organisation"
        for number in range(2_300):
            yield f"Expert {number % 900},e{number}@x.example,soil,{mark} {number}"

    def bring(mark: str) -> dict[str, int]:
        read_ = spreadsheet.read(
            "\n".join(lines(mark)).encode(), expert_file.columns_by_header(), expert_file.REQUIRED_COLUMNS
        )

        def fn(session: Any) -> dict[str, int]:
            plan = directory_import.plan_import(session, read_)
            directory_import.run_import(session, newsroom.nora, plan, "en")
            return dict(plan.counts)

        return database.write(fn)

    assert [bring("one"), bring("one"), bring("two")] == [{"new": 2_300}, {"same": 2_300}, {"changed": 2_300}]
    with database.read() as session:
        organisations = session.scalars(select(Expert.organisation).where(Expert.organisation != "")).all()
        assert sorted(organisations) == sorted(f"two {number}" for number in range(2_300))
        assert session.scalar(select(func.count()).select_from(Person)) == 2_300 + 5
