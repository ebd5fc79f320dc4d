"""Back issues become archive entries, on the day of their edition: from the command line, twice, and from files that are none."""

import json
import sys
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.audit import Event
from app.back_issues.reading_issues import read_issues
from app.core.actors import Clock
from app.db.engine import Database
from app.editions import archive
from app.editions.items import block_from, headline, opening
from app.editions.models import Edition, EditionItem
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.people.models import Expert, Person
from app.questions.models import Question
from app.typesetting.renderers import to_text
from app.workflows.back_issues import import_issues
from tests.support import clock
from tests.support.sample_newsroom import Newsroom
from tests.support.source import ROOT

EDITIONS = ROOT / "tests" / "support" / "back_issues"
GHOST, LABELS = EDITIONS / "ghost-de.html", EDITIONS / "labels.md"


def run_import(app: Flask, *arguments: object) -> Any:
    return app.test_cli_runner().invoke(args=["editions", "import", *map(str, arguments)])


def count_rows(database: Database) -> dict[str, int]:
    with database.read() as session:
        counted = (Edition, EditionItem, Question, Person, Expert, OutboxMail)
        return {one.__tablename__: session.scalar(select(func.count()).select_from(one)) or 0 for one in counted}


def test_a_back_issue_stands_in_the_archive_on_the_day_of_its_edition(
    app: Flask, database: Database, newsroom: Newsroom
) -> None:
    before = count_rows(database)
    result = run_import(app, GHOST, LABELS, "--newsletter", "steppe")
    assert result.exit_code == 0, result.output
    after = count_rows(database)
    assert {name: after[name] - before[name] for name in before} == {
        "editions": 2, "edition_items": 3, "questions": 3, "people": 0, "experts": 0, "outbox": 0,
    }  # fmt: skip
    with database.read() as session:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        items = archive.listing(newsletter).page(session, None, 9)
        assert [headline(item) for item in items] == ["soil", "soil", "Schimmel hinter dem Schrank"]
        mould = items[2]
        assert mould.question.published_at is not None
        assert mould.question.published_at.date().isoformat() == "2023-01-18"
        assert opening(mould).startswith("„Meistens stimmt es nur halb.")
        text = to_text(block_from(mould))
        assert "Leserinnen und Leser fragten: „Hinter unserem Kleiderschrank" in text
        assert "Darauf antwortet auch Cem Aydın, Jurist beim Mieterverein Ulm:" in text
        (story,) = [found for found in [archive.story(session, newsletter, mould.question.public_id)] if found]
        assert (story[1].is_sent, story[1].local_at) == (True, "2023-01-18T09:00")
        trail = session.scalars(select(Event.action).where(Event.action.like("%.import")).order_by(Event.id)).all()
        assert sorted(trail) == [
            "edition.import",
            "edition.import",
            "newsletter.import",
            "newsletter.import",
            "question.import",
            "question.import",
            "question.import",
        ]


def test_readers_names_stand_apart_and_can_be_erased(app: Flask, database: Database, newsroom: Newsroom) -> None:
    run_import(app, LABELS, "--newsletter", "steppe")
    with database.read() as session:
        items = session.scalars(select(EditionItem).order_by(EditionItem.id)).all()
    assert [item.credits for item in items] == [["Peter, Ely"], ["Ruth H., Norwich"]]
    assert "Ely" not in json.dumps([[item.input, item.output] for item in items])


def test_what_was_imported_adds_nothing_again(app: Flask, database: Database, newsroom: Newsroom) -> None:
    run_import(app, GHOST, LABELS, "--newsletter", "steppe")
    once = count_rows(database)
    result = run_import(app, LABELS, GHOST, "--newsletter", "steppe")
    assert result.exit_code == 0
    assert result.output.count("already in the archive") == 3
    assert count_rows(database) == once


def test_an_answer_that_nobody_leads_in_is_set_without_a_lead_in(
    app: Flask, database: Database, newsroom: Newsroom
) -> None:
    run_import(app, EDITIONS / "numbered.html", "--newsletter", "steppe")
    with database.read() as session:
        item = session.scalars(select(EditionItem).order_by(EditionItem.position)).all()[1]
    assert to_text(block_from(item)) == (
        "Your questions, answered: Can I eat the flowers of my courgettes?\n\n"
        "A reader asked: “Can I eat the flowers of my courgettes?”\n\n"
        "“Yes: stuff them, fry them.\n\n“Take the male ones, which have a thin stem.”\n"
    )
    assert opening(item) == "“Yes: stuff them, fry them."


