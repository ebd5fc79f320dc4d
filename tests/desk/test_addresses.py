"""Whoever at the desk looks at an address is in the trail first: an expert's, that of who wrote a mail, of whom one went to."""

import json

import pytest
from flask import Flask
from sqlalchemy import select

from app.audit import Event
from app.mail.inbound import MailContent
from app.people import directory
from app.people.models import Expert, Person
from tests.support.database_checks import dump_tables
from tests.support.desk import DANAS_ADDRESS, Desk, get_newest_mail_ids, invite_leyla, queue_news_for_dana
from tests.support.mailroom import place_mail
from tests.support.sample_newsroom import Newsroom

LEYLA, OTHER = "leyla@field.example", "leyla@private.example"
TIMUR = MailContent(from_name="Timur", from_address="timur@post.example", subject="Salt", text="Who measures the salt?")


@pytest.fixture(params=["nora", "ilya", "vera"])
def desk_member(request: pytest.FixtureRequest) -> Desk:
    """An editor, an assistant, an admin."""
    desk: Desk = request.getfixturevalue(request.param)
    return desk


def list_looks(desk: Desk) -> list[tuple[str, str, object]]:
    """What the trail has of addresses that were looked at: who, the act, and whose."""
    with desk.database.read() as session:
        rows = session.scalars(select(Event).where(Event.action.like("%.look")).order_by(Event.id)).all()
        return [(row.actor, row.action, (row.facts or {}).get("whose")) for row in rows]


def get_actor(desk: Desk, newsroom: Newsroom) -> str:
    """The actor that somebody is in the trail."""
    with desk.database.read() as session:
        return str(session.scalars(select(Event.actor).order_by(Event.id.desc()).limit(1)).one())


def of_leyla(desk: Desk, newsroom: Newsroom) -> str:
    with desk.database.read() as session:
        return str(session.get_one(Expert, newsroom.leyla.expert_id).public_id)


def test_an_experts_address_is_shown_to_whoever_asks_and_then_they_are_in_the_trail(
    desk_member: Desk, newsroom: Newsroom
) -> None:
    leyla = of_leyla(desk_member, newsroom)
    page = desk_member.get(f"experts/{leyla}")
    assert ("@field" in page, page.buttons.count("Show the address")) == (False, 1)
    assert list_looks(desk_member) == []
    shown = desk_member.post(f"experts/{leyla}/address", 200)
    assert shown.attributes("a[href^=mailto]", "href") == [f"mailto:{LEYLA}"]
    assert "Show the address" not in shown.buttons
    assert list_looks(desk_member) == [(get_actor(desk_member, newsroom), "expert.look", leyla)]
    assert "@field" not in desk_member.get(f"experts/{leyla}")  # only once
    desk_member.post(f"experts/{leyla}/address", 200)
    assert len(list_looks(desk_member)) == 2


def test_who_is_in_the_directory_without_an_address_has_none_to_show(nora: Desk, newsroom: Newsroom) -> None:
    led = nora.press("experts", name="Saule Bekova")
    page = nora.get(led)
    assert "Saule Bekova has no address here: no mail reaches them." in page.main_text
    assert "Show the address" not in page.main_text
    nora.post(f"{led}/address", 200)
    assert list_looks(nora) == []


def test_two_who_look_alike_are_compared_by_their_addresses_on_one_press(desk_member: Desk, newsroom: Newsroom) -> None:
    def record_double(session):  # type: ignore[no-untyped-def]
        return directory.record_expert(session, newsroom.nora, "Лейла Айдын", OTHER).public_id

    leyla, other = of_leyla(desk_member, newsroom), desk_member.database.write(record_double)
    page = desk_member.get("experts/duplicates")
    assert (LEYLA in page, OTHER in page, page.main_text.count("has an address")) == (False, False, 2)
    shown = desk_member.post("experts/duplicates/addresses", 200, keep=leyla, other=other).texts("li.pair bdi")
    assert sorted(shown) == [LEYLA, OTHER]
    assert [(act, whose) for _who, act, whose in list_looks(desk_member)] == [
        ("expert.look", leyla),
        ("expert.look", other),
    ]


def test_the_address_of_whoever_wrote_a_mail_is_shown_on_a_press(desk_member: Desk, newsroom: Newsroom) -> None:
    public_id = place_mail(desk_member.database, newsroom, reading=TIMUR)
    for path in ("pen", f"pen/{public_id}"):
        page = desk_member.get(path)
        assert ("Timur" in page, "timur@" in page) == (True, False)
    shown = desk_member.post(f"pen/{public_id}/address", 200)
    assert shown.texts("bdi.hash") == ["timur@post.example"]
    assert list_looks(desk_member) == [(get_actor(desk_member, newsroom), "inbound.look", public_id)]


@pytest.mark.parametrize("name", ["timur@post.example", "Timur (timur@post.example)", "timur\uff20post.example"])
def test_a_name_that_is_an_address_is_none(nora: Desk, newsroom: Newsroom, name: str) -> None:
    reading = MailContent(from_name=name, from_address="timur@post.example", subject="Salt", text="Who?")
    public_id = place_mail(nora.database, newsroom, reading=reading)
    pages = [nora.open(path).text for path in ("pen", f"pen/{public_id}")]
    assert ["post.example" in page for page in pages] == [False, False]


