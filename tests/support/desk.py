"""Somebody at the desk: its pages, the version tokens of its forms, the coming edition and the outbox."""

import json
import re
from base64 import urlsafe_b64decode
from typing import Any

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.answers import assigning
from app.core.actors import Clock, Reader, Staff
from app.db.engine import Database
from app.editions import locking, slots
from app.editions.models import Edition
from app.editions.queries import list_editions_to_run
from app.editor.editions.edition_page import CHECKED_ACTIONS
from app.forms.version_tokens import encode_token
from app.letters import receive
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import SETTINGS, Newsletter
from app.people import sign_in
from app.people.models import Expert, Person
from app.questions import actions as questions
from app.questions import wording
from app.workflows import invitations
from app.workflows.publishing import publication
from tests.support.database_checks import get_one
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom, create_answered_question

LOCALHOST = "https://localhost"


class Desk:
    """Somebody who is signed in at the desk of a newsletter. Addresses are those below the desk; forms carry its token along."""

    def __init__(self, app: Flask, who: Staff, slug: str = "steppe") -> None:
        self.database: Database = app.extensions["database"]
        self.client, self.slug = app.test_client(), slug
        link = self.database.write(lambda s: sign_in.invite(s, Clock(), s.get_one(Person, who.person_id), "desk"))
        token = Page(self.client.get(link, base_url=LOCALHOST).text).value("csrf_token")
        led = self.client.post(link, base_url=LOCALHOST, data={"csrf_token": token})
        assert led.status_code == 303, led.text
        self.token = Page(self.open("people/who-may-what").text).value("csrf_token")

    @property
    def base_path(self) -> str:
        return f"/desk/{self.slug}"

    def address(self, path: str) -> str:
        return path if path.startswith("/desk/") else f"{self.base_path}/{path.removeprefix('/')}"

    def open(self, path: str) -> TestResponse:
        page = self.client.get(self.address(path), base_url=LOCALHOST)
        check_forms(self.client.application, page.text if page.mimetype == "text/html" else "", self.address(path))
        return page

    def get(self, path: str, status: int = 200) -> Page:
        response = self.open(path)
        assert response.status_code == status, (response.status_code, path)
        return Page(response.text)

    def get_text(self, path: str, status: int = 200) -> str:
        """What a page says."""
        return self.get(path, status).main_text

    def send(self, path: str, typed: dict[str, Any]) -> TestResponse:
        """Send a form; a tuple of texts is a field that comes several times, and `version` and the like are what it showed."""
        fields = {
            name: list(value) if _is_text_tuple(value) else value for name, value in encode_token_facts(typed).items()
        }
        return self.client.post(self.address(path), base_url=LOCALHOST, data={**fields, "csrf_token": self.token})

    def post(self, path: str, status: int = 303, **typed: Any) -> str:
        """Send a form. Gives the page that it leads to, without the place on it, or the page where it wasn't taken."""
        response = self.send(path, typed)
        assert response.status_code == status, (response.status_code, Page(response.text).main_text)
        return response.location.partition("#")[0] if status == 303 else Page(response.text)

    def press(self, path: str, status: int = 303, **typed: Any) -> str:
        """Send a form. Gives the place that it leads to, or what the page says where it wasn't taken."""
        response = self.send(path, typed)
        assert response.status_code == status, (response.status_code, path)
        return response.location if status == 303 else Page(response.text).main_text

    def post_action(self, question: str, act: str, status: int = 303, **typed: Any) -> str:
        """Press on the page of a question, whose forms carry how it stood when it was opened."""
        return self.post(f"{question}/{act}", status, **{"seen": combine_version_tokens(self.get(question)), **typed})


def _is_text_tuple(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, str) for one in value)


def press_undo(nora: Desk, led: str) -> str:
    """Press Undo on the page that a press led to, or that is open already; gives what is said then."""
    page = nora.get(led) if led.startswith("/") else Page(led)
    return nora.get(nora.post("/undo", press=page.value("press"), back=page.value("back"))).notice


def get_form_fields(nora: Desk, path: str) -> dict[str, Any]:
    """What a page would send to its own address if nothing were typed."""
    return dict(nora.get(path).form(nora.address(path)).fields)


def get_settings_path(field: str) -> str:
    """The page of the settings on which a field stands; the parts of the rule are no settings of their own."""
    return f"settings/{SETTINGS[field].part if field in SETTINGS else 'dates'}"


def follow_pages(nora: Desk, path: str, rel: str, place: str = "pages") -> list[Page]:
    """The pages from one on, by the link to the next or to the one before."""
    pages = []
    while path:
        pages.append(Page(nora.client.get(nora.address(path), base_url=LOCALHOST, follow_redirects=True).text))
        path = next(iter(pages[-1].attributes(f".{place} [rel={rel}]", "href")), "")
    return pages


