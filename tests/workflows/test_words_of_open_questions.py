"""The words behind a question that is still open have their time too: the desk is asked first, and the question goes on."""

import sys
from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.audit import Event
from app.core.clock import utc_now
from app.core.domain_errors import MissingField, MissingPrecondition, PermissionDenied
from app.db.engine import Database
from app.letters import receipts
from app.letters.models import Contact, Credit, Letter
from app.letters.receive import Submission
from app.newsletters.models import Newsletter
from app.questions import actions, wording
from app.questions.models import Note, Question, QuestionText
from app.questions.queries import count_askers
from app.workflows.letters import endings, withdrawal
from app.workflows.retention import erase_letters, open_letters
from app.workflows.retention.open_letters import AnnouncedQuestion
from tests.support.assignments import TIMURS_LETTER, ask_expert
from tests.support.database_checks import find_in_files, find_unerased
from tests.support.desk import Desk, combine_version_tokens, get_form_fields
from tests.support.letters import LETTERS_BY_OUTCOME, send_letters, send_letters_by_outcome
from tests.support.newsletter_exports import export, read_all
from tests.support.pages import Page
from tests.support.reader_pages import answer_letters, get_question, publish_answer, read_receipt, send_question
from tests.support.sample_newsroom import Newsroom

NOW = utc_now()
TODAY = NOW.date()
DAY = timedelta(days=1)
WORDS = {
    "uncleared": "Whose boats lie dry behind the cannery of Moynaq?",
    "cleared": "Does anybody count the storks on our pylons by the dam?",
    "shelved": "Where did the tram rails of the old quarter end up?",
    "asked": "How deep are the wells that the company drilled last spring?",
    "picked": "What became of the cinema that my grandmother cleaned?",
}
NAMES = dict(zip(WORDS, ("Aigul Sarin", "Timur Alin", "Bota Kerim", "Saule Orman", "Dana Tolen"), strict=True))
WORDING = "Who keeps the list, and can a village ask for it?"


