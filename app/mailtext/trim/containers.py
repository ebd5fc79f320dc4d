"""Containers that mail programs mark by names; containers.toml holds the names."""

from dataclasses import dataclass
from enum import Enum
from functools import cache

from ...text.word_tables import word_tables


class Role(Enum):
    """The meaning of a container for what is in it; each is a table of containers.toml, which describes it."""

    THREAD = "thread"
    INTRO = "intro"
    QUOTE = "quote"
    REST = "rest"
    SIGN = "sign"


@dataclass(frozen=True, slots=True)
class Containers:
    """`named` is looked up by attribute and name, `citing` holds the classes of blockquotes, `begins` what a name can
    begin with, `styled` what must all be in the style of a div.
    """

    named: dict[tuple[str, str], Role]
    citing: frozenset[str]
    begins: tuple[tuple[str, Role], ...]
    styled: tuple[tuple[str, ...], ...]


@cache
def containers() -> Containers:
    """Return the names by which programs mark containers."""
    table = word_tables(__file__, "containers")
    return Containers(
        {
            (attribute, name): role
            for role in Role
            for attribute, names in table[role.value].items()
            for name in names.split()
        },
        frozenset(table["blockquote"]["class"].split()),
        tuple((start, Role(role)) for start, role in table["begins"].items()),
        tuple(map(tuple, table["div"]["style"])),
    )
