"""Look-alikes: the same on both databases, with reasons, from which the desk's decisions are learned."""

import json
import random
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.audit import Event
from app.cli.search import matching
from app.core.domain_errors import MissingPrecondition, PermissionDenied
from app.crypto.seal import Keys
from app.db.engine import Database
from app.letters.models import Letter
from app.questions import actions
from app.questions.models import Question
from app.search import DESK, PUBLIC, semantic
from app.search.alike import Match, Probe, find_matches
from app.search.evaluating import threshold
from app.search.expert_ranking import Candidate, Fact, PastAnswer, QuestionProfile, rank
from app.search.index import NewDoc, index_documents, remove_from_indexes
from app.search.models import Vector, Verdict
from app.search.reasons import find_reasons, find_shared_words, share_the_rarest
from app.search.scoring import Counts
from app.search.semantic import embed_due
from app.search.verdicts import PRIOR_CUTOFFS, learn_cutoff, load_desk_verdicts, prior, record_verdict
from app.workflows.indexing import index_due
from bench.question_model import InventedLanguage
from tests.support.app import BASE_URL, SECRETS
from tests.support.letters import create_letter
from tests.support.required_programs import skip_without
from tests.support.sample_newsroom import Newsroom

POLICE = "Does China run overseas police stations in Belgrade, and who pays for them?"
STORED = (
    "Is it true that overseas police stations exist in Serbia's capital?",
    "Who pays for the coal plant at Kostolac?",
    "Why does a ticket from Belgrade to Novi Sad cost so little?",
    "中国在贝尔格莱德有海外警察站吗?",
    "Что строит Китай в Белграде?",
)


def index_texts(database: Database, newsroom: Newsroom, texts: Sequence[str] = STORED) -> None:
    docs = [
        NewDoc(newsroom.newsletter_id, "question", number, words, edition_id=number % 2, topics=("Rail",))
        for number, words in enumerate(texts, 1)
    ]
    database.write(lambda session: index_documents(session, DESK, docs))


def find(database: Database, newsroom: Newsroom, probe: Probe, **more: int) -> list[Match]:
    with database.read() as session:
        return find_matches(session, DESK, newsroom.newsletter_id, probe, matcher="words", **more)  # type: ignore[arg-type]


def test_a_question_asked_again_comes_first_and_says_why(database: Database, newsroom: Newsroom) -> None:
    index_texts(database, newsroom)
    best, *others = find(database, newsroom, Probe(POLICE, edition_id=1, topics=("Rail", "Police")))
    assert (best.noun, best.noun_id, best.likely, best.answered, best.matcher) == ("question", 1, True, False, "words")
    assert [(reason.code, reason.values) for reason in best.reasons] == [
        ("words", ("overseas police stations",)),
        ("edition", ()),
        ("topic", ("Rail",)),
    ]
    assert [one.likely for one in others] == [False] * len(others)
    chinese = find(database, newsroom, Probe("贝尔格莱德的海外警察站在哪里?"))
    assert [(one.noun_id, one.reasons[0].values) for one in chinese][:1] == [(4, ("贝尔格莱德", "海外警察站"))]


def test_both_databases_propose_and_score_the_same(database: Database, newsroom: Newsroom) -> None:
    """The figures themselves are held here, so that SQLite and PostgreSQL are held to each other."""
    language_model = InventedLanguage(random.Random(3), "cyrillic")
    pairs = [language_model.draw_pair() for _ in range(400)]
    index_texts(database, newsroom, [first for first, _ in pairs])
    places = []
    for number, (_, again) in enumerate(pairs[:60], 1):
        keys = [one.noun_id for one in find(database, newsroom, Probe(again))]
        places.append(keys.index(number) if number in keys else -1)
    assert [places.count(0), sum(0 <= place < 3 for place in places)] == PLACES
    top = find(database, newsroom, Probe(pairs[0][1]), limit=3)
    assert [(one.noun_id, round(one.score, 6)) for one in top] == SCORES


PLACES = [57, 58]
SCORES = [(1, 0.413365), (184, 0.262774), (243, 0.18994)]


