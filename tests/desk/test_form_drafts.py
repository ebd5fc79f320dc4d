"""What is typed at the desk is kept as it is typed, offered when the form is opened again, and gone when it is sent."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.db.engine import Database
from app.forms import form_drafts
from app.forms.models import FormDraft
from app.letters.models import Letter
from app.letters.receipts import reader_of
from app.models import Base
from app.questions.models import Note, Question
from app.workflows.letters import withdrawal
from tests.support.database_checks import get_one
from tests.support.desk import Desk
from tests.support.letters import get_letter, open_question, send_letter
from tests.support.pages import Form
from tests.support.sample_newsroom import Newsroom

TYPED = "Who measures the salt that the wind carries?"


class Window:
    """A page with a form that saves itself, as the script of the page would have it."""

    def __init__(self, desk: Desk, page: str, end: str) -> None:
        self.desk, self.page, self.draft = desk, page, ""
        self.form: Form = desk.get(page).form(end)

    def types(self, status: int = 200, changed: tuple[str, ...] = ("body",), **typed: str) -> dict[str, Any]:
        fields: dict[str, Any] = self.form.fields | typed
        sent = {"form": self.form.action, "draft": self.draft, "fields": list(fields.items()), "changed": changed}
        reply = self.desk.client.post(
            self.desk.address("drafts"),
            base_url="https://localhost",
            json=sent,
            headers={"X-CSRFToken": self.desk.token},
        )
        assert reply.status_code == status, reply.text
        if status == 200:
            self.draft = reply.json["draft"]
        return dict(reply.json or {}) if status == 200 else {}

    def sends(self, status: int = 303, **typed: str) -> str:
        fields: dict[str, Any] = self.form.fields | typed | {"draft": self.draft}
        return self.desk.post(self.form.action, status, **fields)

    def offers(self) -> list[dict[str, str]]:
        """What the page offers when it is opened again, the newest first."""
        shown = self.desk.get(self.page).attributes(f'[data-keep="{self.form.action}"] [data-fields]', "data-fields")
        return [dict(json.loads(fields)) for fields in shown]


@pytest.fixture
def question(database: Database, newsroom: Newsroom) -> str:
    return f"questions/{open_question(database, newsroom)}"


@pytest.fixture
def wording(nora: Desk, question: str) -> Window:
    return Window(nora, question, "/wording")


def drafts(database: Database) -> int:
    with database.read() as session:
        return len(session.scalars(select(FormDraft)).all())


def test_what_is_typed_is_kept_and_offered_with_what_the_form_showed(wording: Window) -> None:
    said = wording.types(body="Who measures")["said"]
    assert said.startswith("Kept as a draft at ") and said.endswith(", not saved yet.")
    wording.types(body=TYPED)
    assert [(one["body"], one["seen"]) for one in wording.offers()] == [(TYPED, wording.form.fields["seen"])]
    page = wording.desk.get(wording.page)
    assert [one for one in page.texts(".kept dd") if one == TYPED] == [TYPED]


def test_a_draft_changes_nothing_and_is_its_authors_alone(wording: Window, ilya: Desk, database: Database) -> None:
    before = get_one(database, Question).version
    wording.types(body=TYPED)
    assert get_one(database, Question).version == before
    assert Window(ilya, wording.page, "/wording").offers() == []


def test_sent_it_is_gone_and_a_save_that_comes_late_brings_nothing_back(wording: Window, database: Database) -> None:
    wording.types(body=TYPED)
    wording.sends(body=TYPED)
    assert drafts(database) == 0
    wording.draft = ""
    wording.types(410, body=TYPED)
    assert wording.offers() == []


def test_the_first_save_may_still_be_on_its_way_when_the_form_is_sent(wording: Window, database: Database) -> None:
    wording.types(body=TYPED)
    wording.draft = ""  # the answer to the save has not come
    wording.sends(body=TYPED)
    assert drafts(database) == 0


def test_a_form_that_was_not_taken_keeps_its_draft(wording: Window) -> None:
    wording.types(body="", background="What readers had read.")
    wording.sends(422, body="")
    assert [one["background"] for one in wording.offers()] == ["What readers had read."]


def test_two_windows_write_over_neither(nora: Desk, wording: Window) -> None:
    wording.types(body="On the phone, in the morning.")
    laptop = Window(nora, wording.page, "/wording")
    laptop.draft = wording.draft  # it was offered there, and stands in the form
    laptop.types(body="On the laptop, at noon.")
    wording.types(body="On the phone, at night.")
    assert [one["body"] for one in wording.offers()] == ["On the phone, at night.", "On the laptop, at noon."]
    wording.sends(body="On the phone, at night.")
    assert [one["body"] for one in wording.offers()] == ["On the laptop, at noon."]


def test_thrown_away_it_is_gone(nora: Desk, ilya: Desk, wording: Window, database: Database) -> None:
    wording.types(body=TYPED)
    name = wording.draft.partition(".")[0]
    ilya.post(f"drafts/{name}/drop")
    assert drafts(database) == 1
    led = nora.post(nora.get(wording.page).form(f"{name}/drop").action, back=nora.address(wording.page))
    assert (nora.get(led).notice, drafts(database)) == ("The draft is thrown away.", 0)


def test_of_two_who_type_each_hears_of_the_other_and_into_which_field(wording: Window, ilya: Desk) -> None:
    second = Window(ilya, wording.page, "/wording")
    assert wording.types(body=TYPED)["beside"] == []
    heard = second.types(changed=("body", "headline"), body="Who weighs it?")["beside"]
    assert heard == [{"name": "Nora Lind", "fields": ["body"]}]
    asked = wording.desk.open(f"drafts?form={wording.form.action}").json["beside"]
    assert asked == [{"name": "Ilya Brandt", "fields": ["body", "headline"]}]


def test_whoever_stopped_typing_is_not_told_of(wording: Window, ilya: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    wording.types(body=TYPED)
    monkeypatch.setattr(form_drafts, "TYPING_WINDOW", timedelta(0))
    assert Window(ilya, wording.page, "/wording").types(body="Who?")["beside"] == []


def test_a_draft_from_before_somebody_elses_save_meets_it_when_it_is_sent(wording: Window, ilya: Desk) -> None:
    wording.types(body=TYPED)
    Window(ilya, wording.page, "/wording").sends(body="Ilya words it.")
    offered = wording.offers()[0]
    page = wording.desk.post(wording.form.action, 409, **offered, once="of the page that was opened again")
    assert "Ilya Brandt was faster" in page.headings


def test_a_reader_who_takes_the_letter_back_takes_the_drafts_about_it(
    nora: Desk, database: Database, newsroom: Newsroom
) -> None:
    letter = get_letter(database, send_letter(database, newsroom, TYPED))
    nora.post(f"letters/{letter.public_id}/file", kind="question", version=letter.version)
    about = Window(nora, f"questions/{get_one(database, Question).public_id}", "/wording")
    about.types(body=TYPED)
    other = Window(nora, "letters/new", "/letters/new")
    other.types(body="Something else.")
    database.write(lambda s: withdrawal.withdraw(s, reader_of(letter), s.get_one(Letter, letter.id)))
    with database.read() as session:
        assert list(session.scalars(select(FormDraft.form))) == [other.form.action]
    about.types(410, body=TYPED)


def test_what_is_kept_is_sealed(wording: Window, database: Database) -> None:
    wording.types(body=TYPED)
    with database.read() as session:
        rows = [str(tuple(row)) for row in session.execute(select(Base.metadata.tables["form_drafts"]))]
    assert [row for row in rows if "salt" in row] == []


def test_forgotten_drafts_go_after_a_month(wording: Window, database: Database) -> None:
    wording.types(body=TYPED)
    ends = get_one(database, FormDraft).saved_at + form_drafts.KEPT
    kept = []
    for moment in (ends, ends + timedelta(seconds=1)):
        database.write(form_drafts.delete_expired, moment)
        kept.append(drafts(database))
    assert kept == [1, 0]


def test_nobody_keeps_what_they_may_not_send(ilya: Desk, nora: Desk) -> None:
    sentences = Window(nora, "settings/sentences/en", "/sentences/en")
    sentences.types(heading="{headline}")
    sentences.desk = ilya
    sentences.types(404, heading="{headline}")


@pytest.mark.parametrize("form", ["", "/desk/steppe/nothing", "/desk/elsewhere/letters/new", "/sign-out", "x"])
def test_what_is_no_form_of_this_desk_is_not_kept(nora: Desk, form: str) -> None:
    window = Window(nora, "letters/new", "/letters/new")
    window.form = Form(form, "post", window.form.fields)
    window.types(404, body=TYPED)


def test_at_most_five_are_kept_of_one_form(nora: Desk, database: Database) -> None:
    for number in range(7):
        Window(nora, "letters/new", "/letters/new").types(body=f"Letter {number}")
    window = Window(nora, "letters/new", "/letters/new")
    assert [one["body"] for one in window.offers()] == [f"Letter {number}" for number in (6, 5, 4, 3, 2)]


def test_whoever_leaves_the_others_sentences_keeps_their_own_as_a_draft(nora: Desk, vera: Desk) -> None:
    """The red button, which Enter presses, writes over nothing; without scripts as well."""
    page = "settings/sentences/en"
    mine = Window(nora, page, page)
    Window(vera, page, page).sends(pay="Vera pays.")
    both = mine.sends(409, pay="Nora pays.")
    assert both.texts("button.btn--next") == ["Leave theirs, keep mine as a draft"]
    left: dict[str, Any] = both.form(page).fields | {"act": "keep for later"}
    led = nora.get(nora.post(page, **left))
    assert (led.notice, led.value("pay")) == ("Yours is kept as a draft, and theirs was saved.", "Vera pays.")
    assert [one["pay"] for one in mine.offers()] == ["Nora pays."]


def test_on_the_page_of_both_texts_the_red_button_leaves_theirs(
    wording: Window, ilya: Desk, database: Database
) -> None:
    Window(ilya, wording.page, "/wording").sends(body="Ilya words it.")
    both = wording.sends(409, body=TYPED)
    assert both.texts("button.btn--next") == ["Leave theirs, keep mine in a note"]
    with database.read() as session:
        assert list(session.scalars(select(Note.body))) == []


@pytest.mark.parametrize(
    ("end", "field", "unfolded"),
    [
        ("/wording", "body", ["The wording", "Change the wording"]),
        ("/close", "sentence", ["Shelve or close it", "Close it"]),
        ("/note", "note", ["Notes, and what happened"]),
    ],
)
def test_what_was_typed_and_not_sent_unfolds_all_that_it_stands_in(
    nora: Desk, question: str, end: str, field: str, unfolded: list[str]
) -> None:
    window = Window(nora, question, end)
    heads = "details[open] > summary > h2, .do > details[open] > summary"
    assert nora.get(question).texts(heads) == []
    window.types(changed=(field,), **{field: TYPED})
    assert nora.get(question).texts(heads) == unfolded
