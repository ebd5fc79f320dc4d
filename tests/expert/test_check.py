"""The quote check: Nora edited, Leyla looks; which buttons there are follows from the newsletter's policy."""

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import editing
from app.answers.models import Draft
from app.core.domain_errors import MissingPrecondition
from app.db.engine import Database
from app.editions import locking
from app.editions.queries import list_editions_to_run
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.workflows.publishing import publication
from tests.support.assignments import EDITED_ANSWER, ExpertAssignment, ask_expert
from tests.support.database_checks import count_rows
from tests.support.desk import Desk
from tests.support.pages import Browser
from tests.support.sample_newsroom import Newsroom

DUST = EDITED_ANSWER.replace("2009", "2010")


@pytest.fixture
def policy(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "facts")


@pytest.fixture
def salt(database: Database, newsroom: Newsroom, policy: str) -> ExpertAssignment:
    """Leyla's edited text is with her for the check."""

    def choose(session: Session) -> None:
        session.get_one(Newsletter, newsroom.newsletter_id).check_policy = policy

    database.write(choose)
    salt = ask_expert(database, newsroom)
    salt.send()
    salt.edit()
    salt.send_to_check()
    return salt


def answer_state(salt: ExpertAssignment) -> str:
    with salt.database.read() as session:
        return str(salt.answer(session).state)


def check(leyla: Browser, salt: ExpertAssignment, outcome: str, **fields: str) -> int:
    leyla.open(salt.link)
    return leyla.press(f"{salt.link}/check", outcome=outcome, number=leyla.value("number"), **fields).status_code


def test_leyla_sees_what_changed(salt: ExpertAssignment, leyla: Browser) -> None:
    leyla.open(salt.link)
    assert leyla.heading == "Is this still what you say?"
    assert leyla.text.count("<del>is told </del>") >= 1
    assert leyla.text.count("<ins>has </ins>") >= 1
    assert "If we hear nothing, it runs as edited." in leyla.text


@pytest.mark.parametrize(
    ("policy", "button", "outcome", "other"),
    [("facts", "Looks right", "fine", "approved"), ("approve", "Approve", "approved", "fine")],
    indirect=["policy"],
)
def test_the_button_follows_the_policy(
    salt: ExpertAssignment, leyla: Browser, button: str, outcome: str, other: str
) -> None:
    leyla.open(salt.link)
    assert f'name="outcome" value="{outcome}">{button}</button>' in leyla.text
    assert f'value="{other}"' not in leyla.text
    assert check(leyla, salt, other) == 409
    assert check(leyla, salt, "silent") == 409
    assert salt.checks() == [(None, None)]
    assert check(leyla, salt, outcome) == 303
    assert salt.checks() == [(outcome, None)]
    assert answer_state(salt) == "edited"


@pytest.mark.parametrize(("policy", "outcome"), [("facts", "fine"), ("approve", "approved")], indirect=["policy"])
def test_after_her_yes_leyla_sees_the_text_that_she_passed(
    salt: ExpertAssignment, leyla: Browser, outcome: str
) -> None:
    check(leyla, salt, outcome)
    leyla.open(salt.link)
    assert leyla.heading == "Thank you. It stays as you saw it"
    assert leyla.page.texts("h2#text") == ["As it will run"]
    assert ("Nobody has to. We put up" in leyla.text, "Nobody is told to. We put up" in leyla.text) == (True, False)
    salt.edit("Nobody has to. We put up plates in 2009.")
    leyla.open(salt.link)
    assert leyla.heading == "Your answer is being edited"


def test_something_wrong_needs_to_be_said(salt: ExpertAssignment, leyla: Browser) -> None:
    assert check(leyla, salt, "wrong", reply=" ") == 400
    assert salt.checks() == [(None, None)]
    assert check(leyla, salt, "wrong", reply="It was 2010.") == 303
    assert salt.checks() == [("wrong", "It was 2010.")]


