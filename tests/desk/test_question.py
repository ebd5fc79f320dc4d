"""The desk's half of the main job in a browser without scripts: from two letters to an approved and picked Q&A."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from app.answers import assigning, editing
from app.answers.models import Answer, Assignment
from app.core.actors import ExpertActor, Reader
from app.core.clock import utc_now
from app.db.engine import Database
from app.letters import receive
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.people.models import Expert
from app.questions import actions
from app.questions.models import Question
from app.workflows import invitations
from tests.support.database_checks import count_queries, dump_tables, get_one, get_states
from tests.support.desk import get_section, get_version, get_version_token
from tests.support.letters import QUESTION_BODY, open_question
from tests.support.reader_pages import publish_answer
from tests.support.sample_newsroom import Newsroom, create_submitted_answer

ANSWER_WORDS = "We put up salt plates in 2009 and count what falls on them."


def send_letters_of(database: Database, newsroom: Newsroom, *bodies: str) -> list[str]:
    """Readers write. Gives the letters' public ids."""

    def fn(session):
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        return [
            receive.send(
                session, Reader(), newsletter, receive.Submission(body), form=receive.FormToken(f"nonce {body}", 1)
            ).public_id
            for body in bodies
        ]

    return database.write(fn)


def test_nora_takes_two_letters_to_an_approved_and_picked_answer(nora, database, newsroom):
    letters = send_letters_of(
        database, newsroom, "who counts the salt in our orchard?", "can a village ask for the salt figures"
    )
    boxes = nora.get("/letters").values("letter")
    assert sorted(box.split(".")[0] for box in boxes) == sorted(letters)

    question = nora.post("/letters", act="question", letter=boxes)
    page = nora.get(question)
    assert "Word it and give it a headline" in page
    assert "2 readers are waiting." in page

    nora.post(
        f"{question}/wording", seen=get_version_token(page), headline="The Salt Wind", body=QUESTION_BODY, language="en"
    )
    page = nora.get(question)
    assert "Nobody can be recognised in it" in page.buttons
    nora.post(f"{question}/clear", seen=get_version_token(page, "clear"))

    assert "Nobody has confirmed" not in nora.get(question)
    invitation = nora.post(
        f"{question}/ask", name="Laura Harth", email="laura@safeguard.example", brief="Say first who decides.", words="180",
        credit_line="campaign director", relation="which published the report", edition="",
    )  # fmt: skip
    letter = nora.get(invitation)
    assert "Dear Laura Harth," in letter
    assert f"> {QUESTION_BODY}" in letter
    assert "/a/…" in letter
    assert get_one(database, Assignment).state == "drafted"
    nora.post(f"{invitation}/invite", reply_by="", due_at="")
    assert get_states(database) == ("seeking", "invited", None)
    page = nora.get(question)
    assert "Laura Harth is asked and has until" in page
    assert not re.search(r"/a/[\w-]{8,}", page)

    assignment = get_one(database, Assignment)
    nora.post(f"{invitation}/answer", body=ANSWER_WORDS + "\n\nAnd more.", channel="messenger", given_on="2022-10-22")
    assert "Edit Laura Harth’s answer" in nora.get(question)
    answer = f"{question}/answers/{get_one(database, Answer).public_id}"
    page = nora.get(f"{answer}/edit")
    nora.post(f"{answer}/edit", seen=get_version_token(page), answer=ANSWER_WORDS, act="check")
    assert get_states(database) == ("seeking", "received", "checking")
    page = nora.get(question)
    assert "<del>And more.</del>" in page
    assert "Laura Harth checks the text, until" in page

    nora.post(f"{answer}/outcome", outcome="fine", reply="Said so on the phone.")
    assert "Approve Laura Harth’s answer" in nora.get(question)
    at = get_version(nora.get(question), "approve")
    page = nora.post(f"{answer}/approve", status=422, checked=["facts", "sources"], reason="", version=at)
    assert page.count("Not ticked yet") == len(editing.CHECKLIST) - 2
    assert page.attributes("[name=checked][checked]", "value") == ["facts", "sources"]
    page = nora.post(f"{answer}/approve", status=422, checked=editing.CHECKLIST, version=at)
    assert "Laura Harth isn’t verified yet, so the name can’t be printed." in page
    nora.post(f"{invitation}/verify", how="Rang the office and asked for her.")
    nora.post(f"{answer}/approve", checked=editing.CHECKLIST, version=get_version(nora.get(question), "approve"))
    assert get_states(database) == ("answered", "done", "approved")

    page = nora.get(question)
    nora.post(f"{question}/pick", edition=page.form("/pick").fields["edition"])
    assert get_one(database, Question).state == "queued"
    assert "It is picked for" in nora.get(question)
    assert assignment.public_id in invitation


