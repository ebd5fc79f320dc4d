"""The outbox at the desk: what was mailed and what failed; who a reader is stands in none of it."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.actors import Clock
from app.db.session import now
from app.mail import outbox
from app.mail.models import OutboxContent, OutboxMail
from app.people import sign_in
from app.people.models import Person
from app.people.sign_in import RequestingBrowser
from app.questions.models import Question
from tests.support.database_checks import dump_tables
from tests.support.desk import (
    DANAS_ADDRESS,
    Desk,
    follow_pages,
    get_mail_state,
    get_newest_mail_ids,
    get_open_mail_version,
    invite_leyla,
    list_pane_buttons,
    move_mail,
    queue_news_for_dana,
)
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom, create_submitted_answer


def test_an_empty_outbox_teaches(nora: Desk) -> None:
    assert "Nothing was mailed yet." in nora.get_text("outbox")


def test_a_state_that_no_mail_has_is_no_list(nora: Desk) -> None:
    assert "“state” of the address is no filter of this list" in nora.get_text("outbox?state=lost", 404)
    assert "Outbox" in nora.get_text("outbox?state=")


def test_a_mail_on_its_way_goes_now_or_is_said_to_be_late(nora: Desk, newsroom: Newsroom) -> None:
    nora.database.write(lambda s: invite_leyla(s, newsroom))
    [public_id] = get_newest_mail_ids(nora.database).values()
    assert "On its way: Invitation now" in nora.get_text(f"outbox/{public_id}")

    def three_hours_later(session: Session) -> None:
        mail = session.scalars(select(OutboxMail)).one()
        mail.due_at -= timedelta(hours=3)

    nora.database.write(three_hours_later)
    assert "On its way: Invitation 3 hrs late" in nora.get_text(f"outbox/{public_id}")


def test_a_mail_opens_beside_the_list_without_the_secret_of_its_link(nora: Desk, newsroom: Newsroom) -> None:
    nora.database.write(lambda s: invite_leyla(s, newsroom))
    [public_id] = get_newest_mail_ids(nora.database).values()
    page = nora.open(f"outbox/{public_id}")
    said = Page(page.text).main_text
    assert ("leyla@field.example" in said, "Dear Leyla Aydın," in said) == (False, True)
    assert said.count("https://ask.newsroom.example/a/…") == 1
    with nora.database.read() as session:
        mail = session.scalars(select(OutboxMail)).one()
        secret = outbox.read(session, mail).text.partition("/a/")[2].split()[0]
    assert secret not in page.text


def test_no_page_shows_a_readers_address(nora: Desk, newsroom: Newsroom) -> None:
    nora.database.write(lambda s: queue_news_for_dana(s, newsroom))
    news = get_newest_mail_ids(nora.database)["reader.news"]
    move_mail(nora.database, news, "fail", said="550 5.1.1 no such mailbox")
    paths = ("outbox", "outbox?state=failed", f"outbox/{news}", "")
    pages = [nora.open(path) for path in paths]
    assert [DANAS_ADDRESS in page.text or "dana" in page.text.lower() for page in pages] == [False] * len(paths)
    assert ["A reader" in Page(page.text).main_text for page in pages] == [True] * len(paths)
    assert "550 5.1.1 no such mailbox" in Page(pages[2].text).main_text


def test_a_failed_mail_is_tried_again_and_a_waiting_one_discarded(nora: Desk, newsroom: Newsroom) -> None:
    nora.database.write(lambda s: invite_leyla(s, newsroom))
    [public_id] = get_newest_mail_ids(nora.database).values()
    assert list_pane_buttons(nora.open(f"outbox/{public_id}")) == ["Undo"]
    move_mail(nora.database, public_id, "fail", said="452 4.2.2 mailbox full")
    assert "One mail can’t be delivered." in nora.get_text("")
    assert list_pane_buttons(nora.open(f"outbox/{public_id}")) == ["Try again", "Discard"]
    nora.press(f"outbox/{public_id}/retry")
    assert get_mail_state(nora.database, public_id) == "queued"
    nora.press(f"outbox/{public_id}/discard", version=get_open_mail_version(nora.open(f"outbox/{public_id}")))
    assert get_mail_state(nora.database, public_id) == "discarded"
    assert list_pane_buttons(nora.open(f"outbox/{public_id}")) == []


def test_a_held_mail_goes_when_an_editor_says_so(nora: Desk, ilya: Desk, newsroom: Newsroom) -> None:
    nora.database.write(lambda s: invite_leyla(s, newsroom))
    [public_id] = get_newest_mail_ids(nora.database).values()

    def hold(session: Session) -> None:
        session.scalars(select(OutboxMail)).one().state = "held"

    nora.database.write(hold)
    assert list_pane_buttons(ilya.open(f"outbox/{public_id}")) == ["Discard"]
    ilya.press(f"outbox/{public_id}/release", 404)
    page = nora.open(f"outbox/{public_id}")
    assert list_pane_buttons(page) == ["Send it now", "Discard"]
    nora.press(f"outbox/{public_id}/release", version=get_open_mail_version(page))
    assert get_mail_state(nora.database, public_id) == "queued"


def test_illegal_moves_by_hand_change_nothing(nora: Desk, newsroom: Newsroom) -> None:
    nora.database.write(lambda s: invite_leyla(s, newsroom))
    [public_id] = get_newest_mail_ids(nora.database).values()
    before = dump_tables(nora.database)
    nora.press(f"outbox/{public_id}/release", 409)
    nora.press(f"outbox/{public_id}/retry", 409)
    nora.press(f"outbox/{public_id}/forget", 404)
    nora.press("outbox/000000000000/discard", 404)
    assert dump_tables(nora.database) == before

    def being_handed_over(session: Session) -> None:
        session.scalars(select(OutboxMail)).one().leased_until = now(session) + timedelta(minutes=5)

    nora.database.write(being_handed_over)
    before = dump_tables(nora.database)
    nora.press(f"outbox/{public_id}/discard", 409)
    assert dump_tables(nora.database) == before


def test_what_is_no_longer_kept_is_not_shown(nora: Desk, newsroom: Newsroom) -> None:
    nora.database.write(lambda s: invite_leyla(s, newsroom))
    [public_id] = get_newest_mail_ids(nora.database).values()
    move_mail(nora.database, public_id, "fail", said="550 no")

    def erase(session: Session) -> None:
        session.delete(session.scalars(select(OutboxContent)).one())

    nora.database.write(erase)
    page = nora.open(f"outbox/{public_id}")
    assert ("The text of this mail is no longer kept." in Page(page.text).main_text, list_pane_buttons(page)) == (
        True,
        ["Discard"],
    )
    nora.press(f"outbox/{public_id}/retry", 409)


def test_a_way_in_is_nobodys_to_read(nora: Desk, newsroom: Newsroom) -> None:
    def ask(session: Session) -> None:
        ilya = session.get_one(Person, newsroom.ilya.person_id)
        sign_in.request_sign_in(
            session, Clock(), "ilya@desk.example", "desk", RequestingBrowser("browser", ilya.language)
        )

    nora.database.write(ask)
    nora.get_text(f"outbox/{get_newest_mail_ids(nora.database)['sign_in']}", 404)


@pytest.mark.both_databases
def test_pages_of_one_state_go_on_where_the_last_one_ended(nora: Desk, newsroom: Newsroom) -> None:
    def submit_many(session: Session) -> None:
        for number in range(45):
            create_submitted_answer(session, newsroom, f"Question number {number}?")

    nora.database.write(submit_many)
    pages = follow_pages(nora, "outbox?state=queued", "next")
    assert [len(page.texts("td.n[role=cell]")) for page in pages] == [40, 5]
    assert len(pages[1].attributes("[rel=prev]", "href")) == 1
    with nora.database.read() as session:
        assert len(list(session.scalars(select(Question.id)))) == 45
