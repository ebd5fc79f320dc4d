"""From stored bytes to exactly one place: once however often a mail comes, again where a try failed, never lost."""

import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.audit import Event
from app.core.actors import Clock
from app.crypto.seal import Keys
from app.db.engine import Database
from app.letters import contacts, filing
from app.letters.models import Contact, Letter
from app.mail import erasing, inbound, leases
from app.mail.lifecycle import SET_ASIDE
from app.mail.models import Inbound, InboundRaw, Spent
from app.mail.reading import ParserClient
from app.mailroom import integrity, reprocessing
from app.mailroom.placing import Settings, place_due
from app.newsletters.models import Newsletter
from tests.support.app import BASE_URL, SECRETS
from tests.support.incoming_mails import (
    DESK_ADDRESS,
    QUESTION,
    READER_ADDRESS,
    RECEIVED_LINE,
    add_trace_headers,
    dmarc_pass,
    mail,
)
from tests.support.mailroom import SETTINGS, NewsletterMailroom, get_time_after_newest_mail, start_mail_reader
from tests.support.processes import FORKSERVER
from tests.support.sample_newsroom import Newsroom


@pytest.fixture
def room(database: Database, newsroom: Newsroom) -> NewsletterMailroom:
    return NewsletterMailroom(database, newsroom)


def faults(room: NewsletterMailroom) -> list[str]:
    with room.database.read() as session:
        return integrity.check(session)


def place_with_a_child_that_hangs(room: NewsletterMailroom) -> None:
    """Place one mail, whose reading takes too long."""
    before = set(psutil.Process().children())
    with ParserClient(0.5) as hangs:
        hangs.parse(b"")
        (child,) = set(psutil.Process().children()) - before
        child.suspend()
        place_due(room.database, hangs, SETTINGS, limit=1)


def test_the_same_mail_five_times_is_one_letter(room: NewsletterMailroom) -> None:
    """Other servers on its way, other line ends, another UIDVALIDITY after a mailbox was made anew."""
    raw = mail()
    ways = (
        raw,
        add_trace_headers(raw, hop=1),
        add_trace_headers(raw, hop=2),
        raw.replace(b"\r\n", b"\n"),
        b"X-Spam-Status: No, score=0.1\r\n" + raw,
    )
    for number, way in enumerate(ways):
        room.store_mail(way, source="imap", mailbox="box", uidvalidity=number, uid=7)
    assert room.place_mails() == Counter(letter=1, duplicate=4)
    assert room.list_states() == ["letter"] + ["duplicate"] * 4
    first, *others = (room.get_mail(key) for key in range(1, 6))
    assert {row.duplicate_of_id for row in others} == {first.id} and first.duplicate_of_id is None
    assert len(room.list_letters()) == 1 and faults(room) == []


def test_one_message_of_a_mailbox_is_stored_once(room: NewsletterMailroom) -> None:
    def fetch(session: Session) -> bool:
        row = inbound.store(session, mail(), source="imap", mailbox="box", uidvalidity=1, uid=7)
        return row is not None

    assert [room.database.write(fetch), room.database.write(fetch)] == [True, False]


def test_a_message_id_that_somebody_uses_again_suppresses_nothing(room: NewsletterMailroom) -> None:
    first = room.receive(mail("mallory@evil.example", body="Nothing of use.", Message_ID="<1@post.example>"))
    second = room.receive(mail(Message_ID="<1@post.example>"))
    assert [(row.state, row.duplicate_of_id) for row in (first, second)] == [("letter", None), ("letter", None)]
    assert [letter.body for letter in room.list_letters()] == ["Nothing of use.", QUESTION]


def test_a_first_try_that_failed_is_tried_again_and_is_not_its_own_duplicate(room: NewsletterMailroom) -> None:
    key = room.store_mail(mail())
    place_with_a_child_that_hangs(room)
    failed = room.get_mail(key)
    assert (failed.state, failed.reasons) == ("failed", ["time"])
    room.database.write(lambda s: inbound.read_again(s, room.newsroom.nora, s.get_one(Inbound, key)))
    assert room.place_mails() == Counter(letter=1)
    assert (room.get_mail(key).state, len(room.list_letters())) == ("letter", 1)


