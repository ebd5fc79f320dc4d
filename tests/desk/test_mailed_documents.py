"""What an expert mails as the answer: the text of a document in place of the mail's own, without greeting and closing."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import editing
from app.answers.models import Answer, AnswerText
from app.core.permissions import ROLES, Role
from app.editions import slots
from app.editions.queries import list_editions_to_run
from app.letters.models import Letter
from app.mail.models import Inbound
from app.questions.models import Question
from tests.support.desk import ComingEdition, Desk, get_version_token
from tests.support.documents import write_docx, write_pdf
from tests.support.incoming_mails import dmarc_pass, mail
from tests.support.mailroom import LEYLAS_ADDRESS, NewsletterMailroom

SALT = "We put up salt plates in 2009 and count what falls on them."
DOCUMENT = ["Dear Nora,", SALT, "The figures are public.", "Best,", "Leyla"]
MAIL = "Dear Nora,\n\nMy answer hangs on this mail.\n\nBest\nLeyla"
HUNG = [
    ("answer.docx", write_docx(DOCUMENT)),
    ("secret.pdf", write_pdf(password="secret")),
    ("long.pdf", write_pdf(100)),
    ("scan.pdf", write_pdf()),
]


@pytest.fixture
def room(database, newsroom):
    return NewsletterMailroom(database, newsroom)


def receive(room: NewsletterMailroom, body: str = MAIL) -> tuple[Inbound, Letter]:
    """Leyla was asked, and mails this with the documents."""
    _asked, address = room.invite_expert()
    row = room.receive(
        mail(LEYLAS_ADDRESS, address, body=body, attachments=HUNG, Authentication_Results=dmarc_pass(LEYLAS_ADDRESS))
    )
    with room.database.read() as session:
        return row, session.get_one(Letter, row.letter_id)


def texts(room: NewsletterMailroom) -> list[tuple[str, str, str]]:
    with room.database.read() as session:
        return [
            (text.body, text.kind, text.channel) for text in session.scalars(select(AnswerText).order_by(AnswerText.id))
        ]


def test_the_question_lists_the_documents_of_a_mail_before_it_is_filed(nora: Desk, room: NewsletterMailroom) -> None:
    row, _letter = receive(room)
    with room.database.read() as session:
        question = session.scalars(select(Question)).one()
    page = nora.get(f"/questions/{question.public_id}")
    assert ("answer.docx", f"{nora.base_path}/pen/{row.public_id}/files/1") in page.links
    text = page.main_text
    assert text.index("Is the answer in the attachment?") < text.index("answer.docx") < text.index("It is the answer")


def test_the_page_of_a_file_shows_the_notices_of_the_desk(nora: Desk, room: NewsletterMailroom) -> None:
    row, _letter = receive(room)
    here = f"/pen/{row.public_id}/files/1"
    nora.post(f"{here}/answer", seen=get_version_token(nora.get(f"{here}/text"), "answer"))
    assert "The text of the file is the answer now." in nora.get(here).main_text


def test_the_text_of_a_document_becomes_the_answer_beside_the_file(nora: Desk, room: NewsletterMailroom) -> None:
    row, letter = receive(room)
    here = f"/pen/{row.public_id}/files/1"
    assert [href for words, href in nora.get(here).links if words == "Read its text here"] == [
        f"{nora.base_path}{here}/text"
    ]
    page = nora.get(f"{here}/text")
    assert page.texts("blockquote.asked") == ["Dear Nora, " + SALT + " The figures are public. Best, Leyla"]
    assert "Download" in page.buttons
    token = get_version_token(page, "answer")
    led = nora.post(f"{here}/answer", seen=token)
    assert texts(room) == [(f"{SALT}\n\nThe figures are public.", "submitted", "mail")]
    edit = nora.get(led)
    assert "Left out: “Dear Nora,”, “Best, / Leyla”." in edit.main_text
    assert "Version 1, Leyla Aydın, by mail," in edit.main_text
    assert edit.value("answer") == f"{SALT}\n\nThe figures are public."
    assert edit.texts(".files li")[0].startswith("answer.docx")
    with room.database.read() as session:
        assert session.get_one(Letter, letter.id).body == MAIL
    # It is filed now: the page offers it no more, and a press from another window is too late.
    assert "It is the answer" not in nora.get(f"{here}/text").buttons
    nora.post(f"{here}/answer", 409, seen=token)
    assert len(texts(room)) == 1


REASONS = {
    2: "It is encrypted. Ask for it without a password.",
    3: "It is longer than what is read here: 60 pages, or 20,000 characters.",
    4: "It has no words, perhaps only pictures of them.",
}


@pytest.mark.threat("hostile mail")
def test_what_cannot_be_read_is_said_and_nothing_is_filed(nora: Desk, room: NewsletterMailroom) -> None:
    row, _letter = receive(room)
    for number, reason in REASONS.items():
        for page in (
            nora.get(f"/pen/{row.public_id}/files/{number}/text", 422).part("[role=alert]").main_text,
            nora.press(f"/pen/{row.public_id}/files/{number}/answer", 422),
        ):
            assert f"Its text can’t be read here. {reason}" in page
    assert texts(room) == []
    assert nora.open(f"/pen/{row.public_id}/files/9/text").status_code == 404


@pytest.mark.threat("stranger at the door")
def test_whoever_may_not_file_or_read_gets_no_text(nora: Desk, room: NewsletterMailroom, monkeypatch) -> None:
    row, _letter = receive(room)
    here = f"/pen/{row.public_id}/files/1"
    monkeypatch.setitem(ROLES, "editor", Role("few", frozenset({"read"})))
    assert "It is the answer" not in nora.get(f"{here}/text").buttons
    assert nora.send(f"{here}/answer", {}).status_code == 404
    monkeypatch.setitem(ROLES, "editor", Role("fewer", frozenset({"word"})))
    assert nora.open(f"{here}/text").status_code == 404
    assert texts(room) == []


def test_a_reader_s_document_is_read_and_is_nobody_s_answer(nora: Desk, room: NewsletterMailroom) -> None:
    row = room.receive(mail(attachments=HUNG))
    page = nora.get(f"/pen/{row.public_id}/files/1/text")
    assert (SALT in page.main_text, "It is the answer" in page.buttons) == (True, False)
    nora.post(f"/pen/{row.public_id}/files/1/answer", 404)


def test_greeting_and_closing_of_a_mail_are_left_out_of_the_answer(nora: Desk, room: NewsletterMailroom) -> None:
    _row, letter = receive(room, f"Dear Nora,\n\n{SALT}\n\nKind regards\nLeyla Aydın\nsoil scientist")
    page = nora.get(f"/letters/{letter.public_id}")
    led = nora.post(f"/letters/{letter.public_id}/reply", kind="answer", seen=get_version_token(page, "reply"))
    assert texts(room) == [(SALT, "submitted", "mail")]
    assert "Filed as: Answer. Left out: “Dear Nora,”, “Kind regards / Leyla Aydın" in nora.get(led).main_text


def test_what_still_greets_or_signs_like_a_mail_is_listed_before_the_lock(
    nora: Desk, coming_edition: ComingEdition, room: NewsletterMailroom
) -> None:
    _row, letter = receive(room, SALT)
    nora.post(
        f"/letters/{letter.public_id}/reply",
        kind="answer",
        seen=get_version_token(nora.get(f"/letters/{letter.public_id}"), "reply"),
    )

    def approve(text: str) -> None:
        def fn(session: Session) -> None:
            answer = session.scalars(select(Answer)).one()
            question = session.get_one(Question, answer.question_id)
            if question.edition_id is not None:
                slots.drop(session, room.newsroom.nora, question)
                editing.reopen(session, room.newsroom.nora, answer)
            editing.edit(session, room.newsroom.nora, answer, text)
            editing.approve(session, room.newsroom.nora, answer, checklist=editing.CHECKLIST, reason="read to her")
            slots.pick(
                session, room.newsroom.nora, question, list_editions_to_run(session, room.newsroom.newsletter_id, 1)[0]
            )

        room.database.write(fn)

    def list_warnings() -> list[str]:
        return [
            line.partition(": ")[2]
            for line in nora.get(coming_edition.page).texts("section.before li")
            if "like a mail" in line
        ]

    said = "the answer of Leyla Aydın greets or signs like a mail: “{}”. Take it out"
    approve(f"Dear Nora,\n{SALT}")
    assert list_warnings() == [said.format("Dear Nora,")]
    approve(f"{SALT}\n\nBest\n\nLeyla")
    assert list_warnings() == [said.format("Best / Leyla")]
    approve(SALT)
    assert list_warnings() == []
