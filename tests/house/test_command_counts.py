"""What commands count: one is singular."""

from app.cli.counts import count_of


def test_one_of_something_is_singular() -> None:
    assert [count_of(number, "experts") for number in (0, 1, 2)] == ["0 experts", "1 expert", "2 experts"]
    assert [count_of(1, plural) for plural in ("people", "edition items", "letters and questions", "Q&As")] == [
        "1 person", "1 edition item", "1 letter or question", "1 Q&A",
    ]  # fmt: skip
