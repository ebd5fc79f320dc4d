"""Search: any script, nothing that is typed is wrong, nobody finds what is not theirs, and what was erased leaves no bytes."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.db.session import now
from app.letters import receipts
from app.letters.models import Addition, Letter
from app.questions import actions, wording
from app.questions.models import Question
from app.search import DESK, PUBLIC
from app.search.full_text import Hit, get_cursor, search, snippet
from app.search.full_text import clauses as asked_for
from app.search.models import DeskDoc, DeskTerm
from app.search.terms import cut
from app.workflows.indexing import index_due, index_letters, index_questions, rebuild_indexes
from tests.support.database_checks import find_in_files, find_unerased
from tests.support.databases import ON_SQLITE, wait_until_blocked
from tests.support.letters import create_letter
from tests.support.sample_newsroom import Newsroom, create_answered_question

WORDS = {
    "who": "Who measures the salt in the orchards?",
    "train": "Why does the new railway to Belgrade cost more than it was to?",
    "chinese": "中国在塞尔维亚买了什么?",
    "thai": "ใครเป็นคนจ่ายค่าไฟฟ้าในประเทศลาว",
    "persian": "چه کسی هزینهٔ راه‌آهن جدید هرات را می‌پردازد؟",
    "uyghur": "ئۈرۈمچىدىكى ئىشچىلار قانچىلىك مائاش ئالىدۇ؟",
    "uzbek": "Oʻzbekistonda temir yoʻl narxini kim toʻlaydi?",
    "russian": "Кто платит за ёлки на площади в Бишкеке?",
}


@pytest.fixture
def letters(database: Database, newsroom: Newsroom) -> dict[str, int]:
    """Each of the words as a letter that the worker has indexed, by its name."""
    made = {name: create_letter(database, newsroom, words) for name, words in WORDS.items()}
    index_due(database)
    return made


@pytest.fixture
def find(database: Database, newsroom: Newsroom, letters: dict[str, int]) -> Callable[[str], list[str]]:
    names = {key: name for name, key in letters.items()}

    def finding(query: str) -> list[str]:
        with database.read() as session:
            hits = search(session, DESK, newsroom.newsletter_id, query, nouns=("letter",))
        return [names[hit.noun_id] for hit in hits]

    return finding


def test_a_letter_is_found_in_any_script(find: Callable[[str], list[str]]) -> None:
    found = {
        "salt orchards": ["who"], "SALT": ["who"], "塞尔维亚": ["chinese"], "买": ["chinese"], "ไฟฟ้า": ["thai"], "راه آهن": ["persian"], "راهآهن": ["persian"],
        "هزينه راه‌آهن": ["persian"], "ئىشچىلار": ["uyghur"], "o'zbekistonda": ["uzbek"], "Oʻzbekistonda": ["uzbek"], "елки": ["russian"],
        "Ёлки площади": ["russian"], "salt railway": [], "塞维": [],
    }  # fmt: skip
    assert {query: find(query) for query in found} == found


def test_phrases_unfinished_words_and_newest_first(find: Callable[[str], list[str]]) -> None:
    found = {
        '"new railway"': ["train"], '"railway new"': [], "“new railway” cost": ["train"], '"塞尔维亚买了"': ["chinese"], "rail": ["train"], "rail cost": [],
        "rail* cost": ["train"], "the": ["train", "who"], "orch": ["who"],
    }  # fmt: skip
    assert {query: find(query) for query in found} == found


ODD = (
    "", "   ", '"', '""', "«", "OR", "AND NOT", "NEAR(salt, 2)", "terms:salt", "salt) OR (1", "* * *", "'; DROP TABLE letters; --", "\0salt", "a" * 5_000,
    "salt " * 3_000, "^salt", "-", "1·salt", "🍋", "'salt':*", "<b>", "salt & !orchards", "\ud800",
)  # fmt: skip


def test_nothing_that_is_typed_is_wrong(find: Callable[[str], list[str]]) -> None:
    found = {query: find(query) for query in ODD}
    assert {query for query, names in found.items() if names} == {
        "\0salt",
        "salt " * 3_000,
        "^salt",
        "'salt':*",
        "salt & !orchards",
    }


def test_what_was_found_is_shown_in_pieces_of_plain_text() -> None:
    words = "My brother drives fruit. <b>Who</b> pays the drivers of the lorries that wait at Sarytal for a week?"

    def list_pieces(query: str) -> list[tuple[str, bool]]:
        return [(piece.text, piece.hit) for piece in snippet(words, asked_for(query))]

    assert list_pieces("drivers wait") == [
        ("My brother drives fruit. <b>Who</b> pays the ", False), ("drivers", True), (" of the lorries that ", False), ("wait", True),
        (" at Sarytal for a week?", False),
    ]  # fmt: skip
    assert [piece.text for piece in snippet(WORDS["chinese"], asked_for("塞尔维亚")) if piece.hit] == ["塞尔维亚"]
    long = "First this. " * 40 + words + " And then that." * 40
    pieces = snippet(long, asked_for('"at Sarytal"'))
    assert [piece.text for piece in pieces if piece.hit] == ["at Sarytal"]
    assert len("".join(piece.text for piece in pieces)) < 300


def test_a_page_goes_on_after_its_last_hit(database: Database, newsroom: Newsroom, letters: dict[str, int]) -> None:
    more = [create_letter(database, newsroom, f"Salt again, for the time {number}") for number in range(5)]
    index_due(database)
    every = [*reversed(more), letters["who"]]
    pages: list[list[int]] = []
    with database.read() as session:
        before = None
        while hits := search(session, DESK, newsroom.newsletter_id, "salt", cursor=before, limit=4):
            pages.append([hit.noun_id for hit in hits])
            before = hits[-1].cursor
        assert get_cursor(session, DESK, "letter", every[-1]) == before
    assert pages == [every[:4], every[4:]]


def test_another_newsletter_finds_nothing(database: Database, newsroom: Newsroom, letters: dict[str, int]) -> None:
    with database.read() as session:
        assert search(session, DESK, newsroom.newsletter_id + 1, "salt") == []
        assert search(session, PUBLIC, newsroom.newsletter_id, "salt") == []


def test_the_public_finds_what_the_desk_shows_and_no_longer_what_it_hides(
    database: Database, newsroom: Newsroom
) -> None:
    def public(query: str) -> list[Hit]:
        index_due(database)
        with database.read() as session:
            return search(session, PUBLIC, newsroom.newsletter_id, query)

    key = database.write(
        lambda s: (
            actions.open_question(s, newsroom.nora, [], headline="Salt", body="Who weighs the salt?", language="en").id
        )
    )
    assert public("salt") == []
    for shown, found in ((True, [key]), (False, [])):

        def show(session: object, shown: bool = shown) -> None:
            question = session.get_one(Question, key)  # type: ignore[attr-defined]
            wording.clear(session, newsroom.nora, question, question.text_id or 0)  # type: ignore[arg-type]
            actions.show(session, newsroom.nora, question, shown)  # type: ignore[arg-type]

        database.write(show)
        assert [hit.noun_id for hit in public("salt")] == found


def test_other_words_and_topics_are_found_and_the_old_ones_are_not(database: Database, newsroom: Newsroom) -> None:
    key = database.write(lambda s: create_answered_question(s, newsroom, "Who counts the plates?").id)
    index_due(database)

    def change(session: object) -> None:
        wording.reword(session, newsroom.nora, session.get_one(Question, key), headline="", body="Who weighs the dust?")  # type: ignore[arg-type, attr-defined]

    database.write(change)
    assert index_due(database) == 1
    with database.read() as session:
        found = {
            query: [hit.noun_id for hit in search(session, DESK, newsroom.newsletter_id, query)]
            for query in ("plates", "dust")
        }
        counted = {term for term in session.scalars(select(DeskTerm.term)) if "plates" in term or "dust" in term}
    assert found == {"plates": [], "dust": [key]}
    assert counted == {f"{newsroom.newsletter_id}·dust"}
    assert index_due(database) == 0


def test_taking_back_takes_the_words_out_of_every_table_and_file(
    database: Database, newsroom: Newsroom, letters: dict[str, int]
) -> None:
    planted = create_letter(
        database, newsroom, "Did they not know of zanzibarium orchards?", background="quicksilverish wells"
    )
    index_due(database)
    with database.read() as session:
        before = {row.term: row.docs for row in session.scalars(select(DeskTerm))}
    assert before[f"{newsroom.newsletter_id}·orchards"] == 2

    def take_back(session: object) -> None:
        letter = session.get_one(Letter, planted)  # type: ignore[attr-defined]
        receipts.erase(session, receipts.reader_of(letter), letter)  # type: ignore[arg-type]

    database.write(take_back)
    with database.read() as session:
        after = {row.term: row.docs for row in session.scalars(select(DeskTerm))}
        assert (after[f"{newsroom.newsletter_id}·orchards"], after[f"{newsroom.newsletter_id}"]) == (1, len(WORDS))
        assert [term for term in after if "zanzi" in term or "silver" in term] == []
        assert session.scalar(select(func.count()).select_from(DeskDoc).where(DeskDoc.noun_id == planted)) == 0
        assert search(session, DESK, newsroom.newsletter_id, "zanzibarium") == []
    assert find_unerased(database, "zanzi", "quicksil", "nzibariu") == []
    assert find_in_files(database, "orchards") == ["orchards"]
    assert index_due(database) == 1
    with database.read() as session:
        assert {row.term: row.docs for row in session.scalars(select(DeskTerm))} == after


@ON_SQLITE
def test_taking_back_takes_the_words_out_of_an_index_that_an_older_sqlite_created(
    database: Database, newsroom: Newsroom
) -> None:
    """Before version 3.42 there was no option `secure-delete`, and no later version sets it in an index that is there."""
    turn_off = "INSERT INTO desk_fts (desk_fts, rank) VALUES ('secure-delete', 0)"
    database.write(lambda session: session.execute(text(turn_off)) and None)
    letter_id = create_letter(database, newsroom, "Did they not know of zanzibarium orchards?")
    index_due(database)

    def take_back(session: Session) -> None:
        letter = session.get_one(Letter, letter_id)
        receipts.erase(session, receipts.reader_of(letter), letter)

    assert find_in_files(database, "zanzibar") == ["zanzibar"]
    database.write(take_back)
    assert find_in_files(database, "zanzibar") == []


def test_filling_anew_gives_the_same_index(database: Database, newsroom: Newsroom, letters: dict[str, int]) -> None:
    def get_counts() -> tuple[dict[str, int], list[int]]:
        with database.read() as session:
            terms = {row.term: row.docs for row in session.scalars(select(DeskTerm))}
            return terms, [hit.noun_id for hit in search(session, DESK, newsroom.newsletter_id, "the")]

    before = get_counts()
    assert sum(rebuild_indexes(database)) == len(letters)
    assert get_counts() == before


def test_terms_are_cut_alike_whatever_the_keyboard() -> None:
    same = [
        ("ﬁle", "file"),
        ("Café", "cafe"),
        ("كتاب", "کتاب"),
        ("می‌خواهم", "میخواهم"),
        ("۱۲۳", "123"),
        ("ｶﾅ", "カナ"),
        ("Oʻsh", "o'sh"),
        ("İstanbul", "istanbul"),
    ]
    assert [(one, other) for one, other in same if cut(one)[0] != cut(other)[0]] == []
    assert cut("中国人") == ["中", "中国", "国", "国人", "人"]
    assert cut("Nora's e-mail") == ["noras", "nora", "e", "mail"]


def test_what_is_erased_while_the_worker_reads_it_is_not_left_in_the_index(
    database: Database, newsroom: Newsroom
) -> None:
    """Erasing waits for the worker that has just read the words, and then takes out what it put there."""
    letter_id = create_letter(database, newsroom, "Who counts the zanzibarium plates?")
    question_id = database.write(
        lambda s: (
            actions.open_question(s, newsroom.nora, [], body="Who counts quicksilverish plates?", language="en").id
        )
    )

    def withdraw(session: Session) -> None:
        letter = session.get_one(Letter, letter_id)
        receipts.erase(session, receipts.reader_of(letter), letter)

    def erased(session: Session) -> None:
        wording.erase_words(session, session.get_one(Question, question_id))

    for indexing, erasing in ((index_letters, withdraw), (index_questions, erased)):
        other = threading.Thread(target=database.write, args=(erasing,))

        def slowly(
            session: Session, indexing: Callable[[Session], list[int]] = indexing, other: threading.Thread = other
        ) -> None:
            indexing(session)
            other.start()
            wait_until_blocked(database, other)

        database.write(slowly)
        other.join()
    index_due(database)
    with database.read() as session:
        assert session.scalars(select(DeskDoc.text)).all() == []
        assert session.scalars(select(DeskTerm.term)).all() == []


def test_a_reader_who_adds_without_end_holds_up_nobody_elses_letter(database: Database, newsroom: Newsroom) -> None:
    """PostgreSQL takes a megabyte of a text's terms and no more."""
    endless = create_letter(database, newsroom, WORDS["who"])
    letters = [chr(ord("ა") + number) for number in range(33)]
    words = ("".join(letters[(number // 33**place) % 33] for place in range(62)) for number in range(9_000))
    more = [" ".join(part) for part in zip(*[words] * 30, strict=True)]
    database.write(lambda s: s.add_all(Addition(letter_id=endless, body=body, added_at=now(s)) for body in more))
    other = create_letter(database, newsroom, WORDS["train"])
    index_due(database)
    with database.read() as session:
        found = [search(session, DESK, newsroom.newsletter_id, WORDS[name]) for name in ("who", "train")]
    assert [[hit.noun_id for hit in hits] for hits in found] == [[endless], [other]]
