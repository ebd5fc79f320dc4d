"""After an edition was sent: it stays as it was sent, what readers see is corrected beside it; safety alone erases."""

import json
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from docx import Document
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.answers.models import Answer, AnswerText
from app.core.actors import Mailroom
from app.core.domain_errors import InvalidTransition, MissingPrecondition, PermissionDenied, TooLong
from app.db.engine import Database
from app.db.session import now
from app.editions import corrections, history, locking
from app.editions.items import PrintedExpert
from app.editions.models import Correction, Edition, EditionItem
from app.editions.queries import list_editions_to_run
from app.mail import inbound
from app.mail.lifecycle import INBOUND
from app.mail.models import InboundRaw, OutboxMail
from app.questions import notes
from app.questions.models import Note as DeskNote
from app.questions.models import Question, QuestionText
from app.questions.source_protection import LeakDetected
from app.search import DESK, PUBLIC
from app.search.full_text import search
from app.typesetting.exports import EXPORTS
from app.workflows.back_issues import received_editions
from app.workflows.indexing import index_due
from app.workflows.publishing import after_sending, publication, recall
from app.workflows.publishing.after_sending import CorrectionNote, PublishedText
from app.workflows.retention import erase_published
from tests.support.database_checks import find_unerased, record_statements
from tests.support.reader_pages import answer_letters, get_question, lock_edition, publish_answer
from tests.support.sample_newsroom import Newsroom

WRONG, RIGHT = "We wrote that nobody knows.", "The mill in Nukus knows."
MENDED = PublishedText(
    "The Silos", "Who built the silos, and who owns them now?", ("The mill knows.\n\nWe asked the mill.",)
)
SAFE = PublishedText("The Barns", "Who owns such barns?", ("One owner is known.",))


@pytest.fixture
def silos(database: Database, newsroom: Newsroom) -> str:
    return publish_answer(database, newsroom, [])


def corrected(database: Database, newsroom: Newsroom, silos: str, words: PublishedText = MENDED, **note: Any) -> None:
    quietly = note.pop("quietly", False)
    made = CorrectionNote(**note) if note or quietly else CorrectionNote(WRONG, RIGHT, runs=True)
    database.write(
        lambda s: after_sending.correct(s, newsroom.nora, get_question(s, silos), words, made, quietly) and None
    )


def forms(database: Database, public_id: str) -> dict[str, bytes]:
    """The edition in every form."""
    with database.read() as session:
        edition = session.scalars(select(Edition).filter_by(public_id=public_id)).one()
        preview = locking.preview(session, edition)
        return {name: form.write(preview.blocks, preview.subject.line) for name, form in EXPORTS.items()}


def record(database: Database) -> tuple[str | None, str, dict[str, Any], str, bool, bool]:
    """The hashes and the words of the edition that was sent, and whether they fit each other."""
    with database.read() as session:
        edition = session.scalars(select(Edition).filter_by(state="sent")).one()
        [item] = locking.items_of(session, edition)
        fits = history.item_matches_hash(item), history.edition_matches_hash(session, edition, [item])
        return edition.sha256, item.sha256, item.input, item.output, *fits


def sent_edition(database: Database) -> str:
    with database.read() as session:
        return session.scalars(select(Edition.public_id).filter_by(state="sent")).one()


def kinds(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(OutboxMail.kind).order_by(OutboxMail.id)))


def test_the_edition_as_sent_stays_as_sent_whatever_is_mended_later(
    database: Database, newsroom: Newsroom, silos: str
) -> None:
    edition, before = sent_edition(database), record(database)
    exported = forms(database, edition)
    corrected(database, newsroom, silos)
    comma = PublishedText(MENDED.headline, MENDED.question.replace(", and", " and"), MENDED.answers)
    corrected(database, newsroom, silos, comma, quietly=True)
    assert (record(database), before[-2:]) == (before, (True, True))
    after = forms(database, edition)
    # The JSON alone, which programs read, says beside the words that they were corrected.
    [row] = json.loads(after.pop("json"))
    with database.read() as session:
        made = session.scalars(select(Correction)).one().made_at.date().isoformat()
    assert row.pop("corrections") == [{"date": made, "wrong": WRONG, "right": RIGHT}]
    assert [row] == json.loads(exported.pop("json"))
    assert after == exported
    # Somebody who writes into the record is found out.
    database.write(lambda s: s.execute(update(EditionItem).values(output="The mill knows.")) and None)
    assert record(database)[-2:] == (False, True)


