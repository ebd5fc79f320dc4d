"""The formatter lays out the code, in lines of 120: what is exempt can only become less."""

import re
import tomllib

from tests.support.source import ROOT, list_code, relative_name

# What was long before the formatter was let win. Take a line out when its files are clean; nothing is ever added.
STILL_LONG = {
    "migrations/*",  # a record of what ran
    "tests/*",
}
MARK = re.compile(r"# fmt: *(?:skip|off)")


def exempt() -> set[str]:
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "E501" not in rules["ignore"]
    return {place for place, codes in rules["per-file-ignores"].items() if "E501" in codes}


def test_what_may_be_long_only_becomes_less() -> None:
    added = [
        f"pyproject.toml exempts {place} from E501: break its lines instead, or move a table into a data file"
        for place in sorted(exempt() - STILL_LONG)
    ]
    assert added == []
    gone = [f"{place} is not exempt any more: take it out of STILL_LONG" for place in sorted(STILL_LONG - exempt())]
    assert gone == []


def test_the_formatter_is_told_to_look_away_only_where_it_always_was() -> None:
    allowed = tuple(place.removesuffix("*") for place in STILL_LONG)
    marked = [
        f"{relative_name(path)}:{number} keeps the formatter off: take the mark out and run `make format`"
        for path in list_code(".py")
        if not relative_name(path).startswith(allowed)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if MARK.search(line)
    ]
    assert marked == []