def test_a_question_is_not_sent_before_it_is_cleared(nora, database, newsroom):
    public_id = open_question(database, newsroom, clear=False)
    invitation = nora.post(f"/questions/{public_id}/ask", name="Laura Harth", email="laura@ngo.example", words="")
    page = nora.get(invitation)
    assert "It can’t be sent yet" in page
    assert "/invite" not in page
    before = dump_tables(database)
    page = nora.post(f"{invitation}/invite", status=409)
    assert "First confirm that nobody could recognise the asker in the wording." in page
    assert dump_tables(database) == before
    assert get_states(database) == ("open", "drafted", None)


def test_other_words_need_another_look(nora, database, newsroom):
    public_id = open_question(database, newsroom)
    page = nora.get(f"/questions/{public_id}")
    nora.post(
        f"/questions/{public_id}/wording",
        seen=get_version_token(page),
        headline="The Salt Wind",
        body="My uncle Timur asks who measures.",
        language="en",
    )
    page = nora.get(f"/questions/{public_id}")
    assert page.texts("mark") == ["Salt Wind", "My uncle", "Timur"]
    nora.post(f"/questions/{public_id}/clear", status=409, label="en.1")
    assert get_one(database, Question).text.cleared_at is None


def test_of_two_editors_of_a_wording_the_second_is_told_and_sees_both_texts(nora, ilya, database, newsroom):
    public_id = open_question(database, newsroom)
    opened_by_both = get_version_token(nora.get(f"/questions/{public_id}"), "wording")
    ilya.post(
        f"/questions/{public_id}/wording",
        seen=opened_by_both,
        headline="Salt",
        body="Who weighs the salt?",
        language="en",
    )
    page = nora.post(
        f"/questions/{public_id}/wording", status=409, seen=opened_by_both, headline="The Salt Wind", body="Who counts the salt?", language="en"
    )  # fmt: skip
    assert "Ilya Brandt was faster" in page
    assert "<del>weighs </del><ins>counts </ins>" in page
    assert ">\nWho counts the salt?</textarea>" in page
    assert get_one(database, Question).wording == "Who weighs the salt?"
    nora.post(
        f"/questions/{public_id}/wording",
        seen=get_version_token(page),
        headline="Salt",
        body="Who counts the salt?",
        language="en",
    )
    assert get_one(database, Question).wording == "Who counts the salt?"


def test_an_assistant_sees_no_button_of_an_editor_and_no_hand_made_press_helps(ilya, database, newsroom):
    database.write(lambda session: create_submitted_answer(session, newsroom, QUESTION_BODY))
    question, answer, assignment = get_one(database, Question), get_one(database, Answer), get_one(database, Assignment)
    address = f"/questions/{question.public_id}"
    page = ilya.get(address)
    for action in ("approve", "check", "withdraw", "return", "close", "cancel", "extend", "link"):
        assert f'/{action}"' not in page
    assert f'/answers/{answer.public_id}/edit"' in page
    before = dump_tables(database)
    moves = [f"answers/{answer.public_id}/{move}" for move in ("approve", "check", "withdraw")]
    moves += [f"assignments/{assignment.public_id}/cancel", "close", "show"]
    for move in moves:
        ilya.post(f"{address}/{move}", status=404, checked=editing.CHECKLIST, reason="later", sentence="No.")
    assert dump_tables(database) == before
    assert get_states(database) == ("open", "received", "submitted")