@pytest.mark.parametrize("is_corrected", [False, True])
def test_recalling_an_edition_reads_no_answers_of_texts_whose_printed_names_stayed(
    database: Database, newsroom: Newsroom, silos: str, is_corrected: bool
) -> None:
    if is_corrected:
        corrected(database, newsroom, silos)
    with record_statements(database, writes=True) as statements:
        database.write(
            lambda s: corrections.remove_corrections(s, s.scalars(select(Edition).filter_by(state="sent")).one())
        )
    read = [statement for statement in statements if statement.startswith("SELECT")]
    assert [statement for statement in read if "FROM answers" in statement] == []
    assert len([statement for statement in read if "FROM edition_items" in statement]) == 1


def test_the_next_edition_carries_the_correction_in_every_form_and_no_other_does(
    database: Database, newsroom: Newsroom, silos: str
) -> None:
    first = sent_edition(database)
    corrected(database, newsroom, silos)
    answer_letters(database, newsroom, [], headline="The Salt", body="Who weighs the salt?")
    with database.read() as session:
        following = list_editions_to_run(session, newsroom.newsletter_id, 1)[0].public_id
    planned = forms(database, following)
    assert {name: "Nukus" in _text(name, form) for name, form in planned.items()} == dict.fromkeys(EXPORTS, True)
    lock_edition(database, newsroom)
    assert forms(database, following) == planned
    assert "Nukus" not in forms(database, first)["text"].decode()
    # Another one comes too late for it, and waits for the one after.
    corrected(database, newsroom, silos, wrong="That was all.", right="Ask Aral.", runs=True)
    assert forms(database, following) == planned
    with database.read() as session:
        edition = session.scalars(select(Edition).filter_by(public_id=following)).one()
        assert history.edition_matches_hash(session, edition, locking.items_of(session, edition))
    # What is withdrawn for somebody's safety takes its corrections along, also there.
    database.write(lambda s: publication.retract(s, newsroom.nora, get_question(s, silos), "Somebody is in danger."))
    assert "Nukus" not in forms(database, following)["text"].decode()


def test_an_edition_that_was_never_sent_keeps_no_correction_from_the_next_one(
    database: Database, newsroom: Newsroom, silos: str
) -> None:
    corrected(database, newsroom, silos)

    def miss(session: Any) -> list[int]:
        missed, following = list_editions_to_run(session, newsroom.newsletter_id)
        missed.runs_at, missed.cutoff_at = now(session) - timedelta(days=1), now(session) - timedelta(days=3)
        session.flush()
        return [len(corrections.list_carried_corrections(session, edition)) for edition in (missed, following)]

    assert database.write(miss) == [0, 1]


def _text(form: str, data: bytes) -> str:
    if form == "word":
        return "\n".join(paragraph.text for paragraph in Document(BytesIO(data)).paragraphs)
    return data.decode()


def test_its_expert_hears_of_a_correction_and_nobody_of_a_sign(
    database: Database, newsroom: Newsroom, silos: str
) -> None:
    before = len(kinds(database))
    corrected(database, newsroom, silos)
    comma = PublishedText(MENDED.headline, MENDED.question.replace(", and", " and"), MENDED.answers)
    corrected(database, newsroom, silos, comma, quietly=True)
    assert kinds(database)[before:] == ["expert.corrected"]
    # Nobody has had that mail yet: where the edition is recalled, it is as if nothing had been corrected.
    database.write(lambda s: recall.recall(s, newsroom.nora, s.scalars(select(Edition).filter_by(state="sent")).one()))
    with database.read() as session:
        [item] = session.scalars(select(EditionItem))
        assert (item.mended, item.mended_at, session.scalars(select(Correction)).all()) == (None, None, [])


def test_its_expert_hears_that_it_ran_before_they_hear_of_a_correction(
    database: Database, newsroom: Newsroom, silos: str
) -> None:
    corrected(database, newsroom, silos)
    with database.read() as session:
        to_experts = select(OutboxMail).where(OutboxMail.kind.in_(["expert.published", "expert.corrected"]))
        in_turn = session.scalars(to_experts.order_by(OutboxMail.due_at, OutboxMail.id)).all()
        assert [mail.kind for mail in in_turn] == ["expert.published", "expert.corrected"]


NOTE = {"wrong": WRONG, "right": RIGHT}
LACKING: list[tuple[PublishedText | None, dict[str, Any], str]] = [
    (MENDED, {"wrong": " ", "right": RIGHT}, "required.wrong"),
    (MENDED, {"wrong": WRONG, "right": "\u200e \n"}, "required.right"),
    (MENDED, {"quietly": True}, "invalid.more_than_a_typo"),
    (MENDED, {"quietly": True, "wrong": WRONG}, "invalid.note_with_typo_fix"),
    (None, {"quietly": True}, "invalid.text_unchanged"),
    (PublishedText("", MENDED.question, MENDED.answers), NOTE, "required.headline"),
    (PublishedText("The Silos", " ", MENDED.answers), NOTE, "required.wording"),
    (PublishedText("The Silos", "Who?", ("",)), NOTE, "required.answer"),
    (PublishedText("The Silos", "Who?", ()), NOTE, "required.answer"),
]  # fmt: skip