def test_what_leyla_types_is_kept_and_settles_nothing(salt: ExpertAssignment, leyla: Browser) -> None:
    leyla.open(salt.link)
    leyla.press(f"{salt.link}/draft", {"Accept": "application/json"}, tab="phone", count=1, reply="It was 20")
    leyla.open(salt.link)
    assert leyla.value("reply") == "It was 20"
    assert (salt.checks(), answer_state(salt)) == ([(None, None)], "checking")
    with salt.database.read() as session:
        assert [draft.body for draft in session.scalars(select(Draft))] == ["It was 20"]


# What is said where both were: it is right, and what is wrong with it. The buttons are those of either policy.
RIGHT = {"facts": "fine", "approve": "approved"}


@pytest.mark.parametrize("policy", RIGHT, indirect=True)
@pytest.mark.parametrize(("sure", "settled"), [("wrong", "It was 2010."), ("right", None)])
def test_what_is_wrong_was_typed_and_looks_right_pressed_and_it_is_asked_which_is_meant(
    salt: ExpertAssignment, leyla: Browser, policy: str, sure: str, settled: str | None
) -> None:
    leyla.open(salt.link)
    assert leyla.submit(f"{salt.link}/check", outcome=RIGHT[policy], reply="It was 2010.").status_code == 409
    assert leyla.heading == "Which of the two do you mean?"
    assert (leyla.value("reply"), salt.checks()) == ("It was 2010.", [(None, None)])
    outcome = {"wrong": "wrong", "right": RIGHT[policy]}[sure]
    assert leyla.submit(f"{salt.link}/check", outcome=outcome).status_code == 303
    assert salt.checks() == [(outcome, settled)]


def test_what_is_asked_is_kept_if_she_goes_away(salt: ExpertAssignment, leyla: Browser) -> None:
    leyla.open(salt.link)
    leyla.submit(f"{salt.link}/check", outcome="fine", reply="It was 2010.")
    leyla.open(salt.link)
    assert leyla.value("reply") == "It was 2010."


@pytest.mark.parametrize(("outcome", "reply"), [("fine", ""), ("wrong", "And who reads them?")])
def test_what_is_wrong_was_typed_on_another_page_and_it_is_asked_too(
    salt: ExpertAssignment, leyla: Browser, app: Flask, outcome: str, reply: str
) -> None:
    phone = Browser(app)
    phone.open(salt.link)
    leyla.open(salt.link)
    phone.submit(f"{salt.link}/draft", form_action="/check", reply="It was 2010.")
    assert leyla.submit(f"{salt.link}/check", outcome=outcome, reply=reply).status_code == 409
    assert leyla.heading == {"fine": "Which of the two do you mean?", "wrong": "Is this all that is wrong?"}[outcome]
    both = "\n\n".join(filter(None, [reply, "It was 2010."]))
    assert (leyla.value("reply"), salt.checks()) == (both, [(None, None)])
    leyla.submit(f"{salt.link}/check", outcome="wrong")
    assert salt.checks() == [("wrong", both)]


def test_what_was_typed_before_the_text_was_taken_back_stands_there_when_it_comes_again(
    salt: ExpertAssignment, leyla: Browser
) -> None:
    leyla.open(salt.link)
    leyla.submit(f"{salt.link}/draft", form_action="/check", reply="It was 2010.")
    salt.database.write(lambda session: editing.recall_check(session, salt.newsroom.nora, salt.answer(session)))
    leyla.open(salt.link)
    assert "It was 2010." in leyla.page.part("details.small").main_text
    salt.send_to_check()
    leyla.open(salt.link)
    assert leyla.value("reply") == "It was 2010."


def test_an_answer_that_is_drafted_while_the_text_is_checked_is_kept_and_changes_nothing(
    salt: ExpertAssignment, leyla: Browser
) -> None:
    leyla.open(salt.link)
    response = leyla.press(
        f"{salt.link}/draft", {"Accept": "application/json"}, tab="phone", count=1, answer="A new text."
    )
    assert (response.get_json()["kept"], response.get_json()["open"]) == (True, False)
    assert (salt.checks(), answer_state(salt)) == ([(None, None)], "checking")


