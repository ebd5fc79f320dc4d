"""A page with what an expert answered: only with their yes, under the name that was printed, and gone at once with their no."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning, editing, merging_experts, writing
from app.answers.models import Answer
from app.audit import Event
from app.core.actors import Clock
from app.core.domain_errors import MissingPrecondition, PermissionDenied
from app.db.engine import Database
from app.db.session import now
from app.editions import slots
from app.editions.items import PrintedExpert
from app.editions.queries import list_editions_to_run
from app.people import directory, expert_pages, sign_in
from app.people.expert_pages import ExpertPage
from app.people.models import Expert
from app.questions import actions, wording
from app.workflows.publishing import after_sending, publication
from app.workflows.retention import erase_people
from tests.support.database_checks import count_rows, record_statements
from tests.support.pages import Browser, Page
from tests.support.reader_pages import answer_letters, get_question, publish_answer, send_edition, strip_form_tokens
from tests.support.reader_pages import lock_edition as lock
from tests.support.sample_newsroom import Newsroom

ADDRESS = "/steppe/experts/"


@pytest.fixture
def silos(database: Database, newsroom: Newsroom) -> str:
    """What Leyla answered has run. The public key of the question."""
    return publish_answer(database, newsroom, [])


def leyla_of(session: Session, newsroom: Newsroom) -> Expert:
    return session.get_one(Expert, newsroom.leyla.expert_id)


def says_yes(database: Database, newsroom: Newsroom) -> str:
    """Leyla says yes. Gives the address of her page."""

    def fn(session: Session) -> str:
        expert_pages.give_consent(session, newsroom.leyla, leyla_of(session, newsroom), newsroom.newsletter_id)
        return session.scalars(select(ExpertPage.public_id)).one()

    return ADDRESS + database.write(fn)


def change_profile(database: Database, newsroom: Newsroom, **profile: str) -> None:
    def fn(session: Session) -> None:
        directory.change_profile(session, newsroom.nora, leyla_of(session, newsroom), None, **profile)

    database.write(fn)


def names_linked(client: FlaskClient, silos: str) -> list[str]:
    page = Page(client.get(f"/steppe/q/{silos}/the-silos").text)
    return [href for href in page.urls if href.startswith(ADDRESS)]


def of_nobody(client: FlaskClient) -> tuple[int, str, dict[str, str]]:
    return answer(client, f"{ADDRESS}ZZZZZZZZZZZZ")


def answer(client: FlaskClient, address: str) -> tuple[int, str, dict[str, str]]:
    """An answer without what differs from one request to the next."""
    got = client.get(address)
    reference = got.headers["X-Request-ID"]
    headers = {name: value for name, value in got.headers if name not in ("X-Request-ID", "Date")}
    key = address.removeprefix(ADDRESS)
    return got.status_code, strip_form_tokens(got.data).replace(reference, "").replace(key, ""), headers


@pytest.mark.both_databases
def test_without_a_yes_a_name_is_no_link_and_with_it_leads_to_what_ran_as_it_was_printed(
    client: FlaskClient, database: Database, newsroom: Newsroom, silos: str
) -> None:
    assert names_linked(client, silos) == []
    address = says_yes(database, newsroom)
    change_profile(database, newsroom, credit_line="who has moved on since", bio="She lives by the weir.", place="Osh")
    assert names_linked(client, silos) == [address]
    page = Page(client.get(address).text)
    assert (page.title, page.heading) == ("Leyla Aydın: The Steppe Letter", "Leyla Aydın")
    assert page.texts(".listing .head") == ["The Silos"]
    assert "<b>Leyla Aydın</b>, soil scientist at the Karakum Field Station.</bdi>" in page.html
    assert page.texts(".page-head .lede") == ["soil scientist at the Karakum Field Station"]
    for unsaid in ("moved on", "weir", "Osh", "@"):
        assert unsaid not in page.part("main").main_text
    assert address in client.get("/steppe/sitemap-pages.xml").text


@pytest.mark.threat("stranger at the door")
def test_a_no_takes_page_link_and_sitemaps_line_away_at_once_and_the_address_is_that_of_nobody(
    client: FlaskClient, database: Database, newsroom: Newsroom, silos: str
) -> None:
    address = says_yes(database, newsroom)
    assert client.get(address).status_code == 200
    database.write(lambda s: expert_pages.withdraw_consent(s, newsroom.leyla, leyla_of(s, newsroom)))
    assert answer(client, address) == of_nobody(client)
    assert of_nobody(client)[0] == 404
    assert names_linked(client, silos) == []
    assert ADDRESS not in client.get("/steppe/sitemap-pages.xml").text
    again = says_yes(database, newsroom)
    assert (again != address, client.get(again).status_code, client.get(address).status_code) == (True, 200, 404)
    with database.read() as session:
        actions = session.scalars(
            select(Event.action).where(Event.action.like("expert.%page")).order_by(Event.id)
        ).all()
    assert actions == ["expert.page", "expert.no_page", "expert.page"]


def test_a_name_and_a_credit_line_that_were_wrong_are_corrected_wherever_they_stand(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    """Leyla was printed under a wrong name: with the correction, the Q&A joins her page."""
    leyla = PrintedExpert("Leyla Aydin", "geographer in Osh")
    silos = publish_answer(database, newsroom, [], ties="Paid by the mill.")
    change_profile(database, newsroom, name=leyla.name)
    address = says_yes(database, newsroom)
    assert (names_linked(client, silos), client.get(address).status_code) == ([], 404)

    def correct(session: Session) -> None:
        question = get_question(session, silos)
        text = after_sending.get_published_text(after_sending.get_published_item(session, question))
        note = after_sending.CorrectionNote("We misspelt Ms Aydin.", "She is a geographer.")
        after_sending.correct(session, newsroom.nora, question, replace(text, experts=(leyla,)), note)

    database.write(correct)
    here = f"/steppe/q/{silos}/the-silos"
    pages = {
        path: client.get(path).text
        for path in (here, address, "/steppe/", "/steppe/answers", "/steppe/feed.xml", "/steppe/feed.json")
    }
    assert names_linked(client, silos) == [address]
    assert {path: "Aydın" in page or "Karakum" in page for path, page in pages.items()} == dict.fromkeys(pages, False)
    assert {path: "geographer in Osh" in page for path, page in pages.items()} == dict.fromkeys(pages, True)
    assert "I asked Leyla Aydin, geographer in Osh:" in Page(pages[here]).main_text
    assert "Paid by the mill." in Page(pages[here]).main_text
    assert Page(pages[address]).texts(".listing .head") == ["The Silos"]


@pytest.mark.threat("stranger at the door")
def test_where_somebody_was_described_their_page_says_nothing_of_it(
    client: FlaskClient, database: Database, newsroom: Newsroom, silos: str
) -> None:
    def rename_to(name: str) -> Callable[[Session], None]:
        return lambda session: directory.change_profile(
            session, newsroom.nora, leyla_of(session, newsroom), None, described_as=name
        )

    database.write(rename_to("a customs broker in Osh"))
    hidden = publish_answer(database, newsroom, [], headline="The Customs", body="Who is paid at the border?")
    database.write(rename_to(""))
    page = client.get(says_yes(database, newsroom)).text
    assert ("The Silos" in page, "The Customs" in page, hidden in page) == (True, False, False)
    assert names_linked(client, hidden) == []


def test_another_name_a_description_a_merge_and_a_deletion_end_it(
    database: Database, newsroom: Newsroom, silos: str
) -> None:
    def change(**profile: str) -> Callable[[Session, Expert], None]:
        return lambda session, leyla: directory.change_profile(session, newsroom.nora, leyla, None, **profile)

    def merge(session: Session, leyla: Expert) -> None:
        other = directory.record_expert(session, newsroom.nora, "Leila Aydin", None)
        merging_experts.merge(session, newsroom.nora, leyla, other)

    ways: dict[str, Callable[[Session, Expert], None]] = {
        "another name": change(name="Leyla Demir"),
        "a description": change(name="Leyla Aydın", described_as="a scientist"),
        "a deletion": erase_people.forget_expert,
        "a merge": merge,
    }
    says_yes(database, newsroom)

    def leave_directory(session: Session) -> None:
        for way in ways.values():
            with session.begin_nested() as tried:
                way(session, leyla_of(session, newsroom))
                session.flush()
                found.append(len(session.scalars(select(ExpertPage)).all()))
                tried.rollback()
            session.expire_all()

    found: list[int] = []
    database.write(leave_directory)
    assert dict(zip(ways, found, strict=True)) == dict.fromkeys(ways, 0)
    with database.read() as session:
        assert len(session.scalars(select(ExpertPage)).all()) == 1


def test_what_was_withdrawn_stands_on_no_page_and_a_page_with_nothing_on_it_is_none(
    client: FlaskClient, database: Database, newsroom: Newsroom, silos: str
) -> None:
    address = says_yes(database, newsroom)
    database.write(lambda s: publication.retract(s, newsroom.nora, get_question(s, silos), "for somebody's safety"))
    assert answer(client, address) == of_nobody(client)
    assert ADDRESS not in client.get("/steppe/sitemap-pages.xml").text


def test_fifty_on_a_page_take_no_more_queries_than_five_and_none_is_lost_between_pages(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    house, took = client.application.extensions["database"], []
    address = ""
    for first, last in ((0, 5), (5, 45)):
        for number in range(first, last):
            answer_letters(database, newsroom, [], headline=f"Story {number}", body=f"What about number {number}?")
        lock(database, newsroom)
        send_edition(database, newsroom)
        address = says_yes(database, newsroom)
        with record_statements(house) as statements:
            assert client.get(address).status_code == 200
        took.append(len([one for one in statements if one.startswith("SELECT")]))
    assert took == [4, 4]
    found, path = [], address
    while path:
        page = Page(client.get(path).text)
        found += page.texts(".listing .head")
        path = page.next_url
    assert sorted(found) == sorted(f"Story {number}" for number in range(45))


def test_the_desk_notes_a_yes_with_how_it_knows(database: Database, newsroom: Newsroom, silos: str) -> None:
    def note(session: Session, variant: str) -> None:
        expert_pages.give_consent(session, newsroom.nora, leyla_of(session, newsroom), newsroom.newsletter_id, variant)

    with pytest.raises(MissingPrecondition, match="consent_note"):
        database.write(lambda session: note(session, " "))
    database.write(lambda session: note(session, "by mail, on 3 December"))
    database.write(lambda session: note(session, "once more"))
    with database.read() as session:
        page = session.scalars(select(ExpertPage)).one()
        assert (page.name, page.noted_by_id, page.how) == (
            "Leyla Aydın", newsroom.nora.person_id, "by mail, on 3 December",
        )  # fmt: skip


def test_leyla_says_yes_and_no_on_her_own_profile(
    app: Flask, client: FlaskClient, database: Database, newsroom: Newsroom, silos: str
) -> None:
    def invite(session: Session) -> str:
        return sign_in.invite(session, Clock(), leyla_of(session, newsroom).person, "expert")

    link, leyla = database.write(invite), Browser(app)
    leyla.open(link)
    leyla.press(link)
    leyla.follow()
    leyla.open("/expert/profile")
    assert ADDRESS not in leyla.text
    leyla.press("/expert/profile/pages/steppe/yes")
    leyla.follow()
    assert "Readers find your page now." in leyla.text
    [address] = [href for href in Page(leyla.text).urls if href.startswith(ADDRESS)]
    assert client.get(address).status_code == 200
    leyla.press("/expert/profile/pages/steppe/no")
    leyla.follow()
    assert "The page is gone." in leyla.text
    assert client.get(address).status_code == 404
    assert leyla.press("/expert/profile/pages/nowhere/yes").status_code == 404


@pytest.mark.threat("curious expert")
def test_a_merge_publishes_nobodys_list_under_a_yes_that_was_given_for_another_one(
    client: FlaskClient, database: Database, newsroom: Newsroom, silos: str
) -> None:
    """Leyla said nothing; the second entry of that name did, and had nothing on its page."""

    def namesake(session: Session) -> str:
        other = directory.record_expert(session, newsroom.nora, "Leyla Aydın", "leyla@elsewhere.example")
        expert_pages.give_consent(session, newsroom.nora, other, newsroom.newsletter_id, "by mail")
        merging_experts.merge(session, newsroom.nora, leyla_of(session, newsroom), other)
        return ADDRESS

    assert client.get(database.write(namesake)).status_code == 404
    assert count_rows(database)["expert_pages"] == 0


@pytest.mark.threat("rogue assistant")
def test_an_assistant_makes_no_page_public_and_nobody_one_of_somebody_who_leaves(
    database: Database, newsroom: Newsroom, silos: str
) -> None:
    def by_the_assistant(session: Session) -> None:
        expert_pages.give_consent(
            session, newsroom.ilya, leyla_of(session, newsroom), newsroom.newsletter_id, "by mail, she says"
        )

    with pytest.raises(PermissionDenied):
        database.write(by_the_assistant)

    def of_one_who_leaves(session: Session) -> None:
        leyla = leyla_of(session, newsroom)
        leyla.leaves_at = now(session)
        session.flush()
        expert_pages.give_consent(session, newsroom.leyla, leyla, newsroom.newsletter_id)

    with pytest.raises(MissingPrecondition):
        database.write(of_one_who_leaves)


def test_what_was_approved_after_the_lock_stands_on_nobodys_page(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    """Marek was asked as well, and his text was approved when the edition with Leyla's was locked already."""

    def both_write(session: Session) -> tuple[str, int]:
        nora = newsroom.nora
        question = actions.open_question(
            session, nora, [], headline="The Silos", body="Who built the silos?", language="en"
        )
        wording.clear(session, nora, question, question.text_id or 0)
        answers = []
        asked = [(who, session.get_one(Expert, who.expert_id)) for who in (newsroom.leyla, newsroom.marek)]
        drafts = [(who, assigning.assign(session, nora, question, expert)) for who, expert in asked]
        for who, assignment in drafts:
            text = writing.AnswerContent(f"{who.name} knows.", ties=f"{who.name} owned one.", own_words=True)
            answers.append(writing.submit(session, who, assignment, text))
        editing.approve(session, nora, answers[0], checklist=editing.CHECKLIST, reason="read to her by phone")
        slots.pick(session, nora, question, list_editions_to_run(session, newsroom.newsletter_id, 1)[0])
        return question.public_id, answers[1].id

    key, answer_id = database.write(both_write)
    lock(database, newsroom)

    def approved(session: Session) -> None:
        answer = session.get_one(Answer, answer_id)
        editing.approve(session, newsroom.nora, answer, checklist=editing.CHECKLIST, reason="read to him by phone")

    database.write(approved)
    send_edition(database, newsroom)

    def yes(session: Session) -> str:
        marek = session.get_one(Expert, newsroom.marek.expert_id)
        expert_pages.give_consent(session, newsroom.marek, marek, newsroom.newsletter_id)
        return ADDRESS + session.scalars(select(ExpertPage.public_id)).one()

    assert client.get(database.write(yes)).status_code == 404
    page = Page(client.get(f"/steppe/q/{key}/the-silos").text)
    assert ("Leyla Aydın owned one." in page.main_text, "Marek" in page.main_text) == (True, False)
