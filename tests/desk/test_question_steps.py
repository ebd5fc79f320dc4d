"""The page of a question in each of its states: what is due stands open and alone, all else is folded, nothing stands twice."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

import pytest
from selectolax.lexbor import LexborHTMLParser
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning, editing
from app.answers.models import Answer
from app.db.engine import Database
from app.db.session import now
from app.letters.models import Letter
from app.people.models import Expert
from app.questions import actions, wording
from app.questions.models import Question
from app.workflows import invitations
from app.workflows.letters import endings
from tests.support.assignments import ExpertAssignment
from tests.support.assignments import ask_expert as with_leyla
from tests.support.database_checks import get_one
from tests.support.desk import Desk, get_version_token
from tests.support.letters import send_letters
from tests.support.mailroom import receive_expert_mail
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom

ENGLISH, RUSSIAN = "who on earth weighs the salt on our roofs", "Кто измеряет соль в наших садах каждую весну?"
WORDS = "Who measures the salt in the wind, and can a village ask for the figures?"
MOST = 14  # controls before anything is unfolded, in any state
TELLING = ("kind", "pair", "same", "only", "act")  # by which two presses of one address differ
NAMED = re.compile(r"/(letters|outbox)/")


class Room(NamedTuple):
    database: Database
    newsroom: Newsroom

    def do(self, fn: Callable[[Session, Question], object]) -> None:
        def apply_to_first(session: Session) -> None:
            fn(session, session.scalars(select(Question).order_by(Question.id)).first())  # type: ignore[arg-type]

        self.database.write(apply_to_first)

    def answer(self, fn: Callable[[Session, Answer], object]) -> None:
        self.database.write(lambda session: fn(session, session.scalars(select(Answer)).one()))


def make_unworded(room: Room) -> None:
    """A question as the key `q` makes it of two letters."""

    def fn(session: Session) -> None:
        letters = send_letters(session, room.newsroom, ENGLISH, RUSSIAN)
        actions.open_question(session, room.newsroom.nora, letters, body=letters[0].body)

    room.database.write(fn)


def to_confirm(room: Room) -> None:
    make_unworded(room)
    room.do(
        lambda session, question: wording.reword(
            session, room.newsroom.nora, question, headline="The Salt Wind", body=WORDS, background="", language="en"
        )
    )


def to_ask(room: Room) -> None:
    to_confirm(room)
    room.do(lambda session, question: wording.clear(session, room.newsroom.nora, question, question.text_id or 0))


def prepared(room: Room) -> None:
    to_ask(room)
    leyla = room.newsroom.leyla.expert_id
    room.do(
        lambda session, question: assigning.assign(
            session, room.newsroom.nora, question, session.get_one(Expert, leyla)
        )
    )


def with_two_letters(room: Room) -> ExpertAssignment:
    """Leyla is asked what Timur and two others wanted to know."""
    made = with_leyla(room.database, room.newsroom)

    def fn(session: Session) -> None:
        question = session.get_one(Question, made.question_id)
        actions.join(session, room.newsroom.nora, question, send_letters(session, room.newsroom, ENGLISH, RUSSIAN))

    room.database.write(fn)
    return made


def make_late(room: Room) -> None:
    made = with_two_letters(room)
    room.database.write(lambda session: setattr(made.assignment(session), "reply_by", now(session) - timedelta(days=1)))


def two_asked(room: Room) -> None:
    with_two_letters(room)
    marek = room.newsroom.marek.expert_id

    def fn(session: Session, question: Question) -> None:
        second = assigning.assign(session, room.newsroom.nora, question, session.get_one(Expert, marek))
        invitations.invite(session, room.newsroom.nora, second)

    room.do(fn)


def mailed(room: Room) -> None:
    receive_expert_mail(room.database, with_two_letters(room).assignment_id)


def declined(room: Room) -> None:
    made = with_two_letters(room)
    room.database.write(
        lambda session: assigning.decline(session, room.newsroom.leyla, made.assignment(session), "no time")
    )


def text_here(room: Room) -> ExpertAssignment:
    made = with_two_letters(room)
    made.send()
    return made


def make_edited(room: Room) -> ExpertAssignment:
    made = text_here(room)
    made.edit()
    return made


def in_check(room: Room) -> ExpertAssignment:
    made = make_edited(room)
    made.send_to_check()
    return made


def settle_check(room: Room, outcome: str, reply: str = "") -> None:
    in_check(room)
    room.answer(lambda session, answer: editing.settle_check(session, room.newsroom.leyla, answer, outcome, reply))


def pass_check(room: Room) -> None:
    settle_check(room, "fine")


def objected(room: Room) -> None:
    settle_check(room, "wrong", "It was 2010.")


def approved(room: Room) -> None:
    pass_check(room)
    nora = room.newsroom.nora
    room.answer(lambda session, answer: editing.approve(session, nora, answer, checklist=editing.CHECKLIST))


def make_picked(room: Room) -> ExpertAssignment:
    made = make_edited(room)
    made.approve()
    return made


def make_published(room: Room) -> None:
    make_picked(room).publish()


def shelved(room: Room) -> None:
    to_ask(room)
    room.do(lambda session, question: actions.shelve(session, room.newsroom.nora, question))


def make_closed(room: Room) -> None:
    to_ask(room)
    room.do(lambda session, question: endings.close_question(session, room.newsroom.nora, question, "later"))


def make_merged(room: Room) -> None:
    to_ask(room)

    def fn(session: Session, question: Question) -> None:
        lead = actions.open_question(
            session, room.newsroom.nora, [], headline="Dust", body="Who counts?", language="en"
        )
        actions.merge(session, room.newsroom.nora, question, lead)

    room.do(fn)


class Due(NamedTuple):
    """What brings a question there; the chapter that stands open, the words with which the red button begins, and how many
    controls stood there before anything was unfolded when the page had no chapters, and may now.
    """

    comes: Callable[[Room], object]
    open: str
    red: str
    before: int
    most: int


STATES = {
    "to be worded": Due(make_unworded, "wording", "Save the wording", 38, 14),
    "to be confirmed": Due(to_confirm, "wording", "Nobody can be recognised in it", 34, 9),
    "nobody asked": Due(to_ask, "who", "Ask an expert", 33, 13),
    "prepared": Due(prepared, "", "Read and send the invitation to Leyla Aydın", 31, 8),
    "asked": Due(with_two_letters, "who", "", 35, 9),
    "two asked": Due(two_asked, "who", "", 42, 12),
    "late": Due(make_late, "who", "Ask someone else", 35, 9),
    "a mail came": Due(mailed, "mailed", "", 45, 14),
    "a no": Due(declined, "who", "Ask an expert", 38, 12),
    "the text is here": Due(text_here, "answer", "Edit Leyla Aydın’s answer", 39, 8),
    "edited": Due(make_edited, "answer", "Send Leyla Aydın the quote check", 41, 9),
    "in check": Due(in_check, "who", "", 40, 9),
    "objected": Due(objected, "answer", "Edit Leyla Aydın’s answer", 42, 9),
    "passed": Due(pass_check, "answer", "Approve Leyla Aydın’s answer", 41, 10),
    "approved": Due(approved, "", "Pick it for", 36, 8),
    "in an edition": Due(make_picked, "", "Look at the edition of", 29, 8),
    "in the past": Due(make_published, "", "", 29, 10),
    "shelved": Due(shelved, "", "Take it from the shelf", 24, 8),
    "closed": Due(make_closed, "", "Open it again", 18, 6),
    "merged": Due(make_merged, "", "Take it out again", 17, 7),
}


@pytest.fixture
def room(database: Database, newsroom: Newsroom) -> Room:
    return Room(database, newsroom)


def page_of(nora: Desk, database: Database) -> Page:
    with database.read() as session:
        first = session.scalars(select(Question).order_by(Question.id)).first()
        assert first is not None
        return nora.get(f"/questions/{first.public_id}")


@pytest.mark.parametrize("state", STATES)
def test_what_is_due_stands_open_and_alone_and_nothing_twice(nora, database, room, state):
    due = STATES[state]
    due.comes(room)
    page = page_of(nora, database)
    keys = page.attributes(".chapter", "aria-labelledby")
    opened = page.attributes(".chapter:not(:has(> details))", "aria-labelledby")
    assert [key.partition("-")[0] for key in opened] == [due.open] * bool(due.open)
    assert keys[: len(opened)] == opened  # it comes first
    assert len(page.texts(".chapter > details:not([open]) > summary > h2")) == len(keys) - len(opened)
    assert page.attributes("details[open]", "open") == []
    assert [words[: len(due.red)] for words in page.texts(".btn--next")] == [due.red] * bool(due.red)
    assert len(page.controls) <= due.most <= MOST < due.before, page.controls
    assert list_repeated(page, nora.base_path) == []
    with database.read() as session:
        letters = [letter.body or "" for letter in session.scalars(select(Letter).filter_by(author="reader"))]
    assert (len(letters) > 1, [get_page_text(page).count(words) for words in letters]) == (True, [1] * len(letters))


def list_repeated(page: Page, desk: str) -> list[object]:
    """What can be pressed or followed in two places. A letter and a mail are named in the trail, too."""
    acts = Counter(
        (form.action, button, *sorted((name, str(value)) for name, value in form.fields.items() if name in TELLING))
        for form in page.forms
        for button in form.buttons
        if form.action.startswith(desk)
    )
    leads = Counter(href for _words, href in page.links if href.startswith(desk) and not NAMED.search(href))
    return [act for act, times in [*acts.items(), *leads.items()] if times > 1]


def get_page_text(page: Page) -> str:
    """The words of the page's own part without fields, heads of what is folded, and the narrow form of a comparison."""
    main = LexborHTMLParser(page.main.html or "")
    for away in main.css("textarea, option, summary, .together, .unseen"):
        away.decompose()
    return re.sub(r"\s+", " ", main.text())


def test_a_form_that_comes_back_unfolds_all_that_it_stands_in(nora, database, room):
    text_here(room)
    address = f"/questions/{get_one(database, Question).public_id}"
    page = nora.post(
        f"{address}/close", 422, seen=get_version_token(nora.get(address), "close"), reason="later", sentence=" "
    )
    assert page.attributes("details[open]", "id") == ["tried"]
    assert len(page.parts("details[open]")) == 2


def test_a_press_leads_to_the_chapter_that_it_was_in(nora, database, room):
    to_ask(room)
    address = f"/questions/{get_one(database, Question).public_id}"
    led = nora.post(f"{address}/note", note="The plates are in the leaflet.")
    assert nora.get(led).texts("details[open] > summary > h2") == ["Notes, and what happened"]
    assert nora.get(f"{address}?show=notes").texts("details[open] > summary > h2") == ["Notes, and what happened"]
    assert nora.get(address).texts("details[open] > summary > h2") == []
