"""The code in the short address of an ask page: it stays, and it tells nothing."""

import pytest
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.db.ids import CROCKFORD
from app.newsletters.models import Newsletter
from app.newsletters.short_codes import CODE_LENGTH, PUBLIC_ID_LENGTH, find_by_short_code, short_code
from tests.support.sample_newsroom import Newsroom, create_coast_newsletter


def steppe(session: Session, newsroom: Newsroom) -> Newsletter:
    return session.get_one(Newsletter, newsroom.newsletter_id)


def test_a_code_is_the_beginning_of_what_was_drawn_by_lot(database: Database, newsroom: Newsroom) -> None:
    with database.read() as session:
        newsletter = steppe(session, newsroom)
        code = short_code(session, newsletter)
        assert (code, find_by_short_code(session, code)) == (newsletter.public_id[:CODE_LENGTH], newsletter)
    assert len(CROCKFORD) ** CODE_LENGTH > 1_000_000_000


@pytest.mark.parametrize("value", ["01abcd", "O1ABCD", "oIabcd", "0LABCD", "01ABCDEFGH23"])
def test_a_code_is_found_as_somebody_types_it_from_paper(database: Database, newsroom: Newsroom, value: str) -> None:
    database.write(lambda s: setattr(steppe(s, newsroom), "public_id", "01ABCDEFGH23"))
    with database.read() as session:
        assert find_by_short_code(session, value) == steppe(session, newsroom)


@pytest.mark.parametrize(
    "value",
    ["", "0", "01ABC", "01ABCDE", "01ABCDEFGH2", "01ABCDEFGH234", "01ABC%", "01ABC_", "______", "01ABCÄ", "01ABCD\x00"],
)
def test_less_or_other_than_a_code_finds_nothing(database: Database, newsroom: Newsroom, value: str) -> None:
    database.write(lambda s: setattr(steppe(s, newsroom), "public_id", "01ABCDEFGH23"))
    with database.read() as session:
        assert find_by_short_code(session, value) is None


def test_of_two_with_the_same_beginning_each_has_an_address_that_stays(database: Database, newsroom: Newsroom) -> None:
    with database.read() as session:
        before = short_code(session, steppe(session, newsroom))

    def founded(session: Session) -> None:
        create_coast_newsletter(session).public_id = before + "0" * (PUBLIC_ID_LENGTH - CODE_LENGTH)

    database.write(founded)
    with database.read() as session:
        coast = find_by_short_code(session, before + "0" * (PUBLIC_ID_LENGTH - CODE_LENGTH))
        assert coast is not None
        assert (coast.slug, short_code(session, coast)) == ("coast", coast.public_id)
        assert find_by_short_code(session, before) == steppe(session, newsroom)
        assert short_code(session, steppe(session, newsroom)) == before
