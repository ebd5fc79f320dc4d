"""Second factors beside the mail: an app's codes, recovery codes, and what an admin removes."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pyotp
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import Event
from app.core.actors import Visitor
from app.crypto.seal import Keys
from app.db.engine import Database
from app.db.session import override_time
from app.people import factors, sessions, sign_in
from app.people.factors import ProofFailed
from app.people.models import BrowserSession, Factor, Person
from app.workflows.key_rotation import rotate
from tests.support.app import BASE_URL, SECRETS
from tests.support.databases import write_concurrently
from tests.support.sample_newsroom import Newsroom

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def comes_in(database: Database, newsroom: Newsroom, time: datetime = AT) -> str:
    """Nora by a link, in a new browser. Returns its token."""

    def enter(session: object) -> str | None:
        person = session.get_one(Person, newsroom.nora.person_id)  # type: ignore[attr-defined]
        link = sign_in.invite(session, Visitor(), person, "desk")  # type: ignore[arg-type]
        return sign_in.use_link(session, Visitor(), link.rpartition("/")[2], None)  # type: ignore[arg-type]

    token = database.write(enter, time)
    assert token is not None
    return token


def needs_second_factor(database: Database, token: str, time: datetime = AT) -> bool:
    with database.read(time) as session:
        found = sessions.find_session(session, token)
        assert found is not None
        return found[2]


def change(database: Database, token: str, fn, time: datetime = AT):  # type: ignore[no-untyped-def]
    def sign_in_once(session):  # type: ignore[no-untyped-def]
        found = sessions.find_session(session, token)
        assert found is not None
        return fn(session, Visitor(found[0].id), found[1])

    return database.write(sign_in_once, time)


def code(time: datetime) -> str:
    return pyotp.TOTP(SECRET).at(time)


def with_app(database: Database, newsroom: Newsroom) -> list[str]:
    token = comes_in(database, newsroom)
    return change(database, token, lambda s, a, b: factors.add_app(s, a, b, "Phone", SECRET, code(AT)))  # type: ignore[no-any-return]


def test_whoever_has_an_app_is_half_in_after_the_mail_until_its_code_is_typed(
    database: Database, newsroom: Newsroom
) -> None:
    before = comes_in(database, newsroom)
    assert needs_second_factor(database, before) is False
    with_app(database, newsroom)
    assert needs_second_factor(database, before) is True, "browsers that were signed in before are asked as well"
    later = AT + timedelta(minutes=5)
    token = comes_in(database, newsroom, later)
    assert needs_second_factor(database, token, later) is True
    change(database, token, lambda s, a, b: factors.use_code(s, a, b, code(later)), later)
    assert needs_second_factor(database, token, later) is False


@pytest.mark.threat("seized editor's device")
def test_a_code_works_once_and_only_in_its_time(database: Database, newsroom: Newsroom) -> None:
    with_app(database, newsroom)

    def shows(value: str, time: datetime) -> bool:
        token = comes_in(database, newsroom, time)
        try:
            change(database, token, lambda s, a, b: factors.use_code(s, a, b, value), time)
        except ProofFailed:
            return False
        return True

    assert shows(code(AT), AT) is False, "it was used when the app was added"
    assert shows("é12345", AT) is False, "what is no code is a wrong code"
    later = AT + timedelta(minutes=5)
    persian = code(later).translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"))
    assert [shows(persian, later), shows(code(later), later)] == [True, False]
    much = AT + timedelta(minutes=10)
    assert [shows(code(much - timedelta(minutes=2)), much), shows(code(much - timedelta(seconds=30)), much)] == [
        False,
        True,
    ]


def let_in_two(database: Database, newsroom: Newsroom, entered_code: str, time: datetime) -> list[bool]:
    """Enter the same code in two half-signed-in browsers at once, and return which still need a second factor."""
    first, second = (comes_in(database, newsroom, time) for _ in range(2))

    def show(session: Session, token: str) -> None:
        with override_time(session, time):
            found = sessions.find_session(session, token)
            assert found is not None
            factors.use_code(session, Visitor(found.person.id), found.browser_session, entered_code)

    errors = write_concurrently(database, partial(show, token=first), partial(show, token=second))
    assert [error.code for error in errors] == [ProofFailed.code]
    return [needs_second_factor(database, token, time) for token in (first, second)]


@pytest.mark.threat("seized editor's device")
@pytest.mark.both_databases
def test_of_two_browsers_that_send_the_same_code_at_once_one_is_let_in(database: Database, newsroom: Newsroom) -> None:
    with_app(database, newsroom)
    later = AT + timedelta(minutes=5)
    assert let_in_two(database, newsroom, code(later), later) == [False, True]


@pytest.mark.threat("seized editor's device")
@pytest.mark.both_databases
def test_of_two_browsers_that_send_the_same_recovery_code_at_once_one_is_let_in(
    database: Database, newsroom: Newsroom
) -> None:
    recovery_code = with_app(database, newsroom)[0]
    assert let_in_two(database, newsroom, recovery_code, AT + timedelta(minutes=5)) == [False, True]


@pytest.mark.threat("stolen database")
def test_each_recovery_code_lets_in_once_and_is_kept_as_a_hash(database: Database, newsroom: Newsroom) -> None:
    first, *others = with_app(database, newsroom)
    assert len(others) == factors.CODE_COUNT - 1
    token = comes_in(database, newsroom)
    change(database, token, lambda s, a, b: factors.use_code(s, a, b, first.upper()))
    assert needs_second_factor(database, token) is False
    again = comes_in(database, newsroom)
    with pytest.raises(ProofFailed):
        change(database, again, lambda s, a, b: factors.use_code(s, a, b, first))
    with database.read() as session:
        rows = session.scalars(select(Factor)).all()
        kept = b"".join(bytes(value) for row in rows for value in (row.code_mac, row.secret_sealed) if value)
    assert not [word for word in (SECRET, first, first.replace("-", "")) if word.encode() in kept]


def test_new_recovery_codes_end_those_before(database: Database, newsroom: Newsroom) -> None:
    old = with_app(database, newsroom)[0]
    token = comes_in(database, newsroom)
    new = change(database, token, lambda s, a, b: factors.new_codes(s, a, s.get_one(Person, newsroom.nora.person_id)))[
        0
    ]
    with pytest.raises(ProofFailed):
        change(database, token, lambda s, a, b: factors.use_code(s, a, b, old))
    change(database, token, lambda s, a, b: factors.use_code(s, a, b, new))


def test_without_the_last_factor_the_mail_alone_lets_in_and_no_recovery_code_is_left(
    database: Database, newsroom: Newsroom
) -> None:
    with_app(database, newsroom)
    token = comes_in(database, newsroom)
    with database.read() as session:
        [app] = factors.list_factors(session, newsroom.nora.person_id)
    change(database, token, lambda s, a, b: factors.remove(s, a, b.person_id, app.public_id))
    assert needs_second_factor(database, comes_in(database, newsroom)) is False
    with database.read() as session:
        assert session.scalars(select(Factor)).all() == []


@pytest.mark.threat("another desk")
def test_nobody_touches_a_factor_of_somebody_else(database: Database, newsroom: Newsroom) -> None:
    with_app(database, newsroom)
    with database.read() as session:
        [app] = factors.list_factors(session, newsroom.nora.person_id)
    ilya = newsroom.ilya.person_id
    database.write(lambda s: factors.rename(s, Visitor(ilya), ilya, app.public_id, "Mine"))
    database.write(lambda s: factors.remove(s, Visitor(ilya), ilya, app.public_id))
    with database.read() as session:
        assert [one.name for one in factors.list_factors(session, newsroom.nora.person_id)] == ["Phone"]


def test_an_app_outlives_a_new_sealing_key(database: Database, newsroom: Newsroom) -> None:
    with_app(database, newsroom)
    both = Keys({1: SECRETS[1], 2: b"another secret, also thirty-two bytes long"})
    rotated = Database(database.url, both, BASE_URL)
    list(rotate(rotated))
    with rotated.read() as session:
        [row] = factors.list_factors(session, newsroom.nora.person_id)
        assert (row.key_no, both.only(2).open(f"factors.secret.{row.public_id}", row.secret_sealed or b"")) == (
            2,
            SECRET,
        )
    rotated.close()


@pytest.mark.threat("rogue admin")
def test_an_admins_reset_removes_all_and_signs_out_and_stands_in_the_trail(
    database: Database, newsroom: Newsroom
) -> None:
    with_app(database, newsroom)
    person = newsroom.nora.person_id
    database.write(lambda s: factors.reset(s, newsroom.ilya, s.get_one(Person, person)), AT)
    with database.read(AT) as session:
        assert session.scalars(select(Factor)).all() == []
        assert session.scalars(select(BrowserSession)).all() == []
        event = session.scalars(select(Event).filter_by(action="factor.reset")).one()
        assert (event.actor, event.newsletter_id, event.facts) == (
            newsroom.ilya.ref,
            newsroom.newsletter_id,
            {"person": person},
        )
