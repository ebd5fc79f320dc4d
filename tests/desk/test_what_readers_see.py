"""The desk leads to what readers see, with whole addresses to copy; an empty house tells the first steps."""

from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import audit
from app.core.actors import Reader, Visitor
from app.db.engine import Database
from app.db.session import now
from app.editions.models import Edition
from app.letters.receive import FormToken, Submission, send
from app.mail import inbound
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.people import sign_in
from app.people.sign_in import RequestingBrowser
from app.questions.models import Question
from tests.support.app import BASE_URL
from tests.support.database_checks import record_statements
from tests.support.desk import LOCALHOST, Desk, queue_news_for_dana
from tests.support.desk_people import create_delta_newsletter
from tests.support.letters import send_letter
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom

STEPS = [
    ("To do:", "Look at the ask page", "It is what your readers see."),
    ("To do:", "Ask a question there yourself", "It arrives under Letters, as your readers’ questions will."),
    ("To do:", "Connect your mail", "None has come in or gone out yet. Say where mail comes in, and write one there."),
    ("Done:", "Add an expert to the directory", "Somebody from the field, who answers by mail and needs no account."),
    ("Done:", "Invite a colleague", "Unless you work alone."),
    ("Done:", "Set the rhythm", "first and third Wednesday, 09:00, Europe/Prague"),
    ("To do:", "Send the first edition", "Fill its slots, lock it, mail it as you always do, and mark it as sent."),
]  # fmt: skip
PAGES = ("letters", "settings/mail", "experts", "people", "settings/dates", "editions")


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
    database.write(lambda session: queue_news_for_dana(session, newsroom))
    with database.read() as session:
        edition = session.scalars(select(Edition).filter_by(state="sent")).one().public_id
        question = session.scalars(select(Question).filter_by(state="published")).one().public_id
    [story] = public(nora.get(f"questions/{question}"))
    assert story.startswith(f"{BASE_URL}/steppe/q/{question}/")
    page = nora.get(f"editions/{edition}")
    assert page.attributes(".public button", "data-text") == [f"{BASE_URL}/steppe/editions/{edition}"]
    for address in (story, f"/steppe/editions/{edition}"):
        assert app.test_client().get(address.removeprefix(BASE_URL), base_url=LOCALHOST).status_code == 200


def test_the_archive_and_a_sent_edition_link_once_to_what_readers_see(
    nora: Desk, database: Database, newsroom: Newsroom
) -> None:
    database.write(lambda session: queue_news_for_dana(session, newsroom))
    with database.read() as session:
        edition = session.scalars(select(Edition).filter_by(state="sent")).one().public_id
    for path, counterpart in (("archive", "/steppe/answers"), (f"editions/{edition}", f"/steppe/editions/{edition}")):
        assert [url for url in nora.get(path).urls if url == counterpart] == [counterpart]


def test_what_has_not_run_has_none(nora: Desk) -> None:
    [coming] = {href for _words, href in nora.get("").links if "/desk/steppe/editions/" in href}
    assert public(nora.get(coming)) == []


def steps(desk: Desk) -> list[tuple[str, str, str]]:
    """Each step with whether it is done, what it says, and the sentence about it."""
    rows = desk.get("").parts("section[aria-labelledby=steps] li")
    found = []
    for row in rows:
        mark, _, words = row.main_text.partition(": ")
        says = row.texts(".about")[0]
        found.append((f"{mark}:", words.removesuffix(says).strip(), says))
    return found


def accepted(session: Session) -> None:
    """Let every mail that waits have been taken by a mail server."""
    when = now(session)
    session.execute(update(OutboxMail).values(state="sent", sent_at=when, ended_at=when))


def list_done(desk: Desk) -> list[str]:
    return [words for mark, words, _says in steps(desk) if mark == "Done:"]