@pytest.mark.parametrize(
    ("press", "typed"),
    [
        ("take", {}),
        ("split", {}),
        ("reopen", {}),
        ("answers/{answer}/recall", {}),
        ("answers/{answer}/reopen", {}),
        ("answers/{answer}/outcome", {"outcome": "fine"}),
        ("assignments/{assignment}/invite", {}),
        ("assignments/{assignment}/decline", {"reason": "other"}),
        ("assignments/{assignment}/link", {}),
    ],
)
def test_a_hand_made_press_that_does_not_start_from_here_changes_nothing(nora, database, newsroom, press, typed):
    database.write(lambda session: create_submitted_answer(session, newsroom, QUESTION_BODY))
    if press.endswith("link"):
        database.write(lambda session: editing.withdraw(session, newsroom.nora, session.scalars(select(Answer)).one()))
    question, answer, assignment = get_one(database, Question), get_one(database, Answer), get_one(database, Assignment)
    before, stand = dump_tables(database), get_states(database)
    press = press.format(answer=answer.public_id, assignment=assignment.public_id)
    page = nora.post(f"/questions/{question.public_id}/{press}", status=409, **typed)
    assert typed.get("note", "") in page
    assert "Back to the question" in page
    assert (dump_tables(database), get_states(database)) == (before, stand)


@pytest.mark.parametrize(
    ("press", "typed", "said"),
    [
        ("note", {"note": " "}, "Write the note first"),
        ("close", {"sentence": "We looked for long."}, "Choose why"),
        ("answers/{answer}/return", {"note": " ", "due_at": "2099-01-01T10:00"}, "Write the note first"),
        ("answers/{answer}/return", {"note": "Who counts?", "due_at": "2001-01-01T10:00"}, "Give a time that is still to come"),
    ],
)  # fmt: skip
def test_a_form_that_lacks_something_comes_back_as_it_was_typed(nora, database, newsroom, press, typed, said):
    database.write(lambda session: create_submitted_answer(session, newsroom, QUESTION_BODY))
    question, answer, assignment = get_one(database, Question), get_one(database, Answer), get_one(database, Assignment)
    before = dump_tables(database)
    press = press.format(answer=answer.public_id, assignment=assignment.public_id)
    page = nora.post_action(f"/questions/{question.public_id}", press, 422, **typed)
    assert page.count(said) == 2  # in the summary and at the field
    assert [words in page for words in typed.values()] == [True] * len(typed)
    assert dump_tables(database) == before


def test_a_wording_in_no_known_language_is_not_saved(nora, database, newsroom):
    question = open_question(database, newsroom)
    page = nora.get(f"/questions/{question}")
    typed = {"headline": "The Salt Wind", "body": "Who weighs it?", "language": "klingon"}
    page = nora.post(f"/questions/{question}/wording", status=422, seen=get_version_token(page), **typed)
    assert page.count("No language has this code") == 2
    assert "Who weighs it?" in page
    assert get_one(database, Question).wording == QUESTION_BODY


def test_a_suggested_colleague_stands_with_whoever_named_them(nora, database, newsroom):
    database.write(lambda session: create_submitted_answer(session, newsroom, QUESTION_BODY))

    def suggest(session):
        assignment = session.scalars(select(Assignment)).one()
        actor = ExpertActor(assignment.expert_id, "Leyla", assignment.id)
        assigning.suggest(session, actor, assignment, "Marek Dvořák, marek@water.example")

    database.write(suggest)
    assert "Marek Dvořák, marek@water.example" in nora.get(f"/questions/{get_one(database, Question).public_id}")


def test_two_languages_stand_beside_each_other_with_nothing_struck_out(nora, database, newsroom):
    [letter] = send_letters_of(database, newsroom, "Кто измеряет соль в наших садах?")
    question = nora.post(f"/letters/{letter}/file", kind="question", version=1)
    page = nora.get(question)
    nora.post(f"{question}/wording", seen=get_version_token(page), headline="Salt", body=QUESTION_BODY, language="en")
    page = get_section(nora.get(question), "wording")
    assert ("Кто измеряет соль в наших садах?" in page, QUESTION_BODY in page) == (True, True)
    assert ("<del>" in page, "<ins>" in page) == (False, False)


