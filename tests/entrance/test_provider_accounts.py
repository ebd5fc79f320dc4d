"""Whose account at the provider it is: found by its address once, and bound from then on."""

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.audit import Event
from app.core.actors import Clock
from app.db.engine import Database
from app.db.session import now
from app.people import directory, staff
from app.people.models import Membership, Person
from tests.support.desk_people import (
    NORA,
    VERA,
    create_delta_newsletter,
    get_person_public_id,
    hire,
    hire_vera,
    list_roles,
    sign_in_directly,
)
from tests.support.oidc_provider import (
    DESK_PAGE,
    OidcProvider,
    get_page_status,
    list_actions,
    list_linked_person_ids,
    list_sessions,
    sign_in_at_provider,
)
from tests.support.sample_newsroom import Newsroom


def people(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Person)) or 0


@pytest.mark.threat("stranger at the door")
@pytest.mark.parametrize("email", ["stranger@desk.example", "leyla@field.example", "no address", ""])
def test_nobody_makes_themselves_an_account(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider, email: str
) -> None:
    provider.user["email"] = email
    before = people(database)
    browser = sign_in_at_provider(app)
    assert (get_page_status(browser), "Nobody at this desk has the address" in browser.text) == (403, True)
    assert (people(database), list_linked_person_ids(database), list_sessions(database)) == (before, [], [])


def test_a_desk_that_only_invited_nora_learns_nothing_of_her_account(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider
) -> None:
    """Nora has joined the Steppe Letter; the Delta Letter has invited her."""

    def invite_nora(session: Session) -> int:
        delta_id = create_delta_newsletter(session)
        vera = hire(session, delta_id, "Vera Holm", VERA, "admin")
        staff.invite(session, vera, "The Delta Letter", "Nora Lind", NORA, "editor")
        return delta_id

    delta_id = database.write(invite_nora)
    assert get_page_status(sign_in_at_provider(app)) == 303
    with database.read() as session:
        bound_at = session.scalars(select(Event.newsletter_id).where(Event.action == "identity.bind")).all()
        assert session.scalars(select(Membership.joined_at).filter_by(newsletter_id=delta_id)).all().count(None) == 1
    assert bound_at == [newsroom.newsletter_id]


@pytest.mark.threat("stranger at the door")
@pytest.mark.both_databases
def test_the_account_decides_from_the_first_time_on_and_no_address_moves_it(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider
) -> None:
    hire_vera(database, newsroom)
    assert get_page_status(sign_in_at_provider(app)) == 303
    provider.user.update(email=VERA, email_verified=False)  # what Nora's account says now
    assert get_page_status(sign_in_at_provider(app)) == 303
    assert [row.person_id for row in list_sessions(database)] == [newsroom.nora.person_id] * 2
    provider.user.update(sub="another", email=NORA, email_verified=True)  # who has got Nora's address there
    browser = sign_in_at_provider(app)
    assert (get_page_status(browser), "signed in with another account before" in browser.text) == (403, True)
    assert (list_linked_person_ids(database), len(list_sessions(database))) == ([newsroom.nora.person_id], 2)
    assert list_actions(database, "identity.") == ["identity.bind", "identity.refuse"]
    vera = sign_in_directly(app, database, VERA)
    vera.open("/desk/steppe/trail")
    assert "Another account of the newsroom’s provider tried to sign in as Nora Lind." in vera.text


def test_an_admin_has_an_account_forgotten_and_the_next_one_is_bound(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider
) -> None:
    hire_vera(database, newsroom)
    sign_in_at_provider(app)
    vera, page = (
        sign_in_directly(app, database, VERA),
        f"/desk/steppe/people/{get_person_public_id(database, newsroom.nora)}",
    )
    vera.open(page)
    vera.submit(f"{page}/account")
    vera.follow()
    assert "The account of Nora Lind at the provider is unlinked." in vera.text
    assert f"{page}/account" not in [form.action for form in vera.page.forms]
    provider.user["sub"] = "another"
    assert get_page_status(sign_in_at_provider(app)) == 303
    assert list_actions(database, "identity.") == ["identity.bind", "identity.release", "identity.bind"]


@pytest.mark.threat("stranger at the door")
def test_somebody_who_is_shut_out_or_has_left_does_not_come_in(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider
) -> None:
    nora = sign_in_at_provider(app)
    database.write(lambda s: staff.disable_person(s, Clock(), s.get_one(Person, newsroom.nora.person_id)))
    assert nora.open(DESK_PAGE).status_code == 303
    assert get_page_status(sign_in_at_provider(app)) == 403
    database.write(lambda s: staff.enable_person(s, Clock(), s.get_one(Person, newsroom.nora.person_id)))
    assert get_page_status(sign_in_at_provider(app)) == 303

    def disable_membership(session: Session) -> None:
        session.scalars(select(Membership).filter_by(person_id=newsroom.nora.person_id)).one().disabled_at = now(
            session
        )

    database.write(disable_membership)
    assert get_page_status(sign_in_at_provider(app)) == 403


def test_an_invitation_is_taken_up_by_the_provider_s_word_for_its_address(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider
) -> None:
    hire_vera(database, newsroom)
    vera = sign_in_directly(app, database, VERA)
    vera.open("/desk/steppe/people")
    vera.submit("/desk/steppe/people", name="Saule Bekova", email="saule@desk.example", role="assistant")
    assert list_roles(database, newsroom.newsletter_id)["Saule Bekova"] == ("assistant", "invited")
    provider.user["email"] = "Saule@Desk.example"
    assert get_page_status(sign_in_at_provider(app)) == 303
    assert list_roles(database, newsroom.newsletter_id)["Saule Bekova"] == ("assistant", "here")


@pytest.mark.threat("erased words")
def test_whoever_is_erased_leaves_no_account_behind(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider
) -> None:
    sign_in_at_provider(app)
    database.write(lambda s: staff.forget(s, s.get_one(Person, newsroom.nora.person_id)))
    with database.read() as session:
        assert directory.email_of(session, session.get_one(Person, newsroom.nora.person_id)) is None
    assert list_linked_person_ids(database) == []