def test_a_question_stands_for_its_letters_and_never_for_itself(database: Database, newsroom: Newsroom) -> None:
    first, second, third = (
        create_letter(database, newsroom, words)
        for words in (POLICE, f"{POLICE} Again.", "Who rents out the police stations overseas in Belgrade?")
    )

    def file(session: Session) -> int:
        letters = [session.get_one(Letter, key) for key in (first, second)]
        return actions.open_question(
            session, newsroom.nora, letters, body="Does China keep policemen abroad?", language="en"
        ).id

    key = database.write(file)
    index_due(database)
    probe = Probe("Who rents out the police stations overseas in Belgrade?", "letter", third)
    assert [one.key for one in find(database, newsroom, probe)] == [("question", key)]
    with database.read() as session:
        assert find_matches(session, PUBLIC, newsroom.newsletter_id, Probe(POLICE)) == []

    def merge(session: Session) -> int:
        into = actions.open_question(session, newsroom.nora, [], body="Where are the foreign officers?", language="en")
        actions.merge(session, newsroom.nora, session.get_one(Question, key), into)
        return into.id

    lead = database.write(merge)
    index_due(database)
    assert [one.key for one in find(database, newsroom, Probe("Does China keep policemen abroad?"))][:1] == [
        ("question", lead)
    ]


def test_what_the_desk_called_another_question_is_not_suggested_again(database: Database, newsroom: Newsroom) -> None:
    index_texts(database, newsroom)
    probe = Probe(POLICE, "letter", 77)
    best = find(database, newsroom, probe)[0]

    def say(session: Session, is_same: bool) -> int:
        pair = (("letter", 77), best.key)
        return record_verdict(session, newsroom.ilya, *pair, is_same, best.score, best.matcher).id

    one = database.write(lambda session: say(session, False))
    assert best.key not in [other.key for other in find(database, newsroom, probe)]
    assert find(database, newsroom, Probe(STORED[0], "question", 1)) == [
        other for other in find(database, newsroom, Probe(STORED[0], "question", 1)) if other.key != ("letter", 77)
    ]
    assert database.write(lambda session: say(session, True)) == one
    assert find(database, newsroom, probe)[0].key == best.key
    with database.read() as session:
        row = session.scalars(select(Verdict)).one()
        assert (row.a_noun, row.a_id, row.b_noun, row.b_id, row.same) == ("letter", 77, "question", 1, True)
        trail = select(Event.action, Event.actor).where(Event.noun == "verdict").order_by(Event.id)
        assert session.execute(trail).all() == [
            ("verdict.not the same", newsroom.ilya.ref), ("verdict.same", newsroom.ilya.ref),
        ]  # fmt: skip
    with pytest.raises(MissingPrecondition):
        database.write(lambda s: record_verdict(s, newsroom.nora, best.key, best.key, True, 1.0, "words"))
    with pytest.raises(PermissionDenied):
        database.write(lambda s: record_verdict(s, newsroom.leyla, ("letter", 1), best.key, True, 1.0, "words"))  # type: ignore[arg-type]


def test_each_desk_learns_its_own_cut_off_for_each_matcher(database: Database, newsroom: Newsroom) -> None:
    def decide(session: Session) -> None:
        for number in range(200):
            pair = (("letter", 1_000 + number), ("question", 1))
            record_verdict(session, newsroom.nora, *pair, False, 0.5 + number / 1_000, "words")

    database.write(decide)
    with database.read() as session:
        cut = {
            matcher: load_desk_verdicts(session, newsroom.newsletter_id, matcher, None).cutoff(100)
            for matcher in PRIOR_CUTOFFS
        }
        others = load_desk_verdicts(session, newsroom.newsletter_id + 1, "words", None)
        assert others.cutoff(100) == prior("words", 100)
    assert cut["semantic"] == prior("semantic", 100)
    assert round(cut["words"], 4) == round((20 * prior("words", 100) + 200 * 0.68) / 220, 4)


def test_a_cut_off_moves_slowly_and_lets_what_is_the_same_through() -> None:
    assert learn_cutoff([], [], 0.4) == 0.4
    assert 0.4 < learn_cutoff([0.9], [], 0.4) < 0.43
    assert learn_cutoff([0.9] * 100, [0.5] * 10, 0.4) == 0.5
    assert learn_cutoff([0.1] * 1_000, [], 0.4) < 0.11


TODAY = date(2026, 11, 25)
SALT = QuestionProfile("Who measures the salt that the wind carries into the orchards?", "en", ("Water",))
LEYLA = Candidate(
    1,
    past=(
        PastAnswer("How much salt does the wind carry from the dry sea bed?", 7),
        PastAnswer("What grows on salty soil?", 8),
    ),
    languages=("en",),
)
MAREK = Candidate(
    2,
    past=(PastAnswer("Who decides how much water a dam lets through?", 9),),
    topics=("Water",),
    languages=("cs", "en"),
)
GULNARA = Candidate(3, topics=("Salt", "Soil"), languages=("ru",))


def order(*experts: Candidate) -> list[int]:
    return [one.key for one in rank(SALT, experts, today=TODAY)]


