"""The words that stand in data files: every language has every list, no word stands twice, and every file is read."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from app.mailtext.trim.folding import fold
from tests.support.source import APP, list_code, relative_name

CALL = re.compile(r'word_tables\(__file__, "(\w+)"\)')
# The first words of questions stand there by language, and "in" opens one in several; a line holds one language.
BY_LINE = ("openers",)


def files_read() -> dict[Path, Path]:
    """The files that modules of the app read, each with one of its modules."""
    return {
        path.with_name(f"{name}.toml"): path
        for path in list_code(".py")
        if APP in path.parents
        for name in CALL.findall(path.read_text())
    }


def lists_of(table: object, name: str) -> Iterator[tuple[str, list[str]]]:
    """Every list in a table with its name; a text of words is the list of them."""
    if isinstance(table, dict):
        for key, inner in table.items():
            yield from lists_of(inner, f"{name}.{key}" if name else key)
    elif isinstance(table, str) and name in BY_LINE:
        yield from ((f"{name}, line {number}", line.split()) for number, line in enumerate(table.splitlines()))
    elif isinstance(table, str):
        yield name, table.split()
    elif isinstance(table, list) and all(isinstance(entry, str) for entry in table):
        yield name, table


def test_every_table_beside_a_module_is_read_by_it() -> None:
    read = files_read()
    assert len(read) > 5
    missing = [
        f"{relative_name(module)} reads {relative_name(path)}, which is not there: add it or change the name in "
        "word_tables()"
        for path, module in read.items()
        if not path.is_file()
    ]
    assert missing == []
    unread = [
        f"nobody reads {relative_name(path)}: call word_tables(__file__, {path.stem!r}) beside it, or delete it"
        for path in APP.rglob("*.toml")
        if path not in read and path.parent.name not in ("languages", "settings")  # these have readers of their own
    ]
    assert unread == []


def test_no_word_stands_twice_in_a_list() -> None:
    twice = [
        f"{relative_name(path)}, {name}: {word!r} stands there {count} times once it is folded; delete the others"
        for path in files_read()
        for name, words in lists_of(tomllib.loads(path.read_text()), "")
        if path.name != "languages.toml" or path.parent.name == "trim"  # letters and words of a language tell twice
        # In the words by which a language is guessed an accent tells.
        for word, count in Counter(words if path.name == "function_words.toml" else map(fold, words)).items()
        if count > 1
    ]
    assert twice == []


def test_every_language_of_trimming_has_every_list() -> None:
    path = APP / "mailtext" / "trim" / "languages.toml"
    languages = tomllib.loads(path.read_text())
    every = {name for language in languages.values() for name in language}
    assert len(languages) > 50
    assert len(every) == 10
    missing = [
        f"{relative_name(path)}: [{language}] has no {name}; write what its programs say, or `{name} = []` "
        "if it has none"
        for language, lists in languages.items()
        for name in sorted(every - set(lists))
    ]
    assert missing == []
    without = [
        f"{relative_name(path)}: {entry!r} of [{language}] does not say where the device is named; put … in its place"
        for language, lists in languages.items()
        for entry in lists["sent_from"]
        if entry.count("…") != 1
    ]
    assert without == []
    shouting = [
        f"{relative_name(path)}: [{language}] {name} is empty text; delete it"
        for language, lists in languages.items()
        for name, entries in lists.items()
        if not all(entry.strip() for entry in entries)
    ]
    assert shouting == []
