"""The desk leads to what readers see, with whole addresses to copy; an empty house tells the first steps."""

from flask import Flask
from sqlalchemy import select

from app.db import Database
from app.editions.models import Edition
from app.questions.models import Question
from tests.support.app import BASE_URL
from tests.support.cast import Newsroom
from tests.support.desk import LOCALHOST, Desk
from tests.support.letters import write
from tests.support.outbox_desk import sent_for_dana
from tests.support.pages import Page

STEPS = [
    ("Done:", "Word the call for questions that stands under each edition", "/desk/steppe/settings/texts"),
    ("To do:", "Say where mail comes in, so that replies to the newsletter become letters here", "/desk/steppe/settings/mail"),
    ("Done:", "Put the first experts into the directory", "/desk/steppe/experts"),
    ("Done:", "Invite a colleague, unless you work alone", "/desk/steppe/people"),
    ("To do:", "Tell your readers the address of the ask page, which stands below", "/desk/steppe/letters"),
]  # fmt: skip


def public(page: Page) -> list[str]:
    """The addresses that the page offers to copy, each beside a link to the same place."""
    copied = page.attributes(".public button[data-text][hidden]", "data-text")
    assert copied == [BASE_URL + href for href in page.attributes(".public a", "href")] == page.texts(".public code")
    return copied


def test_the_first_page_has_the_addresses_of_each_public_page(nora: Desk, app: Flask) -> None:
    addresses = public(nora.get(""))
    assert addresses == [f"{BASE_URL}/steppe/{page}" for page in ("ask", "", "answers", "editions")]
    for address in addresses:
        assert app.test_client().get(address.removeprefix(BASE_URL), base_url=LOCALHOST).status_code == 200


def test_what_ran_and_its_edition_have_theirs(nora: Desk, database: Database, newsroom: Newsroom, app: Flask) -> None:
    database.write(lambda session: sent_for_dana(session, newsroom))
    with database.read() as session:
        edition = session.scalars(select(Edition).filter_by(state="sent")).one().public_id
        question = session.scalars(select(Question).filter_by(state="published")).one().public_id
    [story] = public(nora.get(f"questions/{question}"))
    assert public(nora.get(f"editions/{edition}")) == [f"{BASE_URL}/steppe/editions/{edition}"]
    assert story.startswith(f"{BASE_URL}/steppe/q/{question}/")
    assert [href for words, href in nora.get("archive").links if "readers see it" in words] == [
        "/steppe/answers", story.removeprefix(BASE_URL),
    ]  # fmt: skip
    for address in (story, f"/steppe/editions/{edition}"):
        assert app.test_client().get(address.removeprefix(BASE_URL), base_url=LOCALHOST).status_code == 200


def test_what_has_not_run_has_none(nora: Desk) -> None:
    [coming] = {href for _words, href in nora.get("").links if "/desk/steppe/editions/" in href}
    assert public(nora.get(coming)) == []


def steps(who: Desk) -> list[tuple[str, str, str]]:
    """Each step with whether it is done, and where it leads."""
    rows = who.get("").parts("section[aria-labelledby=steps] li")
    return [(f"{row.words.partition(':')[0]}:", *row.links[0]) for row in rows]


def test_an_empty_house_tells_the_first_steps_until_a_letter_comes(
    vera: Desk, nora: Desk, ilya: Desk, newsroom: Newsroom
) -> None:
    assert steps(vera) == STEPS
    assert steps(nora) == [*STEPS[:3], STEPS[4]]
    assert steps(ilya) == [STEPS[2], STEPS[4]]
    write(vera.database, newsroom, "Who weighs the salt?")
    assert steps(vera) == []
