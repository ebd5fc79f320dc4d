"""The prototype of sealed letters (docs/adr/0037-words-at-rest.md): it finds the same, and what its blind index gives away."""

import random
from pathlib import Path

import pytest
from sqlalchemy import make_url
from sqlalchemy.orm import Session

from app.crypto.seal import Keys
from app.db.engine import Database
from app.search import DESK
from app.search.alike import Probe, compare, find_matches
from app.search.full_text import search
from app.search.index import NewDoc, index_documents
from bench.blind_guesses import guess_by_planting, guess_by_published, list_index_terms, write_planted_letters
from bench.question_model import InventedLanguage
from bench.sealed_words import (
    BLIND,
    MEMORY,
    SealedDesk,
    build_memory_index,
    create_tables,
    hash_terms,
    list_excerpts,
    store_sealed,
)
from bench.words_at_rest import write_body, write_letters
from tests.support.app import SECRETS
from tests.support.databases import ON_SQLITE
from tests.support.sample_newsroom import Newsroom

LETTERS = 60  # no more than are compared with a text


@pytest.mark.parametrize("way", ["blind", "memory"])
def test_sealed_letters_are_found_and_compared_as_readable_ones(
    database: Database, newsroom: Newsroom, way: str
) -> None:
    language_model = InventedLanguage(random.Random(3), "latin")
    letters = write_letters(language_model, LETTERS)
    docs = [NewDoc(newsroom.newsletter_id, "letter", number, letter.body) for number, letter in enumerate(letters, 1)]

    def store(session: Session) -> None:
        index_documents(session, DESK, docs)
        create_tables(session)
        store_sealed(session, docs, with_hashes=way == "blind")

    database.write(store)
    with database.read() as session, Session(build_memory_index(session)) as memory_session:
        desk = SealedDesk(session, session, BLIND, newsroom.newsletter_id)
        if way == "memory":
            desk = SealedDesk(session, memory_session, MEMORY, newsroom.newsletter_id)
        words = letters[7].body.split()
        for query in (words[0], f"{words[0]} {words[2]} ", f'"{words[3]} {words[4]}"', words[5][:5], "nowhere", '"'):
            expected = [
                (hit.noun_id, hit.snippet) for hit in search(session, DESK, newsroom.newsletter_id, query, limit=5)
            ]
            assert [(hit.noun_id, hit.snippet) for hit in desk.search(query, limit=5)] == expected, query
        for letter in letters[:10]:
            probe = Probe(write_body(language_model, letter.wording))
            readable = compare(session, DESK, newsroom.newsletter_id, probe, "words")
            sealed = desk.compare(probe)
            assert [(key, round(score, 9)) for key, score, _ in sealed.scored] == [
                (key, round(score, 9)) for key, score, _ in readable.scored
            ]
            assert find_matches(
                session, DESK, newsroom.newsletter_id, probe, matcher="words", comparison=sealed
            ) == find_matches(session, DESK, newsroom.newsletter_id, probe, matcher="words")
        assert list_excerpts(session, 2, 20) == [letter.body[:20] for letter in (letters[-1], letters[-2])]


@ON_SQLITE
def test_neither_the_sealed_letters_nor_their_blind_index_have_a_word_in_the_file(
    database: Database, newsroom: Newsroom
) -> None:
    docs = [
        NewDoc(newsroom.newsletter_id, "letter", 1, "Is the cannery at Aralsk closed?", "My aunt Zarina works there.")
    ]

    def store(session: Session) -> None:
        create_tables(session)
        store_sealed(session, docs, with_hashes=True)

    database.write(store)
    file = Path(str(make_url(database.url).database))
    stored = b"".join(path.read_bytes() for path in file.parent.iterdir()).lower()
    assert b"sealed_docs" in stored
    assert [word for word in (b"cannery", b"aralsk", b"zarina") if word in stored] == []
    with database.read() as session:
        desk = SealedDesk(session, session, BLIND, newsroom.newsletter_id)
        assert [hit.content for hit in desk.search("cannery")] == [f"{docs[0].text}\n{docs[0].more}"]


def test_a_thief_who_sent_a_few_letters_reads_their_words_in_all_others() -> None:
    """The form is open to everybody, so the keys protect no word in a blind index that somebody thought of before."""
    keys = Keys(SECRETS)
    wanted = ["cannery", "police", "cadmium", "wages", "strike", "mayor", "Zarina"]
    planted = write_planted_letters(wanted)
    others = ["The mayor of Osh closed the cannery.", "Does cadmium poison the wells? The policeman says no."]
    hash_sets = [{*hash_terms(keys, 1, list_index_terms(letter)).values()} for letter in (*planted, *others)]
    guesses = guess_by_planting(planted, hash_sets[: len(planted)], hash_sets)
    read = [{guesses[entry] for entry in entries if entry in guesses} for entries in hash_sets[len(planted) :]]
    assert len(planted) == 3
    assert "mayor" in read[0]
    assert read[1] >= {"°polic"}
    assert not read[0] & {"strike", "wages"}


def test_a_thief_reads_words_that_go_with_those_of_published_questions() -> None:
    keys = Keys(SECRETS)
    wordings = ["Who closed the cannery?", "Why was the cannery closed?", "Who poisons the wells?", "Are wells safe?"]
    letters = ["They closed our cannery.", "A closed cannery again!", "Our wells, poisoned?", "Those wells are bad."]
    pairs = [
        ({*hash_terms(keys, 1, list_index_terms(letter)).values()}, wording)
        for letter, wording in zip(letters, wordings, strict=True)
    ]
    guesses = guess_by_published(pairs)
    assert guesses[hash_terms(keys, 1, ["wells"])["wells"]] == "wells"