def test_a_page_with_an_older_text_settles_nothing(salt: ExpertAssignment, leyla: Browser) -> None:
    leyla.open(salt.link)
    seen = leyla.value("number")
    salt.database.write(lambda session: editing.recall_check(session, salt.newsroom.nora, salt.answer(session)))
    salt.edit(DUST)
    salt.send_to_check()
    assert leyla.press(f"{salt.link}/check", outcome="wrong", number=seen, reply="It was 2010.").status_code == 409
    assert leyla.heading == "Is this still what you say?"
    assert leyla.value("reply") == "It was 2010."
    assert salt.checks() == [("recalled", None), (None, None)]


def test_a_check_that_was_taken_back_gives_the_reply_back(salt: ExpertAssignment, leyla: Browser) -> None:
    leyla.open(salt.link)
    seen = leyla.value("number")
    salt.database.write(lambda session: editing.recall_check(session, salt.newsroom.nora, salt.answer(session)))
    assert leyla.press(f"{salt.link}/check", outcome="wrong", number=seen, reply="It was 2010.").status_code == 409
    assert ("It was 2010." in leyla.text, ("Back to the question", salt.link) in leyla.page.links) == (True, True)
    leyla.open(salt.link)
    assert "It was 2010." in leyla.page.part("details.small").main_text


def test_opening_the_check_approves_nothing(salt: ExpertAssignment, leyla: Browser) -> None:
    before = count_rows(salt.database)
    for method in ("GET", "HEAD", "GET"):
        assert leyla.open(salt.link, method).status_code == 200
    assert (count_rows(salt.database), salt.checks()) == (before, [(None, None)])


def test_thanks_and_what_ran_and_what_is_wrong_in_it(salt: ExpertAssignment, leyla: Browser) -> None:
    check(leyla, salt, "fine")
    salt.approve()
    leyla.open(salt.link)
    assert leyla.heading == "Thank you. It is ready to run"
    salt.publish()
    leyla.open(salt.link)
    assert leyla.heading == "Your answer has run"
    with salt.database.read() as session:
        question = salt.assignment(session).question
        assert f'href="/steppe/q/{question.public_id}/the-salt-wind"' in leyla.text
    assert leyla.press(f"{salt.link}/report", body="").status_code == 400
    leyla.press(f"{salt.link}/report", body="It was 2010.")
    leyla.follow()
    assert "The desk has it" in leyla.text
    assert leyla.page.texts("p.sheet") == ["It was 2010."]


def list_objections(salt: ExpertAssignment) -> list[str]:
    """The objections that the desk was mailed."""
    with salt.database.read() as session:
        mails = session.scalars(select(OutboxMail).filter_by(kind="desk.objection").order_by(OutboxMail.id)).all()
        texts = [outbox.read(session, mail).text for mail in mails]
    return [" ".join(line.lstrip("> ") for line in text.splitlines() if line.startswith(">")) for text in texts]


def test_the_confirmation_shows_what_leyla_objected_and_to_which_text(salt: ExpertAssignment, leyla: Browser) -> None:
    check(leyla, salt, "wrong", reply="It was 2010.")
    leyla.open(salt.link)
    assert leyla.heading == "Thank you. Nora Lind has your objection"
    assert leyla.page.texts("h2") == ["You wrote", "The text that you objected to"]
    assert leyla.page.texts("p.sheet") == ["It was 2010."]
    assert ("Nobody has to. We put up" in leyla.text, "Nobody is told to. We put up" in leyla.text) == (True, False)


@pytest.mark.parametrize(("policy", "outcome"), [("facts", "fine"), ("approve", "approved")], indirect=["policy"])
@pytest.mark.parametrize("approved", [False, True])
def test_after_her_yes_leyla_can_still_object_and_the_desk_hears_at_once(
    salt: ExpertAssignment, leyla: Browser, outcome: str, approved: bool, nora: Desk
) -> None:
    check(leyla, salt, outcome)
    if approved:
        salt.approve()
    leyla.open(salt.link)
    assert leyla.page.texts("summary") == ["Something is wrong"]
    assert leyla.submit(f"{salt.link}/report", body=" ").status_code == 400
    assert leyla.submit(f"{salt.link}/report", body="It was 2010.").status_code == 303
    leyla.follow()
    assert leyla.heading == "Thank you. Nora Lind has your objection"
    assert leyla.page.texts("p.sheet") == ["It was 2010."]
    assert (salt.checks(), list_objections(salt)) == ([(outcome, None), ("wrong", "It was 2010.")], ["It was 2010."])
    assert answer_state(salt) == ("approved" if approved else "edited")
    alarms = nora.get("").texts(".alarm b")
    assert alarms == ["Leyla Aydın says that something in the text is wrong."]