def test_who_has_answered_the_like_comes_first_and_new_experts_by_what_they_declare() -> None:
    ranked = rank(SALT, (MAREK, GULNARA, LEYLA), today=TODAY)
    facts = {one.key: [(fact.code, fact.values) for fact in one.reasons] for one in ranked}
    assert facts[1] == [("past", (7, "salt", "wind")), ("language", ("en",))]
    assert facts[2] == [("topic", ("Water",)), ("language", ("en",))]
    assert facts[3] == [("topic", ("Salt",)), ("new", ())]
    assert rank(SALT, (LEYLA, GULNARA, MAREK), today=TODAY) == ranked


def test_a_word_is_named_once_however_it_is_written() -> None:
    asked = "Salt at the mill: how much salt does the mill sell?"
    assert find_shared_words(asked, "The mill and its salt", Counts(100, 10, {})) == ("Salt", "mill")
    said, again = "I don't know since when two of them can’t pay", "We don’t pay since two years"
    counts = Counts(1_000, 10, {})
    assert (
        find_shared_words(said, again, counts) == ()
    )  # what holds a sentence together is none, nor a short word alone
    assert find_shared_words(f"{said} pensions", f"{again}, pensions", counts) == ("pay pensions",)


def test_small_words_the_edition_and_the_topic_alone_are_no_reason() -> None:
    counts = Counts(1_000, 10, {})
    asked = Probe("Zašto nam niko ne kaže gde je voda?", edition_id=1, topics=("Rail",))
    other = NewDoc(1, "question", 2, "Ko će nam vratiti pare?", edition_id=1, topics=("Rail",))
    assert find_reasons(asked, other, counts, "words") == ()
    assert [one.code for one in find_reasons(asked, other, counts, "semantic")] == ["meaning", "edition", "topic"]


def test_among_many_texts_what_is_rare_in_each_has_to_be_in_both() -> None:
    """A formula that hundreds use makes nothing alike; the same matter in the same place does."""
    formula = "My neighbours ask themselves: why do {} change so often?"
    often = {"neighbours": 900, "ask": 900, "themselves": 900, "change": 500, "near": 950, "often": 950}
    rare = {"rents": 90, "pensions": 90, "aqqayin": 80, "qaratobe": 80, "mill": 40, "bridge": 40}
    many, few = Counts(20_000, 12, often | rare), Counts(60, 12, {})
    rents, same = (
        formula.format("rents at the mill in Aqqayin"),
        "Rents near the mill of Aqqayin change often; why, ask my neighbours.",
    )
    pensions = formula.format("pensions at the bridge in Qaratobe")
    assert share_the_rarest(rents, same, many)
    assert (share_the_rarest(rents, pensions, many), share_the_rarest(rents, pensions, few)) == (False, True)
    twin = formula.format("rents at the mill in Aqqayrat")
    assert not share_the_rarest(rents, twin, many)  # five letters of a name are no ending


def test_load_recent_use_silence_and_absence_speak_against_asking() -> None:
    twin = Candidate(9, past=LEYLA.past, languages=LEYLA.languages)
    for against in (
        {"live": 2}, {"last_asked": TODAY - timedelta(days=2)}, {"away_until": TODAY}, {"asked": 4, "replied": 1},
    ):  # fmt: skip
        busy = Candidate(1, past=LEYLA.past, languages=LEYLA.languages, **against)  # type: ignore[arg-type]
        assert order(busy, twin) == [9, 1], against
    back = Candidate(
        1, past=LEYLA.past, languages=LEYLA.languages, away_until=TODAY - timedelta(days=1), asked=4, replied=4
    )
    assert order(twin, back) == [1, 9]
    [one] = rank(SALT, (Candidate(1, live=1, last_asked=TODAY - timedelta(days=7), away_until=TODAY),), today=TODAY)
    assert one.reasons == (
        Fact("away", (TODAY,), -2.0), Fact("recent", (7,), -0.15000000000000002), Fact("load", (1, 2), -0.125), Fact("new", (), 0.0),
    )  # fmt: skip
    assert [fact.good for fact in one.reasons] == [False, False, False, True]


def test_nobody_is_left_out_and_nothing_is_needed() -> None:
    assert order(Candidate(5), Candidate(4)) == [4, 5]
    assert rank(QuestionProfile(""), (), today=TODAY) == []


STORED_ROWS = (
    '{"id": 1, "text": "Who measures the salt in the orchards?", "language": "en"}',
    '{"id": "b", "text": "中国在塞尔维亚买了什么?", "language": "zh"}',
)
QUERIES = (
    '{"text": "The salt in our orchards, who measures it?", "language": "en", "same_as": [1]}',
    '{"text": "塞尔维亚的什么是中国买的", "language": "zh", "same_as": ["b"]}',
    '{"text": "Where is the railway?", "language": "en", "same_as": []}',
)


