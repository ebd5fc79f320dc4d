"""The signs for which a letter is held: each is seen, none holds what readers write on a quiet day, and what is held says why."""

import re
import tomllib
from collections.abc import Callable, Sequence
from random import Random

import pytest
from sqlalchemy.orm import Session

from app.core.actors import Reader
from app.db.engine import Database
from app.letters import receipts, receive
from app.letters.models import Letter
from app.letters.spam_filter import (
    MANY_SIMILAR,
    MIN_HELD_WEIGHT,
    PROOF_OF_WORK,
    SIGNS,
    SIGNS_BY_CODE,
    SIMILARITY_THRESHOLD,
    SpamEvidence,
    are_similar,
    find_signs,
    is_similar,
    shingles_of,
    weigh_signs,
)
from app.newsletters.models import Newsletter
from app.questions import actions
from tests.support.floods import (
    HONEST_LETTERS,
    IDENTICAL_TEXT,
    identical_text,
    link_text,
    list_demo_letters,
    mixed_text,
    noise_text,
    paraphrased_text,
    text_with_gaps,
)
from tests.support.letters import change_letter, get_letter
from tests.support.sample_newsroom import Newsroom
from tests.support.source import ROOT

QUESTION = "Who weighs the salt in the orchards by the sea?"
NOISE = "qwer asdf zxcv tyui ghjk bnmp lkjh poiu"
SHORT = "Is what they say at https://bit.ly/3xYz about our salt true?"
MIXED = "Сheар viаgrа оnlinе for you, my dear friends of the sea"  # Cyrillic letters in Latin words


def list_signs(text: str, before: Sequence[str] = (), way: Sequence[str] = ()) -> list[str]:
    seen = SpamEvidence(text, before, way)
    return [sign.code for sign in SIGNS if sign.applies_to(seen)]


@pytest.mark.threat("flood")
@pytest.mark.parametrize(
    ("code", "text", "before", "way"),
    [
        ("no text", "12345 67890", (), ()),
        ("no question", "salt salt salt", (), ()),
        ("links", "https://a.example/1 https://a.example/2 https://a.example/3 buy", (), ()),
        ("bare link", "https://a.example/only", (), ()),
        ("trap", QUESTION, (), ("trap",)),
        ("flood", QUESTION, (), ("flood",)),
        ("fast", QUESTION, (), ("fast",)),
        ("noise", NOISE, (), ()),
        ("mixed letters", MIXED, (), ()),
        ("short link", SHORT, (), ()),
        ("one site", "Is it true what win.example/today says?", ["Look at https://www.win.example/a"] * 3, ()),
    ],
)
def test_each_sign_is_seen(code: str, text: str, before: Sequence[str], way: Sequence[str]) -> None:
    assert code in list_signs(text, before, way)
    assert code not in list_signs(QUESTION, ["Why is the bridge closed?"] * MANY_SIMILAR)


@pytest.mark.threat("flood")
def test_copies_are_seen_though_their_gaps_are_filled_anew_and_other_letters_are_none() -> None:
    before = [
        f"{number} people of {town} say: {IDENTICAL_TEXT}" for number, town in enumerate(["Osh", "Talas", "Naryn"] * 4)
    ]
    assert list_signs(f"I, Timur from Batken, say: {IDENTICAL_TEXT}", before) == ["many alike"]
    assert list_signs(f"I, Timur from Batken, say: {IDENTICAL_TEXT}", before[:3]) == ["alike"]
    assert list_signs(QUESTION, before) == []
    assert list_signs("中国在塞尔维亚买了什么?", ["中国在塞尔维亚买了什么?"] * 3) == ["alike"]


def test_one_light_sign_holds_nothing_and_several_do() -> None:
    light = [sign.code for sign in SIGNS if 0 < sign.weight < MIN_HELD_WEIGHT]
    assert light == ["noise", "mixed letters", "short link", "one site", "alike", "fast"]
    assert [weigh_signs(SpamEvidence(text, (), ())) for text in (NOISE, MIXED, SHORT)] == [[], [], []]
    assert weigh_signs(SpamEvidence(QUESTION, [QUESTION] * 3, ("fast",))) == []
    assert weigh_signs(SpamEvidence(SHORT, [SHORT] * 3, ("fast",))) == ["short link", "one site", "alike", "fast"]


@pytest.mark.threat("flood")
def test_a_proof_counts_against_how_a_letter_came_and_never_for_its_words() -> None:
    assert weigh_signs(SpamEvidence(QUESTION, (), ("flood",))) == ["flood"]
    assert weigh_signs(SpamEvidence(QUESTION, (), ("flood", PROOF_OF_WORK))) == []
    assert weigh_signs(SpamEvidence(QUESTION, [QUESTION] * MANY_SIMILAR, ("flood", PROOF_OF_WORK))) == [
        "flood",
        "many alike",
    ]
    assert weigh_signs(SpamEvidence("https://a.example/only", (), (PROOF_OF_WORK,))) == ["bare link"]