def get_section(page: Page, name: str) -> Page:
    """The block of a page that has this name."""
    return page.part(f'section.block[aria-labelledby="{name}"]')


# The presses of the desk whose forms need not say what they showed, by why that is so.
ENDPOINTS_WITHOUT_TOKEN = {
    "it adds something, and changes nothing that is there": (
        "add_expert", "answer_enter", "ask_draft", "assignment_write", "back_issues_import", "back_issues_look", "expert_file", "invite_colleague",
        "add_program", "try_program", "letter_write_down", "look_at_ask_page", "mail_file_take", "make_newsletter", "note_expert_page",
        "question_note", "translator_invite", "verify_expert",
    ),
    "each tick carries the version of its row": ("letter_crowds", "letter_crowds_hold", "letters_bulk", "press_mails", "questions_bulk", "waiting_bulk"),
    "it names the state or the fact that it takes away, and is refused where that is gone": (
        "answer_move", "answer_use", "assignment_move", "assignment_invite", "back_issues_drop", "back_issues_undo", "drop_draft",
        "drop_expert_page", "expert_file_drop", "expert_import", "leave_expert",
        "invitations_send", "question_asker", "question_split_letter",
        "question_pick", "take_from_shelf", "undo",
        "first_steps_put", "show_program_secret", "tell_program_again",
    ),
    "it is said of two rows, however each of them stands": (
        "expert_merge", "expert_namesakes", "expert_split", "question_alike",
    ),
    "it changes nothing": ("expert_address", "expert_addresses", "expert_export", "mail_address", "pen_address", "try_sending_tool"),
    "it hands over what stands there when it is done, whoever changed it": ("hand_over",),
}  # fmt: skip
TOKEN_FACTS = ("version", "newest", "label", "must_run_by")  # that a test may name beside the fields of a form


def check_forms(app: Flask, page: str, address: str) -> None:
    """Fail where a form of a page of the desk, which has to, doesn't carry what it showed."""
    free, addresses = {name for names in ENDPOINTS_WITHOUT_TOKEN.values() for name in names}, app.url_map.bind("")
    for form in Page(page).forms:
        if form.method != "post":
            continue
        endpoint = addresses.match((form.action or address).partition("?")[0], method="POST")[0]
        assert not endpoint.startswith("editor.") or form.fields.get("once"), (
            f"The form of {endpoint} has to carry a key of its own, by which a press that comes twice is known: write "
            "{{ token() }} into it."
        )
        if endpoint.startswith("editor.") and endpoint.removeprefix("editor.") not in free:
            assert "seen" in form.fields, (
                f"The form of {endpoint} has to say what it showed: write {{{{ version_field(version_token) }}}} into it and check it in "
                "its view with `check_unchanged` or `as_opened`; or say in WITHOUT_TOKEN why it needs not."
            )


def encode_token_facts(typed: dict[str, Any]) -> dict[str, Any]:
    """The form as it is sent: the facts among what is typed become its token, beside those of the token that is there."""
    facts = {name: parse_number(value) for name, value in typed.items() if name in TOKEN_FACTS}
    fields = {name: value for name, value in typed.items() if name not in TOKEN_FACTS}
    if not facts:
        return fields
    return fields | {"seen": encode_token((decode_token(fields["seen"]) if "seen" in fields else {}) | facts)}


def parse_number(value: Any) -> Any:
    return int(value) if re.fullmatch(r"\d{1,9}", str(value)) else value


