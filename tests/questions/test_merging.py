"""Readers asked: questions become one and come apart again, each asker with their receipt and one notice of their own."""

from dataclasses import replace

import pytest
from flask import g
from sqlalchemy import func, select

from app.db.engine import Database
from app.editions.models import Edition
from app.editor.frame import RequestContext as Frame
from app.editor.questions import question_list, shelf_and_archive
from app.editor.questions.question_list import get_list_values
from app.letters import receipts, receive
from app.letters.models import Letter
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter, Topic
from app.people.models import Expert
from app.questions import actions
from app.questions.models import Question, QuestionTopic
from app.questions.queries import count_askers, letters_of
from app.workflows.indexing import index_due
from tests.support.assignments import ask_expert
from tests.support.database_checks import count_queries, get_one
from tests.support.desk import follow_pages, get_section, press_undo
from tests.support.letters import open_question_of_letters
from tests.support.pages import Page
from tests.support.reader_pages import publish_answer
from tests.support.sample_newsroom import create_answered_question

pytestmark = pytest.mark.usefixtures("one_minute_undo")


def get_question(database: Database, public_id: str) -> Question:
    return get_one(database, Question, public_id=public_id)


def box(database: Database, *public_ids: str) -> list[str]:
    return [f"{key}.{get_question(database, key).version}" for key in public_ids]


def state(database: Database, *public_ids: str) -> list[tuple[str | None, int | None]]:
    rows = [get_question(database, key) for key in public_ids]
    return [(row.state, row.merged_into_id) for row in rows]


TO_READERS = select(OutboxMail).where(OutboxMail.letter_id.is_not(None))
WRITES = {"hear_back": "once", "email": "dana@post.example"}


def test_ticked_questions_become_one_that_counts_all_of_their_readers(nora, database, newsroom):
    salt, wind, dust = (
        open_question_of_letters(database, newsroom, words, {}, {}) for words in ("Salt", "Wind", "Dust")
    )
    nora.post_action(f"/questions/{dust}", "merge", into=wind)
    page = nora.get("/questions")
    led = nora.post("/questions", act="merge", question=page.values("question"))
    assert led == "/desk/steppe/questions"
    assert state(database, salt, wind, dust) == [
        ("open", None), ("merged", get_question(database, salt).id), ("merged", get_question(database, salt).id)
    ]  # fmt: skip
    page = nora.get(led)
    assert "One question is merged." in page
    assert "6 readers" in page
    with database.read() as session:
        counted = count_askers(session, [get_question(database, salt)])
        assert [*counted.values()] == [len(letters_of(session, get_question(database, salt)))] == [6]


def test_the_page_of_the_lead_tells_whose_each_step_and_each_letter_is(nora, database, newsroom):
    wind, salt = (open_question_of_letters(database, newsroom, words, {}) for words in ("The wind", "The salt"))
    for key in (wind, salt):
        nora.post(f"/questions/{key}/clear", label=get_question(database, key).text.label)
    nora.post_action(f"/questions/{wind}", "show", label=get_question(database, wind).text.label)
    nora.post_action(f"/questions/{wind}", "merge", into=salt)
    page = nora.get(f"/questions/{salt}")
    lines = page.texts(".trail > li > div:not(:has(*))")
    cleared = "Nora Lind confirmed that nobody can be recognised in the wording."
    assert [line for line in lines if not line.endswith(("filed a letter here.", "worded it."))] == [
        "“The wind”: Nora Lind merged it into this one.",
        "“The wind”: Nora Lind made it public in the desk’s wording.",
        cleared,
        f"“The wind”: {cleared}",
        "Nora Lind made it a question.",
        "“The wind”: Nora Lind made it a question.",
    ]
    assert page.texts('.trail a[href*="/letters/"]') == [
        "A reader’s letter came: Web, English.",
        "“The wind”: A reader’s letter came: Web, English.",
    ]
    words = get_section(page, "wording")
    first = words.part(".diff")
    assert first.texts(".diff-heads > p") == ["First asked: Web, English", "The desk’s wording, English"]
    assert (first.texts(".together"), first.texts(".together > del")) == (["The salt (0)"], ["(0)"])
    assert words.texts("details details > summary") == [
        "Web, English, merged in with “The wind”: The wind (0)",
        "Change the wording",
    ]
    assert "Nora Lind merged it into another question." in nora.get(f"/questions/{wind}")


