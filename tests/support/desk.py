"""The desk as a member of staff uses it: pages, version tokens of forms, the coming edition and the outbox."""

import json
import re
from base64 import urlsafe_b64decode
from itertools import chain
from typing import Any

import flask
from flask import Flask
from flask_login import login_user
from flask_wtf.csrf import generate_csrf
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
from app.people import sessions, sign_in
from app.people.models import Expert, Person
from app.questions import actions as questions
from app.questions import wording
from app.web.setup import SignedIn
from app.workflows import invitations
from app.workflows.publishing import publication
from tests.support.database_checks import get_one
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom, create_answered_question

LOCALHOST = "https://localhost"


class Desk:
    """A browser without scripts that is signed in at the desk of a newsletter.

    Paths are relative to the desk. Its CSRF token is added to each form.
    """

    def __init__(self, app: Flask, staff: Staff, slug: str = "steppe") -> None:
        self.database: Database = app.extensions["database"]
        self.client, self.slug = app.test_client(), slug
        self.token = self._sign_in(app, staff)

    def _sign_in(self, app: Flask, staff: Staff) -> str:
        """Sign in by a link, but without its pages, which tests/entrance has. Return the CSRF token."""

        def use_link(session: Session) -> SignedIn:
            link = sign_in.invite(session, Clock(), session.get_one(Person, staff.person_id), "desk")
            token = sign_in.use_link(session, Clock(), link.rpartition("/")[2], None)
            assert token is not None
            authenticated = sessions.find_session(session, token)
            assert authenticated is not None
            return SignedIn(token, *authenticated)

        signed_in = self.database.write(use_link)
        with app.test_request_context(base_url=LOCALHOST):
            login_user(signed_in)
            csrf_token: str = generate_csrf()
            values = dict(flask.session)
        with self.client.session_transaction("/sign-in", base_url=LOCALHOST) as cookie_values:
            cookie_values.update(values)
        return csrf_token

    @property
    def base_path(self) -> str:
        return f"/desk/{self.slug}"

    def address(self, path: str) -> str:
        """Return the full path of a path relative to the desk."""
        return path if path.startswith("/desk/") else f"{self.base_path}/{path.removeprefix('/')}"

    def open(self, path: str) -> TestResponse:
        """Open a page, and check the tokens of its forms."""
        response = self.client.get(self.address(path), base_url=LOCALHOST)
        if response.mimetype == "text/html":
            check_forms(self.client.application, response.text, self.address(path))
        return response

    def get(self, path: str, status: int = 200) -> Page:
        response = self.open(path)
        assert response.status_code == status, (response.status_code, path)
        return Page(response.text)

    def get_text(self, path: str, status: int = 200) -> str:
        """Return the text of a page's main element."""
        return self.get(path, status).main_text

    def send(self, path: str, fields: dict[str, Any]) -> TestResponse:
        """Post a form. A tuple of strings is a field with several values; `TOKEN_FACTS` become the version token."""
        data = {name: list(value) if _is_text_tuple(value) else value for name, value in encode_facts(fields).items()}
        return self.client.post(self.address(path), base_url=LOCALHOST, data={**data, "csrf_token": self.token})

    def post(self, path: str, status: int = 303, **fields: Any) -> str:
        """Post a form. Return the path that it redirects to, without the fragment, or the page with another status."""
        response = self.send(path, fields)
        assert response.status_code == status, (response.status_code, Page(response.text).main_text)
        return response.location.partition("#")[0] if status == 303 else Page(response.text)

    def press(self, path: str, status: int = 303, **fields: Any) -> str:
        """Post a form. Return the path that it redirects to, or the text of the page with another status."""
        response = self.send(path, fields)
        assert response.status_code == status, (response.status_code, path)
        return response.location if status == 303 else Page(response.text).main_text

    def post_action(self, question: str, action: str, status: int = 303, **fields: Any) -> str:
        """Post a form of a question's page, with the version tokens of the page; `question` is its path."""
        token = combine_version_tokens(self.get(question))
        return self.post(f"{question}/{action}", status, **{"seen": token, **fields})


def _is_text_tuple(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(item, str) for item in value)


def press_undo(desk: Desk, page_or_path: str) -> str:
    """Press Undo on a page, or on the page at a path, and return the notice that follows."""
    page = desk.get(page_or_path) if page_or_path.startswith("/") else Page(page_or_path)
    return desk.get(desk.post("/undo", press=page.value("press"), back=page.value("back"))).notice


def get_form_fields(desk: Desk, path: str) -> dict[str, Any]:
    """Return the fields of the form that a page posts to its own path, as they are filled in."""
    return dict(desk.get(path).form(desk.address(path)).fields)


def get_settings_path(field: str) -> str:
    """Return the path of the settings page with this field; the parts of the recurrence rule are no settings."""
    return f"settings/{SETTINGS[field].part if field in SETTINGS else 'dates'}"