def test_a_mail_that_failed_twice_becomes_one_letter_at_most(room: NewsletterMailroom) -> None:
    raw = mail()
    keys = [room.store_mail(raw), room.store_mail(raw)]
    for _ in keys:
        place_with_a_child_that_hangs(room)
    assert room.list_states() == ["failed", "failed"]
    for key in keys:
        room.database.write(lambda s, key=key: inbound.read_again(s, room.newsroom.nora, s.get_one(Inbound, key)))
    room.place_mails()
    assert sorted(str(place) for place in room.list_states()) == ["duplicate", "letter"]


def test_what_cannot_be_placed_is_shown_as_failed_and_holds_up_no_other(room: NewsletterMailroom) -> None:
    broken, good = room.store_mail(mail(body="This one's bytes are lost.")), room.store_mail(mail())
    sealed_elsewhere = update(InboundRaw).where(InboundRaw.inbound_id == broken).values(raw_sealed=b"\0" * 64)
    room.database.write(lambda session: session.execute(sealed_elsewhere) and None)
    at = get_time_after_newest_mail(room, 0)
    assert room.place_mails(at) == Counter(again=1, letter=1)
    assert room.get_mail(good).state == "letter"
    tried = [room.place_mails(at := at + timedelta(hours=1)) for _ in range(4)]
    assert tried == [Counter(again=1)] * 3 + [Counter(failed=1)]
    row = room.get_mail(broken)
    assert (row.state, row.reasons, row.newsletter_id) == (
        "failed",
        ["could not be placed"],
        room.newsroom.newsletter_id,
    )
    assert faults(room) == []


def test_a_mail_that_kills_its_workers_is_tried_last_and_given_up_in_the_end(room: NewsletterMailroom) -> None:
    deadly, others = (
        room.store_mail(mail(body="It kills.")),
        [room.store_mail(mail(body=f"Question {n}?")) for n in range(3)],
    )
    at = get_time_after_newest_mail(room, 0)
    for _ in range(3):  # a worker claims it and dies
        claimed = room.database.write(leases.claim, at)
        assert [claim.inbound_id for claim in claimed][:1] in ([deadly], *([key] for key in others))
        at += timedelta(minutes=3)
    room.database.write(lambda s: setattr(s.get_one(Inbound, deadly), "attempts", 51))
    assert room.place_mails(at, limit=3) == Counter(letter=3)
    assert room.place_mails(at) == Counter(failed=1)


def test_a_mail_that_a_dead_worker_had_leased_is_placed_when_the_lease_is_over(room: NewsletterMailroom) -> None:
    key = room.store_mail(mail())
    at = get_time_after_newest_mail(room, 0)
    room.database.write(leases.claim, at)
    assert room.place_mails(at + timedelta(seconds=119)) == Counter()
    assert room.place_mails(at + timedelta(seconds=120)) == Counter(letter=1)
    assert room.get_mail(key).attempts == 2


def test_a_worker_whose_lease_is_over_places_nothing(room: NewsletterMailroom) -> None:
    """It slept; another one has placed the mail, or is about to."""
    room.store_mail(mail())
    at = get_time_after_newest_mail(room, 0)
    (slow,) = room.database.write(leases.claim, at)
    (fast,) = room.database.write(leases.claim, at + timedelta(minutes=2))
    found = [room.database.write(lambda s, c=c: c in leases.lock_claimed(s, [c])) for c in (slow, fast)]
    assert found == [False, True]


def test_two_workers_place_copies_of_the_same_mails_once(room: NewsletterMailroom) -> None:
    """Threads with connections of their own; on SQLite the writers take turns, on PostgreSQL they really race."""
    raws = [mail(body=f"Who looks after well number {number}?") for number in range(20)]
    for raw in raws + raws[::-1]:
        room.store_mail(raw)

    def work(_: int) -> Counter[str]:
        own = Database(room.database.url, Keys(SECRETS), BASE_URL)
        with ParserClient(10) as child:
            done = Counter[str]()
            while some := place_due(own, child, SETTINGS, 40):
                done += some
        own.close()
        return done

    with ThreadPoolExecutor(2) as pool:
        done = sum(pool.map(work, range(2)), Counter[str]())
    room.place_mails(get_time_after_newest_mail(room, 60))
    assert Counter(room.list_states()) == Counter(letter=20, duplicate=20)
    assert done["letter"] + done["duplicate"] >= 38 and done["failed"] == 0
    assert sorted(str(letter.body) for letter in room.list_letters()) == sorted(
        f"Who looks after well number {number}?" for number in range(20)
    )