def test_whom_a_mail_went_to_is_shown_on_a_press_and_a_reader_never(desk_member: Desk, newsroom: Newsroom) -> None:
    for write in (invite_leyla, queue_news_for_dana):
        desk_member.database.write(lambda session, write=write: write(session, newsroom) and None)  # type: ignore[misc]
    sent = get_newest_mail_ids(desk_member.database)
    assert LEYLA not in desk_member.open(f"outbox/{sent['expert.invitation']}").text
    shown = desk_member.post(f"outbox/{sent['expert.invitation']}/address", 200)
    assert shown.texts("bdi.hash") == [LEYLA]
    before = dump_tables(desk_member.database)
    assert DANAS_ADDRESS not in desk_member.press(f"outbox/{sent['reader.news']}/address", 404)
    assert dump_tables(desk_member.database) == before
    assert [(act, whose) for _who, act, whose in list_looks(desk_member)] == [
        ("expert.look", of_leyla(desk_member, newsroom))
    ]


def test_a_colleague_to_whom_a_mail_went_is_named_in_the_trail(nora: Desk, ilya: Desk, newsroom: Newsroom) -> None:
    nora.database.write(lambda session: queue_news_for_dana(session, newsroom))
    mail = get_newest_mail_ids(nora.database)["desk.answer"]
    with nora.database.read() as session:
        whose = session.get_one(Person, newsroom.nora.person_id).public_id
    assert "nora@desk.example" not in ilya.open(f"outbox/{mail}").text
    assert ilya.post(f"outbox/{mail}/address", 200).texts("bdi.hash") == ["nora@desk.example"]
    assert list_looks(ilya) == [(newsroom.ilya.ref, "membership.look", whose)]
    sentences = nora.get("trail?what=membership.look").texts(".trail--whole bdi")
    assert sentences == ["Ilya Brandt looked at the address of Nora Lind, to whom a mail went."]


def test_the_trail_and_its_files_tell_who_looked_at_whose_address_and_no_address(
    nora: Desk, ilya: Desk, newsroom: Newsroom
) -> None:
    leyla, public_id = of_leyla(nora, newsroom), place_mail(nora.database, newsroom, reading=TIMUR)
    ilya.post(f"experts/{leyla}/address", 200)
    ilya.post(f"pen/{public_id}/address", 200)
    sentences = nora.get("trail?auto=1").texts(".trail--whole bdi")[:2]
    assert sentences == [
        "Ilya Brandt looked at the address of the mail’s sender.",
        "Ilya Brandt looked at the address of Leyla Aydın.",
    ]
    rows = [json.loads(line) for line in nora.open("trail/jsonl?what=expert.look").text.splitlines()]
    assert [(row["who"], row["facts"]) for row in rows] == [("Ilya Brandt", {"whose": leyla})]
    files = [nora.open(f"trail{form}").text for form in ("", "/csv", "/jsonl")]
    assert [[secret in file for secret in (LEYLA, "timur@")] for file in files] == [[False, False]] * 3


def test_where_it_can_t_be_put_into_the_trail_nothing_is_shown(nora: Desk, newsroom: Newsroom) -> None:
    """It is recorded first: a database that takes no event gives no address."""
    leyla = of_leyla(nora, newsroom)
    with nora.database.writer.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON audit WHEN NEW.action = 'expert.look' "
            "BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
    nora.client.application.config["PROPAGATE_EXCEPTIONS"] = False
    response = nora.send(f"experts/{leyla}/address", {})
    assert (response.status_code >= 500, LEYLA in response.text) == (True, False)
    assert list_looks(nora) == []


def test_somebody_of_another_desk_and_a_stranger_see_no_address(app: Flask, nora: Desk, newsroom: Newsroom) -> None:
    public_id = place_mail(nora.database, newsroom, reading=TIMUR)
    before = dump_tables(nora.database)
    stranger = app.test_client()
    answer = stranger.post(f"/desk/steppe/pen/{public_id}/address", base_url="https://localhost")
    assert (answer.status_code in (303, 400, 403), "timur@" in answer.text) == (True, False)
    assert nora.client.get(f"/desk/steppe/pen/{public_id}/address", base_url="https://localhost").status_code == 405
    assert dump_tables(nora.database)["audit"] == before["audit"]


def test_looking_stands_in_no_ones_way(nora: Desk, newsroom: Newsroom) -> None:
    """It changes nothing, so what was done before can still be undone, and no open form gets stale by it."""
    leyla = of_leyla(nora, newsroom)
    form = nora.get(f"experts/{leyla}").form(f"/desk/steppe/experts/{leyla}").fields
    nora.post(f"experts/{leyla}/address", 200)
    nora.press(f"experts/{leyla}", **{**form, "topics": "salt"})
    with nora.database.read() as session:
        assert session.get_one(Expert, newsroom.leyla.expert_id).topics == ["salt"]