def test_the_same_objection_twice_is_one(salt: ExpertAssignment, leyla: Browser) -> None:
    check(leyla, salt, "fine")
    leyla.open(salt.link)
    form = leyla.page.form("/report").fields
    for _press in range(2):
        assert leyla.press(f"{salt.link}/report", **form | {"body": "It was 2010."}).status_code == 303
    assert list_objections(salt) == ["It was 2010."]


def test_a_text_that_leyla_objected_to_after_her_yes_needs_another_check(
    salt: ExpertAssignment, leyla: Browser
) -> None:
    check(leyla, salt, "fine")
    leyla.open(salt.link)
    leyla.press(f"{salt.link}/report", body="It was 2010.")
    with pytest.raises(MissingPrecondition, match="text_not_checked"):
        salt.database.write(
            lambda s: editing.approve(s, salt.newsroom.nora, salt.answer(s), checklist=editing.CHECKLIST)
        )


def test_an_objection_to_an_older_text_is_not_taken_for_one_to_the_newest(
    salt: ExpertAssignment, leyla: Browser
) -> None:
    check(leyla, salt, "fine")
    leyla.open(salt.link)
    salt.edit(DUST)
    assert leyla.submit(f"{salt.link}/report", body="It was 2010.").status_code == 409
    assert "It was 2010." in leyla.text
    assert salt.checks() == [("fine", None)]


def test_after_the_lock_and_after_the_run_leyla_reports_an_error_and_the_desk_hears_at_once(
    salt: ExpertAssignment, leyla: Browser, nora: Desk
) -> None:
    check(leyla, salt, "fine")
    salt.approve()

    def lock(session: Session) -> None:
        edition = list_editions_to_run(session, salt.newsroom.newsletter_id, 1)[0]
        locking.lock_edition(session, salt.newsroom.nora, edition, edition.version)

    salt.database.write(lock)
    leyla.open(salt.link)
    assert leyla.page.texts("summary") == ["Report an error"]
    assert "The edition is closed." in leyla.page.main_text
    leyla.submit(f"{salt.link}/report", body="It was 2010.")
    salt.database.write(
        lambda s: publication.send(s, salt.newsroom.nora, list_editions_to_run(s, salt.newsroom.newsletter_id, 1)[0])
    )
    leyla.open(salt.link)
    assert (leyla.heading, leyla.page.texts("p.sheet")) == ("Your answer has run", ["It was 2010."])
    leyla.submit(f"{salt.link}/report", body="And the list is long.")
    assert list_objections(salt) == ["It was 2010.", "And the list is long."]
    assert nora.get("").texts(".alarm b") == ["Leyla Aydın says that something in the text is wrong."]


def test_the_desk_answers_an_objection_and_leyla_hears_it(salt: ExpertAssignment, leyla: Browser, nora: Desk) -> None:
    check(leyla, salt, "fine")
    salt.approve()
    leyla.open(salt.link)
    leyla.submit(f"{salt.link}/report", body="It was 2010.")
    with salt.database.read() as session:
        path = f"questions/{salt.assignment(session).question.public_id}"
        act = f"{path}/answers/{salt.answer(session).public_id}/settle"
    page = nora.get(path)
    assert "It was 2010." in page.main_text
    assert "Not done yet Everything you wrote is still here. Write the note first" in nora.press(act, 422, note="")
    assert nora.get("").texts(".alarm b") == ["Leyla Aydın says that something in the text is wrong."]
    nora.press(act, note="The plates were put up in 2009: we asked.")
    assert nora.get("").texts(".alarm b") == []
    letters = [text for kind, text in salt.mails() if kind == "expert.letter"]
    assert ["The plates were put up in 2009" in text for text in letters] == [True]
    leyla.open(salt.link)
    assert leyla.heading == "Thank you. It is ready to run"