def test_an_undone_merge_loses_no_asker_no_receipt_and_no_notice(nora, database, newsroom):
    salt, wind, dust = (
        open_question_of_letters(database, newsroom, words, WRITES, {}) for words in ("Salt", "Wind", "Dust")
    )
    nora.post_action(f"/questions/{dust}", "merge", into=wind)
    before = state(database, salt, wind, dust)
    led = nora.post("/questions", act="merge", question=box(database, salt, wind))
    assert press_undo(nora, led) == "Undone."
    assert state(database, salt, wind, dust) == before
    nora.post("/questions", act="merge", question=box(database, salt, wind))
    nora.post(f"/questions/{wind}/split")  # the same by hand, however long after
    assert state(database, salt, wind, dust) == before
    nora.post("/questions", act="close", reason="outside", question=box(database, salt, wind))
    with database.read() as session:
        mails = session.scalars(select(OutboxMail)).all()
        assert sorted(mail.letter_id for mail in mails) == sorted(
            session.scalars(select(Letter.id).filter_by(hear_back="once"))
        )
        assert {outbox.read(session, mail).to for mail in mails} == {"dana@post.example"}
        receipt = receive.receipt_of(session, receive.FormToken("Dust 0", 1))
        assert receipts.find_receipt(session, receipt).question_id == get_question(database, dust).id


@pytest.mark.parametrize("state_", ["closed", "ran", "merged"])
def test_nothing_is_merged_into_what_is_over(nora, database, newsroom, state_):
    salt = open_question_of_letters(database, newsroom, "Salt", {})
    over = open_question_of_letters(database, newsroom, "Wind", {})
    if state_ == "ran":
        over = publish_answer(database, newsroom, [])
    elif state_ == "closed":
        nora.post_action(f"/questions/{over}", "close", reason="outside")
    else:
        nora.post_action(f"/questions/{over}", "merge", into=open_question_of_letters(database, newsroom, "Dust"))
    said = {
        "closed": "the other one is closed",
        "ran": "the other one has run",
        "merged": "the other one was merged itself",
    }
    page = nora.get(nora.post_action(f"/questions/{salt}", "merge", into=over))
    assert f"Not merged: {said[state_]}" in page
    page = nora.get(nora.post_action(f"/questions/{salt}", "merge", into=salt))
    assert "Not merged: it can’t be merged into itself" in page
    assert get_question(database, salt).state == "open"


def test_what_an_expert_has_leads_and_isnt_merged_away(nora, database, newsroom):
    salt = open_question_of_letters(database, newsroom, "Salt", {})
    seeking = ask_expert(database, newsroom)
    with database.read() as session:
        theirs = seeking.assignment(session).question.public_id
    other = database.write(lambda session: create_answered_question(session, newsroom, "Dust").public_id)
    page = nora.get(nora.post("/questions", act="merge", question=box(database, salt, theirs, other)))
    assert get_question(database, salt).merged_into_id == get_question(database, theirs).id
    assert (
        "One question is merged. One stays as it is: it has an answer: merge the other one into this one instead."
        in page
    )
    page = nora.get(nora.post_action(f"/questions/{theirs}", "merge", into=other))
    assert "Not merged: an expert is asked about it: merge the other one into this one instead." in page
    nora.get(nora.post("/questions", act="merge", question=box(database, other)))
    assert [get_question(database, key).state for key in (theirs, other)] == ["seeking", "answered"]


def test_each_asker_of_many_questions_is_told_once_in_their_own_mail(nora, database, newsroom):
    salt = open_question_of_letters(
        database, newsroom, "Salt", WRITES, {"hear_back": "while", "email": "timur@post.example"}
    )
    wind = open_question_of_letters(database, newsroom, "Wind", WRITES, {})
    with database.read() as session:
        held = ask_expert(database, newsroom).assignment(session).question.public_id
    led = nora.post("/questions", act="close", reason="later", question=box(database, salt, wind, held))
    page = nora.get(led)
    assert "2 questions are done. One stays as it is: an expert has been asked: close it on its own page" in page
    with database.read() as session:
        addresses = [outbox.read(session, mail).to for mail in session.scalars(TO_READERS)]
    assert sorted(addresses) == ["dana@post.example", "dana@post.example", "timur@post.example"]
    assert press_undo(nora, page) == "Undone."
    with database.read() as session:
        states = [mail.state for mail in session.scalars(TO_READERS)]
    assert (states, [get_question(database, key).state for key in (salt, wind)]) == (
        ["discarded"] * 3,
        ["open", "open"],
    )
    nora.post("/questions", 400, act="close", reason="because", question=box(database, salt))
    nora.post("/questions", 400, act="burn", question=box(database, salt))


def test_an_assistant_prepares_and_does_not_close(ilya, database, newsroom):
    salt = open_question_of_letters(database, newsroom, "Salt", {})
    assert "Close kindly" not in ilya.get("/questions")
    page = ilya.get(ilya.post("/questions", act="close", reason="later", question=box(database, salt)))
    assert "One stays as it is: an editor has to do it." in page
    ilya.post("/questions", act="shelf", question=box(database, salt))
    assert get_question(database, salt).state == "shelved"
    ilya.post("/questions", at="shelf", act="take", question=box(database, salt))
    assert get_question(database, salt).state == "open"


