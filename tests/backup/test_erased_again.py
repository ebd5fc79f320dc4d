"""What readers took back and the rules erased after a backup is erased from it again when it is restored."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from app.answers import translators
from app.audit.erasures import KINDS
from app.audit.models import Erasure
from app.backup.erasing_again import ERASURE_KINDS
from app.core.actors import Clock, Reader
from app.crypto.seal import Keys
from app.db.engine import Database
from app.editions.models import EditionItem
from app.letters import contacts, receipts, receive
from app.letters.models import Contact, Credit, Letter
from app.mail import erasing, inbound
from app.mail.models import InboundRaw, OutboxContent
from app.newsletters.models import Newsletter
from app.people import directory, expert_pages, expert_photos, staff
from app.people.expert_pages import ExpertPage
from app.people.expert_photos import ExpertPhoto, ShownPhoto
from app.people.models import Expert, Person
from app.questions.models import Question, Translator
from app.workflows.key_rotation import rotate
from app.workflows.letters import withdrawal
from app.workflows.publishing import after_sending, publication
from app.workflows.retention import erase_letters, erase_people, erase_published
from tests.support.app import SECRETS
from tests.support.commands import Installation, open_installation
from tests.support.database_checks import read_database_files
from tests.support.reader_pages import publish_answer
from tests.support.required_rows import compare_names
from tests.support.sample_newsroom import Newsroom
from tests.support.translations import SHIRIN, get_original

WORDS = "Why does the well behind the tannery taste of salt since the dam was closed?"
EMAIL = "timur.osmanov@post.example"


@pytest.fixture
def letter_id(database: Database, newsroom: Newsroom) -> int:
    """Timur's letter, with his name, his address and something that he added."""

    def ask(session: Session) -> int:
        wish = receive.Submission(
            WORDS, background="my brother drives there", hear_back="while", email=EMAIL,
            credit="first", name="Timur", place="Osh", consent="You may print it.",
        )  # fmt: skip
        letter = receive.send(session, Reader(), session.get_one(Newsletter, newsroom.newsletter_id), wish, form=FORM)
        receipts.add(session, receipts.reader_of(letter), letter, "and the orchards, since when?")
        return letter.id

    return database.write(ask)


FORM = receive.FormToken("timur's form", 1)


def takes_back(machine: Installation, letter_id: int) -> None:
    def fn(session: Session) -> None:
        letter = session.get_one(Letter, letter_id)
        withdrawal.withdraw(session, receipts.reader_of(letter), letter)

    machine.database.write(fn)


def places(data: bytes) -> list[bool]:
    """Where Timur's words stand: what he asked, said besides and added. His name and address are sealed."""
    return [word.encode() in data for word in (WORDS, "my brother drives there", "and the orchards, since when?")]


@pytest.mark.threat("old backup")
def test_what_a_reader_took_back_stands_nowhere_in_the_restored_files(
    old_machine: Installation, new_machine: Installation, letter_id: int, tmp_path: Path
) -> None:
    old_machine.run_ok("backup", tmp_path / "monday")
    takes_back(old_machine, letter_id)
    old_machine.write_erasure_list()
    said = new_machine.run_ok("restore", tmp_path / "monday")
    assert "Erased again: 1 letters that their readers took back." in said
    assert places(read_database_files(new_machine.database)) == [False] * 3
    with new_machine.database.read() as session:
        letter = session.get_one(Letter, letter_id)
        assert (letter.is_withdrawn, letter.body, letter.background) == (True, None, None)
        assert session.scalars(select(Contact.id)).all() == []
        credit = session.scalars(select(Credit)).one()
        assert (credit.choice, credit.name_sealed, credit.place_sealed) == ("none", None, None)
        # Their number still tells how it stands.
        assert receipts.find_receipt(session, receive.receipt_of(session, FORM)) is not None


@pytest.mark.threat("old backup")
def test_without_the_list_they_would_stand_there_and_that_is_said_first(
    old_machine: Installation, new_machine: Installation, letter_id: int, tmp_path: Path
) -> None:
    """This also shows that the look into the files finds what is there."""
    old_machine.run_ok("backup", tmp_path / "monday")
    (tmp_path / "monday.erasures").unlink()
    takes_back(old_machine, letter_id)
    new_machine.erasures = tmp_path / "lost"
    refused = new_machine.run_refused("restore", tmp_path / "monday")
    assert "No list of erasures was found" in refused and "This restore brings back" in refused
    assert refused.endswith("Use --without-erasures to restore anyway. Nothing was restored.\n")
    said = new_machine.run_ok("restore", tmp_path / "monday", "--without-erasures")
    assert "Erased again: nothing that is in the backup." in said
    assert places(read_database_files(new_machine.database)) == [True] * 3