def share(one: str, other: str) -> float:
    """Of the pieces of two letters as many as both have, counted with the pieces themselves."""
    cut = [re.sub(r"[\W\d_]+", "", text[:600].casefold()) for text in (one, other)]
    first, second = ({text[at : at + 5] for at in range(max(1, len(text) - 4))} for text in cut)
    return len(first & second) / len(first | second)


@pytest.mark.threat("flood")
def test_letters_of_one_length_are_alike_that_share_most_of_their_pieces_and_no_others() -> None:
    rng = Random(5)
    some = [
        make(rng)
        for make in (identical_text, text_with_gaps, paraphrased_text, noise_text, link_text, mixed_text)
        for _ in range(8)
    ]
    some += [
        *HONEST_LETTERS,
        *list_demo_letters()[:40],
        IDENTICAL_TEXT,
        "",
        "1",
        "salt",
        "salt " * 9,
        "ſalt ΐ" * 200,
        "соль",
        "盐",
    ]
    pairs = [(one, other) for one in some for other in some]
    found = {(one, other): are_similar(shingles_of(one), shingles_of(other)) for one, other in pairs}
    assert found == {(one, other): share(one, other) >= SIMILARITY_THRESHOLD for one, other in pairs}
    assert {(one, other): is_similar(shingles_of(one), other) for one, other in pairs} == found
    assert {*found.values()} == {True, False}


def held_in_demo() -> set[str]:
    """The letters of the demo that it says are held: two advertisements, and one of a flood."""
    read = [tomllib.loads(path.read_text()) for path in sorted((ROOT / "demo/content").glob("letters-*.toml"))]
    return {one["body"] for part in read for one in part["letter"] if one.get("held_reason") == "links"}


@pytest.mark.threat("flood")
def test_no_letter_of_a_reader_is_held_on_a_quiet_day(attempts: Callable[[int], None]) -> None:
    """The demo's letters in a row of a day, also pasted and sent at once; twenty more; a hundred questions in each language."""
    some = list_demo_letters()
    held = {
        text for at, text in enumerate(some) if weigh_signs(SpamEvidence(text, some[max(0, at - 60) : at], ("fast",)))
    }
    assert held == held_in_demo()
    assert [text for text in HONEST_LETTERS if weigh_signs(SpamEvidence(text, some[:60], ("fast",)))] == []
    files = sorted((ROOT / "bench/sample_questions").glob("*.txt"))
    read = [line for path in files for line in path.read_text().splitlines() if line.strip()]
    assert len(read) > 2_500
    assert [line for line in read if weigh_signs(SpamEvidence(line, some[:20], ("fast",)))] == []
    attempts(len(some) + len(HONEST_LETTERS) + len(read))


@pytest.mark.parametrize(
    "text", ["Бiз бұл туралы iнiмнен естiдiм, сiз бiлесiз бе?", "Wi-Fi-роутер в школе не работает, почему?"]
)
def test_a_keyboard_without_a_letter_mixes_nothing(text: str) -> None:
    assert list_signs(text) == []


def send_letter(session: Session, newsroom: Newsroom, number: int, signs: Sequence[str] = ()) -> Letter:
    newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
    form = receive.FormToken(f"form {number}", 1)
    return receive.send(session, Reader(), newsletter, receive.Submission(QUESTION), form=form, signs=signs)


def test_what_is_held_says_why_until_its_words_are_erased(database: Database, newsroom: Newsroom) -> None:
    signs = ["flood", "alike", "fast"]
    public_id = database.write(lambda session: send_letter(session, newsroom, 1, signs).public_id)
    letter = get_letter(database, public_id)
    assert (letter.is_held, letter.held_reason, letter.signs) == (True, "flood", signs)
    change_letter(database, public_id, lambda session, one: receipts.erase(session, Reader(letter_id=one.id), one))
    assert get_letter(database, public_id).signs == []


def test_letters_behind_a_question_are_no_copies_of_one_that_comes(database: Database, newsroom: Newsroom) -> None:
    """Readers who would ask the same press a button, and stand behind the question in its words."""

    def send(session: Session) -> tuple[list[str], list[str]]:
        letters = [send_letter(session, newsroom, number) for number in range(MANY_SIMILAR)]
        before = find_signs(session, newsroom.newsletter_id, QUESTION)
        actions.open_question(session, newsroom.nora, letters)
        return before, find_signs(session, newsroom.newsletter_id, QUESTION, ("flood",))

    assert database.write(send) == (["many alike"], ["flood"])


def test_every_sign_has_words_of_its_own() -> None:
    assert len(SIGNS_BY_CODE) == len(SIGNS)
    assert len({sign.label for sign in SIGNS}) == len({sign.sentence for sign in SIGNS}) == len(SIGNS)
