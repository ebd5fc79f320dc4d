"""docs/safety-sentences.md: each sentence that readers read about their safety, and about what is kept of what they typed,
with the test that holds it. A sentence that is new, or worded anew, fails here until somebody says what proves it.
"""

import ast
import re
from functools import cache
from typing import NamedTuple

import pytest
from flask.testing import FlaskClient

from app.db.engine import Database
from app.newsletters.models import Newsletter
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
DAY = re.compile(r"[A-Z][a-z]+day \d+ \w+(?: \d{4})?")
# What stands in place of a proof: nothing of the program could make such a sentence untrue.
UNPROVED = {"advice", "of others", "no promise"}
# Where the sentences stand on each page, by the heading of its table; "main p" and the like are all that it says.
PLACES = {
    "The front page": ".promises",
    "The form": ".promises, fieldset p, .weigh dd, details p, aside .steps li:last-child, aside section:last-child p",
    "The form again": ".summary > p",
    "The look before sending": ".lede, aside p",
    "The number": ".lede, .help, details p, aside p",
    "The form that was sent before": ".summary > p:not(.code)",
    "The field for the number": ".lede, aside p, .summary > p",
    "The receipt": ".lede, details p, aside p",
    "What is kept": ".lede, .help, aside p",
    "What was taken back": ".lede, .is-now div > p:not(:first-child), aside p",
    "A form that is sent again after that": ".lede + p",
    "What we protect you from, and what we can’t": ".lede, p.said, ol.steps li",
}


class Row(NamedTuple):
    sentence: str
    held_by: str


def rows(heading: str) -> list[Row]:
    return [Row(*row) for row in list_table_rows(find_section(heading, text=TEXT))]


def sentences_of(text: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+(?=[A-Z“])", text)


def sentences(page: str, location: str) -> list[str]:
    """Every sentence of a place of the page's own part, in its order, each once, with (day) and (address)."""
    selectors = ", ".join(f"main {selector}" for selector in location.split(", "))
    texts = [" ".join(text.split()) for text in Page(page).texts(selectors)]
    parts = (part for text in texts for part in sentences_of(text) if part)
    return list(dict.fromkeys(DAY.sub("(day)", part).replace(ONION, "(address)") for part in parts))


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
    pages["What is kept"] = post("receipt/held", receipt=number)
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
