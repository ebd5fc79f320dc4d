"""The demo newsroom is written by hand, so its keys, counts, scripts and lengths are checked by machine."""

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
SIDES = {"a": "shift-change", "b": "nafas"}
QUESTIONS = {side: FILES[f"questions-{side}"]["question"] for side in SIDES}
UNFILED = {side: FILES[f"letters-{side}"]["letter"] for side in SIDES}

# What a question of each state must have, beside its wording: the furthest step of its assignment, and a text or not.
STEPS = {
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


def every_string(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from every_string(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from every_string(inner)


def letters(side: str) -> list[dict[str, Any]]:
    return [*(letter for question in QUESTIONS[side] for letter in question["letter"]), *UNFILED[side]]


def assignments(side: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(question, assignment) for question in QUESTIONS[side] for assignment in question.get("assignment", [])]


def test_the_files_are_the_ones_the_readme_names() -> None:
    named = re.findall(r"`([a-z-]+)\.toml`", (CONTENT.parent / "README.md").read_text(encoding="utf-8"))
    assert sorted(named) == sorted(FILES)


def test_the_states_are_as_many_as_the_tour_needs() -> None:
    assert {side: Counter(question["state"] for question in QUESTIONS[side]) for side in SIDES} == {
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
    assert {side: len(UNFILED[side]) for side in SIDES} == {"a": 24, "b": 8}


def test_keys_are_unique_and_lead_somewhere() -> None:
    for table, key in (("newsletters", "slug"), ("people", "key")):
        for rows in FILES[table].values():
            assert [name for name, count in Counter(row[key] for row in rows).items() if count > 1] == []
    for side, slug in SIDES.items():
        keys = [question["key"] for question in QUESTIONS[side]]
        topics = {topic["slug"] for topic in FILES["topics"]["topic"] if topic["newsletter"] == slug}
        assert len(keys) == len(set(keys))
        assert {topic for question in QUESTIONS[side] for topic in question["topics"]} <= topics
        assert {assignment["expert"] for _, assignment in assignments(side)} <= set(EXPERTS)
        assert {note["by"] for question in QUESTIONS[side] for note in question.get("note", [])} <= set(STAFF)
        assert {question["merged_into"] for question in QUESTIONS[side] if question["state"] == "merged"} <= set(keys)
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


@pytest.mark.parametrize("side", SIDES)
def test_each_state_has_its_facts(side: str) -> None:
    for question in QUESTIONS[side]:
        key, state = question["key"], question["state"]
        steps = [
            (row["status"], *(text for text in ("answer", "draft") if text in row))
            for row in question.get("assignment", [])
        ]
        wanted = [tuple(filter(None, STEPS[state]))] if state in STEPS else []
        assert (key, steps) == (key, wanted)
        assert (key, question["letter"] == []) == (key, False)
        assert (key, "edition_back" in question) == (key, state == "published")
        assert (key, "days_ago" in question) == (key, state != "published")
        assert (key, "closed_reason" in question) == (key, state == "closed")
        assert (key, "merged_into" in question) == (key, state == "merged")
    slots = NEWSLETTERS[SIDES[side]]["slots"]
    coming = Counter(
        question["state"] for question in QUESTIONS[side] if question["state"] == "queued" or question.get("reserve")
    )
    assert coming == {"queued": 1, "answered": slots - 1}


@pytest.mark.parametrize("side", SIDES)
def test_no_edition_has_more_answers_than_slots_nor_one_expert_twice(side: str) -> None:
    published = [question for question in QUESTIONS[side] if question["state"] == "published"]
    slots = NEWSLETTERS[SIDES[side]]["slots"]
    assert max(Counter(question["edition_back"] for question in published).values()) == slots
    twice = Counter((question["edition_back"], question["assignment"][0]["expert"]) for question in published)
    assert [pair for pair, count in twice.items() if count > 1] == []
    assert max(question["edition_back"] for question in published) in range(20, 25)


@pytest.mark.parametrize("side", SIDES)
def test_only_checked_experts_have_run_or_are_about_to(side: str) -> None:
    done = {assignment["expert"] for _, assignment in assignments(side) if assignment["status"] == "done"}
    assert [key for key in sorted(done) if "verified" not in EXPERTS[key]] == []


@pytest.mark.parametrize("side", SIDES)
def test_answers_are_two_or_three_paragraphs_of_the_right_length(side: str) -> None:
    odd: list[tuple[object, ...]] = []
    shortest = {"a": 130, "b": 110}[side]
    for question, assignment in assignments(side):
        runs = assignment.get("edited", assignment.get("answer"))
        longest = 225 if question["state"] == "submitted" else 210
        for text in filter(None, (runs, assignment.get("answer"))):
            paragraphs, words = text.strip().split("\n\n"), len(text.split())
            if not (len(paragraphs) in (2, 3) and shortest <= words <= longest and "\n" not in "".join(paragraphs)):
                odd.append((question["key"], len(paragraphs), words))
        if assignment.get("edited") == assignment.get("answer") and "edited" in assignment:
            odd.append((question["key"], "edited is the same"))
    assert odd == []


def test_one_answer_is_too_long_by_as_much_as_the_tour_says() -> None:
    [dormitory] = [assignment for question, assignment in assignments("a") if question["key"] == "dormitory"]
    assert len(dormitory["answer"].split()) == 214


def test_readers_write_in_many_languages() -> None:
    assert {letter["language"] for letter in letters("a")} == {
        *("en", "ru", "kk", "ky", "ug", "fa", "zh", "uz", "sr-Latn", "tr", "de", "ar")
    }
    assert {letter["language"] for letter in letters("b")} == {"fa", "en", "tg"}
    for slug, newsletter in NEWSLETTERS.items():
        names = [set(topic["names"]) for topic in FILES["topics"]["topic"] if topic["newsletter"] == slug]
        assert names == [set(newsletter["languages"])] * len(names)


@pytest.mark.parametrize("side", SIDES)
def test_letters_keep_the_promises_of_the_form(side: str) -> None:
    for letter in letters(side):
        body, channel = letter["body"], letter.get("channel", "web")
        assert (body, channel in ("web", "mail", "event")) == (body, True)
        assert (body, "name" in letter, "place" in letter) == (body, *[letter.get("credit") == "first"] * 2)
        hears = letter.get("hear_back", "number")
        assert (body, hears in ("number", "once", "while")) == (body, True)
        if channel != "mail":
            assert (body, "email" in letter) == (body, hears != "number")
    for letter in UNFILED[side]:
        assert letter["kind"] in ("question", "comment", "tip", "unsubscribe", "spam")
        assert ("hours_ago" in letter) != ("days_ago" in letter)
        assert ("held_reason" in letter) == (letter["kind"] == "spam")


def test_addresses_are_all_under_example() -> None:
    found = {text for text in every_string(FILES) if re.fullmatch(r"\S+@\S+", text)}
    assert len(found) > 50
    inside = re.findall(r"(?:[\w.+-]+@|https?://)([\w.-]+)", "\n".join(every_string(FILES)))
    assert [host for host in inside if not host.endswith(".example")] == []


def test_texts_are_clean_unicode() -> None:
    for text in every_string(FILES):
        assert unicodedata.normalize("NFC", text) == text
        assert re.findall("[\u202a-\u202e\u2066-\u2069\ufeff\u200b\x00]", text) == []
        assert re.findall(r"\u200c(?=[\s.,:;!?،؛؟»]|$)|(?:^|\s)\u200c", text) == []


def test_persian_is_spelt_with_persian_letters() -> None:
    """Arabic yeh and kaf look alike but break search in Persian, so only the Persian code points may stand there."""
    persian = [letter["body"] for side in SIDES for letter in letters(side) if letter["language"] == "fa"]
    persian += list(every_string([QUESTIONS["b"], FILES["newsletters"]["newsletter"][1]]))
    assert [text for text in persian if re.search("[يكىة]", text)] == []
    assert sum("\u200c" in text for text in persian) > 50