def follow_pages(desk: Desk, path: str, rel: str, css_class: str = "pages") -> list[Page]:
    """Return the pages of a list from a path on, by their links with `rel` ("next" or "prev") in this element."""
    pages = []
    while path:
        pages.append(Page(desk.client.get(desk.address(path), base_url=LOCALHOST, follow_redirects=True).text))
        path = next(iter(pages[-1].attributes(f".{css_class} [rel={rel}]", "href")), "")
    return pages


def get_section(page: Page, name: str) -> Page:
    """Return the section of a page whose heading has this id."""
    return page.part(f'section.block[aria-labelledby="{name}"]')


# Endpoints of the desk whose forms need no version token, by the reason.
ENDPOINTS_WITHOUT_TOKEN = {
    "it only adds rows": (
        "add_expert", "answer_enter", "ask_draft", "assignment_write", "back_issues_import", "back_issues_look", "expert_file", "invite_colleague", "letters_file", "letters_import",
        "add_program", "add_token", "try_program", "letter_write_down", "look_at_ask_page", "mail_file_take", "make_newsletter", "note_expert_page",
        "question_note", "translator_invite", "verify_expert",
    ),
    "each checkbox carries the version of its row": ("letter_crowds", "letter_crowds_hold", "letters_bulk", "press_mails", "questions_bulk", "waiting_bulk"),
    "it names the state or fact that it removes, and is refused if that has changed": (
        "answer_move", "answer_use", "assignment_move", "assignment_invite", "back_issues_drop", "back_issues_undo", "drop_draft", "revoke_token",
        "drop_expert_page", "expert_file_drop", "expert_import", "leave_expert", "letters_file_drop",
        "invitations_send", "question_asker", "question_split_letter",
        "question_pick", "take_from_shelf", "undo",
        "first_steps_put", "show_program_secret", "tell_program_again",
    ),
    "it relates two rows, whatever their states": (
        "expert_merge", "expert_namesakes", "expert_split", "question_alike",
    ),
    "it changes nothing": ("expert_address", "expert_addresses", "expert_export", "export_contacts", "export_letters", "export_newsletter", "export_questions", "mail_address", "pen_address", "try_sending_tool"),
    "it hands over the current contents, whoever changed them": ("hand_over", "mail_to_me"),
}  # fmt: skip
TOKEN_FACTS = ("version", "newest", "label", "must_run_by")  # passed like fields, sent in the version token


def check_forms(app: Flask, html: str, path: str) -> None:
    """Check that the forms of a page have an idempotency key, and a version token where they need one."""
    exempt_endpoints = set(chain.from_iterable(ENDPOINTS_WITHOUT_TOKEN.values()))
    urls = app.url_map.bind("")
    for form in Page(html).forms:
        if form.method != "post":
            continue
        endpoint = urls.match((form.action or path).partition("?")[0], method="POST")[0]
        assert not endpoint.startswith("editor.") or form.fields.get("once"), (
            f"The form of {endpoint} needs an idempotency key, by which a second press is recognised: "
            "write {{ token() }} into it."
        )
        if endpoint.startswith("editor.") and endpoint.removeprefix("editor.") not in exempt_endpoints:
            assert "seen" in form.fields, (
                f"The form of {endpoint} needs a version token: write {{{{ version_field(version_token) }}}} into it "
                "and check it in its view with `check_unchanged` or `as_opened`; or give the reason why it needs none in "
                "ENDPOINTS_WITHOUT_TOKEN of tests/support/desk.py."
            )


