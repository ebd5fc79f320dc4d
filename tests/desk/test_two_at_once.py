"""Two people at one text: the second is told who was faster and what they changed, sees both texts, and nothing is lost."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning, editing
from app.answers.assigning import Brief
from app.answers.models import Answer, AnswerText, Assignment
from app.core.domain_errors import VersionConflict
from app.db.engine import Database
from app.editor.conflict import version_token_of
from app.people.models import Expert
from app.questions.models import Note, Question, QuestionText
from tests.support.database_checks import get_one
from tests.support.desk import Desk, get_section, get_version_token
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom, create_submitted_answer

WORDS = "Who measures the salt in the orchards, and can a village ask for the figures?"
FIRST = "We put up salt plates in 2009 and count what falls on them."


@pytest.fixture
def question(database: Database, newsroom: Newsroom) -> str:
    """The page of a question with Leyla's answer, which nobody has looked at yet."""
    database.write(lambda session: create_submitted_answer(session, newsroom, WORDS))
    return f"/questions/{get_one(database, Question).public_id}"


@pytest.fixture
def answer(database: Database, question: str) -> str:
    return f"{question}/answers/{get_one(database, Answer).public_id}/edit"


def notes(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(Note.body).order_by(Note.id)))


def texts(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(AnswerText.body).order_by(AnswerText.id)))


def marked(page: Page, css: str) -> tuple[list[str], list[str]]:
    """What stands struck out and what underlined in the comparisons that fit the selector, each once and in order."""
    struck_out, underlined = (list(dict.fromkeys(page.texts(f"{css} {tag}"))) for tag in ("del", "ins"))
    return struck_out, underlined


TO_MINE, SINCE = "section > .diff", ".folded > .diff"  # theirs against mine, and what they changed


def test_the_second_at_an_answer_learns_who_when_and_what_and_sees_both_texts(nora, ilya, database, answer):
    opened_by_both = get_version_token(nora.get(answer))
    ilya.post(answer, seen=opened_by_both, answer=FIRST.replace("2009", "2010"), act="save")
    page = nora.post(answer, status=409, seen=opened_by_both, answer=FIRST.replace("count", "weigh"), act="check")
    assert "Ilya Brandt was faster" in page
    assert page.texts(".standing > time[datetime]") == ["1 minute ago"]
    assert re.match(r"1 minute ago , \w+day \d+ \w+, \d\d:\d\d\.", page.texts(".standing")[0])
    difference = get_section(page, "difference")
    assert marked(difference, TO_MINE) == (["2010 and count"], ["2009 and weigh"])
    assert difference.texts("summary") == ["What Ilya Brandt changed"]
    assert marked(difference, SINCE) == (["2009"], ["2010"])
    assert f">\n{FIRST.replace('count', 'weigh')}</textarea>" in page
    assert get_one(database, Answer).state == "edited"

    nora.post(
        answer,
        seen=get_version_token(page),
        answer=FIRST.replace("2009", "2010").replace("count", "weigh"),
        act="check",
    )
    assert get_one(database, Answer).state == "checking"
    assert texts(database) == [
        FIRST,
        FIRST.replace("2009", "2010"),
        FIRST.replace("2009", "2010").replace("count", "weigh"),
    ]


def test_who_gives_way_keeps_what_they_wrote_in_a_note(nora, ilya, database, question, answer):
    opened_by_both = get_version_token(nora.get(answer))
    ilya.post(answer, seen=opened_by_both, answer="We put up salt plates.", act="save")
    page = nora.post(answer, status=409, seen=opened_by_both, answer="We weigh the salt.", act="save")
    nora.post(answer, seen=get_version_token(page), answer="We weigh the salt.", act="give way")
    assert texts(database) == [FIRST, "We put up salt plates."]
    assert notes(database) == [
        "My text of Leyla Aydın’s answer, which I didn’t save over the newer one:\n\nWe weigh the salt."
    ]


def test_who_is_late_for_a_text_that_is_being_checked_can_still_keep_theirs(nora, ilya, database, answer):
    opened_by_both = get_version_token(ilya.get(answer))
    nora.post(answer, seen=opened_by_both, answer="We put up salt plates.", act="check")
    page = ilya.post(answer, status=409, seen=opened_by_both, answer="We weigh the salt.", act="save")
    assert "Nora Lind was faster" in page
    assert "The text has been sent on since" in page
    assert ">\nWe weigh the salt.</textarea>" in page
    assert 'value="save"' not in page
    ilya.post(answer, seen=get_version_token(page), answer="We weigh the salt.", act="give way")
    assert "We weigh the salt." in notes(database)[0]


def test_the_same_words_sent_twice_meet_nobody(nora, database, answer):
    opened = get_version_token(nora.get(answer))
    for _press in range(2):
        nora.post(answer, seen=opened, answer="We put up salt plates.", act="save")
    assert texts(database) == [FIRST, "We put up salt plates."]


