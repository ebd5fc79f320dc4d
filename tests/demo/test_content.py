"""The content of the demo newsroom is written by hand: its keys, counts, scripts and lengths are checked here."""

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CONTENT = Path(__file__).parent.parent.parent / "demo" / "content"
FILES = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(CONTENT.glob("*.toml"))}
NEWSLETTERS = {row["slug"]: row for row in FILES["newsletters"]["newsletter"]}
STAFF = {row["key"]: row for row in FILES["people"]["staff"]}
EXPERTS = {row["key"]: row for row in FILES["people"]["expert"]}
SLUGS = {"a": "shift-change", "b": "nafas"}
QUESTIONS = {suffix: FILES[f"questions-{suffix}"]["question"] for suffix in SLUGS}
UNFILED = {suffix: FILES[f"letters-{suffix}"]["letter"] for suffix in SLUGS}

# The status of a question's assignment, and the key of its text, by the state of the question.
EXPECTED_STEPS = {
    "published": ("done", "answer"),
    "queued": ("done", "answer"),
    "answered": ("done", "answer"),
    "checking": ("received", "answer"),
    "edited": ("received", "answer"),
    "submitted": ("received", "answer"),
    "accepted": ("accepted", "draft"),
    "invited": ("invited", None),
    "declined": ("declined", None),
    "prepared": ("drafted", None),
}


def iter_strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from iter_strings(member)
    elif isinstance(value, list):
        for member in value:
            yield from iter_strings(member)


def list_letters(suffix: str) -> list[dict[str, Any]]:
    return [*(letter for question in QUESTIONS[suffix] for letter in question["letter"]), *UNFILED[suffix]]


def list_assignments(suffix: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(question, assignment) for question in QUESTIONS[suffix] for assignment in question.get("assignment", [])]


def test_the_readme_names_all_files() -> None:
    names = re.findall(r"`([a-z-]+)\.toml`", (CONTENT.parent / "README.md").read_text(encoding="utf-8"))
    assert sorted(names) == sorted(FILES)


def test_each_state_has_as_many_questions_as_the_tour_needs() -> None:
    assert {suffix: Counter(question["state"] for question in QUESTIONS[suffix]) for suffix in SLUGS} == {
        "a": {
            "published": 26,
            "queued": 1,
            "answered": 3,
            "checking": 1,
            "edited": 1,
            "submitted": 2,
            "accepted": 1,
            "invited": 2,
            "declined": 1,
            "prepared": 1,
            "open": 3,
            "shelved": 3,
            "closed": 2,
            "merged": 1,
        },
        "b": {"published": 9, "queued": 1, "answered": 1, "submitted": 1, "invited": 1, "open": 2, "shelved": 1},
    }
    assert {suffix: len(UNFILED[suffix]) for suffix in SLUGS} == {"a": 24, "b": 8}


def test_keys_are_unique_and_references_valid() -> None:
    for table, key in (("newsletters", "slug"), ("people", "key")):
        for rows in FILES[table].values():
            assert [name for name, count in Counter(row[key] for row in rows).items() if count > 1] == []
    for suffix, slug in SLUGS.items():
        keys = [question["key"] for question in QUESTIONS[suffix]]
        topics = {topic["slug"] for topic in FILES["topics"]["topic"] if topic["newsletter"] == slug}
        assert len(keys) == len(set(keys))
        assert {topic for question in QUESTIONS[suffix] for topic in question["topics"]} <= topics
        assert {assignment["expert"] for _, assignment in list_assignments(suffix)} <= set(EXPERTS)
        assert {note["by"] for question in QUESTIONS[suffix] for note in question.get("note", [])} <= set(STAFF)
        assert {question["merged_into"] for question in QUESTIONS[suffix] if question["state"] == "merged"} <= set(keys)
        assert slug in STAFF[NEWSLETTERS[slug]["editor"]]["roles"]
    all_topics = {topic["slug"] for topic in FILES["topics"]["topic"]}
    assert {topic for expert in EXPERTS.values() for topic in expert["topics"]} <= all_topics


def test_each_newsletter_has_its_people() -> None:
    roles = sorted((slug, role) for person in STAFF.values() for slug, role in person["roles"].items())
    assert roles == [
        ("nafas", "admin"),
        ("nafas", "editor"),
        ("shift-change", "admin"),
        ("shift-change", "assistant"),
        ("shift-change", "editor"),
    ]
    assert [key for key, expert in EXPERTS.items() if "verified" not in expert] == ["emre"]
    assert [key for key, expert in EXPERTS.items() if "away_until_in_days" in expert] == ["ketevan"]
    assert [key for key, expert in EXPERTS.items() if "described_as" in expert] == ["personnel"]


@pytest.mark.parametrize("suffix", SLUGS)
def test_questions_have_the_keys_of_their_state(suffix: str) -> None:
    for question in QUESTIONS[suffix]:
        key, state = question["key"], question["state"]
        texts = [
            (row["status"], *(text for text in ("answer", "draft") if text in row))
            for row in question.get("assignment", [])
        ]
        expected = [tuple(filter(None, EXPECTED_STEPS[state]))] if state in EXPECTED_STEPS else []
        assert (key, texts) == (key, expected)
        assert (key, question["letter"] == []) == (key, False)
        assert (key, "edition_back" in question) == (key, state == "published")
        assert (key, "days_ago" in question) == (key, state != "published")
        assert (key, "closed_reason" in question) == (key, state == "closed")
        assert (key, "merged_into" in question) == (key, state == "merged")
    slots = NEWSLETTERS[SLUGS[suffix]]["slots"]
    coming = Counter(
        question["state"] for question in QUESTIONS[suffix] if question["state"] == "queued" or question.get("reserve")
    )
    assert coming == {"queued": 1, "answered": slots - 1}


