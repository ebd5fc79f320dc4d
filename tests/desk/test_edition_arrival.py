"""The edition's reply address, and the edition that arrives at the desk: what changed after the lock, and one press."""

import pytest
from sqlalchemy import select

from app.core.actors import Mailroom
from app.db.engine import Database
from app.editions import locking, slots
from app.editions.models import Edition
from app.editions.queries import list_editions_to_run
from app.mail.reply_address import address_for
from app.newsletters.models import Newsletter
from app.typesetting.renderers import to_text
from app.workflows.back_issues import received_editions
from app.workflows.publishing import publication
from tests.support.database_checks import get_one
from tests.support.desk import get_version
from tests.support.sample_newsroom import Newsroom, create_answered_question


@pytest.fixture
def locked_edition(database: Database, newsroom: Newsroom) -> str:
    """An edition with one Q&A, locked; gives its public id."""

    def fn(session):
        question = create_answered_question(session, newsroom, "Who measures the salt?")
        edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        slots.pick(session, newsroom.nora, question, edition)
        locking.lock_edition(session, newsroom.nora, edition)
        return edition.public_id

    return database.write(fn)


def get_edition(session, public_id: str) -> Edition:
    return session.scalars(select(Edition).filter_by(public_id=public_id)).one()


def receive_edition(database: Database, public_id: str, old: str = "", new: str = "") -> None:
    """The edition's mail comes in, with `new` in the place of `old`."""

    def fn(session):
        edition = get_edition(session, public_id)
        text = "\n\n".join(to_text(block) for block in locking.blocks(session, edition)).replace(old or "\0", new)
        received_editions.record_arrival(
            session, Mailroom(), edition, "<steppe-61@list.example>", f"Dear readers,\n\n{text}\n\nUnsubscribe"
        )

    database.write(fn)


def takes_mail(database: Database, newsroom: Newsroom, inbox: str) -> None:
    database.write(lambda session: setattr(session.get_one(Newsletter, newsroom.newsletter_id), "inbox", inbox))


@pytest.mark.parametrize("inbox", ["ask@steppe.example", "*@reply.steppe.example"])
def test_the_reply_address_stands_on_the_edition_and_can_be_copied(nora, database, newsroom, locked_edition, inbox):
    takes_mail(database, newsroom, inbox)
    with database.read() as session:
        address = address_for(inbox, received_editions.reply_token(session, get_edition(session, locked_edition)))
    page = nora.get(f"/editions/{locked_edition}")
    assert f'<code class="hash" id="reply-to">{address}</code>' in page
    assert f'data-copy="{nora.base_path}/editions/{locked_edition}/reply-address.txt"' in page
    copied = nora.client.get(f"{nora.base_path}/editions/{locked_edition}/reply-address.txt")
    assert (copied.text, copied.mimetype) == (address, "text/plain")


def test_where_no_mail_comes_in_there_is_no_reply_address(nora, locked_edition):
    assert "Reply-To" not in nora.get(f"/editions/{locked_edition}")
    nora.get(f"/editions/{locked_edition}/reply-address.txt", 404)


def test_what_changed_after_locking_is_shown_and_one_press_marks_it_sent(nora, database, locked_edition):
    page = nora.get(f"/editions/{locked_edition}")
    assert "Mark as sent" in page
    assert "It arrived on" not in page
    receive_edition(database, locked_edition, "in 2009", "in 2010")
    page = nora.get(f"/editions/{locked_edition}")
    assert "It arrived on" in page
    assert "One thing was changed after locking:" in page
    assert [(one.tag, one.text()) for one in page.tree.css("ol.whys :is(del, ins)")] == [
        ("del", "salt plates in 2009 and count what"),
        ("ins", "salt plates in 2010 and count what"),
    ]
    assert page.texts(".btn--next") == ["Mark it as sent, as it ran"]
    nora.post(f"/editions/{locked_edition}/ran", version=get_version(page))
    edition = get_one(database, Edition, public_id=locked_edition)
    assert (edition.state, edition.message_id) == ("sent", "<steppe-61@list.example>")
    assert "Mark it as sent" not in nora.get(f"/editions/{locked_edition}")


def test_an_edition_that_ran_as_it_was_locked_says_so(nora, database, locked_edition):
    receive_edition(database, locked_edition)
    page = nora.get(f"/editions/{locked_edition}")
    assert "It ran word for word as it was locked." in page
    assert "after locking:" not in page


def test_the_second_of_two_is_told(nora, app, database, newsroom, locked_edition):
    receive_edition(database, locked_edition)
    seen = get_version(nora.get(f"/editions/{locked_edition}"))
    database.write(lambda session: publication.send(session, newsroom.nora, get_edition(session, locked_edition)))
    page = nora.post(f"/editions/{locked_edition}/ran", 409, version=seen)
    assert "This edition was changed after you opened this page" in page


def test_an_assistant_sees_what_arrived_and_cannot_mark_it(database, locked_edition, ilya):
    receive_edition(database, locked_edition)
    page = ilya.get(f"/editions/{locked_edition}")
    assert "It arrived on" in page
    assert "Mark it as sent" not in page
    ilya.post(
        f"/editions/{locked_edition}/ran", 404, version=get_one(database, Edition, public_id=locked_edition).version
    )
    assert get_one(database, Edition, public_id=locked_edition).state == "locked"


def test_what_arrives_is_shown_as_text(nora, database, locked_edition):
    receive_edition(database, locked_edition, "count what falls", "<script>alert(1)</script> what falls")
    raw = nora.client.get(f"{nora.base_path}/editions/{locked_edition}").text
    assert "<script>alert" not in raw
    assert "&lt;script&gt;alert(1)" in raw