def work(url: str) -> None:
    """A worker, until nothing is left to be placed or it is killed."""
    database = Database(url, Keys(SECRETS), BASE_URL)
    with ParserClient(10) as reading:
        while place_due(database, reading, Settings(), 100, lease=timedelta(seconds=0.5)):
            pass


def test_a_worker_that_is_killed_again_and_again_places_every_mail_once(room: NewsletterMailroom) -> None:
    for number in range(40):
        room.store_mail(mail(body=f"Who looks after well number {number}?"))
    for wait in (0.3, 0.45, 0.6, 0.75, 0.9, 1.05):  # most of the first is taken by the start of what reads
        worker = FORKSERVER.Process(target=work, args=(room.database.url,))
        worker.start()
        worker.join(wait)
        worker.kill()
        worker.join()
    room.place_mails(get_time_after_newest_mail(room, 60))
    assert room.list_states() == ["letter"] * 40
    assert len(room.list_letters()) == 40 and faults(room) == []


def test_every_place_is_noted_in_the_trail_without_a_word_of_the_mail(room: NewsletterMailroom) -> None:
    room.receive(mail())
    with room.database.read() as session:
        events = [
            (event.action, event.new, event.facts) for event in session.scalars(select(Event).filter_by(noun="inbound"))
        ]
    assert events == [("inbound.store", "stored", None), ("inbound.place", "letter", {"reasons": []})]


def test_all_that_was_set_aside_is_read_again_and_comes_to_the_same_place(room: NewsletterMailroom) -> None:
    for raw in (mail(body="", attachments=[("a.jpg", b"x")]), mail(X_Spam_Flag="YES"), mail()):
        room.store_mail(raw)
    room.place_mails()
    before = room.list_states()
    aside = select(Inbound).where(Inbound.state.in_(SET_ASIDE))
    for row in room.database.write(lambda session: list(session.scalars(aside))):
        room.database.write(lambda s, key=row.id: inbound.read_again(s, Clock(), s.get_one(Inbound, key)))
    assert room.list_states() == ["stored", "stored", "letter"]
    room.place_mails()
    assert room.list_states() == before == ["pen", "spam", "letter"]


def test_a_letter_that_nobody_has_filed_is_cut_again_with_a_newer_trimmer(room: NewsletterMailroom) -> None:
    """The older trimmer left a line too much; the desk has filed the second letter, which stays as it is."""
    old = f"{QUESTION}\n\nSent from my telephone"
    keys = [room.receive(mail(body=QUESTION)).id, room.receive(mail("aigerim@post.example")).id]

    def restore_rows(session: Session) -> None:
        for key in keys:
            row = session.get_one(Inbound, key)
            before = inbound.get_reading(session, row)
            assert before is not None
            inbound.store_reading(session, row, inbound.MailContent(**{**vars(before), "text": old}))
        for letter in room.list_letters():
            session.merge(letter).body = old

    room.database.write(restore_rows)
    room.database.write(
        lambda s: filing.file(s, room.newsroom.ilya, s.get_one(Letter, room.list_letters()[1].id), "tip")
    )
    with room.database.read() as session:
        assert reprocessing.letters_to_reread(session) == keys[:1]
    changed = [reprocessing.reread(room.database, Clock(), start_mail_reader(), SETTINGS, key) for key in keys]
    assert (changed, [letter.body for letter in room.list_letters()]) == ([True, False], [QUESTION, old])
    assert reprocessing.reread(room.database, Clock(), start_mail_reader(), SETTINGS, keys[0]) is False


def acknowledging(room: NewsletterMailroom) -> None:
    room.database.write(lambda s: setattr(s.get_one(Newsletter, room.newsroom.newsletter_id), "acknowledges", True))


def test_a_placed_mail_writes_no_mail_unless_the_newsletter_acknowledges(room: NewsletterMailroom) -> None:
    shown = dmarc_pass("timur@post.example")
    room.receive(mail(Authentication_Results=shown))
    assert room.count_outgoing() == 0
    acknowledging(room)
    room.receive(mail(body="And a second question, of the same day?", Authentication_Results=shown))
    room.receive(mail(body="And a third question, of the same day?", Authentication_Results=shown))
    receipts = [(letter.receipt_mailed, letter.receipt_mac is not None) for letter in room.list_letters()]
    assert (receipts, room.count_outgoing()) == ([(False, False), (True, True), (False, False)], 1)