def test_a_list_that_ends_with_the_backup_is_as_good_as_none(
    old_machine: Installation, new_machine: Installation, letter_id: int, tmp_path: Path
) -> None:
    old_machine.run_ok("backup", tmp_path / "monday")
    takes_back(old_machine, letter_id)  # and the machine burns, with its list
    new_machine.erasures = tmp_path / "lost"
    assert "is no newer than the backup" in new_machine.run_refused("restore", tmp_path / "monday")
    with open_installation(new_machine.app, old_machine.database.url, old_machine.erasures) as again:
        again.run_ok("backup", tmp_path / "tuesday")
    # The list beside a newer backup will do.
    said = new_machine.run_ok("restore", tmp_path / "monday", "--erasures", tmp_path / "tuesday.erasures")
    assert "Erased again: 1 letters" in said


def test_a_list_of_another_newsroom_or_no_list_at_all_is_refused(
    old_machine: Installation, new_machine: Installation, letter_id: int, tmp_path: Path
) -> None:
    old_machine.run_ok("backup", tmp_path / "monday")
    with open_installation(old_machine.app, old_machine.database.url, tmp_path / "theirs", {1: b"t" * 32}) as theirs:
        theirs.write_erasure_list()
    (tmp_path / "letter").write_text("Dear readers,\n")
    for other in ("theirs", "letter"):
        refused = new_machine.run_refused("restore", tmp_path / "monday", "--erasures", tmp_path / other)
        assert f"{other} is not a list of erasures of this newsroom. Nothing was restored." in refused


def test_erasures_under_a_key_that_is_not_there_any_more_are_said(
    old_machine: Installation, new_machine: Installation, letter_id: int, tmp_path: Path
) -> None:
    takes_back(old_machine, letter_id)
    both = {**SECRETS, 2: b"n" * 32}
    with open_installation(old_machine.app, old_machine.database.url, old_machine.erasures, both) as rotated:
        assert sum(rotate(rotated.database)) > 0
        rotated.run_ok("backup", tmp_path / "monday")
    with open_installation(old_machine.app, old_machine.database.url, old_machine.erasures, {2: b"n" * 32}) as later:
        later.write_erasure_list()
    with open_installation(new_machine.app, new_machine.database.url, new_machine.erasures, {2: b"n" * 32}) as without:
        said = without.run_refused("restore", tmp_path / "monday")
        assert "SECRET_KEYS lacks key 1" in said and "under keys that SECRET_KEYS lacks (key 1)" in said
    with open_installation(new_machine.app, new_machine.database.url, new_machine.erasures, both) as with_both:
        assert "WARNING" not in with_both.run_ok("restore", tmp_path / "monday")


def _by_stop_link(session: Session, newsroom: Newsroom, letter: Letter) -> None:
    contacts.forget(session, Clock(), letter.id)


def _by_other_name(session: Session, newsroom: Newsroom, letter: Letter) -> None:
    withdrawal.change_credit(session, receipts.reader_of(letter), letter, "none", "", "", "")


def _by_rule(session: Session, newsroom: Newsroom, letter: Letter) -> None:
    erasing.destroy(session, list(session.scalars(select(InboundRaw.inbound_id))))


def _by_retracting(session: Session, newsroom: Newsroom, letter: Letter) -> None:
    publication.retract(session, newsroom.nora, session.scalars(select(Question)).one(), "somebody is in danger")


def _by_erasing_its_words(session: Session, newsroom: Newsroom, letter: Letter) -> None:
    erase_published.forget_withdrawn(session, newsroom.nora, session.scalars(select(Question)).one())


def _by_taking_the_invitation_back(session: Session, newsroom: Newsroom, letter: Letter) -> None:
    person = session.scalars(select(Person).filter_by(name="Anna Weiss")).one()
    staff.forget(session, person)


def _by_time(session: Session, newsroom: Newsroom, letter: Letter) -> None:
    erase_letters.forget(session, letter)


def _by_deleting(session: Session, newsroom: Newsroom, letter: Letter) -> None:
    erase_people.forget_expert(session, session.get_one(Expert, newsroom.gulnara.expert_id))


def _by_leaving(session: Session, newsroom: Newsroom, letter: Letter) -> None:
    erase_people.forget_colleague(session, session.get_one(Person, newsroom.ilya.person_id))


