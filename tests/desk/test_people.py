"""The people of the desk: Vera the admin invites, changes roles, shuts out and lets back in; nobody else does."""

from threading import Barrier, Thread

import pytest
from flask import Flask
from sqlalchemy import select

from app.answers import assigning
from app.core.actors import Staff
from app.core.domain_errors import PermissionDenied
from app.db.engine import Database
from app.forms.version_tokens import encode_token
from app.mail.models import OutboxMail
from app.people import colleagues, directory, links, staff
from app.people.models import BrowserSession, Expert, Membership, Person, SignIn
from app.questions import actions as questions
from tests.support.database_checks import count_queries, dump_tables
from tests.support.desk_people import (
    ILYA,
    NORA,
    VERA,
    create_delta_newsletter,
    find_link,
    get_newest_mail_text,
    get_person_public_id,
    hire,
    hire_vera,
    list_events,
    list_roles,
    request_code,
    sign_in_by_code,
    sign_in_by_link,
    sign_in_directly,
)
from tests.support.pages import Browser
from tests.support.sample_newsroom import Newsroom

DESK = "/desk/steppe/"
PEOPLE = f"{DESK}people"
SAULE = "saule@desk.example"
HERE = {"Nora Lind": ("editor", "here"), "Ilya Brandt": ("assistant", "here"), "Vera Holm": ("admin", "here")}


@pytest.fixture
def vera(app: Flask, database: Database, newsroom: Newsroom) -> Browser:
    hire_vera(database, newsroom)
    browser = sign_in_directly(app, database, VERA)
    browser.open(PEOPLE)
    return browser


def invite(vera: Browser, name: str = "Saule Bekova", email: str = SAULE, role: str = "assistant") -> int:
    vera.open(PEOPLE)
    return vera.press(PEOPLE, name=name, email=email, role=role).status_code


def get_person_path(database: Database, name: str) -> str:
    """The address of somebody's page."""
    with database.read() as session:
        query = select(Person.public_id).join(Membership, Membership.person_id == Person.id)
        found = session.scalar(query.where((Person.name == name) | (Membership.invited_as == name)))
    return f"{PEOPLE}/{found}"


def test_saule_is_invited_by_mail_and_is_at_the_desk_once_she_has_come(
    app: Flask, database: Database, newsroom: Newsroom, vera: Browser
) -> None:
    assert invite(vera) == 303
    vera.follow()
    assert "The invitation is on its way to Saule Bekova." in vera.text
    assert list_roles(database, newsroom.newsletter_id) == HERE | {"Saule Bekova": ("assistant", "invited")}
    assert "invited, until" in vera.text
    saule = sign_in_by_link(app, find_link(get_newest_mail_text(database, SAULE)))
    assert saule.response is not None
    assert saule.response.headers["Location"] == DESK
    assert saule.open(f"{DESK}letters").status_code == 200
    assert list_roles(database, newsroom.newsletter_id) == HERE | {"Saule Bekova": ("assistant", "here")}
    assert list_events(database, newsroom.newsletter_id, "membership.")[-2:] == [
        ("membership.invite", None, "assistant"),
        ("membership.join", None, "assistant"),
    ]
    assert Browser(app).open(find_link(get_newest_mail_text(database, SAULE))).status_code == 410


def test_the_outbox_says_whom_an_invitation_to_the_desk_is_to(vera: Browser) -> None:
    invite(vera)
    vera.open(f"{DESK}outbox")
    assert vera.page.texts("bdi[id^='to-']") == ["Saule Bekova"]


def test_an_expert_is_invited_to_the_desk_only_by_who_knows_that_she_is_one(
    database: Database, newsroom: Newsroom, vera: Browser
) -> None:
    assert invite(vera, name="Leyla", email="leyla@field.example") == 422
    said = (
        "Leyla Aydın is in the directory of experts. At the desk they can read what readers wrote, even behind "
        "questions they are asked. Send it again if that is what you want."
    )
    assert vera.page.errors == [("email", said)]
    assert (vera.value("name"), vera.value("email")) == ("Leyla", "leyla@field.example")
    assert list_roles(database, newsroom.newsletter_id) == HERE
    typed = {name: vera.value(name) for name in ("name", "email", "known")}
    assert vera.press(PEOPLE, **typed | {"email": "marek@water.example"}, role="assistant").status_code == 422
    assert vera.press(PEOPLE, **typed, role="assistant").status_code == 303
    assert list_roles(database, newsroom.newsletter_id) == HERE | {"Leyla": ("assistant", "invited")}