def test_a_correction_that_lacks_something_is_refused_and_changes_nothing(
    database: Database, newsroom: Newsroom, silos: str
) -> None:
    with database.read() as session:
        there = after_sending.get_published_text(session.scalars(select(EditionItem)).one())
    codes = []
    for words, note, _code in LACKING:
        with pytest.raises(MissingPrecondition) as refused:
            corrected(database, newsroom, silos, words or there, **note)
        codes.append(refused.value.code)
    assert codes == [code for _words, _note, code in LACKING]
    with database.read() as session:
        assert (session.scalars(select(EditionItem.mended)).all(), session.scalars(select(Correction)).all()) == (
            [None],
            [],
        )


CREDITED = replace(MENDED, experts=(PrintedExpert("Leyla Aydin", "geographer in Osh"),))


def test_a_name_and_a_credit_line_are_corrected_with_a_note_alone(
    database: Database, newsroom: Newsroom, silos: str
) -> None:
    before, lacking = record(database), []
    for experts, note in (
        ((PrintedExpert("Leyla Aydin", "geographer"),), {"quietly": True}),
        ((PrintedExpert(" ", "geographer"),), NOTE),
        ((), NOTE),
    ):
        with pytest.raises(MissingPrecondition) as refused:
            corrected(database, newsroom, silos, replace(MENDED, experts=experts), **note)
        lacking.append(refused.value.code)
    assert lacking == ["invalid.more_than_a_typo", "required.name", "required.name"]
    long = replace(MENDED, experts=(PrintedExpert("x" * 401, "geographer"),))
    with pytest.raises(TooLong):
        corrected(database, newsroom, silos, long)
    mail = replace(MENDED, experts=(PrintedExpert("Leyla Aydin", "timur@post.example"),))
    with pytest.raises(LeakDetected):
        corrected(database, newsroom, silos, mail)
    corrected(database, newsroom, silos, CREDITED)
    assert record(database) == before
    with database.read() as session:
        answer = session.scalars(select(Answer)).one()
        assert (answer.credit or {})["name"] == "Leyla Aydin"
    # A recall makes it as if nothing had been corrected.
    database.write(lambda s: recall.recall(s, newsroom.nora, s.scalars(select(Edition).filter_by(state="sent")).one()))
    with database.read() as session:
        answer = session.scalars(select(Answer)).one()
        lead_in = before[2]["piece"]["voices"][0]["lead_in"]
        assert answer.credit == {name: lead_in[name] for name in answer.credit or {}}
        assert session.scalars(select(EditionItem.mended)).all() == [None]


def test_who_may_not_what_is_too_long_and_what_cannot_be_read_is_refused(
    database: Database, newsroom: Newsroom, silos: str
) -> None:
    def expect_error(fn: Any, error: type[Exception]) -> None:
        with pytest.raises(error):
            database.write(fn)

    note = CorrectionNote(WRONG, RIGHT)
    expect_error(
        lambda s: after_sending.correct(s, newsroom.ilya, get_question(s, silos), MENDED, note), PermissionDenied
    )
    expect_error(
        lambda s: after_sending.reword_for_safety(s, newsroom.ilya, get_question(s, silos), SAFE), PermissionDenied
    )
    long = CorrectionNote("x" * (after_sending.LONGEST_NOTE + 1), RIGHT)
    expect_error(lambda s: after_sending.correct(s, newsroom.nora, get_question(s, silos), MENDED, long), TooLong)
    mail = CorrectionNote("We named timur@post.example.", RIGHT)
    expect_error(lambda s: after_sending.correct(s, newsroom.nora, get_question(s, silos), MENDED, mail), LeakDetected)
    expect_error(
        lambda s: erase_published.forget_withdrawn(s, newsroom.nora, get_question(s, silos)), InvalidTransition
    )
    database.write(lambda s: publication.retract(s, newsroom.nora, get_question(s, silos), "Somebody is in danger."))
    expect_error(
        lambda s: after_sending.correct(s, newsroom.nora, get_question(s, silos), MENDED, note), InvalidTransition
    )
    expect_error(
        lambda s: after_sending.reword_for_safety(s, newsroom.nora, get_question(s, silos), SAFE), InvalidTransition
    )
    waiting = answer_letters(database, newsroom, [], headline="The Salt", body="Who weighs the salt?")
    expect_error(
        lambda s: after_sending.correct(s, newsroom.nora, get_question(s, waiting), MENDED, note), InvalidTransition
    )