def test_what_has_no_day_or_one_of_our_own_or_one_to_come_is_told_and_left(
    app: Flask, database: Database, newsroom: Newsroom, tmp_path: Path
) -> None:
    text = "Readers asked: “Why is the well dry?”\n\nWe asked Ada Berg, hydrologist:\n\n“It was never deep.”\n"
    undated = tmp_path / "letter.txt"
    undated.write_text(text)
    result = run_import(app, undated, "--newsletter", "steppe")
    assert "not imported, since nothing says the day of its edition: give it with --date" in result.output
    with database.read() as session:
        coming = session.scalars(select(Edition).order_by(Edition.runs_at)).first()
    assert coming is not None
    for day, why in (
        (coming.rule_date.isoformat(), "an edition of this desk has that day"),
        ("2090-01-02", "its edition is still to come"),
    ):
        assert why in run_import(app, undated, "--newsletter", "steppe", "--date", day).output
    assert count_rows(database)["edition_items"] == 0
    assert "imported" in run_import(app, undated, "--newsletter", "steppe", "--date", "2020-05-06").output
    assert count_rows(database)["edition_items"] == 1


BAD = {
    "letter.pdf": (b"%PDF-1.7 \x00", "This is a PDF"),
    "empty.txt": (b"", "There is nothing in this file."),
    "blank.html": (b" \n\n", "There is nothing in this file."),
    "program.exe": (b"MZ\x90\x00\x03", "This is a program, a picture or the like"),
    "letter.docx": (b"PK\x03\x04....", "This is a packed file."),
    "noise.txt": (bytes(range(256)) * 20, "This is a program, a picture or the like"),
    "large.mbox": (b"From x\n" + b"a" * (41 << 20), "This file is larger than 40 MB."),
}


def test_a_file_that_is_none_is_named_and_the_others_go_on(
    app: Flask, database: Database, newsroom: Newsroom, tmp_path: Path
) -> None:
    for name, (data, _why) in BAD.items():
        (tmp_path / name).write_bytes(data)
    result = run_import(
        app, *(tmp_path / name for name in BAD), tmp_path / "not there.txt", GHOST, "--newsletter", "steppe"
    )
    assert result.exit_code == 1
    for name, (_data, why) in BAD.items():
        assert f"{name}: {why}" in result.output
    assert "not there.txt: No such file or directory" in result.output
    assert count_rows(database)["edition_items"] == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1251", "utf-16", "utf-16-le", "koi8-r"])
def test_a_text_is_read_in_whatever_letters_it_is_written(encoding: str) -> None:
    text = (EDITIONS / "ru-vopros-otvet.txt").read_text().replace("—", "-")
    found = [qa for issue in read_issues("2022-02-03.txt", text.encode(encoding, "replace")) for qa in issue.found_qas]
    assert [qa.expert.name for qa in found] == ["Ольга Синицына", "Ольга Синицына"]


@pytest.mark.threat("hostile mail")
def test_what_hangs_on_a_mail_is_never_read() -> None:
    raw = (EDITIONS / "uk-lyst.eml").read_bytes()
    assert b"invoice.exe" in raw
    (issue,) = read_issues("uk-lyst.eml", raw)
    assert len(issue.found_qas) == 1


def test_a_newsletter_that_is_not_there_is_told_at_once(app: Flask, newsroom: Newsroom) -> None:
    assert "No newsletter is called nowhere." in run_import(app, GHOST, "--newsletter", "nowhere").output
    assert run_import(app, GHOST).exit_code == 2
    assert run_import(app, GHOST, "--newsletter", "steppe", "--json").exit_code == 2


def test_to_look_needs_no_database(tmp_path: Path) -> None:
    """Only JSON comes to standard output; what can't be read is told beside it."""
    (tmp_path / "letter.pdf").write_bytes(b"%PDF-1.7")
    command = [
        sys.executable,
        str(ROOT),
        "editions",
        "import",
        str(LABELS),
        "letter.pdf",
        "--newsletter",
        "none",
        "--dry-run",
        "--json",
    ]
    done = run(
        command,
        cwd=tmp_path,
        env={**clock.clock_environment(), "HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        check=False,
        timeout=120,
    )
    found = json.loads(done.stdout)
    assert [block.pop("unsure") for block in found] == [[], []]
    assert found == [{**block, "file": str(LABELS)} for block in json.loads((EDITIONS / "labels.md.json").read_text())]
    assert b"letter.pdf: This is a PDF" in done.stderr
    assert done.returncode == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letter.pdf"]


def test_nothing_of_a_mended_q_and_a_comes_again(database: Database, newsroom: Newsroom) -> None:
    """It is known by what stood in the file, not by what somebody of the desk made of it."""
    (issue,) = read_issues("ghost-de.html", GHOST.read_bytes())
    (found,) = issue.qas()
    mended = type(found)(**{**found.__dict__, "headline": "Mould"})
    take = import_issues.import_qa
    first = database.write(
        lambda s: take(s, newsroom.nora, newsroom.newsletter_id, mended, original_fingerprint=found.fingerprint)
    )
    assert first is not None
    assert database.write(lambda s: take(s, Clock(), newsroom.newsletter_id, found)) is None
