"""What is kept or asked together for the desk's pages shows nobody another desk's rows, and lets nobody in for longer:
a page asks few statements, and each page anew who opens it."""

import re

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.core.actors import Clock, Reader
from app.core.clock import utc_now
from app.db.engine import Database
from app.db.session import now
from app.editions import planning
from app.letters import filing, receive
from app.newsletters.models import Topic
from app.people import sessions
from app.people.models import BrowserSession, Membership, Person
from tests.support.database_checks import record_statements
from tests.support.desk import Desk
from tests.support.letters import change_letter, list_letter_ids, send_letter
from tests.support.sample_newsroom import Newsroom, create_coast_newsletter

pytestmark = pytest.mark.both_databases

FILTERS = (
    "",
    "channel=web",
    "language=fa",
    "kind=tip",
    "held=links",
    "age=over-week",
    "alike=1",
    "state=filed",
    "state=all",
)


def joins_the_coast(database: Database, newsroom: Newsroom, role: str = "editor") -> int:
    """Nora works at The Coast too, where two readers have asked and a topic is kept; gives its key."""

    def join(session: Session) -> int:
        coast = create_coast_newsletter(session)
        session.add(
            Membership(person_id=newsroom.nora.person_id, newsletter_id=coast.id, role=role, joined_at=now(session))
        )
        for words in ("Who owns the pier of the harbour?", "Where do the gulls sleep in winter?"):
            receive.send(session, Reader(), coast, receive.Submission(words), form=receive.FormToken(words, 1))
        session.add(Topic(newsletter_id=coast.id, slug="piers", name="Piers"))
        planning.plan_newsletter(session, Clock(), coast)
        return coast.id

    return database.write(join)


def hold(database: Database, newsroom: Newsroom, public_id: str) -> None:
    change_letter(database, public_id, lambda session, letter: filing.hold(session, newsroom.nora, letter, ["links"]))


def get_whole_text(nora: Desk, path: str) -> str:
    """The words of a page with its frame."""
    return re.sub("<[^>]*>", "", nora.open(path).text)


def asks(nora: Desk, path: str) -> int:
    """How many statements a page takes, the beginnings of transactions left out."""
    with record_statements(nora.database) as statements:
        nora.get(path)
    return sum(not one.startswith("BEGIN") for one in statements)


@pytest.mark.threat("another desk")
def test_the_lists_of_two_desks_in_one_process_show_each_their_own(
    nora: Desk, database: Database, newsroom: Newsroom
) -> None:
    send_letter(database, newsroom, "Who counts the salt in our orchard?")
    joins_the_coast(database, newsroom)
    for _ in range(2):  # what the first round has built and kept is used in the second
        for query in FILTERS:
            here, there = nora.get(f"/letters?{query}"), nora.get(f"/desk/coast/letters?{query}")
            shown = query in ("", "channel=web", "state=all")
            assert ("salt" in here.main_text, "pier" in here.main_text) == (shown, False), query
            assert ("salt" in there.main_text, "pier" in there.main_text) == (False, shown), query
            assert ("Piers" in here.main_text, "Piers" in there.main_text) == (False, shown), query
        pages = [get_whole_text(nora, f"{desk}/letters") for desk in (nora.base_path, "/desk/coast")]
        assert [re.findall(r"Letters\s+(\d)", page)[0] for page in pages] == ["1", "2"]
        assert set(nora.get("/letters").values("edition")).isdisjoint(nora.get("/desk/coast/letters").values("edition"))


@pytest.mark.threat("seized editor's device")
@pytest.mark.parametrize("page", ["", "letters", "letters?state=filed&channel=mail", "questions", "shelf", "outbox"])
def test_whoever_is_signed_out_shut_out_or_disabled_opens_no_further_page(
    nora: Desk, database: Database, newsroom: Newsroom, page: str
) -> None:
    mine = {"person_id": newsroom.nora.person_id}
    steps = (
        (update(Membership).filter_by(**mine).values(disabled_at=utc_now()), 404),
        (update(Membership).filter_by(**mine).values(disabled_at=None), 200),
        (update(Person).filter_by(id=newsroom.nora.person_id).values(disabled_at=utc_now()), 303),
        (update(Person).filter_by(id=newsroom.nora.person_id).values(disabled_at=None), 200),
        (update(BrowserSession).filter_by(**mine).values(ends_at=utc_now()), 303),
    )
    assert nora.open(page).status_code == 200
    for step, status in steps:
        database.write(lambda session, step=step: session.execute(step))
        assert nora.open(page).status_code == status, (step, page)