def test_a_wording_is_only_stale_where_the_words_have_changed(nora, ilya, database, question):
    opened = get_version_token(nora.get(question), "wording")
    ilya.post(f"{question}/topics", more="Salt")
    ilya.post(f"{question}/note", note="I called them.")
    nora.post(f"{question}/wording", seen=opened, headline="Salt", body="Who weighs the salt?", language="en")
    assert get_one(database, Question).wording == "Who weighs the salt?"
    opened_by_both = get_version_token(nora.get(question), "wording")
    ilya.post(
        f"{question}/wording", seen=opened_by_both, headline="Salt wind", body="Who weighs the salt?", language="en"
    )
    fields = {"headline": "Salt", "body": "Who counts the salt?", "background": "Our issue 60.", "language": "en"}
    page = nora.post(f"{question}/wording", status=409, seen=opened_by_both, **fields)
    assert get_section(page, "difference").texts("h3.label") == ["The question", "Background for the expert"]
    followed = get_section(page, "followed")
    assert followed.texts("h2") == ["What you left alone is shown as saved"]
    assert followed.texts("h3.label") == ["Headline"]
    assert marked(followed, "section > .diff") == ([], ["wind"])
    assert page.value("headline") == "Salt wind"
    nora.post(f"{question}/wording", seen=get_version_token(page), act="give way", **fields)
    assert notes(database)[-1].split("\n\n")[1:] == [
        "Headline\nSalt", "The question\nWho counts the salt?", "Background for the expert\nOur issue 60.",
    ]  # fmt: skip
    assert (get_one(database, Question).headline, get_one(database, Question).wording) == (
        "Salt wind",
        "Who weighs the salt?",
    )


def list_notes(page: Page) -> list[tuple[str, str]]:
    """The field of each note below a field, and the note."""
    notes = page.tree.css("p.below[id$='-note']")
    return [((note.attributes["id"] or "").removesuffix("-note"), note.text()) for note in notes]


CHANGED_SINCE = "Ilya Brandt has changed this since you saved it, 1 minute ago."


def test_the_first_at_a_wording_is_told_beside_the_field_until_they_save_it_again(nora, ilya, database, question):
    fields = {"headline": "Salt", "body": "Who weighs the salt?", "background": "", "language": "en"}
    nora.post(f"{question}/wording", seen=get_version_token(nora.get(question), "wording"), **fields)
    theirs = fields | {"body": "Who counts the salt?"}
    ilya.post(f"{question}/wording", seen=get_version_token(ilya.get(question), "wording"), **theirs)
    assert list_notes(nora.get(question)) == [("body", CHANGED_SINCE)]
    assert list_notes(ilya.get(question)) == []
    mine = theirs | {"body": "Who counts and weighs the salt?"}
    nora.post(f"{question}/wording", seen=get_version_token(nora.get(question), "wording"), **mine)
    assert list_notes(nora.get(question)) == []
    assert [name for name, _note in list_notes(ilya.get(question))] == ["body"]


def test_the_first_at_an_answer_is_told_beside_the_text(nora, ilya, answer):
    nora.post(answer, seen=get_version_token(nora.get(answer)), answer=FIRST.replace("2009", "2010"), act="save")
    ilya.post(answer, seen=get_version_token(ilya.get(answer)), answer=FIRST.replace("count", "weigh"), act="save")
    assert list_notes(nora.get(answer)) == [("answer", CHANGED_SINCE)]


def test_the_first_at_an_expert_is_told_beside_the_fields_that_both_changed(nora, ilya, database, newsroom):
    with database.read() as session:
        page = f"experts/{session.get_one(Expert, newsroom.leyla.expert_id).public_id}"
    for who, typed in (
        (nora, {"title": "Dr", "organisation": "Karakum Field Station"}),
        (ilya, {"title": "Professor", "relation": "soil"}),
    ):
        form = who.get(page).form(page)
        who.post(page, **{**form.fields, **typed})
    assert list_notes(nora.get(page)) == [("title", CHANGED_SINCE)]
    assert list_notes(ilya.get(page)) == []