def test_the_invited_can_also_ask_at_the_door_and_have_no_place_before(
    app: Flask, database: Database, newsroom: Newsroom, vera: Browser
) -> None:
    invite(vera)
    with database.read() as session:
        saule = directory.by_email(session, SAULE)
        assert saule is not None
        assert directory.staff_actor(session, saule.id, newsroom.newsletter_id) is None
    assert sign_in_by_code(app, database, SAULE).open(f"{DESK}letters").status_code == 200


def test_an_invitation_sent_again_ends_the_first_and_a_withdrawn_one_leaves_nothing(
    app: Flask, database: Database, newsroom: Newsroom, vera: Browser
) -> None:
    invite(vera)
    first, page = find_link(get_newest_mail_text(database, SAULE)), get_person_path(database, "Saule Bekova")
    vera.open(page)
    assert vera.press(f"{page}/again").status_code == 303
    second = find_link(get_newest_mail_text(database, SAULE))
    assert [Browser(app).open(link).status_code for link in (first, second)] == [410, 200]
    vera.open(page)
    assert vera.press(f"{page}/withdraw").status_code == 303
    assert Browser(app).open(second).status_code == 410
    assert list_roles(database, newsroom.newsletter_id) == HERE
    with database.read() as session:
        assert directory.by_email(session, SAULE) is None
        mails = session.scalars(select(OutboxMail.state).filter_by(kind="staff.invitation")).all()
        assert mails == ["discarded", "discarded"]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"name": " "}, "Say who it is."),
        ({"email": "saule at desk"}, "“saule at desk” is not an e-mail address, such as desk@example.org."),
        ({"email": NORA}, "This address is of this desk already"),
        ({"role": "queen"}, "Choose a role."),
    ],
)
def test_what_cant_be_taken_is_said_at_its_field_and_stays_typed(
    database: Database, vera: Browser, fields: dict[str, str], fault: str
) -> None:
    before = dump_tables(database)
    form = {"name": "Saule Bekova", "email": SAULE, "role": "assistant"} | fields
    assert vera.press(PEOPLE, **form).status_code == 422
    assert fault in vera.text
    assert (vera.value("name"), vera.value("email")) == (form["name"], form["email"])
    assert dump_tables(database) == before


def test_all_that_an_invitation_lacks_is_named_at_once_each_at_its_field(database: Database, vera: Browser) -> None:
    before = dump_tables(database)
    assert vera.press(PEOPLE, name=" ", email="", role="queen").status_code == 422
    said = [("name", "Say who it is."), ("email", "This isn’t a valid e-mail address."), ("role", "Choose a role.")]
    assert (vera.page.errors, vera.page.error_summary) == (said, said)
    assert dump_tables(database) == before


@pytest.mark.threat("rogue admin", "another desk")
def test_an_admin_learns_nothing_of_another_desk(
    app: Flask, database: Database, newsroom: Newsroom, vera: Browser
) -> None:
    """Saule is known to the house as Dr. Bekova of the Delta Letter; to Vera she is who Vera says until she comes."""

    def at_delta(session):  # type: ignore[no-untyped-def]
        delta = create_delta_newsletter(session)
        return delta, hire(session, delta, "Dr. Bekova of the Delta", SAULE, "admin")

    delta, bekova = database.write(at_delta)
    before = sign_in_directly(app, database, SAULE)
    assert invite(vera, name="Saule") == 303
    vera.open(f"{DESK}outbox")
    assert "Dr. Bekova" not in vera.text
    mail = vera.page.attributes(f'main a[href^="{DESK}outbox/"]', "href")[0]
    for path in (PEOPLE, f"{DESK}trail", mail, f"{PEOPLE}/{get_person_public_id(database, bekova)}"):
        assert vera.open(path).status_code == 200
        assert ("Saule" in vera.text, "Dr. Bekova" in vera.text, "Delta" in vera.text) == (True, False, False), path
    assert vera.open("/desk/delta/people").status_code == 404
    assert before.open(f"{DESK}letters").status_code == 404  # she is asked, not taken
    vera.open(PEOPLE)
    page = get_person_path(database, "Dr. Bekova of the Delta")
    vera.press(f"{page}/withdraw")
    assert list_roles(database, delta) == {"Dr. Bekova of the Delta": ("admin", "here")}
    assert before.open("/desk/delta/people").status_code == 200
    assert vera.open(f"{DESK}trail").status_code == 200
    assert "Dr. Bekova" not in vera.text