def test_topics_are_added_to_many_and_undo_leaves_those_that_were_there(nora, database, newsroom):
    salt, wind = (open_question_of_letters(database, newsroom, words) for words in ("Salt", "Wind"))

    def name(session):
        rows = [Topic(newsletter_id=newsroom.newsletter_id, slug=slug, name=slug.title()) for slug in ("air", "water")]
        session.add_all(rows)
        session.flush()
        actions.set_topics(
            session, newsroom.nora, session.scalars(select(Question).filter_by(public_id=salt)).one(), [rows[0].id]
        )

    database.write(name)

    def topics() -> int:
        with database.read() as session:
            return session.scalar(select(func.count()).select_from(QuestionTopic))

    led = nora.post("/questions", act="topic", topic="water", question=box(database, salt, wind))
    assert topics() == 3
    assert press_undo(nora, led) == "Undone."
    assert topics() == 1
    page = nora.get(nora.post("/questions", act="topic", topic="fire", question=box(database, salt)))
    assert "One stays as it is: choose a topic first." in page


def list_questions(page: Page) -> list[str]:
    return [key.split(".")[0] for key in page.values("question")]


def test_the_list_is_narrowed_by_topic_edition_expert_and_words(nora, app, database, newsroom):
    salt = open_question_of_letters(database, newsroom, "Salt in the orchard")
    theirs = ask_expert(database, newsroom)
    with database.read() as session:
        seeking = theirs.assignment(session).question.public_id
        leyla = session.get_one(Expert, newsroom.leyla.expert_id).public_id
    ran = publish_answer(database, newsroom, [])

    def name(session):
        topic = Topic(newsletter_id=newsroom.newsletter_id, slug="air", name="Air")
        session.add(topic)
        session.flush()
        actions.set_topics(
            session, newsroom.nora, session.scalars(select(Question).filter_by(public_id=salt)).one(), [topic.id]
        )

    database.write(name)
    while index_due(database):
        pass
    with database.read() as session:
        edition = get_question(database, ran).edition_id
        edition = session.scalar(select(Edition.public_id).filter_by(id=edition))
    assert list_questions(nora.get("/questions?topic=air")) == [salt]
    assert list_questions(nora.get(f"/questions?edition={edition}")) == [ran]
    assert list_questions(nora.get(f"/questions?expert={leyla}&state=seeking")) == [seeking]
    assert list_questions(nora.get(f"/questions?expert={leyla}&topic=air")) == []
    page = nora.get("/questions?q=orchard&state=open")
    assert list_questions(page) == [salt]
    assert "<mark>orchard</mark>" in page
    assert "on Air, with Leyla Aydın." in nora.get(f"/questions?expert={leyla}&topic=air")
    for query, part in (
        ("topic=fire", "topic"),
        ("edition=x", "edition"),
        ("expert=y", "expert"),
        ("state=z", "state"),
        ("who=y", "who"),
    ):
        assert f"The part “{part}” of the address is no filter" in nora.get(f"/questions?{query}", 404)


@pytest.mark.parametrize("path", ["/questions", "/questions?state=all&topic=water", "/shelf"])
def test_the_way_back_leads_over_the_same_pages_of_questions(nora, database, newsroom, monkeypatch, path):
    for module, name in ((question_list, "QUESTIONS"), (shelf_and_archive, "SHELF")):
        monkeypatch.setattr(module, name, replace(getattr(module, name), page_size=3))

    def fill(session):
        water = Topic(newsletter_id=newsroom.newsletter_id, slug="water", name="Water")
        session.add(water)
        session.flush()
        for number in range(8):
            one = actions.open_question(session, newsroom.nora, [], body=f"Who counts plate {number}?", language="en")
            actions.set_topics(session, newsroom.nora, one, [water.id])
            if path == "/shelf":
                actions.shelve(session, newsroom.nora, one)

    database.write(fill)
    there = follow_pages(nora, path, "next")
    assert [len(list_questions(page)) for page in there] == [3, 3, 2]
    back = follow_pages(nora, there[-1].attributes("[rel=prev]", "href")[0], "prev")
    assert [list_questions(page) for page in back] == [list_questions(page) for page in there[-2::-1]]


def test_a_list_of_questions_takes_the_same_few_statements_for_many(nora, app, database, newsroom):
    open_question_of_letters(database, newsroom, "Salt", {})
    few = count_queries(nora.database, lambda: nora.get("/questions"))
    for number in range(40):
        open_question_of_letters(database, newsroom, f"Wind {number}", {})
    assert count_queries(nora.database, lambda: nora.get("/questions")) == few
    with app.test_request_context("/?state=all"), app.extensions["database"].read() as session:
        g.zone = "UTC"
        at = Frame(session, newsroom.nora, session.get_one(Newsletter, newsroom.newsletter_id))
        assert (
            count_queries(app.extensions["database"], lambda: get_list_values(at)) <= 6
        )  # the beginning of the transaction is one