def test_what_belongs_to_another_question_or_desk_is_not_there(nora, database, newsroom):
    database.write(lambda session: create_submitted_answer(session, newsroom, QUESTION_BODY))
    other = open_question(database, newsroom, "Another")
    answer, assignment = get_one(database, Answer), get_one(database, Assignment)
    nora.get("/questions/0123456789AB", 404)
    nora.get(f"/questions/{other}/answers/{answer.public_id}", 404)
    nora.get(f"/questions/{other}/assignments/{assignment.public_id}", 404)
    nora.post(f"/questions/{other}/assignments/{assignment.public_id}/cancel", 404)
    nora.get(f"/desk/elsewhere/questions/{other}", 404)


def test_the_desk_asks_for_a_name_and_an_address_that_can_be_written_to(nora, database, newsroom):
    public_id = open_question(database, newsroom)
    page = nora.post(f"/questions/{public_id}/ask", 422, name="", email="", brief="Say first who decides.")
    assert "Tick somebody, or write a name" in page
    assert "Say first who decides.</textarea>" in page
    page = nora.post(f"/questions/{public_id}/ask", 422, name="Laura Harth", email="laura at ngo")
    assert "“laura at ngo” is not an e-mail address, such as desk@example.org." in page
    assert get_one(database, Question).state == "open"


def test_an_expert_has_a_question_once(nora, database, newsroom):
    public_id = open_question(database, newsroom)
    with database.read() as session:
        leyla = session.get_one(Expert, newsroom.leyla.expert_id).public_id
    nora.post(f"/questions/{public_id}/ask", expert=leyla, name="")
    page = nora.post(f"/questions/{public_id}/ask", 422, expert=leyla, name="")
    assert "Leyla Aydın has this question already" in page


def invited(database: Database, newsroom: Newsroom, public_id: str) -> str:
    def fn(session):
        question = session.scalars(select(Question).filter_by(public_id=public_id)).one()
        assignment = assigning.assign(
            session, newsroom.nora, question, session.get_one(Expert, newsroom.leyla.expert_id)
        )
        invitations.invite(session, newsroom.nora, assignment)
        return assignment.public_id

    return database.write(fn)


def test_time_is_given_a_no_is_noted_and_a_link_sent_again(nora, database, newsroom):
    public_id = open_question(database, newsroom)
    address = f"/questions/{public_id}/assignments/{invited(database, newsroom, public_id)}"
    later = (utc_now().astimezone(ZoneInfo("Europe/Prague")) + timedelta(days=9)).replace(second=0, microsecond=0)
    nora.post(f"{address}/extend", due_at=f"{later:%Y-%m-%dT%H:%M}")
    assert get_one(database, Assignment).due_at == later
    nora.post(f"{address}/link")
    assert get_one(database, OutboxMail, kind="expert.invitation_again").state == "queued"
    nora.post(f"{address}/decline", reason="no time", later_on="2099-03-01")
    assert get_states(database) == ("open", "declined", None)
    assert "Nobody now: Leyla Aydın has no time now, but can from Sun 1 Mar 2099 on" in nora.get("/questions")


def test_merged_questions_come_apart_again(nora, database, newsroom):
    salt, wind = open_question(database, newsroom, "Salt"), open_question(database, newsroom, "Wind")
    assert nora.post_action(f"/questions/{salt}", "merge", into=wind) == f"{nora.base_path}/questions/{wind}"
    assert "It was merged into another question" in nora.get(f"/questions/{salt}")
    nora.post_action(f"/questions/{wind}", "merge", into=wind)
    assert "Not merged: it can’t be merged into itself." in nora.get(f"/questions/{wind}")
    nora.post(f"/questions/{salt}/split")
    assert get_one(database, Question, public_id=salt).state == "open"