def test_an_empty_newsletter_tells_the_first_steps_to_whoever_may_take_them(
    vera: Desk, nora: Desk, ilya: Desk, newsroom: Newsroom
) -> None:
    assert steps(vera) == STEPS
    assert steps(nora) == [*STEPS[:4], *STEPS[5:]]
    assert steps(ilya) == [*STEPS[:2], STEPS[3]]
    hrefs = [href for row in vera.get("").parts("section[aria-labelledby=steps] li") for _words, href in row.links]
    assert hrefs == [f"/desk/steppe/{page}" for page in PAGES]
    for page in PAGES:
        vera.get(page)


def test_each_step_is_ticked_by_what_happened(
    vera: Desk, nora: Desk, app: Flask, database: Database, newsroom: Newsroom
) -> None:
    given = ["Add an expert to the directory", "Invite a colleague", "Set the rhythm"]
    assert list_done(vera) == given
    assert nora.post("first-steps/look") == "/steppe/ask"
    assert list_done(vera) == ["Look at the ask page", *given]
    form = Page(app.test_client().get("/steppe/ask", base_url=LOCALHOST).text).value("form")
    typed = {"body": "Who weighs the salt?", "form": form, "then": "send"}
    assert app.test_client().post("/steppe/send", base_url=LOCALHOST, data=typed).status_code == 200
    assert list_done(vera) == ["Look at the ask page", "Ask a question there yourself", *given]
    mail = b"From: timur@post.example\nTo: ask@steppe.example\nSubject: Salt\n\nWho weighs it?\n"
    database.write(lambda session: inbound.store(session, mail, source="lmtp", newsletter_id=newsroom.newsletter_id))
    assert [says for _m, words, says in steps(vera) if words == "Connect your mail"] == [
        "A mail has come in; none has gone out yet."
    ]
    database.write(
        lambda session: sign_in.request_sign_in(
            session, Visitor(), "vera@desk.example", "desk", RequestingBrowser("a browser", "en")
        )
    )
    database.write(accepted)
    assert list_done(vera) == ["Look at the ask page", "Ask a question there yourself", "Connect your mail", *given]
    database.write(lambda session: queue_news_for_dana(session, newsroom))
    assert steps(vera) == []


def test_another_newsletters_facts_tick_nothing_here(vera: Desk, database: Database, newsroom: Newsroom) -> None:
    def at_delta(session: Session) -> None:
        delta = session.get_one(Newsletter, create_delta_newsletter(session))
        send(session, Reader(), delta, Submission("Who weighs the salt?"), form=FormToken("salt", 1))
        inbound.store(session, b"Subject: Salt\n\nWho?\n", source="lmtp", newsletter_id=delta.id)
        audit.record(session, newsroom.nora, "newsletter.look", delta)

    database.write(at_delta)
    assert list_done(vera) == ["Add an expert to the directory", "Invite a colleague", "Set the rhythm"]


def test_the_steps_are_put_away_by_whoever_may_change_settings_and_brought_back_from_there(
    nora: Desk, ilya: Desk
) -> None:
    shown = steps(nora)
    ilya.post("first-steps/hide", 404)
    assert "Hide them" not in ilya.get_text("")
    assert nora.post("first-steps/hide") == "/desk/steppe/"
    assert "The first steps are hidden. Show them again in the settings" in nora.get_text("")
    assert steps(nora) == steps(ilya) == []
    assert "Show the first steps again" not in ilya.get_text("settings")
    assert "Show the first steps again" in nora.get_text("settings")
    assert nora.post("first-steps/show") == "/desk/steppe/"
    assert steps(nora) == shown
    assert "Show the first steps again" not in nora.get_text("settings")


def test_the_steps_take_one_statement_however_much_there_is(nora: Desk, newsroom: Newsroom) -> None:
    def statements() -> int:
        with record_statements(nora.database) as found:
            nora.get_text("")
        return len(found)

    for number in range(3):
        send_letter(nora.database, newsroom, f"Who weighs plate {number}?")
    shown = statements()
    nora.post("first-steps/hide")
    nora.get_text("")
    assert statements() == shown - 1 <= 11