def evaluated(folder: Path, stored: Sequence[str], queries: Sequence[str], *options: str) -> Result:
    """`readers-asked matching evaluate` in an app that has no settings."""
    for name, lines in (("stored.jsonl", stored), ("queries.jsonl", queries)):
        (folder / name).write_text("\n".join(lines))
    arguments = ["evaluate", str(folder / "stored.jsonl"), str(folder / "queries.jsonl"), *options]
    return CliRunner().invoke(matching, arguments)


@pytest.mark.parametrize("matcher", ["words", "fts", "semantic"])
def test_anybodys_collection_can_be_evaluated(tmp_path: Path, matcher: str) -> None:
    if matcher == "semantic" and not semantic.is_installed():
        skip_without("extra 'semantic'")
    result = evaluated(tmp_path, STORED_ROWS, QUERIES, "--matcher", matcher, "--json")
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert list(figures) == ["recall@1", "recall@5", "recall@10", "mrr", "caught@10", "ms_p50", "ms_p95"]
    assert [figures[name] for name in ("recall@1", "recall@5", "recall@10", "mrr", "caught@10")] == [1.0] * 5
    assert 0 < figures["ms_p50"] <= figures["ms_p95"]


def test_without_a_query_that_has_no_duplicate_there_is_no_share_of_caught_ones(tmp_path: Path) -> None:
    assert json.loads(evaluated(tmp_path, STORED_ROWS, QUERIES[:2], "--json").stdout)["caught@10"] is None
    assert "10 % false alarms: -\n" in evaluated(tmp_path, STORED_ROWS, QUERIES[:2]).stdout


@pytest.mark.parametrize(
    ("stored", "queries", "fault"),
    [
        (["{"], QUERIES, "stored.jsonl line 1: this is not JSON in UTF-8"),
        (["[]"], QUERIES, "stored.jsonl line 1: an object is needed"),
        ([STORED_ROWS[0], '{"id": 1.5, "text": "x"}'], QUERIES, 'stored.jsonl line 2: "id" has to be'),
        ([STORED_ROWS[0], STORED_ROWS[0]], QUERIES, "stored.jsonl line 2: the id 1 stands in an earlier line"),
        (['{"id": 1, "text": " "}'], QUERIES, 'stored.jsonl line 1: "text" has to be'),
        ([], QUERIES, "stored.jsonl: there is no line in it"),
        (['{"id": 1, "text": ' + "[" * 100_000], QUERIES, "stored.jsonl line 1: this is not JSON in UTF-8"),
        ([r'{"id": 1, "text": "\ud800 salt"}'], QUERIES, 'stored.jsonl line 1: "text" holds half a character'),
        (STORED_ROWS, ['{"text": "x"}'], 'queries.jsonl line 1: "same_as" has to be a list of ids'),
        (
            STORED_ROWS,
            ["", '{"text": "x", "same_as": ["1"]}'],
            "queries.jsonl line 2: nothing is stored with the id '1'",
        ),
    ],
)
def test_a_line_that_cannot_be_read_is_named(
    tmp_path: Path, stored: Sequence[str], queries: Sequence[str], fault: str
) -> None:
    result = evaluated(tmp_path, stored, queries)
    assert (result.exit_code, result.stdout) == (1, "")
    assert fault in result.stderr


def test_one_in_ten_false_alarms_is_where_the_tenth_stranger_stands() -> None:
    strangers = [number / 100 for number in range(20)]
    assert sum(score >= threshold(strangers) for score in strangers) == 2
    assert sum(score >= threshold([0.5] * 20) for score in [0.5] * 20) == 0


def test_meaning_finds_another_language_and_goes_with_the_text(database: Database, newsroom: Newsroom) -> None:
    if not semantic.is_installed():
        skip_without("extra 'semantic'")
    house = Database(database.url, Keys(SECRETS), BASE_URL, matcher="semantic")
    index_texts(house, newsroom, STORED[:3])
    while embed_due(house):
        pass
    with house.read() as session:
        assert session.scalar(select(func.count()).select_from(Vector)) == 3
        best = find_matches(
            session, DESK, newsroom.newsletter_id, Probe("Есть ли в Сербии тайные полицейские участки Китая?")
        )[0]
    assert (best.noun_id, best.matcher, [reason.code for reason in best.reasons]) == (1, "semantic", ["meaning"])
    house.write(lambda session: remove_from_indexes(session, "question", 1))
    with house.read() as session:
        assert session.scalar(select(func.count()).select_from(Vector)) == 2
    house.close()
    assert embed_due(database) == 0
