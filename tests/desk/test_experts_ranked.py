"""Who fits a question, with the reasons in words; asking one, several at once, or one after another."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning, candidates
from app.answers.models import Assignment
from app.core.actors import Clock
from app.db.engine import Database
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import Topic
from app.people import directory
from app.people.models import Expert
from app.questions import actions, wording
from app.questions.models import Question
from app.workflows import invitations
from app.workflows.indexing import index_due
from tests.support.assignments import ask_expert
from tests.support.clock import today
from tests.support.database_checks import dump_tables, record_statements
from tests.support.desk import Desk
from tests.support.sample_newsroom import Newsroom, create_answered_question, create_submitted_answer

ORCHARD = "Which salt harms an orchard near the Karakum plain most?"


class Orchard:
    """A question that nobody has yet: Leyla has answered one like it, Marek names its topic, Gulnara neither."""

    def __init__(self, database: Database, newsroom: Newsroom) -> None:
        self.database, self.newsroom = database, newsroom

        def earlier(session: Session) -> None:
            create_answered_question(session, newsroom, "Who measures the salt in the orchards of the Karakum?")
            for words in ("Who pays the gauges?", "Where is the weather read?", "Why do trams ring twice?"):
                actions.open_question(session, newsroom.nora, [], headline=words, body=words, language="en")

        def open_(session: Session) -> str:
            question = actions.open_question(session, newsroom.nora, [], headline="", body=ORCHARD, language="en")
            wording.clear(session, newsroom.nora, question, question.text_id or 0)
            topic = Topic(newsletter_id=newsroom.newsletter_id, slug="soil", name="Soil")
            session.add(topic)
            session.flush()
            actions.set_topics(session, newsroom.nora, question, [topic.id])
            self.profile(session, newsroom.marek.expert_id, topics=["soil"], languages=["en", "cs"])
            self.profile(session, newsroom.leyla.expert_id, languages=["en", "tr"])
            return question.public_id

        self.database.write(earlier)
        self.question = self.database.write(open_)
        index_due(self.database)
        self.here = f"questions/{self.question}"

    def profile(self, session: Session, expert_id: int, **fields: object) -> None:
        expert = session.get_one(Expert, expert_id)
        directory.change_profile(session, self.newsroom.nora, expert, None, **fields)

    def rank(self, words: str = "") -> list[candidates.ExpertFit]:
        with self.database.read() as session:
            question = session.scalars(select(Question).filter_by(public_id=self.question)).one()
            return candidates.rank_experts(session, question, words)

    def ids(self) -> dict[str, str]:
        with self.database.read() as session:
            return {one.name.split()[0]: one.public_id for one in session.scalars(select(Expert))}

    def states(self) -> dict[str, tuple[str | None, str | None]]:
        """By first name, how the assignment stands and after whom it comes."""
        with self.database.read() as session:
            question = session.scalars(select(Question).filter_by(public_id=self.question)).one()
            rows = assigning.assignments_of(session, question)
            return {
                one.expert.name.split()[0]: (one.state, one.after.expert.name.split()[0] if one.after else None)
                for one in rows
            }

    def letters(self) -> dict[str, str]:
        with self.database.read() as session:
            mails = session.scalars(select(OutboxMail).filter_by(kind="expert.invitation").order_by(OutboxMail.id))
            read = [outbox.read(session, mail) for mail in mails]
            return {mail.to: mail.text for mail in read}


@pytest.fixture
def orchard(database: Database, newsroom: Newsroom) -> Orchard:
    return Orchard(database, newsroom)


def test_experts_stand_in_the_order_of_their_fit_with_reasons_and_no_figures(nora: Desk, orchard: Orchard) -> None:
    assert [fit.expert.name for fit in orchard.rank()] == ["Leyla Aydın", "Marek Dvořák", "Gulnara Esenova"]
    said = nora.get_text(f"{orchard.here}/ask")
    assert "Has answered, with the same words (salt" in said
    assert "Who measures the salt in the orchards of the Karakum?" in said
    assert "Names the topic: Soil Writes English" in said
    assert "Has answered nothing here yet" in said
    assert "%" not in said
    question = nora.get_text(orchard.here)
    assert "Who could answer it" in question
    assert question.index("Leyla Aydın") < question.index("Marek Dvořák")


def test_what_speaks_against_somebody_is_said_and_puts_nobody_out(
    nora: Desk, orchard: Orchard, newsroom: Newsroom
) -> None:
    def busy(session: Session) -> None:
        away = {"away_until": today() + timedelta(20), "ties": "Sells plates to the ministry."}
        orchard.profile(session, newsroom.leyla.expert_id, at_once=1, **away)
        orchard.profile(session, newsroom.marek.expert_id, languages=["cs"])
        directory.record_expert(session, newsroom.nora, "Saule Bekova", None)
        create_submitted_answer(session, newsroom, "Who reads the plates?")

    nora.database.write(busy)
    said = nora.get_text(f"{orchard.here}/ask")
    for words in (
        "Has 1 question now, and takes 1 at once", "Away until", "Own interest: Sells plates to the ministry.",
        "Not known to write English", "Nobody has checked yet who this is No address: you ask them yourself",
    ):  # fmt: skip
        assert words in said, words
    names = [fit.expert.name for fit in orchard.rank()]
    assert (sorted(names), names[-1]) == (
        ["Gulnara Esenova", "Leyla Aydın", "Marek Dvořák", "Saule Bekova"],
        "Leyla Aydın",
    )
    letter = nora.press(f"{orchard.here}/ask", only=orchard.ids()["Leyla"]).partition("/desk/steppe/")[2]
    assert "Leyla Aydın already has 1 open question, their limit. Leyla Aydın is away until" in nora.get_text(letter)
    nora.press(f"{letter}/invite")
    assert orchard.states() == {"Leyla": ("invited", None)}


def test_a_no_to_this_question_and_past_replies_are_remembered(
    nora: Desk, orchard: Orchard, newsroom: Newsroom
) -> None:
    def refuse(session: Session) -> None:
        question = session.scalars(select(Question).filter_by(public_id=orchard.question)).one()
        one = assigning.assign(session, newsroom.nora, question, session.get_one(Expert, newsroom.marek.expert_id))
        invitations.invite(session, newsroom.nora, one)
        assigning.decline(session, newsroom.nora, one, "no time", date(2040, 5, 7))

    nora.database.write(refuse)
    for words in ("Who laid the pipe?", "Who dug the well?", "Who drew the map?"):
        ask_expert(nora.database, newsroom, words, expert="gulnara")
    said = nora.get_text(f"{orchard.here}/ask")
    assert "Said no to this question: no time now, free again from Mon 7 May" in said
    assert "Asked today" in said
    assert "Has 3 questions now" in said
    assert "Replied to" not in said  # whose time isn't up has neither replied nor been silent


def test_one_press_prepares_one_and_the_letter_is_looked_at_first(nora: Desk, orchard: Orchard) -> None:
    ids = orchard.ids()
    path = nora.press(f"{orchard.here}/ask", only=ids["Marek"], brief="Please say first who reads the plates.")
    assert path.endswith(str(nora.database.write(lambda s: s.scalars(select(Assignment).order_by(Assignment.id.desc())).first().public_id)))  # fmt: skip
    assert (orchard.states(), orchard.letters()) == ({"Marek": ("drafted", None)}, {})
    assert "Marek Dvořák has this question already" in nora.press(f"{orchard.here}/ask", 422, only=ids["Marek"])
    assert "Marek" not in [fit.expert.name.split()[0] for fit in orchard.rank()]


def test_several_are_asked_at_once_and_each_reads_how_many_others(nora: Desk, orchard: Orchard) -> None:
    ids = orchard.ids()
    nora.press(
        f"{orchard.here}/ask", act="send", expert=[ids["Leyla"], ids["Marek"]], name="Saule Bekova",
        email="saule@survey.example", words="180",
    )  # fmt: skip
    letters = orchard.letters()
    assert sorted(letters) == ["leyla@field.example", "marek@water.example", "saule@survey.example"]
    assert ["I’m asking 2 other experts too." in text for text in letters.values()] == [True] * 3
    assert [name in text for text in letters.values() for name in ("Marek Dvořák,", "Saule")].count(True) == 2
    assert set(orchard.states().values()) == {("invited", None)}


def test_one_after_another_asks_the_first_and_sets_the_ladder_up(nora: Desk, orchard: Orchard) -> None:
    ids = orchard.ids()
    nora.press(f"{orchard.here}/ask", act="send", one_by_one="1", expert=[ids["Leyla"], ids["Marek"]], words="180")
    assert orchard.states() == {"Leyla": ("invited", None), "Marek": ("drafted", "Leyla")}
    assert "On their way: Leyla Aydın. Next on the ladder: Marek Dvořák." in nora.get_text(orchard.here)
    assert "Read and send the invitation" not in nora.get_text(orchard.here)
    with nora.database.read() as session:
        leyla = session.scalars(select(Assignment).filter_by(state="invited")).one().public_id
    assert "Leyla Aydın" in nora.get_text(f"{orchard.here}/ask")  # as the one to wait for
    before = dump_tables(nora.database)
    wrong = {"act": "send", "after": leyla, "step_at": "2020-01-01T09:00", "expert": ids["Gulnara"]}
    assert "Give a time that is still to come" in nora.press(f"{orchard.here}/ask", 422, **wrong)
    assert dump_tables(nora.database) == before
    nora.press(f"{orchard.here}/ask", act="send", after=leyla, expert=ids["Gulnara"])
    assert orchard.states()["Gulnara"] == ("drafted", "Leyla")
    assert sorted(orchard.letters()) == ["leyla@field.example"]


def test_what_cannot_be_taken_keeps_all_that_was_ticked_and_typed(nora: Desk, orchard: Orchard) -> None:
    ids = orchard.ids()
    before = dump_tables(nora.database)
    typed = {"expert": [ids["Gulnara"]], "brief": "Say first what it costs."}
    page = nora.press(f"{orchard.here}/ask", 422, **typed, words="9")
    assert "Give a number of words from 20 to 2,000" in page
    assert "Say first what it costs." in page
    again = nora.press(f"{orchard.here}/ask", 200, **typed, act="find", find="dvorak", name="X")
    assert ("Marek Dvořák" in again, "Leyla" in again, "Say first what it costs." in again) == (True, False, True)
    assert "Tick somebody, or write a name" in nora.press(f"{orchard.here}/ask", 422)
    assert "“nowhere” is not an e-mail address" in nora.press(f"{orchard.here}/ask", 422, name="Saule", email="nowhere")
    assert dump_tables(nora.database) == before


def test_nothing_of_the_asker_leaves_in_a_brief_unseen(nora: Desk, orchard: Orchard, newsroom: Newsroom) -> None:
    salt = ask_expert(nora.database, newsroom)
    with nora.database.read() as session:
        here = f"questions/{salt.assignment(session).question.public_id}/ask"
    typed = {"only": orchard.ids()["Gulnara"], "brief": "Timur from Nukus asks who measures it."}
    before = dump_tables(nora.database)
    said = nora.press(here, 422, **typed)
    assert "It has readers’ own words or names" in said
    assert dump_tables(nora.database) == before
    passages = "\n".join(word for word in ("Timur", "Nukus") if word in said)
    nora.press(here, **typed, looked=passages)


def test_an_assistant_prepares_and_sends_nothing(nora: Desk, ilya: Desk, orchard: Orchard) -> None:
    ids = orchard.ids()
    assert "Send to the selected experts" not in ilya.get_text(f"{orchard.here}/ask")
    before = dump_tables(nora.database)
    for wrong in ({"act": "send"}, {"one_by_one": "1"}):
        ilya.press(f"{orchard.here}/ask", 404, expert=[ids["Leyla"], ids["Marek"]], **wrong)
    after = dump_tables(nora.database)
    assert {name for name in before if before[name] != after[name]} == set()
    ilya.press(f"{orchard.here}/ask", expert=[ids["Leyla"], ids["Marek"]])
    assert set(orchard.states().values()) == {("drafted", None)}


@pytest.mark.both_databases
def test_the_page_takes_as_many_queries_for_two_hundred_experts_as_for_ten(nora: Desk, orchard: Orchard) -> None:
    def queries(path: str) -> int:
        with record_statements(nora.database) as statements:
            nora.get_text(path)
        return len(statements)

    def record_experts(session: Session, names: range) -> None:
        for number in names:
            profile = {"topics": ["Soil", f"field {number}"], "languages": ["en"]}
            directory.record_expert(session, Clock(), f"Expert {number}", f"e{number}@x.example", "en", **profile)

    nora.database.write(lambda s: record_experts(s, range(10)))
    nora.press("experts", name="Expert 3")  # somebody who is here twice, in both counts
    few = [queries(f"{orchard.here}/ask"), queries(orchard.here), queries("experts/duplicates")]
    nora.database.write(lambda s: record_experts(s, range(10, 200)))
    assert [queries(f"{orchard.here}/ask"), queries(orchard.here), queries("experts/duplicates")] == few


@pytest.mark.both_databases
def test_whoever_is_found_first_is_looked_at_first_and_everybody_once(
    orchard: Orchard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where more are found than are looked at, those who answered the like go before those whom the desk only knows."""
    first, second = select(Expert.id).order_by(Expert.id.desc()).limit(2), select(Expert.id).order_by(Expert.id)
    with orchard.database.read() as session:
        keys = list(session.scalars(second))
        assert len(keys) > 2
        for limit in (1, 2, 3, 100):
            found = list(session.scalars(candidates._select_first_ids((first, second), limit)))
            assert found == [*keys[:-3:-1], *keys[:-2]][:limit]
    monkeypatch.setattr(candidates, "MAX_EXPERTS", 1)
    assert [fit.expert.name for fit in orchard.rank()] == ["Leyla Aydın"]


@pytest.mark.both_databases
def test_of_a_busy_expert_the_newest_questions_count_and_drafts_do_not(orchard: Orchard) -> None:
    def record_experts(session: Session) -> int:
        leyla = orchard.newsroom.leyla.expert_id
        newest = None
        for number in range(3):
            newest = create_answered_question(session, orchard.newsroom, f"What falls on plate {number}?")
        assert newest is not None
        question = session.scalars(select(Question).filter_by(public_id=orchard.question)).one()
        assigning.assign(session, orchard.newsroom.nora, question, session.get_one(Expert, leyla))
        return newest.id

    newest = orchard.database.write(record_experts)
    with orchard.database.read() as session:
        leyla = [orchard.newsroom.leyla.expert_id]
        question = session.scalars(select(Question).filter_by(public_id=orchard.question)).one()
        [all_of_it] = candidates.load_histories(session, leyla, question).values()
        [newest_of_it] = candidates.load_histories(session, leyla, question, limit_per_expert=3).values()
    assert len(all_of_it.answered_ids) == 4
    assert newest_of_it.answered_ids == all_of_it.answered_ids[:2], (
        "of the newest three one is a draft of this question"
    )
    assert newest_of_it.answered_ids[0] == newest