def test_ilya_becomes_an_editor_and_of_two_admins_at_once_the_second_is_told(
    app: Flask, database: Database, newsroom: Newsroom, vera: Browser
) -> None:
    page = f"{PEOPLE}/{get_person_public_id(database, newsroom.ilya)}"
    vera.open(page)
    assert vera.press(f"{page}/role", role="editor", seen=encode_token({"role": "assistant"})).status_code == 303
    assert list_roles(database, newsroom.newsletter_id)["Ilya Brandt"] == ("editor", "here")
    vera.open(page)
    assert vera.press(f"{page}/role", role="admin", seen=encode_token({"role": "assistant"})).status_code == 409
    assert "gave Ilya Brandt the role “editor”" in vera.text and "nothing was written over it" in vera.text
    assert list_roles(database, newsroom.newsletter_id)["Ilya Brandt"] == ("editor", "here")
    assert list_events(database, newsroom.newsletter_id, "membership.")[-1] == ("membership.set", "assistant", "editor")


@pytest.mark.threat("rogue assistant")
def test_the_deactivated_are_out_at_once_everywhere_and_can_be_let_back(
    app: Flask, database: Database, newsroom: Newsroom, vera: Browser
) -> None:
    """The link of the expert whom Ilya asked has nothing to do with it."""

    def asks(session):  # type: ignore[no-untyped-def]
        question = questions.open_question(
            session, newsroom.ilya, [], headline="H", body="Who measures?", language="en"
        )
        leyla = session.get_one(Expert, newsroom.leyla.expert_id)
        assignment = assigning.assign(session, newsroom.ilya, question, leyla)
        return links.new_link(session, assignment_id=assignment.id)

    link = database.write(asks)
    laptop, phone = sign_in_directly(app, database, ILYA), sign_in_directly(app, database, ILYA)
    asked = Browser(app)
    request_code(asked, ILYA)
    way, page = (
        find_link(get_newest_mail_text(database, ILYA)),
        f"{PEOPLE}/{get_person_public_id(database, newsroom.ilya)}",
    )
    vera.open(page)
    assert vera.press(f"{page}/deactivate").status_code == 303
    assert [browser.open(f"{DESK}letters").status_code for browser in (laptop, phone)] == [303, 303]
    asked.open(way)
    assert asked.heading == "This link has ended"
    with database.read() as session:
        assert session.scalars(select(SignIn).filter_by(person_id=newsroom.ilya.person_id)).all() == []
        found = links.find_link(session, link)
        assert found is not None and found.revoked_at is None
    vera.follow()
    assert "Ilya Brandt is deactivated and signed out everywhere." in vera.text
    vera.open(PEOPLE)
    assert vera.text.count("deactivated") == 2  # in the standing sentence, and beside Ilya
    vera.open(page)
    assert vera.press(f"{page}/reactivate").status_code == 303
    assert sign_in_by_code(app, database, ILYA).open(f"{DESK}letters").status_code == 200


def test_whoever_is_removed_is_out_and_what_they_did_stays_in_their_name(
    app: Flask, database: Database, newsroom: Newsroom, vera: Browser
) -> None:
    database.write(
        lambda session: questions.open_question(session, newsroom.ilya, [], headline="Salt", body="Who?", language="en")
    )
    ilya, page = sign_in_directly(app, database, ILYA), f"{PEOPLE}/{get_person_public_id(database, newsroom.ilya)}"
    vera.open(page)
    assert vera.press(f"{page}/remove").headers["Location"] == PEOPLE
    assert ilya.open(f"{DESK}letters").status_code == 303
    assert "Ilya Brandt" not in list_roles(database, newsroom.newsletter_id)
    vera.open(f"{DESK}trail?what=question.open")
    assert "Ilya Brandt made it a question." in vera.text


@pytest.mark.threat("rogue admin")
@pytest.mark.parametrize(
    ("act", "form"),
    [("role", {"role": "editor", "seen": encode_token({"role": "admin"})}), ("remove", {}), ("deactivate", {})],
)
def test_the_last_admin_stays(
    database: Database, newsroom: Newsroom, vera: Browser, act: str, form: dict[str, str]
) -> None:
    page = get_person_path(database, "Vera Holm")
    vera.open(page)
    assert "The only admin stays" in vera.text
    before = dump_tables(database)
    assert vera.press(f"{page}/{act}", **form).status_code == 409
    assert "Nobody else could manage the desk then." in vera.text
    assert dump_tables(database) == before


