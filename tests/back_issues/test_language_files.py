"""The files of words by which back issues are read: each has every list, and is no copy of the English one."""

import tomllib
from typing import Any

import pytest

from app.back_issues.issue_words import FOLDER

FILES = {path.stem: tomllib.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.toml"))}
MOST_ALIKE = 0.2  # of a file's phrases: a few, such as "newsletter" or "photo", are those of many languages


def faults(tag: str, lists: dict[str, Any]) -> list[str]:
    """What is wrong with a file of words, each in a sentence."""
    file, english = f"app/back_issues/languages/{tag}.toml", FILES["en"]
    found = [
        f"{file} has no list {kind!r}: write what editions in this language say, as en.toml does, or `{kind} = []`."
        for kind in english
        if kind not in lists
    ]
    found += [f"{file} has a list {kind!r}, which nothing reads: take it out." for kind in lists if kind not in english]
    phrases = [(kind, phrase) for kind in english for phrase in lists.get(kind, ())]
    copied = [phrase for kind, phrase in phrases if phrase in english[kind]]
    if tag != "en" and len(copied) > MOST_ALIKE * len(phrases):
        found.append(
            f"{file} is a copy: {len(copied)} of its {len(phrases)} phrases are English, such as {copied[-1]!r}."
        )
    return found


@pytest.mark.parametrize("tag", FILES)
def test_every_language_has_every_list_in_its_own_words(tag: str) -> None:
    found = faults(tag, FILES[tag])
    assert not found, "\n".join(found)


def test_a_file_that_was_copied_or_is_half_there_is_told_of_in_sentences() -> None:
    [copied] = faults("it", FILES["en"])
    assert copied.startswith("app/back_issues/languages/it.toml is a copy: ")
    assert faults("it", {kind: phrases for kind, phrases in FILES["it"].items() if kind != "dear"} | {"deer": []}) == [
        "app/back_issues/languages/it.toml has no list 'dear': write what editions in this language say, as en.toml "
        "does, or `dear = []`.",
        "app/back_issues/languages/it.toml has a list 'deer', which nothing reads: take it out.",
    ]