def decode_token(seen: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(urlsafe_b64decode(seen))
    return facts


def list_version_tokens(page: str) -> list[str]:
    return Page(page).values("seen")


def get_version_token(page: str, act: str = "") -> str:
    """The token of the first form of a page, or of the first one that is sent to an address with this end."""
    if not act:
        return list_version_tokens(page)[0]
    token = Page(page).form(f"/{act}").fields["seen"]
    assert isinstance(token, str), token
    return token


def get_token_fact(page: str, name: str) -> Any:
    """What the first form of a page that carries such a fact carries of it."""
    return next(facts[name] for facts in map(decode_token, list_version_tokens(page)) if name in facts)


def combine_version_tokens(page: str) -> str:
    """A token of all that the forms of a page carry."""
    return encode_token(
        {name: value for seen in reversed(list_version_tokens(page)) for name, value in decode_token(seen).items()}
    )


def get_version(page: str, act: str = "") -> str:
    """The version that the first form of a page carries, or the first one that is sent to an address with this end."""
    return str(decode_token(get_version_token(page, act))["version"] if act else get_token_fact(page, "version"))


def get_newest_change(page: str) -> str:
    """The newest change of the question that its page shows."""
    return str(get_token_fact(page, "newest"))


FIRST_QUESTION, SECOND_QUESTION, THIRD_QUESTION = (
    "Who measures the salt?",
    "Where does the wind come from?",
    "Who pays the gauges?",
)
# The first one as print has it.
FIRST_QUESTION_IN_PRINT = """\
Ask The Steppe: Who measures the salt?

A reader asked: “Who measures the salt?”

To find out more, I asked Leyla Aydın, soil scientist at the Karakum Field Station:

“We put up salt plates in 2009 and count what falls on them.”

What would you like to know? Write to nora@steppe.example.
"""


class ComingEdition:
    """The coming edition and the one after it, as Nora has them before her."""

    def __init__(self, nora: Desk, newsroom: Newsroom) -> None:
        self.nora, self.database, self.newsroom = nora, nora.database, newsroom
        with self.database.read() as session:
            self.id, self.next_id = (e.public_id for e in list_editions_to_run(session, newsroom.newsletter_id, 2))
        self.page = f"editions/{self.id}"

    def create_questions(self, *words: str) -> list[str]:
        """Questions with an approved answer, by their public ids."""
        return self.database.write(
            lambda s: [create_answered_question(s, self.newsroom, one).public_id for one in words]
        )

    def edition(self, session: Session) -> Edition:
        return session.scalars(select(Edition).filter_by(public_id=self.id)).one()

    def get_contents(self) -> tuple[str, list[str]]:
        """The state of the edition and the headlines in its slots."""
        with self.database.read() as session:
            edition = self.edition(session)
            return str(edition.state), [question.headline for question in slots.list_picked_questions(session, edition)]

    def version(self) -> int:
        with self.database.read() as session:
            return self.edition(session).version

    def press(self, press: str, status: int = 303, **form: Any) -> str:
        """Press as the page does, which sends along what version of the edition it shows."""
        seen = {"version": self.version()} if press in CHECKED_ACTIONS and "seen" not in form else {}
        return self.nora.press(f"{self.page}/{press}", status, **seen | form)


DANAS_ADDRESS = "dana@post.example"


def get_newest_mail_ids(database: Database) -> dict[str, str]:
    """The public id of the newest mail of each kind."""
    with database.read() as session:
        rows = session.execute(select(OutboxMail.kind, OutboxMail.public_id).order_by(OutboxMail.id))
        return dict(rows.all())


def get_mail_state(database: Database, public_id: str) -> str:
    return get_one(database, OutboxMail, public_id=public_id).state or ""


def move_mail(database: Database, public_id: str, action: str, **facts: object) -> None:
    """What the worker does with a mail."""

    def fn(session: Session) -> None:
        mail = session.scalars(select(OutboxMail).filter_by(public_id=public_id)).one()
        outbox.move(session, Clock(), mail, action, **facts)

    database.write(fn)


def list_pane_buttons(page: TestResponse) -> list[str]:
    """The buttons beside the mail that is open, without those of the list and the one that shows whom it went to."""
    buttons = Page(page.text).part("section.pane").buttons
    return [words for words in buttons if not words.startswith("Show the address")]


def get_open_mail_version(page: TestResponse) -> str:
    """The version of the mail that is open, as its first form carries it."""
    return get_version(page.text)


def invite_leyla(session: Session, newsroom: Newsroom) -> None:
    """Leyla is invited."""
    question = questions.open_question(session, newsroom.nora, [], headline="Salt", body="Who measures?", language="en")
    wording.clear(session, newsroom.nora, question, question.text_id or 0)
    leyla = session.get_one(Expert, newsroom.leyla.expert_id)
    invitations.invite(session, newsroom.nora, assigning.assign(session, newsroom.nora, question, leyla))


def queue_news_for_dana(session: Session, newsroom: Newsroom) -> None:
    """Dana's question ran, and the news for her waits."""
    newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
    ask = receive.Submission("who knew of it?", hear_back="while", email=DANAS_ADDRESS)
    letter = receive.send(session, Reader(), newsletter, ask, form=receive.FormToken("dana", 1))
    question = create_answered_question(session, newsroom, "Who knew?")
    questions.join(session, newsroom.nora, question, [letter])
    edition = list_editions_to_run(session, newsletter.id, 1)[0]
    slots.pick(session, newsroom.nora, question, edition)
    locking.lock_edition(session, newsroom.nora, edition)
    publication.send(session, newsroom.nora, edition)