@pytest.mark.threat("seized editor's device")
def test_whoever_is_shut_out_while_it_waits_to_be_noted_that_they_are_here_gets_no_page(
    nora: Desk, database: Database, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noting waits for its turn to write: what holds after it counts."""
    assert nora.open("letters").status_code == 200
    database.write(lambda session: session.execute(update(BrowserSession).values(seen_at=None)))
    out = update(Membership).filter_by(person_id=newsroom.nora.person_id).values(disabled_at=utc_now())
    monkeypatch.setattr(sessions, "record_visit", lambda session, _key: session.execute(out))
    assert nora.open("letters").status_code == 404


@pytest.mark.threat("rogue assistant")
def test_another_role_is_seen_at_the_next_page(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    assert "Nora Lind, editor" in get_whole_text(nora, "letters")
    role = update(Membership).filter_by(person_id=newsroom.nora.person_id).values(role="assistant")
    database.write(lambda session: session.execute(role))
    assert "Nora Lind, assistant" in get_whole_text(nora, "letters")
    assert nora.send("settings/mail", {}).status_code == 404


def test_a_role_at_one_desk_is_none_at_another(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    joins_the_coast(database, newsroom, "assistant")
    for _ in range(2):
        assert "Nora Lind, editor" in get_whole_text(nora, "letters")
        assert "Nora Lind, assistant" in get_whole_text(nora, "/desk/coast/letters")


def test_no_connection_stays_taken_however_a_page_ends(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    """The session in which it is looked who opens a page is the one that the page is read in, or is closed."""
    pool = nora.database.reader.pool
    for path, status in (("letters", 200), ("letters/012345678901", 404), ("nothing/here", 404), ("letters?held=x", 404),
                         ("/desk/nowhere/letters", 404), ("/desk/", 303), ("questions?above=012345678901", 404)):  # fmt: skip
        assert nora.open(path).status_code == status, path
        assert pool.checkedout() == 0, path
    database.write(lambda session: session.execute(update(BrowserSession).values(ends_at=utc_now())))
    assert nora.open("letters").status_code == 303
    assert pool.checkedout() == 0


def test_a_list_of_letters_takes_few_statements_with_any_one_filter(
    nora: Desk, database: Database, newsroom: Newsroom
) -> None:
    """Who opens it and where they work, what its filters offer, its rows, its numbers, and the frame's two; of what
    waits each part has its rows. Without a filter it also asks what a flood erased."""
    first = send_letter(database, newsroom, "Who counts the salt in our orchard?")
    send_letter(database, newsroom, "Who counts the snow on our roofs?")
    hold(database, newsroom, first)
    for query in FILTERS:
        assert asks(nora, f"/letters?{query}") <= (11 if query else 12), query
    assert asks(nora, "/letters?state=filed") <= 8


def test_all_that_waits_stands_in_its_order_however_the_parts_are_asked_for(
    nora: Desk, database: Database, newsroom: Newsroom
) -> None:
    """What came in, the newest first, then what is held, which is asked for with the part between."""
    came = [send_letter(database, newsroom, f"What falls on plate {number} of the field?") for number in range(3)]
    held = [send_letter(database, newsroom, f"Buy what stands on page {number} of it?") for number in range(2)]
    for one in held:
        hold(database, newsroom, one)
    shown = list_letter_ids(nora.get("/letters"))
    assert (shown[:3], set(shown[3:]), len(shown)) == (came[::-1], set(held), 5)


def test_this_edition_takes_few_statements_where_little_waits(
    nora: Desk, database: Database, newsroom: Newsroom
) -> None:
    send_letter(database, newsroom, "Who counts the salt in our orchard?")
    assert asks(nora, "") <= 11