def test_a_closed_question_tells_its_readers_and_its_expert(nora, database, newsroom):
    def fn(session):
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        dana = receive.Submission("who weighs the salt?", hear_back="once", email="dana@post.example")
        letter = receive.send(session, Reader(), newsletter, dana, form=receive.FormToken("dana", 1))
        return actions.open_question(session, newsroom.nora, [letter], headline="Salt").public_id

    public_id = database.write(fn)
    nora.post_action(f"/questions/{public_id}", "close", status=422, reason="because")
    nora.post_action(f"/questions/{public_id}", "close", reason="nobody", sentence="")
    assert get_one(database, Question).closed_reason == "nobody"
    with database.read() as session:
        mail = session.scalars(select(OutboxMail).filter_by(kind="reader.once")).one()
        text = outbox.read(session, mail).text
    assert "found nobody" in text
    assert "salt" not in text
    nora.post(f"/questions/{public_id}/reopen")
    assert get_one(database, Question).state == "open"


def test_a_readers_name_is_checked_or_left_out(nora, database, newsroom):
    def fn(session):
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        timur = receive.Submission(
            "who weighs the salt?", credit="first", name="Timur", place="Osh", consent="Print my name."
        )
        letter = receive.send(session, Reader(), newsletter, timur, form=receive.FormToken("timur", 1))
        return actions.open_question(session, newsroom.nora, [letter], headline="Salt").public_id, letter.public_id

    public_id, letter_id = database.write(fn)
    assert "“Timur, Osh”" in nora.get(f"/questions/{public_id}")
    nora.post(f"/questions/{public_id}/askers/{letter_id}/verify", how="Answered a call to his number.")
    assert "checked: Answered a call to his number." in nora.get(f"/questions/{public_id}")
    nora.post(f"/questions/{public_id}/askers/{letter_id}/unname")
    assert "Timur" not in nora.get(f"/questions/{public_id}")


def test_notes_and_moves_stand_in_one_trail(nora, database, newsroom):
    public_id = open_question(database, newsroom)
    invited(database, newsroom, public_id)
    nora.post(f"/questions/{public_id}/note", note="The plates are in the leaflet, p. 4.")
    trail = nora.get(f"/questions/{public_id}").part(".trail").main_text
    lines = [
        "Nora Lind noted:",
        "Mail to Leyla Aydın: “",
        "Nora Lind asked Leyla Aydın.",
        "Nora Lind made it a question.",
    ]
    assert [line for line in lines if line in trail] == lines
    assert [trail.index(line) for line in lines] == sorted(trail.index(line) for line in lines)


@pytest.mark.both_databases
def test_the_list_says_who_has_it_in_as_many_queries_for_sixty_as_for_three(nora, database, newsroom):
    def fill(count):
        for number in range(count):
            public_id = open_question(database, newsroom, f"Salt {number}")
            invited(database, newsroom, public_id)

    fill(3)
    assert nora.get("/questions").count("Leyla Aydın is asked and has until") == 3
    few = count_queries(nora.database, lambda: nora.get("/questions"))
    fill(57)
    many = count_queries(nora.database, lambda: nora.get("/questions"))
    assert many == few
    page = nora.get("/questions")
    assert page.count("Leyla Aydın is asked and has until") == 30
    older = page.attributes("[rel=next]", "href")[0]
    assert nora.get(older).count("Leyla Aydın is asked and has until") == 30


def test_nora_takes_a_page_down_for_somebodys_safety_and_puts_it_back(nora, ilya, database, newsroom):
    public_id = publish_answer(database, newsroom, [], headline="The Salt Wind", body=QUESTION_BODY)
    page, story = f"/questions/{public_id}", f"/steppe/q/{public_id}/the-salt-wind"
    stranger = nora.client.application.test_client()
    ilya.post(f"{page}/retract", why="Not mine to decide.", status=404)
    assert "Say in a few words why." in nora.post(f"{page}/retract", why=" ", status=422)
    assert stranger.get(story).status_code == 200

    nora.post(f"{page}/retract", why="Somebody could be recognised.")
    assert (stranger.get(story).status_code, QUESTION_BODY in stranger.get(story).text) == (410, False)
    assert "The Salt Wind" not in stranger.get("/steppe/answers").text
    assert "Put its public page back" in nora.get(page)
    nora.post(f"{page}/restore")
    assert stranger.get(story).status_code == 200