def encode_facts(values: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a form, with the `TOKEN_FACTS` among the values added to its version token."""
    facts = {name: _parse_number(value) for name, value in values.items() if name in TOKEN_FACTS}
    fields = {name: value for name, value in values.items() if name not in TOKEN_FACTS}
    if not facts:
        return fields
    token_facts = decode_token(fields["seen"]) if "seen" in fields else {}
    return fields | {"seen": encode_token(token_facts | facts)}


def _parse_number(value: Any) -> Any:
    return int(value) if re.fullmatch(r"\d{1,9}", str(value)) else value


def decode_token(token: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(urlsafe_b64decode(token))
    return facts


def list_version_tokens(page: str) -> list[str]:
    return Page(page).values("seen")


def get_version_token(page: str, action: str = "") -> str:
    """Return the version token of the first form of a page, or of the first one whose path ends with `action`."""
    if not action:
        return list_version_tokens(page)[0]
    token = Page(page).form(f"/{action}").fields["seen"]
    assert isinstance(token, str), token
    return token


def get_token_fact(page: str, name: str) -> Any:
    """Return a fact from the first version token of a page that has it."""
    return next(facts[name] for facts in map(decode_token, list_version_tokens(page)) if name in facts)


def combine_version_tokens(page: str) -> str:
    """Return a token with the facts of all version tokens of a page; the first one wins."""
    facts: dict[str, Any] = {}
    for token in reversed(list_version_tokens(page)):
        facts |= decode_token(token)
    return encode_token(facts)


def get_version(page: str, action: str = "") -> str:
    """Return the version in the first token that has one, or in that of the form whose path ends with `action`."""
    if action:
        return str(decode_token(get_version_token(page, action))["version"])
    return str(get_token_fact(page, "version"))


def get_newest_change(page: str) -> str:
    """Return the newest change of a question, from the version token of its page."""
    return str(get_token_fact(page, "newest"))


FIRST_QUESTION, SECOND_QUESTION, THIRD_QUESTION = (
    "Who measures the salt?",
    "Where does the wind come from?",
    "Who pays the gauges?",
)
# The first question as it is printed.
FIRST_QUESTION_IN_PRINT = """\
Ask The Steppe: Who measures the salt?

A reader asked: “Who measures the salt?”

To find out more, I asked Leyla Aydın, soil scientist at the Karakum Field Station:

“We put up salt plates in 2009 and count what falls on them.”

What would you like to know? Write to nora@steppe.example.
"""


class ComingEdition:
    """The coming edition of a newsletter and the one after it, as Nora edits them at the desk."""

    def __init__(self, nora: Desk, newsroom: Newsroom) -> None:
        self.nora, self.database, self.newsroom = nora, nora.database, newsroom
        with self.database.read() as session:
            self.id, self.next_id = (e.public_id for e in list_editions_to_run(session, newsroom.newsletter_id, 2))
        self.page = f"editions/{self.id}"

    def create_questions(self, *texts: str) -> list[str]:
        """Create questions with approved answers, and return their public ids."""
        return self.database.write(
            lambda s: [create_answered_question(s, self.newsroom, text).public_id for text in texts]
        )

    def edition(self, session: Session) -> Edition:
        return session.scalars(select(Edition).filter_by(public_id=self.id)).one()

    def get_contents(self) -> tuple[str, list[str]]:
        """Return the state of the edition and the headlines of the questions in its slots."""
        with self.database.read() as session:
            edition = self.edition(session)
            return str(edition.state), [question.headline for question in slots.list_picked_questions(session, edition)]

    def version(self) -> int:
        with self.database.read() as session:
            return self.edition(session).version

    def press(self, action: str, status: int = 303, **fields: Any) -> str:
        """Post a form of the edition's page, with the version of the edition where the form has it."""
        if action in CHECKED_ACTIONS and "seen" not in fields:
            fields = {"version": self.version(), **fields}
        return self.nora.press(f"{self.page}/{action}", status, **fields)


DANAS_ADDRESS = "dana@post.example"


def get_newest_mail_ids(database: Database) -> dict[str, str]:
    """Return the public id of the newest mail of each kind, by kind."""
    with database.read() as session:
        rows = session.execute(select(OutboxMail.kind, OutboxMail.public_id).order_by(OutboxMail.id))
        return dict(rows.all())


def get_mail_state(database: Database, public_id: str) -> str:
    return get_one(database, OutboxMail, public_id=public_id).state or ""


def move_mail(database: Database, public_id: str, action: str, **facts: object) -> None:
    """Move a mail to another state, as the worker does."""

    def move(session: Session) -> None:
        mail = session.scalars(select(OutboxMail).filter_by(public_id=public_id)).one()
        outbox.move(session, Clock(), mail, action, **facts)

    database.write(move)


def list_pane_buttons(page: TestResponse) -> list[str]:
    """Return the buttons for the open mail of the outbox, except those for its recipient's address."""
    buttons = Page(page.text).part("section.pane").buttons
    return [label for label in buttons if not label.startswith(("Show the address", "Change the address"))]


def get_open_mail_version(page: TestResponse) -> str:
    """Return the version of the open mail of the outbox, from its first form."""
    return get_version(page.text)


def invite_leyla(session: Session, newsroom: Newsroom) -> None:
    """Create an assignment for Leyla, and invite her."""
    question = questions.open_question(session, newsroom.nora, [], headline="Salt", body="Who measures?", language="en")
    wording.clear(session, newsroom.nora, question, question.text_id or 0)
    leyla = session.get_one(Expert, newsroom.leyla.expert_id)
    invitations.invite(session, newsroom.nora, assigning.assign(session, newsroom.nora, question, leyla))


def queue_news_for_dana(session: Session, newsroom: Newsroom) -> None:
    """Publish the answer to a letter from Dana, which queues a mail to her."""
    newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
    ask = receive.Submission("who knew of it?", hear_back="while", email=DANAS_ADDRESS)
    letter = receive.send(session, Reader(), newsletter, ask, form=receive.FormToken("dana", 1))
    question = create_answered_question(session, newsroom, "Who knew?")
    questions.join(session, newsroom.nora, question, [letter])
    edition = list_editions_to_run(session, newsletter.id, 1)[0]
    slots.pick(session, newsroom.nora, question, edition)
    locking.lock_edition(session, newsroom.nora, edition)
    publication.send(session, newsroom.nora, edition)
