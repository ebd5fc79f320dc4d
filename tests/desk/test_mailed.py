"""What experts write by mail stands on the desk until it is filed: among the letters, and at their question."""

from datetime import date

import pytest
from sqlalchemy import func, select

from app.answers.models import Answer, AnswerText, Assignment
from app.audit import Event
from app.core.actors import Mailroom
from app.db.engine import Database
from app.letters.models import Letter
from app.mail import erasing, inbound
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.questions.models import Note
from tests.support.assignments import EDITED_ANSWER, ExpertAssignment, ask_expert
from tests.support.database_checks import count_queries, get_one
from tests.support.desk import Desk, get_version
from tests.support.mailroom import LEYLAS_REPLY, REPLY_TEXT, get_mail_by_public_id, place_mail, receive_expert_mail
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom

HEADLINE = "The Salt Wind"


def question_of(database: Database, salt: ExpertAssignment) -> str:
    with database.read() as session:
        return salt.assignment(session).question.public_id


def pressed(page: Page) -> list[str]:
    """The words on the buttons beside an expert's letter, without their keys and what only a screen reader says."""
    return [button.text(deep=False).strip() for button in page.tree.css('form[action$="/reply"] button')]


def test_an_experts_letter_stands_among_the_others_with_name_and_question_and_without_a_box(
    nora, database, newsroom, salt
):
    letter = receive_expert_mail(database, salt.assignment_id)
    page = nora.get("/letters")
    [row] = page.parts(f'li.row:has([href*="/letters/{letter}"])')
    assert row.texts("b[dir=auto]") == ["Leyla Aydın"]
    assert row.attributes("input", "type") == []
    assert HEADLINE in row.texts(".says")


def test_an_experts_letter_has_filings_of_its_own(nora, database, newsroom, salt):
    page = nora.get(f"/letters/{receive_expert_mail(database, salt.assignment_id)}")
    assert pressed(page) == ["It is the answer", "Asks back", "Just a comment", "Spam or a robot", "Can’t", "Later"]
    assert f">{HEADLINE}</a>" in page
    assert "The reminders pause until it is filed." in page
    assert "<summary>What was cut away</summary>" in page
    assert page.texts(".files li") == ["plates 2009.pdf not looked at, 48.2 kB"]
    for readers in ("Make it a question", "End it kindly", "Join it to a question", "Hears back"):
        assert readers not in page


def test_an_expert_who_asks_by_mail_to_be_removed_can_be_deleted_from_the_page_of_their_letter(
    nora: Desk, database: Database, newsroom: Newsroom, salt: ExpertAssignment
) -> None:
    path = f"/letters/{receive_expert_mail(database, salt.assignment_id, 'Please remove me from your list.')}"
    nora.post(f"{path}/reply", kind="cannot", reason="other", version="1")
    links = nora.get(path).tree.css("p.quiet a")
    [profile_url] = [link.attributes["href"] for link in links if link.text() == "Profile: Leyla Aydın"]
    deleting = f"{profile_url.removeprefix(nora.address(''))}/leave"
    assert nora.get(nora.post(deleting)).notice == "Leyla Aydın will be deleted in a week."


def test_one_press_makes_the_mail_the_submitted_version_and_opens_it_for_editing(nora, database, newsroom, salt):
    letter = receive_expert_mail(database, salt.assignment_id)
    led = nora.post(f"/letters/{letter}/reply", kind="answer", version=get_version(nora.get(f"/letters/{letter}")))
    answer, text = get_one(database, Answer), get_one(database, AnswerText)
    assert led == f"{nora.base_path}/questions/{question_of(database, salt)}/answers/{answer.public_id}/edit"
    assert (text.body, text.kind, text.channel, answer.state) == (REPLY_TEXT, "submitted", "mail", "submitted")
    assert (salt.state(), get_one(database, Letter, public_id=letter).filed_as) == ("received", "answer")
    assert REPLY_TEXT.partition("\n")[0] in nora.get(led)
    assert pressed(nora.get(f"/letters/{letter}")) == []


