"""What was carried over or taken out by mistake comes back to its slot for a minute, and the experts hear of nothing."""

import pytest
from sqlalchemy import select

from app.core.actors import Clock
from app.db.engine import Database
from app.db.session import now
from app.mail import outbox
from app.mail.kinds import list_kinds_with_purpose
from app.mail.models import OutboxMail
from app.questions.models import Question
from tests.support.desk import (
    FIRST_QUESTION,
    SECOND_QUESTION,
    THIRD_QUESTION,
    ComingEdition,
    Desk,
    get_version_token,
    press_undo,
)

pytestmark = pytest.mark.usefixtures("one_minute_undo")


@pytest.fixture
def coming_edition(nora: Desk, newsroom) -> ComingEdition:
    """Two questions stand in the coming edition, in two slots of it."""
    found = ComingEdition(nora, newsroom)
    found.press("slots", slots=2, section=0)
    for question in found.create_questions(FIRST_QUESTION, SECOND_QUESTION):
        found.press("pick", question=question)
    return found


def key_of(coming_edition: ComingEdition, headline: str) -> str:
    with coming_edition.database.read() as session:
        rows = session.scalars(select(Question))
        return next(row.public_id for row in rows if row.headline == headline)


def mails(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        kinds = (
            select(OutboxMail).where(OutboxMail.kind.in_(list_kinds_with_purpose("reschedule"))).order_by(OutboxMail.id)
        )
        return [(mail.kind, str(mail.state)) for mail in session.scalars(kinds)]


@pytest.mark.parametrize(
    ("press", "fields", "kinds"),
    [
        ("drop", {}, []),
        ("drop", {"why": "The edition is full."}, ["expert.dropped"]),
        ("carry", {}, ["expert.carried_over"]),
    ],
    ids=["out", "out with a reason", "carried over"],
)
def test_it_stands_in_its_slot_again_and_no_mail_leaves(
    coming_edition: ComingEdition, press: str, fields: dict, kinds: list
) -> None:
    led = coming_edition.press(press, question=key_of(coming_edition, FIRST_QUESTION), **fields).partition("#")[0]
    assert coming_edition.get_contents() == ("planned", [SECOND_QUESTION])
    assert mails(coming_edition.database) == [(kind, "queued") for kind in kinds]
    assert press_undo(coming_edition.nora, led) == "Undone."
    assert coming_edition.get_contents() == ("planned", [FIRST_QUESTION, SECOND_QUESTION])
    assert mails(coming_edition.database) == [(kind, "discarded") for kind in kinds]


def test_where_another_stands_in_its_slot_meanwhile_it_stays_out(coming_edition: ComingEdition) -> None:
    led = coming_edition.press("drop", question=key_of(coming_edition, FIRST_QUESTION)).partition("#")[0]
    page = coming_edition.nora.get(led)
    [third] = coming_edition.create_questions(THIRD_QUESTION)
    coming_edition.press("pick", question=third)
    said = coming_edition.nora.get(
        coming_edition.nora.post("/undo", press=page.value("press"), back=page.value("back"))
    ).notice
    assert said.startswith("One stays as it is: ")
    assert coming_edition.get_contents() == ("planned", [SECOND_QUESTION, THIRD_QUESTION])


def test_once_its_expert_has_been_told_it_stays_there(coming_edition: ComingEdition) -> None:
    led = coming_edition.press("carry", question=key_of(coming_edition, FIRST_QUESTION)).partition("#")[0]

    def leave(session) -> None:
        mail = session.scalars(select(OutboxMail).filter_by(kind="expert.carried_over")).one()
        outbox.move(session, Clock(), mail, "send", sent_at=now(session))

    coming_edition.database.write(leave)
    assert press_undo(coming_edition.nora, led) == "One stays as it is: its expert has been told by mail."
    assert coming_edition.get_contents() == ("planned", [SECOND_QUESTION])


def test_a_slot_that_was_removed_comes_back_with_what_stood_in_it(coming_edition: ComingEdition) -> None:
    led = coming_edition.press("slots", slots=1, section=0).partition("#")[0]
    assert coming_edition.get_contents() == ("planned", [FIRST_QUESTION])
    assert press_undo(coming_edition.nora, led) == "Undone."
    assert coming_edition.get_contents() == ("planned", [FIRST_QUESTION, SECOND_QUESTION])
    assert mails(coming_edition.database) == [("expert.carried_over", "discarded")]


def test_what_was_pulled_on_its_own_page_can_be_put_back_there(coming_edition: ComingEdition) -> None:
    question = f"questions/{key_of(coming_edition, FIRST_QUESTION)}"
    led = coming_edition.nora.post(
        f"{question}/pull", why="Too long.", seen=get_version_token(coming_edition.nora.get(question))
    )
    page = coming_edition.nora.get(led)
    assert page.notice == "It is out of its edition, and its expert is told why."
    assert press_undo(coming_edition.nora, page) == "Undone."
    assert coming_edition.get_contents() == ("planned", [FIRST_QUESTION, SECOND_QUESTION])


def test_two_by_one_expert_are_told_of_before_the_lock(coming_edition: ComingEdition) -> None:
    assert "Leyla Aydın answers 2 questions in it." in coming_edition.nora.get_text(coming_edition.page)
