"""docs/safety-sentences.md: each sentence that readers read about their safety, and about what is kept of what they typed,
with the test that holds it. A sentence that is new, or worded anew, fails here until somebody says what proves it.
"""

import ast
import re
from datetime import timedelta
from functools import cache, partial
from typing import NamedTuple

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.core.actors import Staff
from app.core.clock import utc_now
from app.db.engine import Database
from app.db.session import now
from app.letters.models import MADE_ROOM, Letter
from app.letters.receipts import find_receipt
from app.newsletters.models import Newsletter
from app.questions import actions
from app.settings.translation_server import TranslationServer
from tests.support.docs import find_section, list_table_rows
from tests.support.pages import Page
from tests.support.reader_pages import SILOS_QUESTION, get_form_token, read_receipt, send_question
from tests.support.sample_newsroom import Newsroom
from tests.support.source import ROOT, parse_module

DOC = "docs/safety-sentences.md"
TEXT = (ROOT / DOC).read_text(encoding="utf-8")
ONION = f"http://{'steppe22' * 7}.onion"
PROOF = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
NUMBER = re.compile(r"\d+(?= characters?\b)")
DAY = re.compile(r"[A-Z][a-z]+day \d+ \w+(?: \d{4})?")
# What stands in place of a proof: nothing of the program could make such a sentence untrue.
UNPROVED = {"advice", "of others", "no promise"}
# Where the sentences stand on each page, by the heading of its table; "main p" and the like are all that it says.
PLACES = {
    "The front page": ".promises",
    "The form": ".promises, fieldset p, .weigh dd, details p, aside .steps li, aside section:last-child p",
    "The form again": ".summary > p",
    "The look before sending": ".lede, aside p",
    "The number": ".lede, .help, details p, aside p",
    "The form that was sent before": ".summary > p:not(.code)",
    "The field for the number": ".lede, aside p, .summary > p",
    "The receipt": "p",
    "The receipt after a flood": ".lede, .is-now p",
    "The receipt of words that were kept in full": ".lede, .is-now p",
    "The receipt of an open question without its words": ".lede, .is-now p",
    "What is kept": "p",
    "What was taken back": ".lede, .is-now div > p:not(:first-child), aside p",
    "A form that is sent again after that": ".lede + p",
    "What we protect you from, and what we can’t": ".lede, p.said, ol.steps li",
}


CONTACT = {
    "hear_back": "while", "email_while": "timur@post.example", "credit": "first", "first": "Timur", "place": "Osh",
}  # fmt: skip
# How letters were erased, by the heading of their receipts.
ERASED: dict[str, dict[str, object]] = {
    "The receipt after a flood": {"end_reason": MADE_ROOM, "state": "ended"},
    "The receipt of words that were kept in full": {"end_reason": "forgotten", "state": "ended"},
    "The receipt of an open question without its words": {"erase_on": utc_now().date()},
}


class Row(NamedTuple):
    sentence: str
    held_by: str


def rows(heading: str) -> list[Row]:
    return [Row(*row) for row in list_table_rows(find_section(heading, text=TEXT))]