@pytest.mark.parametrize("suffix", SLUGS)
def test_no_edition_has_more_answers_than_slots_or_the_same_expert_twice(suffix: str) -> None:
    published = [question for question in QUESTIONS[suffix] if question["state"] == "published"]
    slots = NEWSLETTERS[SLUGS[suffix]]["slots"]
    assert max(Counter(question["edition_back"] for question in published).values()) == slots
    pairs = Counter((question["edition_back"], question["assignment"][0]["expert"]) for question in published)
    assert [pair for pair, count in pairs.items() if count > 1] == []
    assert max(question["edition_back"] for question in published) in range(20, 25)


@pytest.mark.parametrize("suffix", SLUGS)
def test_only_verified_experts_are_published_or_approved(suffix: str) -> None:
    done = {assignment["expert"] for _, assignment in list_assignments(suffix) if assignment["status"] == "done"}
    assert [key for key in sorted(done) if "verified" not in EXPERTS[key]] == []


@pytest.mark.parametrize("suffix", SLUGS)
def test_answers_are_two_or_three_paragraphs_of_the_right_length(suffix: str) -> None:
    faults: list[tuple[object, ...]] = []
    shortest = {"a": 130, "b": 110}[suffix]
    for question, assignment in list_assignments(suffix):
        published_text = assignment.get("edited", assignment.get("answer"))
        longest = 225 if question["state"] == "submitted" else 210
        for text in filter(None, (published_text, assignment.get("answer"))):
            paragraphs, words = text.strip().split("\n\n"), len(text.split())
            if not (len(paragraphs) in (2, 3) and shortest <= words <= longest and "\n" not in "".join(paragraphs)):
                faults.append((question["key"], len(paragraphs), words))
        if assignment.get("edited") == assignment.get("answer") and "edited" in assignment:
            faults.append((question["key"], "edited is the same"))
    assert faults == []


def test_the_tour_has_one_answer_that_is_too_long() -> None:
    [dormitory] = [assignment for question, assignment in list_assignments("a") if question["key"] == "dormitory"]
    assert len(dormitory["answer"].split()) == 214


def test_readers_write_in_many_languages() -> None:
    assert {letter["language"] for letter in list_letters("a")} == {
        *("en", "ru", "kk", "ky", "ug", "fa", "zh", "uz", "sr-Latn", "tr", "de", "ar")
    }
    assert {letter["language"] for letter in list_letters("b")} == {"fa", "en", "tg"}
    for slug, newsletter in NEWSLETTERS.items():
        names = [set(topic["names"]) for topic in FILES["topics"]["topic"] if topic["newsletter"] == slug]
        assert names == [set(newsletter["languages"])] * len(names)


@pytest.mark.parametrize("suffix", SLUGS)
def test_letters_have_the_values_that_the_form_requires(suffix: str) -> None:
    for letter in list_letters(suffix):
        body, channel = letter["body"], letter.get("channel", "web")
        assert (body, channel in ("web", "mail", "event")) == (body, True)
        assert (body, "name" in letter, "place" in letter) == (body, *[letter.get("credit") == "first"] * 2)
        hear_back = letter.get("hear_back", "number")
        assert (body, hear_back in ("number", "once", "while")) == (body, True)
        if channel != "mail":
            assert (body, "email" in letter) == (body, hear_back != "number")
    for letter in UNFILED[suffix]:
        assert letter["kind"] in ("question", "comment", "tip", "unsubscribe", "spam")
        assert ("hours_ago" in letter) != ("days_ago" in letter)
        assert ("held_reason" in letter) == (letter["kind"] == "spam")


def test_addresses_are_all_under_example() -> None:
    addresses = {text for text in iter_strings(FILES) if re.fullmatch(r"\S+@\S+", text)}
    assert len(addresses) > 50
    hosts = re.findall(r"(?:[\w.+-]+@|https?://)([\w.-]+)", "\n".join(iter_strings(FILES)))
    assert [host for host in hosts if not host.endswith(".example")] == []


def test_texts_are_clean_unicode() -> None:
    for text in iter_strings(FILES):
        assert unicodedata.normalize("NFC", text) == text
        assert re.findall("[\u202a-\u202e\u2066-\u2069\ufeff\u200b\x00]", text) == []
        assert re.findall(r"\u200c(?=[\s.,:;!?،؛؟»]|$)|(?:^|\s)\u200c", text) == []


def test_persian_is_spelt_with_persian_letters() -> None:
    """Arabic yeh and kaf look like the Persian letters but break search in Persian texts."""
    texts = [letter["body"] for suffix in SLUGS for letter in list_letters(suffix) if letter["language"] == "fa"]
    texts += list(iter_strings([QUESTIONS["b"], FILES["newsletters"]["newsletter"][1]]))
    assert [text for text in texts if re.search("[يكىة]", text)] == []
    assert sum("\u200c" in text for text in texts) > 50