def _by_her_no(session: Session, newsroom: Newsroom, letter: Letter) -> None:
    expert_pages.withdraw_consent(session, newsroom.leyla, session.get_one(Expert, newsroom.leyla.expert_id))


def _by_hiding_it(session: Session, newsroom: Newsroom, letter: Letter) -> None:
    expert_photos.hide_photo(session, newsroom.leyla, session.get_one(Expert, newsroom.leyla.expert_id))


def _by_removing_it(session: Session, newsroom: Newsroom, letter: Letter) -> None:
    leyla = session.get_one(Expert, newsroom.leyla.expert_id)
    expert_photos.remove_photo(session, newsroom.leyla, leyla, session.scalars(select(ExpertPhoto.public_id)).one())


def _by_ending_the_link(session: Session, newsroom: Newsroom, letter: Letter) -> None:
    translators.withdraw(session, newsroom.nora, session.scalars(select(Translator)).one())


# Each kind but letters: how it was erased, and what is left of it, before and after.
WAYS: dict[str, tuple[Callable[[Session, Newsroom, Letter], None], Any, tuple[int, int]]] = {
    "translator": (_by_ending_the_link, select(Translator.id).where(Translator.is_open), (1, 0)),
    "name": (_by_other_name, select(Credit.id).where(Credit.name_sealed.is_not(None)), (1, 0)),
    "address": (_by_stop_link, select(Contact.id), (1, 0)),
    "mail": (_by_rule, select(InboundRaw.inbound_id), (1, 0)),
    "page": (_by_retracting, select(Question.id).where(Question.is_published), (1, 0)),
    "wording": (_by_erasing_its_words, select(EditionItem.id).where(EditionItem.output != ""), (1, 0)),
    "expert": (_by_deleting, select(Expert.id).where(Expert.erased_at.is_(None)), (3, 2)),
    "colleague": (_by_leaving, select(Person.id).where(Person.name == "Ilya Brandt"), (1, 0)),
    "expert page": (_by_her_no, select(ExpertPage.id), (1, 0)),
    "shown photo": (_by_hiding_it, select(ShownPhoto.id), (1, 0)),
    "photo": (_by_removing_it, select(ExpertPhoto.id), (1, 0)),
    "person": (_by_taking_the_invitation_back, select(Person.id).where(Person.email_mac.is_not(None)), (6, 3)),
    "words": (_by_time, select(Letter.id).where(Letter.erased_at.is_(None)), (1, 0)),
}


def test_each_kind_that_is_noted_can_be_erased_again() -> None:
    found = compare_names(
        KINDS,
        ERASURE_KINDS,
        missing="What is erased as {name} would come back with a restored backup: give the kind its row in ERASURE_KINDS of "
        "app/backup/erasing_again.py.",
        surplus="ERASURE_KINDS of app/backup/erasing_again.py has a kind {name}, which nothing notes: name it in KINDS of "
        "app/audit/erasures.py, or take it out.",
    )
    found += compare_names(
        ERASURE_KINDS,
        ["letter", *WAYS],
        missing="Nothing here erases a {name} and restores it: say in WAYS of tests/backup/test_erased_again.py how "
        "it goes.",
        surplus="WAYS of tests/backup/test_erased_again.py has {name}, which is no kind of erasure: take it out.",
    )
    assert not found, "\n".join(found)
    assert (*ERASURE_KINDS,) == ("letter", *WAYS), (
        "Put WAYS into the order of ERASURE_KINDS, in which they are erased again."
    )
    assert [kind for kind in ERASURE_KINDS if not ERASURE_KINDS[kind].label] == []