def test_nobody_is_acknowledged_whose_address_anybody_could_have_written(room: NewsletterMailroom) -> None:
    acknowledging(room)
    room.receive(mail())
    room.receive(mail(body="Is it forged?", Authentication_Results=dmarc_pass("timur@post.example", "mx.evil.example")))
    room.receive(mail(body="No answers, please?", X_Auto_Response_Suppress="All", Authentication_Results=dmarc_pass("timur@post.example")))  # fmt: skip
    assert (room.list_states(), room.count_outgoing()) == (["letter"] * 3, 0)


def test_two_desks_that_are_pointed_at_each_other_exchange_two_mails_at_most(
    room: NewsletterMailroom, sqlite_newsroom: tuple[Path, Newsroom], tmp_path: Path
) -> None:
    """Both acknowledge, each takes the other's acknowledgement for what it is; every sender checks out."""
    river = Database(f"sqlite:///{shutil.copy(sqlite_newsroom[0], tmp_path / 'river.db')}", Keys(SECRETS), BASE_URL)
    rooms = {
        DESK_ADDRESS: room,
        "ask@river.example": NewsletterMailroom(river, sqlite_newsroom[1], "ask@river.example"),
    }
    for one in rooms.values():
        acknowledging(one)
    letter = mail(
        "ask@river.example",
        DESK_ADDRESS,
        body="What do you know?",
        Authentication_Results=dmarc_pass("ask@river.example"),
    )
    room.store_mail(letter)
    sent: dict[str, bytes] = {}
    for _ in range(4):
        for here, one in rooms.items():
            there = next(address for address in rooms if address != here)
            one.place_mails()
            for message_id, raw in one.render_outgoing(here).items():
                if message_id not in sent:
                    sent[message_id] = raw
                    rooms[there].store_mail(
                        f"Authentication-Results: {dmarc_pass(here)}\r\nReceived: {RECEIVED_LINE}\r\n".encode() + raw
                    )
    assert len(sent) == 1
    assert (room.list_states(), rooms["ask@river.example"].list_states()) == (["letter"], ["automatic"])
    river.close()


# Twenty-two that no two letters have in common: what is alike is held sooner.
THINGS = (
    "bridge at Karakol",
    "old cinema",
    "grain elevator",
    "salt pan beyond Aral",
    "tram depot",
    "water tower",
    "apricot orchard",
    "weather station",
    "quarry near Osh",
    "ferry landing",
    "library roof",
    "cotton gin",
    "railway siding",
    "hospital boiler",
    "drained reservoir",
    "market hall clock",
    "burnt sawmill",
    "kindergarten fence",
    "glacier hut",
    "lighthouse",
    "tannery",
    "museum of wool",
)


def test_more_letters_than_a_person_writes_in_an_hour_are_held_not_refused(room: NewsletterMailroom) -> None:
    at = datetime(2027, 3, 1, 10, tzinfo=UTC)
    for thing in THINGS:
        room.store_mail(mail(body=f"Whose is the {thing}?"), at)
    room.place_mails(at)
    assert [(letter.state, letter.held_reason) for letter in room.list_letters()] == [("received", None)] * 20 + [
        ("held", "flood")
    ] * 2
    with room.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Spent)) == 20
        assert session.scalar(select(func.count()).select_from(Contact)) == 22
        addresses = {contacts.email_of(session, session.merge(letter, load=False)) for letter in room.list_letters()}
    assert addresses == {READER_ADDRESS.partition("<")[2].strip(">")}
    room.store_mail(mail(body="Who looks after the last well?"), at + timedelta(hours=1))
    room.place_mails(at + timedelta(hours=1))
    assert room.list_letters()[-1].state == "received"


def test_the_sums_tell_what_is_wrong(room: NewsletterMailroom) -> None:
    assert faults(room) == []
    key = room.store_mail(mail(to=DESK_ADDRESS), datetime(2026, 1, 1, tzinfo=UTC))
    room.database.write(lambda session: erasing.destroy(session, [key]))
    assert faults(room) == ["1 mails wait for their place and have no bytes"]