def test_a_no_a_later_and_a_question_back_are_one_press_each(nora, database, newsroom):
    files = [ask_expert(database, newsroom, f"Who counts the salt of year {number}?") for number in range(3)]
    no, later, back = (
        receive_expert_mail(database, file.assignment_id, f"No, sorry ({file.public_id}).") for file in files
    )
    nora.post(f"/letters/{no}/reply", kind="cannot", reason="not my field", version="1")
    nora.post(f"/letters/{later}/reply", kind="later", later_on="2099-05-05", version="1")
    nora.post(f"/letters/{back}/reply", kind="question back", version="1")
    with database.read() as session:
        found = [(a.state, a.decline_reason, a.later_on) for a in (file.assignment(session) for file in files)]
        assert session.scalars(select(Note.body)).all() == [f"No, sorry ({files[2].public_id})."]
    assert found == [
        ("declined", "not my field", None),
        ("declined", "no time", date(2099, 5, 5)),
        ("invited", None, None),
    ]


def test_a_mail_that_says_nothing_of_all_this_is_a_comment_and_stays_the_experts(nora, database, newsroom, salt):
    letter = receive_expert_mail(database, salt.assignment_id, "Thank you, I have got it and think about it.")
    nora.post(f"/letters/{letter}/reply", kind="comment", version="1")
    filed = get_one(database, Letter, public_id=letter)
    assert (filed.state, filed.filed_as, filed.assignment_id) == ("filed", "comment", salt.assignment_id)
    assert salt.state() == "invited"
    assert "It is the answer" in nora.get(f"/letters/{letter}")  # whoever pressed too soon files it again


@pytest.mark.parametrize(
    ("policy", "kind", "offers", "outcome"),
    [
        ("facts", "fine", ["Fine", "Something is wrong"], "fine"),
        ("facts", "wrong", ["Fine", "Something is wrong"], "wrong"),
        ("approve", "yes", ["Yes, run it", "Something is wrong"], "approved"),
    ],
)
def test_while_a_quote_check_is_open_a_mail_answers_it(nora, database, newsroom, salt, policy, kind, offers, outcome):
    def settings(session):
        session.get_one(Newsletter, newsroom.newsletter_id).check_policy = policy

    database.write(settings)
    salt.send()
    salt.edit(EDITED_ANSWER)
    salt.send_to_check()
    letter = receive_expert_mail(database, salt.assignment_id, "The plates were put up in 2010.")
    page = nora.get(f"/letters/{letter}")
    assert pressed(page) == [*offers, "Asks back", "Just a comment", "Spam or a robot"]
    assert "It answers the quote check of" in page
    nora.post(f"/letters/{letter}/reply", kind=kind, version=get_version(page))
    assert salt.checks() == [(outcome, "The plates were put up in 2010.")]


def test_the_second_of_two_does_not_file_it_again(nora, ilya, database, salt):
    letter = receive_expert_mail(database, salt.assignment_id)
    ilya.post(f"/letters/{letter}/reply", kind="question back", version="1")
    nora.post(f"/letters/{letter}/reply", 409, kind="answer", version="1")
    nora.post(f"/letters/{letter}/reply", 409, kind="answer")
    assert get_one(database, Letter, public_id=letter).filed_as == "question back"
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(AnswerText)) == 0


def test_what_is_an_experts_is_not_filed_as_a_readers_nor_the_other_way_round(nora, database, newsroom, salt):
    letter = receive_expert_mail(database, salt.assignment_id)
    pen = place_mail(database, newsroom)
    nora.post(f"/pen/{pen}/letter", version=get_mail_by_public_id(database, pen).version)
    readers = get_one(database, Letter, author="reader", channel="mail").public_id
    for kind in ("question", "comment", "spam"):
        nora.post(f"/letters/{letter}/file", 409, kind=kind, version="1")
    nora.post(f"/letters/{letter}/end", 409, reason="later", version="1")
    nora.post(f"/letters/{readers}/reply", 404, kind="answer", version="1")
    nora.post(f"/letters/{letter}/reply", 400, kind="question", version="1")
    nora.post(f"/letters/{letter}/reply", 400, kind="cannot", reason="bored", version="1")
    page = nora.get(nora.post("/letters", act="spam", letter=[f"{letter}.1"]))
    assert "One stays as it is: that isn’t possible in its current state." in page
    assert [get_one(database, Letter, public_id=key).state for key in (letter, readers)] == ["received", "received"]