@pytest.mark.threat("old backup")
def test_each_kind_is_erased_again(
    old_machine: Installation, new_machine: Installation, newsroom: Newsroom, letter_id: int, tmp_path: Path
) -> None:
    def add_person(session: Session) -> None:
        inbound.store(session, b"From: dana@post.example\r\n\r\nWho knew?\r\n", source="lmtp", mailbox="desk")
        directory.add_person(session, Clock(), "Anna Weiss", "anna@desk.example")
        leyla = session.get_one(Expert, newsroom.leyla.expert_id)
        expert_pages.give_consent(session, newsroom.leyla, leyla, newsroom.newsletter_id)
        credit = expert_photos.PhotoCredit("Dinara Omarova", "press")
        expert_photos.save_photo(session, newsroom.leyla, leyla, "", credit, b"a picture")
        photo_id = session.scalars(select(ExpertPhoto.public_id)).one()
        expert_photos.show_photo(session, newsroom.leyla, leyla, photo_id, [newsroom.newsletter_id])

    def invite_translator(session: Session, newsroom: Newsroom) -> None:
        original = get_original(session, session.scalars(select(Question.id)).one())
        translators.invite(session, newsroom.nora, original, "fa", *SHIRIN)

    def counts(machine: Installation) -> list[int]:
        with machine.database.read() as session:
            return [len(session.scalars(left).all()) for _, left, _ in WAYS.values()]

    old_machine.database.write(add_person)
    publish_answer(old_machine.database, newsroom, [])
    old_machine.database.write(lambda session: invite_translator(session, newsroom))
    old_machine.run_ok("backup", tmp_path / "monday")
    assert counts(old_machine) == [before for *_, (before, _) in WAYS.values()]
    for erase, *_ in WAYS.values():
        old_machine.database.write(lambda session: erase(session, newsroom, session.get_one(Letter, letter_id)))  # noqa: B023
    old_machine.write_erasure_list()
    said = new_machine.run_ok("restore", tmp_path / "monday")
    assert f"Erased again: {', '.join(f'1 {ERASURE_KINDS[kind].label}' for kind in WAYS)}.\n" in said
    assert counts(old_machine) == counts(new_machine) == [after for *_, (_, after) in WAYS.values()]
    with new_machine.database.read() as session, old_machine.database.read() as theirs:
        # The list came along, so that this backup can be restored once more.
        assert {*theirs.scalars(select(Erasure.mac))} <= {*session.scalars(select(Erasure.mac))}


@pytest.mark.threat("old backup")
@pytest.mark.parametrize("before", [0, 1], ids=["from before", "from between two of them"])
def test_words_that_were_given_in_the_place_of_others_are_erased_again_in_their_turn(
    old_machine: Installation, new_machine: Installation, newsroom: Newsroom, before: int, tmp_path: Path
) -> None:
    """A Q&A was reworded for somebody's safety twice; a backup knows of none of it, or of the first time alone."""

    def reword(session: Session, headline: str) -> None:
        item = session.scalars(select(EditionItem)).one()
        words = replace(after_sending.get_published_text(item), headline=headline)
        after_sending.reword_for_safety(session, newsroom.nora, item.question, words)

    publish_answer(old_machine.database, newsroom, [])
    for at, headline in enumerate(("Ararat’s mill", "The mill")):
        if at == before:
            old_machine.run_ok("backup", tmp_path / "monday")
        old_machine.database.write(lambda session: reword(session, headline))  # noqa: B023
    old_machine.write_erasure_list()
    said = new_machine.run_ok("restore", tmp_path / "monday")
    assert "Erased again: 1 words of what had run.\n" in said
    with new_machine.database.read() as session:
        item = session.scalars(select(EditionItem)).one()
        assert (item.output, item.question.is_retracted) == ("", True), (
            "whatever stood there, nobody knows the newer words"
        )


@pytest.mark.threat("old backup")
def test_what_the_rules_would_have_erased_by_now_is_gone_without_any_list(
    old_machine: Installation, new_machine: Installation, letter_id: int, tmp_path: Path
) -> None:
    old_machine.database.write(lambda session: session.execute(update(Contact).values(erase_on=text("'2024-02-29'"))))
    old_machine.run_ok("backup", tmp_path / "monday")
    old_machine.write_erasure_list()
    new_machine.run_ok("restore", tmp_path / "monday")
    with new_machine.database.read() as session:
        assert session.scalars(select(Contact.id)).all() == []
        assert session.scalars(select(OutboxContent.outbox_id)).all() == []


@pytest.mark.threat("old backup")
def test_a_thief_of_the_list_learns_nothing_of_who_or_when(old_machine: Installation, letter_id: int) -> None:
    takes_back(old_machine, letter_id)
    old_machine.write_erasure_list()
    with old_machine.database.read() as session:
        public_id = session.get_one(Letter, letter_id).public_id
    written = old_machine.erasures.read_text()
    assert [word in written for word in (public_id, "letter", "timur")] == [False] * 3
    assert [len(line) for line in written.splitlines()[1:]] == [66] * 3  # letter, name, address: a key's number, a hash
    others = Keys({1: b"t" * 32})
    assert all(mac.hex() not in written for kind in KINDS for mac in [others.mac("erasures", f"{kind} {public_id}")])
    assert old_machine.erasures.stat().st_mode & 0o777 == 0o600
