"""Nora has the edition mailed to herself, before her readers get it."""

from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from flask import Flask

from app.editions import locking
from app.mail import outbox
from app.mail.delivery import deliver_one, expire
from app.mail.models import OutboxMail
from app.mail.sending import transport
from app.typesetting import whole_mail
from tests.support.database_checks import get_one
from tests.support.desk import FIRST_QUESTION, FIRST_QUESTION_IN_PRINT, SECOND_QUESTION, ComingEdition, Desk


def bodies(mail: EmailMessage) -> list[str]:
    parts = [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
    return [str(part).replace("\r\n", "\n") for part in parts]


def test_the_edition_is_mailed_to_whoever_presses_as_readers_will_get_it(
    nora: Desk, coming_edition: ComingEdition, app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = coming_edition.create_questions(FIRST_QUESTION, SECOND_QUESTION)
    for question in (first, second):
        coming_edition.press("pick", question=question)
    assert "Mail it to me" in nora.get(coming_edition.page).buttons
    assert nora.press(f"{coming_edition.page}/mail-to-me") == f"/desk/steppe/{coming_edition.page}#preview"
    assert nora.get(coming_edition.page).notice == "It is on its way to your own address, and to nobody else."

    row = get_one(nora.database, OutboxMail, kind="desk.edition_copy")
    monkeypatch.setitem(app.config, "MAIL_FOLDER", str(tmp_path / "mail"))
    deliver_one(nora.database, transport(app), row.id)
    [file] = (tmp_path / "mail").glob("*.eml")
    mail = message_from_bytes(file.read_bytes(), _class=EmailMessage, policy=policy.default)
    assert mail["Subject"] == f"Test: The Steppe Letter: {FIRST_QUESTION} · {SECOND_QUESTION}"
    assert (mail["To"].addresses[0].addr_spec, mail["Content-Language"]) == ("nora@desk.example", "en")
    with nora.database.read() as session:
        blocks = locking.blocks(session, coming_edition.edition(session))
        assert not outbox.has_contents(session, row), "what was sent is not kept"
    text, html = bodies(mail)
    assert text.strip() == nora.open(f"{coming_edition.page}/export.txt").text.strip()
    assert html.strip() == whole_mail.mail(blocks, mail["Subject"].removeprefix("Test: ")).strip()


def test_a_mail_that_can_not_be_delivered_soon_is_gone_with_its_words(
    nora: Desk, coming_edition: ComingEdition
) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    coming_edition.press("pick", question=first)
    nora.press(f"{coming_edition.page}/mail-to-me")
    row = get_one(nora.database, OutboxMail, kind="desk.edition_copy")
    nora.database.write(expire, at=row.expires_at + timedelta(minutes=1))
    with nora.database.read() as session:
        assert (get_one(nora.database, OutboxMail, id=row.id).state, outbox.has_contents(session, row)) == (
            "expired",
            False,
        )


def test_an_edition_without_anything_is_not_mailed(nora: Desk, coming_edition: ComingEdition) -> None:
    nora.press(f"{coming_edition.page}/mail-to-me", 409)
    assert "Mail it to me" not in nora.get(coming_edition.page).buttons
    with nora.database.read() as session:
        assert session.query(OutboxMail).count() == 0


def test_the_page_and_the_draft_show_the_subject(nora: Desk, coming_edition: ComingEdition) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    coming_edition.press("pick", question=first)
    assert f"Subject: The Steppe Letter: {FIRST_QUESTION}" in nora.get(coming_edition.page).main_text
    draft = message_from_bytes(nora.open(f"{coming_edition.page}/export.eml").data, policy=policy.default)
    assert draft["Subject"] == f"The Steppe Letter: {FIRST_QUESTION}"
    assert nora.open(f"{coming_edition.page}/export.txt").text == FIRST_QUESTION_IN_PRINT
