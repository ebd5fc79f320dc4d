"""The outbox: Nora's desk writes mails to Leyla the expert and Timur the reader; workers deliver them."""

import os
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.audit import Event
from app.core.actors import Clock, Reader, Staff
from app.core.domain_errors import InvalidTransition, MissingPrecondition, PermissionDenied
from app.crypto.seal import Keys
from app.db.engine import Database
from app.letters.models import Letter
from app.mail import outbox
from app.mail import queries as mail_queries
from app.mail.delivery import LEASE, Permanent, Transient, claim, deliver_due, get_retry_delay, settle
from app.mail.message import Message
from app.mail.models import OutboxContent, OutboxMail
from app.models import Base
from app.newsletters.models import Newsletter
from tests.support.databases import execute_as_admin, postgres_url
from tests.support.postgres import URL_VARIABLE
from tests.support.required_programs import skip_without

KEYS = Keys({1: b"a secret of the newsroom, thirty-two bytes"})
MONDAY = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
NORA = Staff(1, "Nora Lindqvist", 1, "editor")
ASEL = Staff(2, "Asel", 1, "assistant")
INVITED = Message(
    kind="expert.invitation",
    to="leyla@university.example",
    to_name="Leyla Hüseynli",
    subject="Readers' question",
    text="Dear Leyla,\n\nreaders asked: 中国在塞尔维亚买了什么?\n",
    language="en",
    from_name="Nora Lindqvist",
    html="<p>Dear Leyla</p>",
    from_address="corridor@newsroom.example",
    reply_to="corridor@newsroom.example",
)
SIGN_IN = replace(INVITED, kind="sign_in", subject="Your sign-in link", text="https://ask.example/sign-in/hush-hush\n")
TO_TIMUR = replace(INVITED, kind="reader.once", to="timur@reader.example", to_name="", subject="News")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    if not os.environ.get(URL_VARIABLE):
        skip_without("PostgreSQL server that lets us create databases")
    name = f"outbox_{uuid4().hex}"
    execute_as_admin(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
    url = postgres_url(name)
    house = Database(url, KEYS, "https://ask.example")
    Base.metadata.create_all(house.writer)
    house.close()
    yield url
    execute_as_admin(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres"))
    return f"sqlite:///{tmp_path / 'newsroom.db'}"


@pytest.fixture
def house(url: str) -> Iterator[Database]:
    house = Database(url, KEYS, "https://ask.example")
    if house.is_sqlite:
        Base.metadata.create_all(house.writer)
    else:
        tables = ", ".join(table.name for table in Base.metadata.tables.values())
        with house.writer.begin() as connection:
            connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
    house.write(a_newsletter_with_timurs_letter, at=MONDAY)
    yield house
    house.close()


def a_newsletter_with_timurs_letter(session: Session) -> None:
    session.add(
        Newsletter(
            id=1,
            slug="corridor",
            name="The Corridor",
            publisher="Newsroom",
            editor="Nora Lindqvist",
            language="en",
            address="corridor@newsroom.example",
            section="Readers asked",
            zone="Europe/Prague",
            rule="FREQ=WEEKLY",
            rule_start=date(2026, 1, 1),
            at="09:00",
        )
    )
    session.flush()
    session.add(
        Letter(
            id=1, newsletter_id=1, channel="web", hear_back="once", state="received", state_at=MONDAY,
            received_at=MONDAY, body="What did they buy?",
        )
    )  # fmt: skip


def without_return_token(message: Message) -> Message:
    """A mail without the secret of its return path, which the outbox puts in."""
    assert message.return_token is not None
    return replace(message, return_token=None)


class Postman:
    """Takes mails as a server would, or refuses them with what it was told to answer."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers, self.taken, self.tried = list(answers), [], []  # type: ignore[var-annotated]

    def __call__(self, message: Message, message_id: str) -> None:
        self.tried.append(message_id)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        self.taken.append((without_return_token(message), message_id))

    @property
    def kinds(self) -> list[str]:
        return [message.kind for message, _ in self.taken]


def post(house: Database, message: Message = INVITED, time: datetime = MONDAY, **facts: Any) -> OutboxMail:
    mail = house.write(lambda session: outbox.put(session, message, newsletter_id=1, **facts), at=time)
    assert mail is not None
    return mail


def reload(house: Database, mail: OutboxMail) -> OutboxMail:
    with house.read() as session:
        return session.get_one(OutboxMail, mail.id)


def opens(house: Database, mail: OutboxMail) -> bool:
    with house.read() as session:
        return outbox.has_contents(session, mail)


def act(house: Database, verb: Any, actor: Any, mail: OutboxMail, time: datetime = MONDAY) -> None:
    house.write(lambda session: verb(session, actor, session.get_one(OutboxMail, mail.id)), at=time)


def trail(house: Database) -> list[tuple[str, str, str | None, str | None]]:
    with house.read() as session:
        events = session.scalars(select(Event).order_by(Event.id))
        return [(event.actor, event.action, event.old, event.new) for event in events]


@pytest.mark.threat("stolen database")
def test_a_mail_is_kept_sealed_and_read_back_exactly(house: Database) -> None:
    mail = post(house)
    with house.read() as session:
        assert without_return_token(outbox.read(session, mail)) == INVITED
        content = session.get_one(OutboxContent, mail.id)
        row = repr({column.name: getattr(mail, column.name) for column in OutboxMail.__table__.columns})
    assert [word for word in (b"leyla", b"Leyla", b"university") if word in content.sealed] == []
    assert "leyla" not in row.lower()
    assert content.key_no == 1
    assert mail.message_id.startswith(f"<{mail.public_id.lower()}.")
    assert mail.message_id.endswith("@ask.example>")


def test_contents_that_were_moved_to_another_mail_are_never_sent(house: Database) -> None:
    first, second = post(house), post(house, TO_TIMUR)

    def swap(session: Session) -> None:
        sealed = session.get_one(OutboxContent, second.id).sealed
        session.execute(update(OutboxContent).where(OutboxContent.outbox_id == first.id).values(sealed=sealed))

    house.write(swap)
    postman = Postman()
    assert deliver_due(house, postman, now=MONDAY) == Counter(failed=1, sent=1)
    assert postman.kinds == ["reader.once"]
    assert reload(house, first).said == "what is in the mail can no longer be opened"


def test_one_cause_writes_one_mail(house: Database) -> None:
    post(house, once_key="invite:7")
    again = house.write(lambda session: outbox.put(session, INVITED, newsletter_id=1, once_key="invite:7"), at=MONDAY)
    assert again is None
    with house.read() as session:
        assert mail_queries.counts(session, 1)["queued"] == 1


def test_one_cause_in_two_transactions_at_once_writes_one_mail(house: Database, url: str) -> None:
    houses = [Database(url, KEYS, "https://ask.example") for _ in range(4)]
    start, results = threading.Barrier(len(houses)), []

    def cause(own: Database) -> None:
        start.wait()
        for number in range(10):
            key = f"cause:{number}"
            results.append(own.write(lambda session: outbox.put(session, INVITED, once_key=key)) is not None)  # noqa: B023

    in_threads(cause, houses)
    assert Counter(results) == Counter({True: 10, False: 30})


def test_an_unknown_kind_is_refused(house: Database) -> None:
    with pytest.raises(KeyError, match=r"desk\.gossip"):
        post(house, replace(INVITED, kind="desk.gossip"))


def test_a_mail_goes_out_once_and_not_before_it_is_due(house: Database) -> None:
    mail = post(house, due_at=MONDAY + timedelta(hours=1))
    postman = Postman()
    assert deliver_due(house, postman, now=MONDAY) == Counter()
    later = MONDAY + timedelta(hours=2)
    assert deliver_due(house, postman, now=later) == Counter(sent=1)
    assert deliver_due(house, postman, now=later) == Counter()
    assert postman.taken == [(INVITED, mail.message_id)]
    sent = reload(house, mail)
    assert (sent.state, sent.sent_at, sent.ended_at, sent.attempts) == ("sent", later, later, 1)
    assert opens(house, mail)
    assert trail(house) == [("clock", "mail.send", "queued", "sent")]


def test_sign_in_mails_go_first_and_notices_last(house: Database) -> None:
    for message in (TO_TIMUR, INVITED, SIGN_IN):
        post(house, message)
    postman = Postman()
    deliver_due(house, postman, now=MONDAY)
    assert postman.kinds == ["sign_in", "expert.invitation", "reader.once"]


def test_a_held_mail_waits_for_an_editor(house: Database) -> None:
    mail = post(house, hold=True)
    postman = Postman()
    assert deliver_due(house, postman, now=MONDAY + timedelta(days=9)) == Counter()
    with pytest.raises(PermissionDenied):
        act(house, outbox.release, ASEL, mail)
    act(house, outbox.release, NORA, mail, time=MONDAY + timedelta(days=9))
    assert deliver_due(house, postman, now=MONDAY + timedelta(days=9)) == Counter(sent=1)
    assert trail(house) == [("staff:1", "mail.release", "held", "queued"), ("clock", "mail.send", "queued", "sent")]


def test_what_is_undone_takes_its_mail_back_and_done_again_writes_a_new_one(house: Database) -> None:
    mail = post(house, once_key="edition:61")
    act(house, outbox.recall, NORA, mail)
    again = post(house, once_key="edition:61")
    assert (reload(house, mail).state, reload(house, again).state) == ("discarded", "queued")
    assert again.message_id != mail.message_id


def test_what_a_person_discards_is_not_written_again(house: Database) -> None:
    mail = post(house, once_key="thanks:61")
    act(house, outbox.discard, NORA, mail)
    assert house.write(lambda session: outbox.put(session, INVITED, once_key="thanks:61")) is None
    with pytest.raises(InvalidTransition):
        act(house, outbox.discard, NORA, mail)
    assert deliver_due(house, Postman(), now=MONDAY) == Counter()


def test_a_mail_on_its_way_can_not_be_called_back(house: Database) -> None:
    mail = post(house)
    claimed = house.write(claim, at=MONDAY)
    assert claimed is not None
    for verb in (outbox.recall, outbox.discard):
        with pytest.raises(outbox.OnItsWay):
            act(house, verb, NORA, mail)
    assert house.write(lambda session: settle(session, claimed, None), at=MONDAY) == "sent"


def test_a_refusal_for_now_is_tried_for_five_days_with_the_same_message_id(house: Database) -> None:
    mail = post(house)
    postman, at, waits = Postman(*[Transient("451 try again later")] * 200), MONDAY, []
    while reload(house, mail).state == "queued":
        deliver_due(house, postman, now=at)
        due = reload(house, mail).due_at
        waits.append((due - at) / timedelta(minutes=1))
        at = max(due, at)
    failed = reload(house, mail)
    assert (failed.state, failed.said) == ("failed", "451 try again later")
    assert set(postman.tried) == {mail.message_id}
    assert failed.ended_at is not None
    assert timedelta(days=5) <= failed.ended_at - MONDAY < timedelta(days=5, hours=2)
    for wait, planned in zip(waits[:-1], [5, 10, 20, 40] + [67] * 200, strict=False):
        assert planned * 0.9 <= wait <= planned * 1.1
    assert 105 < failed.attempts < 125  # 75 minutes, then every 67 minutes until the fifth day is over


def test_waits_are_spread(house: Database) -> None:
    assert len({get_retry_delay(5) for _ in range(50)}) == 50


def test_a_refusal_for_good_fails_at_once_and_can_be_tried_again(house: Database) -> None:
    mail = post(house)
    assert deliver_due(house, Postman(Permanent("550 no such user")), now=MONDAY) == Counter(failed=1)
    assert (reload(house, mail).state, reload(house, mail).said) == ("failed", "550 no such user")
    next_week = MONDAY + timedelta(days=7)
    act(house, outbox.retry, ASEL, mail, time=next_week)
    postman = Postman()
    assert deliver_due(house, postman, now=next_week) == Counter(sent=1)
    assert postman.taken == [(INVITED, mail.message_id)]
    assert [event[1] for event in trail(house)] == ["mail.fail", "mail.retry", "mail.send"]


@pytest.mark.threat("stolen database and keys")
def test_a_way_in_is_never_sent_late_and_leaves_nothing_behind(house: Database) -> None:
    mail = post(house, SIGN_IN)
    deliver_due(house, Postman(Transient("421 busy")), now=MONDAY)
    postman = Postman()
    assert deliver_due(house, postman, now=MONDAY + timedelta(minutes=15)) == Counter(expired=1)
    assert (postman.taken, reload(house, mail).state, opens(house, mail)) == ([], "expired", False)
    with pytest.raises(MissingPrecondition, match="mail_contents_deleted"):
        act(house, outbox.retry, NORA, mail)


def test_a_mail_that_no_worker_was_there_for_expires(house: Database) -> None:
    mail = post(house)
    assert deliver_due(house, Postman(), now=MONDAY + timedelta(days=5)) == Counter(expired=1)
    assert (reload(house, mail).state, opens(house, mail)) == ("expired", True)


@pytest.mark.threat("mail provider")
def test_one_mail_then_forget_me_is_one_transaction(house: Database) -> None:
    mail = post(house, TO_TIMUR, letter_id=1)
    seen: list[tuple[str, int | None, str | None]] = []

    def power_cut(session: Session, mail: OutboxMail) -> None:
        raise ZeroDivisionError

    def erase_address(session: Session, mail: OutboxMail) -> None:
        seen.append((mail.kind, mail.letter_id, mail.state))

    with pytest.raises(ZeroDivisionError):
        deliver_due(house, Postman(), after_send=power_cut, now=MONDAY)
    assert (reload(house, mail).state, opens(house, mail)) == ("queued", True)
    after_lease = MONDAY + LEASE
    assert deliver_due(house, Postman(), after_send=erase_address, now=after_lease) == Counter(sent=1)
    assert seen == [("reader.once", 1, "sent")]
    assert (reload(house, mail).state, opens(house, mail)) == ("sent", False)


def test_a_reader_who_withdraws_is_forgotten_whatever_stands_in_the_outbox(house: Database) -> None:
    failed = post(house, TO_TIMUR, letter_id=1)
    deliver_due(house, Postman(Permanent("552 full")), now=MONDAY)
    leased, held = post(house, TO_TIMUR, letter_id=1), post(house, TO_TIMUR, letter_id=1, hold=True)
    other = post(house, INVITED)
    claimed = house.write(claim, at=MONDAY)
    assert claimed is not None
    if claimed.mail_id == other.id:
        house.write(lambda session: settle(session, claimed, Transient("later")), at=MONDAY)
        claimed = house.write(claim, at=MONDAY)
    assert claimed is not None
    assert claimed.mail_id == leased.id
    house.write(lambda session: outbox.forget_letter(session, Reader(1), 1), at=MONDAY)
    assert [reload(house, mail).state for mail in (failed, leased, held)] == ["discarded"] * 3
    assert [opens(house, mail) for mail in (failed, leased, held, other)] == [False, False, False, True]
    assert house.write(lambda session: settle(session, claimed, None), at=MONDAY) == "lost"


def test_a_worker_that_dies_after_the_server_took_the_mail_sends_it_once_more_under_the_same_id(
    house: Database,
) -> None:
    mail = post(house)
    postman = Postman()
    claimed = house.write(claim, at=MONDAY)
    assert claimed is not None
    assert claimed.message is not None
    postman(claimed.message, claimed.message_id)  # and here the worker is killed
    assert deliver_due(house, postman, now=MONDAY + LEASE - timedelta(seconds=1)) == Counter()
    assert deliver_due(house, postman, now=MONDAY + LEASE) == Counter(sent=1)
    assert postman.taken == [(INVITED, mail.message_id)] * 2
    # The first one comes back to life and reports what is true anyway.
    assert house.write(lambda session: settle(session, claimed, Transient("late news"))) == "lost"
    assert reload(house, mail).state == "sent"


def test_a_sender_that_trips_over_one_mail_delivers_the_others(house: Database, caplog: Any) -> None:
    tripping, fine = post(house), post(house)
    postman = Postman(ValueError("leyla@university.example"), None)
    assert deliver_due(house, postman, now=MONDAY) == Counter(retried=1, sent=1)
    assert (reload(house, tripping).said, reload(house, fine).state) == ("not handed over: ValueError", "sent")
    assert "ValueError" in caplog.text
    assert "leyla" not in caplog.text


def test_workers_at_once_claim_nothing_twice(house: Database, url: str) -> None:
    mails = [post(house, once_key=f"mail:{number}") for number in range(80)]
    houses = [Database(url, KEYS, "https://ask.example") for _ in range(4)]
    start, taken, shares = threading.Barrier(len(houses)), [], []

    def work(own: Database) -> None:
        start.wait()
        shares.append(deliver_due(own, lambda _message, message_id: taken.append(message_id), now=MONDAY)["sent"])

    in_threads(work, houses)
    assert sorted(taken) == sorted(mail.message_id for mail in mails)
    assert sum(shares) == 80
    with house.read() as session:
        assert mail_queries.counts(session, 1) == {
            "held": 0, "queued": 0, "sent": 80, "failed": 0, "discarded": 0, "expired": 0,
        }  # fmt: skip


def in_threads(work: Any, houses: list[Database]) -> None:
    threads = [threading.Thread(target=work, args=(own,)) for own in houses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for own in houses:
        own.close()


def test_the_outbox_is_read_page_by_page_newest_first(house: Database) -> None:
    mails = [post(house, hold=True) for _ in range(5)]
    post(house)
    newest = [mail.id for mail in reversed(mails)]
    with house.read() as session:
        first = mail_queries.listing(1, "held").page(session, None, 3)
        second = mail_queries.listing(1, "held").page(session, first[-1], 3)
        assert [mail.id for mail in first + second] == newest
        assert mail_queries.listing(2, "held").page(session, None, 3) == []


def test_counts_stop_at_a_thousand_and_one(house: Database) -> None:
    mail = post(house)
    columns = [column.name for column in OutboxMail.__table__.columns if column.name != "id"]
    row = {name: getattr(mail, name) for name in columns}
    own = [{"public_id": f"COPY{n:08d}", "message_id": f"<{n}@ask.example>", "return_mac": None} for n in range(1_005)]
    rows = [row | one for one in own]
    house.write(lambda session: session.execute(insert(OutboxMail), rows))
    with house.read() as session:
        assert mail_queries.counts(session, 1)["queued"] == 1_001


@pytest.mark.parametrize(
    "values",
    [
        {"state": "sent"},
        {"state": "sent", "ended_at": MONDAY},
        {"state": "failed", "ended_at": MONDAY},
        {"state": "expired"},
        {"state": "lost"},
        {"sent_at": MONDAY},
        {"ended_at": MONDAY},
        {"state": "held", "leased_until": MONDAY},
        {"lane": 3},
        {"attempts": -1},
        {"channel": "pigeon"},
    ],
    ids=str,
)
def test_the_database_refuses_impossible_mails(house: Database, values: dict[str, Any]) -> None:
    mail = post(house)
    with pytest.raises(IntegrityError):
        house.write(
            lambda session: session.execute(update(OutboxMail).where(OutboxMail.id == mail.id).values(**values))
        )


def test_only_the_clock_sends(house: Database) -> None:
    mail = post(house)
    with pytest.raises(PermissionDenied):
        act(house, lambda session, actor, row: outbox.move(session, actor, row, "send", sent_at=MONDAY), NORA, mail)
    act(house, lambda session, actor, row: outbox.move(session, actor, row, "send", sent_at=MONDAY), Clock(), mail)
    assert reload(house, mail).state == "sent"