def test_a_brief_is_changed_by_two_without_loss_and_only_before_it_is_sent(nora, ilya, database, newsroom, question):
    def draft(session: Session) -> str:
        marek = session.get_one(Expert, newsroom.marek.expert_id)
        row = session.scalars(select(Question)).one()
        return assigning.assign(session, newsroom.nora, row, marek, Brief("Say who pays.")).public_id

    brief = f"{question}/assignments/{database.write(draft)}/brief"
    opened = nora.get(brief)
    by_both = {"seen": get_version_token(opened)}
    line = "hydrologist at the River Office"
    common = {"words": "180", "credit_line": line, "relation": ""}
    ilya.post(brief, **by_both, **common | {"brief": "Say who pays for the gauges.", "words": "160"})
    page = nora.post(brief, status=409, **by_both, brief="Say first who pays.", **common)
    assert "Ilya Brandt was faster" in page
    assert marked(get_section(page, "difference"), TO_MINE) == (["for the gauges"], ["first"])
    assert get_section(page, "followed").texts("h3.label") == ["About how many words"]
    assert page.value("words") == "160"
    at = {"seen": get_version_token(page)}
    nora.post(brief, **at, **common | {"brief": "Say first who pays for the gauges.", "words": "160"})
    with database.read() as session:
        marek = session.scalars(select(Assignment).filter_by(expert_id=newsroom.marek.expert_id)).one()
        assert (marek.brief, marek.words) == ("Say first who pays for the gauges.", 160)
    assert "Give a number of words from 20 to 2000" in nora.post(
        brief, 422, seen=get_version_token(nora.get(brief)), brief="x", words="3"
    )
    leyla = get_one(database, Assignment, expert_id=newsroom.leyla.expert_id).public_id
    nora.get(f"{question}/assignments/{leyla}/brief", 409)


@dataclass
class Person:
    """Somebody with a page open: what they began from, and what stands in their box."""

    browser: Desk
    began: str | None = None
    box: str = ""
    met: bool = False


@dataclass
class Thing:
    """A text that two people write at: where it is sent, and how it stands."""

    address: str
    stands: Callable[[Session], AnswerText | QuestionText]

    def fields(self, text: str) -> dict[str, str]:
        return (
            {"answer": text} if self.address.endswith("edit") else {"body": text, "headline": "Salt", "language": "en"}
        )


@pytest.mark.parametrize("what", ["answer", "wording"])
def test_in_a_hundred_orders_of_two_writers_no_word_is_lost_and_none_is_written_over(
    nora, ilya, database, question, answer, what
):
    """Each writes words of their own, saves, meets the other, and then overwrites knowingly, merges, or gives way."""
    things = {
        "answer": Thing(answer, lambda session: session.scalars(select(Answer)).one().text),
        "wording": Thing(f"{question}/wording", lambda session: session.scalars(select(Question)).one().text),
    }
    thing, written, conflicts = things[what], set[str](), 0
    for seed in range(50):  # of each of the two things
        chance = random.Random(seed)
        people = [Person(nora), Person(ilya)]
        for number in range(5):
            person = people[number] if number < 2 else chance.choice(people)  # both begin, then anybody goes on
            with database.read() as session:
                row = thing.stands(session)
                there, label = row.body or "", version_token_of(row)
            if person.began is None:
                person.began, person.box = label, " ".join(there.split()[-8:])
            if not person.met:
                word = f"word{what}{seed}x{number}"
                written.add(word)
                person.box = f"{person.box} {word}"
            if number < 2 or chance.random() < 0.3:
                continue  # thinks about it, with the page open
            conflicts += save(chance, thing, person, there, label)
        for person in people:  # nobody goes home with something unsaved
            while person.began is not None:
                with database.read() as session:
                    row = thing.stands(session)
                    there, label = row.body or "", version_token_of(row)
                conflicts += save(chance, thing, person, there, label)
    assert conflicts > 30
    with database.read() as session:
        table = AnswerText if what == "answer" else QuestionText
        kept = " ".join(body or "" for model in (table, Note) for body in session.scalars(select(model.body)))
    assert written - set(kept.split()) == set()


def save(chance: random.Random, thing: Thing, person: Person, there: str, label: str) -> int:
    """One press. Whoever began from what stands is saved; who didn't gets both texts back and decides. Gives the conflicts."""
    act = chance.choice(["save", "merge", "give way"]) if person.met else "save"
    if act == "merge":
        mine = [word for word in person.box.split() if word not in there.split()]
        person.box, act = " ".join([there, *mine]), "save"
    fresh = person.began == label or act == "give way"
    same = person.box.split() == there.split()
    status = 303 if fresh or same else 409
    page = person.browser.post(thing.address, status, seen=person.began, act=act, **thing.fields(person.box))
    if status == 303:
        person.began, person.met = None, False
        return 0
    assert {*there.split(), *person.box.split()} <= {*page.main.text().split()}, "both texts stand on the page"
    person.began, person.met = get_version_token(page), True
    return 1


def test_editing_by_verb_refuses_what_began_from_another_version(database, newsroom, question):
    def edit_late(session: Session) -> None:
        row = session.scalars(select(Answer)).one()
        editing.edit(session, newsroom.ilya, row, "We put up salt plates.", "en.1")
        editing.edit(session, newsroom.nora, row, "We weigh the salt.", "en.1")

    with pytest.raises(VersionConflict):
        database.write(edit_late)
    assert texts(database) == [FIRST]