def search_everywhere(database: Database, newsroom: Newsroom, text: str) -> list[int]:
    with database.read() as session:
        return [len(search(session, kept, newsroom.newsletter_id, text)) for kept in (DESK, PUBLIC)]


@pytest.mark.threat("erased words")
def test_words_that_endanger_somebody_are_gone_from_every_file_and_the_hash_stays(
    database: Database, newsroom: Newsroom, silos: str
) -> None:
    corrected(database, newsroom, silos, wrong="We named the miller Wolkenstein.", right="He is a miller.", runs=True)
    named = PublishedText("Wolkenstein’s Silos", "Does Wolkenstein own them?", ("Wolkenstein does.",))
    corrected(database, newsroom, silos, named, wrong="It lacked Wolkenstein.", right="It has Wolkenstein.")
    index_due(database)
    assert search_everywhere(database, newsroom, "Wolkenstein") == [1, 1]

    def add_note_and_mail(session: Session) -> None:
        """The desk notes something, and the edition comes back as the newsletter's own mail."""
        notes.note(session, newsroom.nora, get_question(session, silos), "Wolkenstein called.")
        edition = session.scalars(select(Edition).filter_by(state="sent")).one()
        mail = inbound.store(session, b"From: us\r\n\r\nWolkenstein does.\r\n", source="lmtp", mailbox="desk")
        assert mail is not None
        mail.edition_id, mail.newsletter_id = edition.id, edition.newsletter_id
        INBOUND.apply(session, Mailroom(), mail, "place", to="edition", placed_at=now(session))
        received_editions.record_arrival(session, Mailroom(), edition, "<1@steppe.example>", "Wolkenstein does.")

    database.write(add_note_and_mail)
    hashes = record(database)[:2]
    database.write(lambda s: after_sending.reword_for_safety(s, newsroom.nora, get_question(s, silos), SAFE))
    assert search_everywhere(database, newsroom, "Wolkenstein") == [0, 0]
    index_due(database)
    assert (search_everywhere(database, newsroom, "Wolkenstein"), search_everywhere(database, newsroom, "barns")) == (
        [0, 0],
        [1, 1],
    )
    with database.read() as session:
        [item] = session.scalars(select(EditionItem))
        assert replace(after_sending.get_published_text(item), experts=None) == SAFE
        assert (item.mended, item.erased_at is not None) == (None, True)
        assert session.scalars(select(AnswerText.body)).all() == [*SAFE.answers]
        assert session.scalars(select(QuestionText.body).where(QuestionText.erased_at.is_(None))).all() == [
            SAFE.question
        ]
        assert {one.wrong for one in session.scalars(select(Correction))} == {""}
        assert [*session.scalars(select(InboundRaw)), *session.scalars(select(DeskNote))] == []
    assert (record(database)[:2], record(database)[-2:]) == (hashes, (False, True))
    assert kinds(database)[-1] == "expert.reworded"
    assert find_unerased(database, "Wolkenstein", "who owns them now?", "We asked the mill") == []


@pytest.mark.threat("erased words")
def test_what_was_withdrawn_is_erased_after_a_week_and_can_be_put_back_until_then(
    database: Database, newsroom: Newsroom, silos: str
) -> None:
    hashes = record(database)[:2]
    database.write(lambda s: publication.retract(s, newsroom.nora, get_question(s, silos), "Somebody is in danger."))
    assert forms(database, sent_edition(database))["text"] == b""
    assert database.write(erase_published.erase_due) == 0
    database.write(lambda s: publication.restore(s, newsroom.nora, get_question(s, silos)))
    database.write(lambda s: publication.retract(s, newsroom.nora, get_question(s, silos), "Somebody is in danger."))
    ago = timedelta(days=8)
    database.write(lambda s: s.execute(update(Question).values(state_at=now(s) - ago)) and None)
    assert [database.write(erase_published.erase_due) for _ in range(2)] == [1, 0]
    with pytest.raises(MissingPrecondition) as refused:
        database.write(lambda s: publication.restore(s, newsroom.nora, get_question(s, silos)))
    assert refused.value.code == "precondition.text_erased"
    assert record(database)[:2] == hashes
    assert find_unerased(database, "who owns them now?", "We asked the mill", "The Silos") == []
    # From a backup of before they come back withdrawn, and are erased again (tests/backup/test_erased_again.py).