def sentences_of(text: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+(?=[A-Z“])", text)


def sentences(page: str, location: str) -> list[str]:
    """Every sentence of a place of the page's own part, in its order, each once, with (day), (number) and (address)."""
    selectors = ", ".join(f"main {selector}" for selector in location.split(", "))
    texts = [" ".join(text.split()) for text in Page(page).texts(selectors)]
    parts = (part for text in texts for part in sentences_of(text) if part)
    parts = (NUMBER.sub("(number)", DAY.sub("(day)", part)) for part in parts)
    return list(dict.fromkeys(part.replace(ONION, "(address)") for part in parts))


def erase(session: Session, receipt: str, values: dict[str, object]) -> None:
    letter = find_receipt(session, receipt)
    assert letter is not None
    changes = values | {"body": None, "erased_at": now(session), "received_at": now(session) - timedelta(days=365)}
    session.execute(update(Letter).filter_by(id=letter.id).values(changes))


def open_question(session: Session, editor: Staff, receipt: str) -> None:
    letter = find_receipt(session, receipt)
    assert letter is not None
    actions.open_question(session, editor, [letter], headline="The Salt")


@pytest.fixture
def public_pages(client: FlaskClient, database: Database, newsroom: Newsroom) -> dict[str, str]:
    """Each page at its longest: the desk has set a way off and an onion address, mail comes in, and letters are
    translated.
    """

    def change(session: object) -> None:
        one = session.get_one(Newsletter, newsroom.newsletter_id)  # type: ignore[attr-defined]
        one.onion, one.leave_to, one.inbox = ONION, "https://weather.example/", "ask@steppe.example"

    def post(path: str, **fields: str) -> str:
        return client.post(f"/steppe/{path}", data=fields).text

    database.write(change)
    client.application.config["TRANSLATION_SERVER"] = TranslationServer("http://127.0.0.1:5000", "")
    pages = {"The front page": client.get("/steppe/").text, "The form": client.get("/steppe/ask").text}
    pages["The form again"] = post("send", form=get_form_token(client), body="x")
    pages["The look before sending"] = post("send", form=get_form_token(client), body=SILOS_QUESTION, then="look")
    form = get_form_token(client)
    pages["The number"] = send_question(client, form=form).text
    pages["The form that was sent before"] = post("send", form=form, body="Who sells the water?")
    pages["The field for the number"] = post("receipt", receipt="1" * 20)
    number = read_receipt(pages["The number"])
    pages["The receipt"] = post("receipt", receipt=number)
    for heading, values in ERASED.items():
        erased = read_receipt(send_question(client, body=f"Who guards the gate? {heading}").text)
        database.write(partial(erase, receipt=erased, values=values))
        pages[heading] = post("receipt", receipt=erased)
    full = send_question(client, body="Who counts the salt?", background="I live by the mill.", **CONTACT).text
    post("receipt/add", receipt=read_receipt(full), more="I mean the year 2019.")
    database.write(partial(open_question, editor=newsroom.nora, receipt=read_receipt(full)))
    pages["What is kept"] = post("receipt/held", receipt=read_receipt(full))
    pages["What was taken back"] = post("receipt/withdraw", receipt=number)
    pages["A form that is sent again after that"] = post("send", form=form, body=SILOS_QUESTION)
    pages["What we protect you from, and what we can’t"] = client.get("/steppe/protection").text
    return pages


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_sentence_of_the_pages_has_its_proof_or_promises_nothing(public_pages: dict[str, str]) -> None:
    assert public_pages.keys() == PLACES.keys()
    said = {heading: sentences(page, PLACES[heading]) for heading, page in public_pages.items()}
    listed = {heading: [row.sentence for row in rows(heading)] for heading in PLACES}
    missing = [(heading, one) for heading in PLACES for one in said[heading] if one not in listed[heading]]
    gone = [(heading, one) for heading in PLACES for one in listed[heading] if one not in said[heading]]
    assert missing == [], f"say in {DOC} what holds it"
    assert gone == [], f"no longer on the page: take it out of {DOC}"
    assert {heading: len(found) for heading, found in listed.items()} == {key: len(one) for key, one in said.items()}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_protection_page_says_nothing_beside_its_sentences(public_pages: dict[str, str]) -> None:
    """No paragraph or list item escapes the reading above; the newsroom's own notes would stand in `details`."""
    heading = "What we protect you from, and what we can’t"
    page_words = " ".join(sentences(public_pages[heading], PLACES[heading])).replace("(address)", ONION)
    texts = [" ".join(text.split()) for text in Page(public_pages[heading]).texts("main p, main li") if text.strip()]
    button = "Ask a question"
    assert [
        text for text in texts if text != button and not all(part in page_words for part in sentences_of(text))
    ] == []


@cache
def list_functions(file: str) -> frozenset[str]:
    return frozenset(node.name for node in parse_module(ROOT / file).body if isinstance(node, ast.FunctionDef))


EXPERTS = "The expert’s page"


@pytest.mark.parametrize("heading", [*PLACES, EXPERTS])
def test_each_row_names_a_test_that_is_there_or_says_why_it_needs_none(heading: str) -> None:
    found = rows(heading)
    assert found
    proofs = {row: PROOF.findall(row.held_by) for row in found}
    assert [row.sentence for row in found if not proofs[row] and row.held_by not in UNPROVED] == []
    assert [proof for row in found for proof in proofs[row] if proof[1] not in list_functions(proof[0])] == []


def test_what_experts_read_about_saving_is_in_their_page() -> None:
    folder = ROOT / "app" / "templates" / "expert"
    page = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.html")))
    assert [row.sentence for row in rows(EXPERTS) if f'_("{row.sentence}' not in page] == []