def test_an_admin_who_is_shut_out_or_has_not_come_is_none(database: Database, newsroom: Newsroom) -> None:
    vera = hire_vera(database, newsroom)

    def second(session, email, out):  # type: ignore[no-untyped-def]
        other = hire(session, newsroom.newsletter_id, "Another", email, "admin")
        one = colleagues.load(session, vera, session.get_one(Person, other.person_id).public_id)
        if out:
            staff.deactivate(session, vera, one)

    database.write(lambda session: second(session, "out@desk.example", True))
    database.write(lambda s: staff.invite(s, vera, "The Steppe Letter", "Invited", "invited@desk.example", "admin"))

    def demote(session):  # type: ignore[no-untyped-def]
        one = colleagues.load(session, vera, session.get_one(Person, vera.person_id).public_id)
        staff.set_role(session, vera, one, "editor", "admin")

    with pytest.raises(staff.LastAdmin):
        database.write(demote)
    database.write(lambda session: second(session, "here@desk.example", False))
    database.write(demote)


@pytest.mark.threat("rogue admin")
def test_of_two_admins_who_demote_each_other_one_stays(database: Database, newsroom: Newsroom) -> None:
    vera = hire_vera(database, newsroom)
    oleg = database.write(lambda s: hire(s, newsroom.newsletter_id, "Oleg", "oleg@desk.example", "admin"))
    together, refused = Barrier(2), []

    def demote(actor: Staff, other: Staff) -> None:
        def fn(session):  # type: ignore[no-untyped-def]
            one = colleagues.load(session, actor, session.get_one(Person, other.person_id).public_id)
            staff.set_role(session, actor, one, "editor", "admin")

        together.wait()
        try:
            database.write(fn)
        except staff.LastAdmin:
            refused.append(actor.name)

    threads = [Thread(target=demote, args=pair) for pair in ((vera, oleg), (oleg, vera))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert sorted(role for role, _stands in list_roles(database, newsroom.newsletter_id).values()) == [
        "admin",
        "assistant",
        "editor",
        "editor",
    ]


def test_nora_the_editor_sees_who_works_here_and_nothing_to_press(
    app: Flask, database: Database, newsroom: Newsroom, vera: Browser
) -> None:
    invite(vera)
    nora = sign_in_directly(app, database, NORA)
    nora.open(PEOPLE)
    assert [name in nora.text for name in ("Vera Holm", "Ilya Brandt", "Saule Bekova", ILYA)] == [
        True,
        True,
        False,
        False,
    ]
    assert "An admin invites people and gives roles." in nora.text
    assert nora.open(f"{PEOPLE}/{get_person_public_id(database, newsroom.ilya)}").status_code == 404
    with pytest.raises(PermissionDenied), database.read() as session:
        colleagues.list_colleagues(session, newsroom.nora, include_contacts=True)


@pytest.mark.threat("seized editor's device")
def test_a_lost_laptop_is_signed_out_by_the_admin(
    app: Flask, database: Database, newsroom: Newsroom, vera: Browser
) -> None:
    ilya, page = sign_in_directly(app, database, ILYA), f"{PEOPLE}/{get_person_public_id(database, newsroom.ilya)}"
    vera.open(page)
    assert "signed in with 1 browser" in vera.text
    assert vera.press(f"{page}/out").status_code == 303
    assert ilya.open(f"{DESK}letters").status_code == 303
    assert vera.open(PEOPLE).status_code == 200
    assert list_events(database, newsroom.newsletter_id, "session.") == [("session.end_all", None, None)]
    with database.read() as session:
        assert len(session.scalars(select(BrowserSession)).all()) == 1


@pytest.mark.both_databases
def test_the_list_takes_as_many_queries_for_thirty_as_for_three(
    app: Flask, database: Database, newsroom: Newsroom, vera: Browser
) -> None:
    few = count_queries(app.extensions["database"], lambda: vera.open(PEOPLE))
    database.write(
        lambda session: [
            hire(session, newsroom.newsletter_id, f"Hand {number}", f"hand{number}@desk.example", "assistant")
            for number in range(30)
        ]
    )
    assert count_queries(app.extensions["database"], lambda: vera.open(PEOPLE)) == few
    assert "Hand 29" in vera.text