def test_the_question_shows_the_mail_with_its_buttons_and_files_it_without_leaving(nora, database, newsroom, salt):
    letter, question = receive_expert_mail(database, salt.assignment_id), question_of(database, salt)
    page = nora.get(f"/questions/{question}")
    assert page.texts(".chapter--due > h2") == ["Leyla Aydın has written by mail"]
    assert pressed(page) == ["It is the answer", "Can’t", "Later", "Asks back", "Just a comment", "Spam or a robot"]
    assert page.texts(f"#mail-{letter} details summary") == ["It is something else"]  # the last three stand in there
    led = nora.post(f"/letters/{letter}/reply", kind="comment", version="1", back="question")
    assert led == f"{nora.base_path}/questions/{question}"
    page = nora.get(led)
    assert "Filed as: Comment." in page
    assert "has written by mail" not in page


def test_the_question_tells_of_an_absence_note(nora, database, newsroom, salt):
    robot = place_mail(database, newsroom, "automatic", reasons=["vacation"], assignment_id=salt.assignment_id)
    page = nora.get(f"/questions/{question_of(database, salt)}")
    assert f'<a href="{nora.base_path}/pen/{robot}">an automatic reply came</a>' in page


def test_once_the_mail_is_destroyed_the_letter_still_has_its_words(nora, database, newsroom, salt):
    letter = receive_expert_mail(database, salt.assignment_id)
    with database.read() as session:
        row = inbound.find_by_letter(session, get_one(database, Letter, public_id=letter).id)
    database.write(lambda session: erasing.destroy(session, [row.id]))
    page = nora.get(f"/letters/{letter}")
    assert REPLY_TEXT in page
    assert "What was cut away" not in page


@pytest.mark.parametrize("bounces", [["permanent"], ["delayed", "permanent"]])
def test_a_mail_that_came_back_is_told_until_another_one_follows(nora, database, newsroom, salt, bounces):
    """Once, also where it came back twice: late first, and then refused."""

    def bounce(session):
        mail = session.scalars(select(OutboxMail).filter_by(assignment_id=salt.assignment_id)).one()
        mail.bounced_at, mail.said = mail.created_at, "5.1.1 no such mailbox"
        for reason in bounces:
            row = inbound.store(session, reason.encode(), source="lmtp", newsletter_id=newsroom.newsletter_id)
            inbound.store_reading(session, row, LEYLAS_REPLY)
            inbound.place(session, Mailroom(), row, "bounce", [reason], outbox_id=mail.id)
        return mail.public_id

    mail = database.write(bounce)
    alarm = nora.get("/").part("section.alarm")
    assert "One mail came back." in alarm.main_text
    assert alarm.texts("q.said-back") == ["5.1.1 no such mailbox"]
    assert alarm.urls == [f"{nora.base_path}/outbox/{mail}"]
    nora.post(f"/questions/{question_of(database, salt)}/assignments/{salt.public_id}/link")
    assert "One mail came back." not in nora.get("/")


@pytest.mark.both_databases
def test_the_pages_take_as_many_queries_for_thirty_letters_of_experts_as_for_three(nora, database, newsroom, salt):
    paths = ("/letters", f"/questions/{question_of(database, salt)}", "/")
    for _ in range(3):
        receive_expert_mail(database, salt.assignment_id)
    few = [count_queries(nora.database, lambda path=path: nora.get(path)) for path in paths]
    for _ in range(27):
        receive_expert_mail(database, salt.assignment_id)
    assert [count_queries(nora.database, lambda path=path: nora.get(path)) for path in paths] == few


def test_looking_files_nothing(nora, database, newsroom, salt):
    letter = receive_expert_mail(database, salt.assignment_id)
    with database.read() as session:
        before = session.scalar(select(func.count()).select_from(Event))
    for path in ("/letters", f"/letters/{letter}", f"/questions/{question_of(database, salt)}", "/"):
        nora.get(path)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == before
        assert session.get_one(Assignment, salt.assignment_id).state == "invited"
