"""Numbers with their nouns, in what commands print."""

SINGULARS = {"people": "person", "letters and questions": "letter or question"}


def count_of(number: int, plural: str) -> str:
    """Return a number with its noun: "1 expert", "2 experts"."""
    return f"{number} {SINGULARS.get(plural, plural.removesuffix('s')) if number == 1 else plural}"