@pytest.fixture(autouse=True)
def start_today(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test begin now: the day of the first test may be over."""
    monkeypatch.setattr(sys.modules[__name__], "NOW", utc_now())
    monkeypatch.setattr(sys.modules[__name__], "TODAY", utc_now().date())


def work(database: Database, time: datetime) -> None:
    """What the worker does at night: ask the desk, then erase what is due."""
    while database.write(open_letters.announce_due, time):
        pass
    while database.write(erase_letters.erase_due, time):
        pass


def submission(key: str) -> Submission:
    return Submission(
        WORDS[key], background="My aunt told me of it.", credit="full", name=NAMES[key], consent="Print my name."
    )


def open_one(session: Session, newsroom: Newsroom, key: str, is_cleared: bool = True) -> Question:
    """A question of one letter, in the desk's words if it `is_cleared`, otherwise still in the reader's."""
    letters = send_letters(session, newsroom, submission(key))
    if not is_cleared:
        return actions.open_question(session, newsroom.nora, letters, headline="The Boats")
    question = actions.open_question(session, newsroom.nora, letters, headline="The List", body=WORDING, language="en")
    wording.clear(session, newsroom.nora, question, question.text_id or 0)
    return question


def open_cleared(database: Database, newsroom: Newsroom) -> str:
    return database.write(lambda session: open_one(session, newsroom, "cleared").public_id)


def write_to(database: Database, public_id: str, fn: Callable[[Session, Question], object], time: datetime) -> object:
    return database.write(lambda session: fn(session, get_question(session, public_id)), time)


def list_bodies(database: Database) -> list[str | None]:
    with database.read() as session:
        return list(session.scalars(select(Letter.body).order_by(Letter.received_at, Letter.id)))


def list_days(database: Database) -> list[date | None]:
    with database.read() as session:
        return list(session.scalars(select(Letter.erase_on).order_by(Letter.received_at, Letter.id)))


def list_asked(database: Database, newsroom: Newsroom, time: datetime) -> list[tuple[date, int]]:
    with database.read(time) as session:
        rows = open_letters.list_questions(session, session.get_one(Newsletter, newsroom.newsletter_id))
    assert all(isinstance(row, AnnouncedQuestion) for row in rows)
    return [(row.erase_on, row.letter_count) for row in rows]


@pytest.mark.threat("court order", "erased words")
def test_after_400_days_no_text_and_no_name_of_a_reader_is_left(database: Database, newsroom: Newsroom) -> None:
    send_letters_by_outcome(database, newsroom)

    def open_each(session: Session) -> int:
        open_one(session, newsroom, "uncleared", is_cleared=False)
        open_one(session, newsroom, "cleared")
        actions.shelve(session, newsroom.nora, open_one(session, newsroom, "shelved"))
        return send_letters(session, newsroom, submission("picked"))[0].id

    answer_letters(database, newsroom, [database.write(open_each)], headline="The Cinema", body=WORDING)
    ask_expert(database, newsroom)
    for day_number in range(0, 401, 5):
        work(database, NOW + day_number * DAY)
    with database.read() as session:
        assert session.scalars(select(Letter.body).where(Letter.body.is_not(None))).all() == []
        assert session.scalars(select(Letter.background).where(Letter.background.is_not(None))).all() == []
        assert session.scalars(select(Credit.name_sealed).where(Credit.name_sealed.is_not(None))).all() == []
        assert session.scalars(select(Contact.id)).all() == []
    gone = [*(text for key, text in WORDS.items() if key != "asked"), TIMURS_LETTER.body, TIMURS_LETTER.background]
    assert find_unerased(database, *gone, *LETTERS_BY_OUTCOME.values(), "My aunt told me", *NAMES.values()) == []


def test_the_desk_is_asked_30_days_before_and_then_they_go_on_their_day(database: Database, newsroom: Newsroom) -> None:
    open_cleared(database, newsroom)
    work(database, NOW + 334 * DAY)
    assert (list_days(database), list_asked(database, newsroom, NOW + 334 * DAY)) == ([None], [])
    work(database, NOW + 335 * DAY)
    erase_on = TODAY + 365 * DAY
    assert list_days(database) == [erase_on]
    assert list_asked(database, newsroom, NOW + 335 * DAY) == [(erase_on, 1)]
    work(database, NOW + 364 * DAY)
    assert list_bodies(database) == [WORDS["cleared"]]
    work(database, NOW + 365 * DAY)
    assert (list_bodies(database), list_days(database)) == ([None], [erase_on])
    with database.read() as session:
        question = session.scalars(select(Question)).one()
        assert (question.is_open, question.wording) == (True, WORDING)
        assert count_askers(session, [question]) == {question.id: 1}
        assert session.scalars(select(Credit.choice)).one() == "none"
    assert find_in_files(database, WORDING) == [WORDING]


def test_a_newsroom_that_was_just_upgraded_is_asked_for_30_days_first(database: Database, newsroom: Newsroom) -> None:
    open_cleared(database, newsroom)
    late = NOW + 900 * DAY  # nobody has been asked yet
    work(database, late)
    assert list_days(database) == [late.date() + 30 * DAY]
    work(database, late + 29 * DAY)
    assert list_bodies(database) == [WORDS["cleared"]]
    work(database, late + 30 * DAY)
    assert list_bodies(database) == [None]


def test_nora_keeps_them_with_a_reason_and_is_asked_again(database: Database, newsroom: Newsroom) -> None:
    public_id = open_cleared(database, newsroom)
    asked_at = NOW + 335 * DAY
    work(database, asked_at)
    kept = write_to(
        database, public_id, lambda s, q: open_letters.keep(s, newsroom.nora, q, "A reporter still writes about it."), asked_at
    )  # fmt: skip
    again = asked_at.date() + 365 * DAY
    assert (kept, list_days(database), list_asked(database, newsroom, asked_at)) == (again, [again], [])
    with database.read() as session:
        assert session.scalars(select(Note.body)).all() == ["A reporter still writes about it."]
        event = session.scalars(select(Event).where(Event.action == "question.keep")).one()
        assert (event.actor, (event.facts or {})["until"]) == (newsroom.nora.ref, again.isoformat())
    work(database, asked_at + 335 * DAY)
    assert list_asked(database, newsroom, asked_at + 335 * DAY) == [(again, 1)]
    work(database, asked_at + 364 * DAY)
    assert list_bodies(database) == [WORDS["cleared"]]
    work(database, asked_at + 365 * DAY)
    assert list_bodies(database) == [None]


def test_they_are_not_kept_without_a_reason_nor_by_somebody_who_may_not_close(
    database: Database, newsroom: Newsroom
) -> None:
    public_id = open_cleared(database, newsroom)
    with pytest.raises(MissingPrecondition):  # nobody is asked yet
        write_to(database, public_id, lambda s, q: open_letters.keep(s, newsroom.nora, q, "Why not."), NOW)
    at = NOW + 335 * DAY
    work(database, at)
    with pytest.raises(MissingField):
        write_to(database, public_id, lambda s, q: open_letters.keep(s, newsroom.nora, q, "  "), at)
    with pytest.raises(PermissionDenied):
        write_to(database, public_id, lambda s, q: open_letters.keep(s, newsroom.ilya, q, "Why not."), at)
    with pytest.raises(PermissionDenied):
        write_to(database, public_id, lambda s, q: open_letters.erase_now(s, newsroom.ilya, q), at)
    assert list_days(database) == [TODAY + 365 * DAY]


def test_nora_erases_them_before_their_day(database: Database, newsroom: Newsroom) -> None:
    public_id = open_cleared(database, newsroom)
    at = NOW + 335 * DAY
    work(database, at)
    assert write_to(database, public_id, lambda s, q: open_letters.erase_now(s, newsroom.nora, q), at) == 0
    assert (list_bodies(database), list_days(database)) == ([None], [at.date()])
    with database.read(at) as session:
        question = get_question(session, public_id)
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        notice = open_letters.get_notice(session, newsletter, question, [question.id])
        assert (notice.erase_on, notice.erased_count, notice.erased_on, notice.was_early) == (None, 1, at.date(), True)


def test_a_question_that_ends_or_runs_meanwhile_has_the_limit_of_its_new_state(
    database: Database, newsroom: Newsroom
) -> None:
    public_id = open_cleared(database, newsroom)
    at = NOW + 335 * DAY
    work(database, at)
    write_to(database, public_id, lambda s, q: endings.close_question(s, newsroom.nora, q, "nobody"), at)
    work(database, NOW + 366 * DAY)
    assert (list_bodies(database), list_days(database)) == ([WORDS["cleared"]], [None])
    # Opened again, it is asked about anew.
    later = NOW + 370 * DAY
    write_to(database, public_id, lambda s, q: endings.reopen_question(s, newsroom.nora, q), later)
    work(database, later)
    assert list_days(database) == [later.date() + 30 * DAY]


def test_a_longer_period_takes_back_what_was_announced(database: Database, newsroom: Newsroom) -> None:
    open_cleared(database, newsroom)
    work(database, NOW + 335 * DAY)
    work(database, NOW + 364 * DAY)
    database.write(lambda session: session.execute(update(Newsletter).values(open_days=700)))
    work(database, NOW + 365 * DAY)
    work(database, NOW + 400 * DAY)
    assert (list_bodies(database), list_days(database)) == ([WORDS["cleared"]], [None])


def test_a_question_without_words_but_the_readers_ends_with_them(database: Database, newsroom: Newsroom) -> None:
    database.write(lambda session: open_one(session, newsroom, "uncleared", is_cleared=False))
    work(database, NOW + 335 * DAY)
    work(database, NOW + 365 * DAY)
    with database.read() as session:
        question = session.scalars(select(Question)).one()
        assert (question.state, question.closed_reason) == ("closed", "forgotten")
        assert session.scalars(select(QuestionText.body)).all() == [None]


def test_an_uncleared_copy_gives_way_to_the_letter_that_is_still_there(database: Database, newsroom: Newsroom) -> None:
    def ask_twice(session: Session) -> None:
        question = open_one(session, newsroom, "uncleared", is_cleared=False)
        session.info["at"] = NOW + 100 * DAY
        (later,) = send_letters(session, newsroom, "Are the boats of the cannery sold?")
        other = actions.open_question(session, newsroom.nora, [later], headline="More Boats")
        actions.merge(session, newsroom.nora, other, question)

    database.write(ask_twice)
    work(database, NOW + 335 * DAY)
    work(database, NOW + 365 * DAY)
    with database.read() as session:
        lead = session.scalars(select(Question).where(Question.merged_into_id.is_(None))).one()
        assert (lead.is_open, lead.wording) == (True, "Are the boats of the cannery sold?")
        assert count_askers(session, [lead]) == {lead.id: 2}
    assert list_bodies(database) == [None, "Are the boats of the cannery sold?"]


def test_without_words_it_is_merged_split_and_shown_at_the_desk(
    database: Database, newsroom: Newsroom, nora: Desk
) -> None:
    def ask_twice(session: Session) -> list[int]:
        first, second = send_letters(session, newsroom, submission("cleared"), submission("asked"))
        return [first.id, second.id]

    letter_ids = database.write(ask_twice)

    def open_both(session: Session) -> tuple[str, str]:
        ids = []
        for letter_id in letter_ids:
            letter = session.get_one(Letter, letter_id)
            question = actions.open_question(
                session, newsroom.nora, [letter], headline="The List", body=WORDING, language="en"
            )
            wording.clear(session, newsroom.nora, question, question.text_id or 0)
            ids.append(question.public_id)
        return ids[0], ids[1]

    lead_id, other_id = database.write(open_both)

    def erase_all(session: Session) -> None:
        session.execute(update(Letter).values(erase_on=TODAY))

    database.write(erase_all)
    while database.write(erase_letters.erase_due):
        pass
    assert list_bodies(database) == [None, None]
    page = nora.get(f"/questions/{lead_id}")
    assert "The question goes on with its wording." in page.main_text
    for path in ("/questions", f"/questions/{lead_id}", f"/questions/{lead_id}/letters", "/leaving", "/letters"):
        assert nora.open(path).status_code == 200, path

    def merge(session: Session) -> None:
        actions.merge(session, newsroom.nora, get_question(session, other_id), get_question(session, lead_id))

    def split(session: Session) -> None:
        actions.split(session, newsroom.nora, get_question(session, other_id))

    database.write(merge)
    with database.read() as session:
        lead = get_question(session, lead_id)
        assert count_askers(session, [lead]) == {lead.id: 2}
    database.write(split)
    database.write(merge)
    assert nora.open(f"/questions/{lead_id}").status_code == 200


def test_without_words_it_is_answered_checked_exported_and_runs(
    database: Database, newsroom: Newsroom, client: FlaskClient, nora: Desk
) -> None:
    salt = ask_expert(database, newsroom)

    def erase_words(session: Session) -> None:
        session.execute(update(Letter).values(erase_on=TODAY))

    database.write(erase_words)
    assert (database.write(erase_letters.erase_due), list_bodies(database)) == (1, [None])
    with database.read() as session:
        question = session.scalars(select(Question)).one()
        path, words = f"/steppe/q/{question.public_id}", question.wording
    assert words in Page(client.get(salt.link).text).main_text
    salt.send()
    salt.send_to_check()
    salt.approve()
    assert words in nora.get_text(f"questions/{question.public_id}")
    exported = read_all(export(database))
    assert (words in exported, TIMURS_LETTER.body in exported) == (True, False)
    salt.publish()
    assert words in Page(client.get(path, follow_redirects=True).text).main_text


def test_a_reader_can_take_back_what_others_without_words_asked_too(database: Database, newsroom: Newsroom) -> None:
    """The wording is then the last copy of the words that are taken back: the question ends with them."""

    def ask_twice(session: Session) -> int:
        question = open_one(session, newsroom, "uncleared", is_cleared=False)
        (later,) = send_letters(session, newsroom, "Are the boats of the cannery sold?")
        other = actions.open_question(session, newsroom.nora, [later], headline="More Boats")
        actions.merge(session, newsroom.nora, other, question)
        session.execute(update(Letter).where(Letter.id != later.id).values(erase_on=TODAY))
        return later.id

    later_id = database.write(ask_twice)
    database.write(erase_letters.erase_due)

    def take_back(session: Session) -> None:
        letter = session.get_one(Letter, later_id)
        withdrawal.withdraw(session, receipts.reader_of(letter), letter)

    database.write(take_back)
    assert list_bodies(database) == [None, None]
    assert find_unerased(database, "Are the boats of the cannery sold?", WORDS["uncleared"]) == []


def word_question(database: Database, newsroom: Newsroom) -> str:
    """Put the only letter into the desk's words. Returns the question's public id."""

    def open_question(session: Session) -> str:
        letters = session.scalars(select(Letter)).all()
        question = actions.open_question(
            session, newsroom.nora, letters, headline="Storks", body=WORDING, language="en"
        )
        wording.clear(session, newsroom.nora, question, question.text_id or 0)
        return question.public_id

    return database.write(open_question)


def open_receipt(client: FlaskClient, receipt: str) -> str:
    return " ".join(Page(client.post("/steppe/receipt", data={"receipt": receipt}).text).texts("p.lede"))


def test_the_receipt_says_after_how_many_days_they_were_erased_and_that_the_question_goes_on(
    database: Database, newsroom: Newsroom, client: FlaskClient
) -> None:
    receipt = read_receipt(send_question(client, body=WORDS["cleared"]).text)
    public_id = word_question(database, newsroom)
    work(database, NOW + 335 * DAY)
    work(database, NOW + 365 * DAY)
    said = open_receipt(client, receipt)
    assert "365 days after they arrived. The question goes on without them, in the desk’s words." in said
    write_to(database, public_id, lambda s, q: endings.close_question(s, newsroom.nora, q, "nobody"), NOW + 366 * DAY)
    said = open_receipt(client, receipt)
    assert ("365 days after they arrived." in said, "goes on" in said) == (True, False)
    assert "/steppe/receipt/withdraw" not in list_forms(client, receipt)


def list_forms(client: FlaskClient, receipt: str) -> list[str]:
    page = Page(client.post("/steppe/receipt", data={"receipt": receipt}).text)
    return [url for url in page.urls if "/receipt/" in url]


@pytest.mark.threat("erased words")
def test_a_reader_can_take_back_a_question_that_goes_on_without_their_words(
    database: Database, newsroom: Newsroom, client: FlaskClient
) -> None:
    receipt = read_receipt(send_question(client, body=WORDS["cleared"]).text)
    word_question(database, newsroom)
    work(database, NOW + 335 * DAY)
    work(database, NOW + 365 * DAY)
    assert list_forms(client, receipt) == ["/steppe/receipt/withdraw"], "nothing else is left that could be changed"
    page = Page(client.post("/steppe/receipt/withdraw", data={"receipt": receipt}).text)
    assert (page.heading, "/receipt/withdraw" in page.html) == ("It is erased", False)
    with database.read() as session:
        question = session.scalars(select(Question)).one()
        assert (question.can_run, question.closed_reason) == (False, "withdrawn")
    assert find_unerased(database, WORDING, WORDS["cleared"]) == []


def test_the_receipt_of_what_was_erased_by_another_rule_says_neither(
    database: Database, newsroom: Newsroom, client: FlaskClient
) -> None:
    receipt = read_receipt(send_question(client, body=WORDS["cleared"]).text)
    work(database, NOW + 184 * DAY)
    said = open_receipt(client, receipt)
    assert said.startswith("Your words were erased when their time was up. Your words")
    assert ("goes on" in said, "after they arrived" in said) == (False, False)


def test_what_ran_keeps_its_own_limit(database: Database, newsroom: Newsroom) -> None:
    letter_id = database.write(lambda session: send_letters(session, newsroom, WORDS["picked"])[0].id)
    publish_answer(database, newsroom, [letter_id])
    work(database, NOW + 335 * DAY)
    assert (list_days(database), list_bodies(database)) == ([None], [WORDS["picked"]])


def test_home_the_list_and_the_question_ask_and_lead_to_each_other(
    database: Database, newsroom: Newsroom, nora: Desk, ilya: Desk
) -> None:
    public_id = open_cleared(database, newsroom)
    assert "whose words will be erased" not in nora.get("/").main_text
    erase_on = TODAY + 12 * DAY
    database.write(lambda session: session.execute(update(Letter).values(erase_on=erase_on)))
    (link,) = [url for text, url in nora.get("/").links if "whose words will be erased" in text]
    assert link.endswith("/leaving#open-questions")
    listed = nora.get("/leaving").part("section[aria-labelledby=open-questions]")
    assert [url.rpartition("/")[2] for url in listed.urls] == [public_id]
    (outcome,) = nora.get("/letters?state=filed").texts(".row .says")
    assert (
        outcome.removesuffix(f" {erase_on:%Y}")
        == f"Question, words erased on {erase_on:%A} {erase_on.day} {erase_on:%B}"
    )
    page = nora.get(f"/questions/{public_id}")
    assert "The words of 1 letter will be erased on" in page.main_text
    assert {"Erase them for good"} <= set(page.buttons)
    assert (
        "Erase them for good" not in ilya.get(f"/questions/{public_id}").buttons
    )  # an assistant reads, and decides nothing


def test_both_presses_of_the_page_decide_and_a_stale_page_does_not(
    database: Database, newsroom: Newsroom, nora: Desk
) -> None:
    public_id = open_cleared(database, newsroom)
    database.write(lambda session: session.execute(update(Letter).values(erase_on=TODAY + 12 * DAY)))
    assert nora.post_action(f"/questions/{public_id}", "keep-words", 422, why="") is not None
    stale = nora.get_text(f"/questions/{public_id}")
    nora.post_action(f"/questions/{public_id}", "keep-words", why="The village hasn’t answered yet.")
    assert list_days(database) == [TODAY + 365 * DAY]
    database.write(lambda session: session.execute(update(Letter).values(erase_on=TODAY + 12 * DAY)))
    nora.post(f"/questions/{public_id}/erase-words", 409, seen=combine_version_tokens(stale))
    assert list_bodies(database) == [WORDS["cleared"]]
    nora.post_action(f"/questions/{public_id}", "erase-words")
    assert list_bodies(database) == [None]


@pytest.mark.parametrize(("days", "status"), [("29", 422), ("30", 303), ("3650", 303), ("3651", 422)])
def test_the_setting_has_its_bounds(database: Database, newsroom: Newsroom, nora: Desk, days: str, status: int) -> None:
    fields = get_form_fields(nora, "/settings/keeping")
    nora.post("/settings/keeping", status, **(fields | {"open_days": days}))
    with database.read() as session:
        assert session.scalar(select(func.max(Newsletter.open_days))) == (int(days) if status == 303 else 365)
