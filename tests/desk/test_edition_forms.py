"""Nora takes an edition along in its forms: what each file is called and says of itself, and when there is none."""

from email import message_from_bytes
from email.policy import default
from io import BytesIO

import jsonschema
import pytest
from docx import Document
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers.models import Answer, AnswerText
from app.questions import wording
from app.questions.models import Question
from app.typesetting.exports import BY_SUFFIX
from tests.support.desk import FIRST_QUESTION, FIRST_QUESTION_IN_PRINT, SECOND_QUESTION, ComingEdition, Desk
from tests.support.sample_newsroom import Newsroom


@pytest.mark.parametrize("loss", ["words", "approval"])
def test_a_pick_that_may_not_run_any_more_is_in_no_file_until_it_is_settled(
    nora: Desk, coming_edition: ComingEdition, newsroom: Newsroom, loss: str
) -> None:
    first, second = coming_edition.create_questions(FIRST_QUESTION, SECOND_QUESTION)
    coming_edition.press("arrange", order=[first, second], version=coming_edition.version())

    def lose(session: Session) -> None:
        question = session.scalars(select(Question).filter_by(public_id=second)).one()
        if loss == "words":
            wording.reword(
                session, newsroom.nora, question, headline=SECOND_QUESTION, body="Who measures it now?", language="en"
            )
        else:
            # No press takes the approval from what is picked; a file that was restored or mended by hand may.
            answer = session.scalars(select(Answer).filter_by(question_id=question.id)).one()
            answer.state, answer.approved_text_id, answer.approved_by_id = "edited", None, None

    nora.database.write(lose)
    for ending in BY_SUFFIX:
        said = nora.get_text(f"{coming_edition.page}/export.{ending}", 409)
        assert "Nothing was exported: first settle what keeps it from being locked." in said
    page = nora.get(coming_edition.page)
    assert [href for _words, href in page.links if "/export." in href] == []
    assert ["Copy it" in page.buttons, "It can be copied and saved once the points at the top" in page.main_text] == [
        False,
        True,
    ]
    with nora.database.read() as session:
        day = coming_edition.edition(session).local_at[:10]
    ran = nora.client.application.test_cli_runner().invoke(args=["editions", "render", "steppe", day])
    said = {"words": "its newest wording is not cleared", "approval": "it has no approved answer"}[loss]
    assert (ran.exit_code, ran.stdout, ran.stderr) == (1, "", f"Error: question '{SECOND_QUESTION}': {said}\n")
    coming_edition.press("drop", question=second)
    assert nora.open(f"{coming_edition.page}/export.txt").text == FIRST_QUESTION_IN_PRINT


def test_the_json_says_where_its_schema_is(nora: Desk, coming_edition: ComingEdition) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    coming_edition.press("pick", question=first)
    file = nora.open(f"{coming_edition.page}/export.json")
    assert file.headers["Link"] == '</static/edition.schema.json>; rel="describedby"'
    described = nora.client.get("/static/edition.schema.json", base_url="https://localhost")
    jsonschema.Draft202012Validator(described.get_json()).validate(file.get_json())


def test_the_draft_and_the_word_file_are_called_as_the_mail_will_be_and_named_by_newsletter_and_day(
    nora: Desk, coming_edition: ComingEdition
) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    coming_edition.press("pick", question=first)
    with nora.database.read() as session:
        day = coming_edition.edition(session).local_at[:10]
    draft, word = nora.open(f"{coming_edition.page}/export.eml"), nora.open(f"{coming_edition.page}/export.docx")
    assert message_from_bytes(draft.data, policy=default)["Subject"] == f"The Steppe Letter: {FIRST_QUESTION}"
    assert Document(BytesIO(word.data)).core_properties.title == f"The Steppe Letter: {FIRST_QUESTION}"
    assert [file.headers["Content-Disposition"] for file in (draft, word)] == [
        f'attachment; filename="steppe-{day}.{ending}"' for ending in ("eml", "docx")
    ]


def test_a_mail_that_gmail_would_cut_off_is_told_of(
    nora: Desk, coming_edition: ComingEdition, newsroom: Newsroom
) -> None:
    [first] = coming_edition.create_questions(FIRST_QUESTION)
    coming_edition.press("pick", question=first)
    assert "Gmail cuts a mail off there" not in nora.get_text(coming_edition.page)

    def lengthen(session: Session) -> None:
        text = session.scalars(select(AnswerText)).all()[-1]
        text.body = "Nobody has measured it since 2009. " * 6_700

    nora.database.write(lengthen)
    assert "Gmail cuts a mail off there" in nora.get_text(coming_edition.page)
    assert len(nora.open(f"{coming_edition.page}/export.docx").data) > 0
