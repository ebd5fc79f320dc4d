"""The vocabulary of mail programs in all languages, folded, from languages.toml, phrases.toml and newsletters.toml."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from ...text.word_tables import word_tables
from .folding import fold

# The kinds of copied headers; those that are not in languages.toml are in phrases.toml.
HEADINGS = ("sender", "sent", "receiver", "copied", "subject", "answer_to", "beside")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Folded words and phrases.

    `labels` maps the label of a copied header to its kinds; a few have different meanings in two languages. `sent_from`
    holds pairs of the text before and after a device name, by their first character; `ended_by` those with nothing
    before it. The other fields are described in the TOML files.
    """

    beginnings: tuple[str, ...]
    wrote: tuple[str, ...]
    wrote_unspaced: tuple[str, ...]
    labels: dict[str, frozenset[str]]
    originals: frozenset[str]
    bare_originals: frozenset[str]
    forwards: frozenset[str]
    forwarded_by: tuple[str, ...]
    bare_forwards: frozenset[str]
    sent_from: dict[str, tuple[tuple[str, str], ...]]
    ended_by: tuple[tuple[str, str], ...]
    ends: tuple[str, ...]
    devices: tuple[str, ...]
    excuses: tuple[str, ...]
    mine: frozenset[str]
    short: frozenset[str]
    sure: tuple[str, ...]
    lawyers: tuple[str, ...]
    goodbyes: frozenset[str]
    banners: tuple[str, ...]
    offices: tuple[str, ...]
    footers: tuple[str, ...]
    buttons: frozenset[str]


@cache
def vocabulary() -> Vocabulary:
    """Load the vocabulary, once."""
    languages = word_tables(__file__, "languages")
    phrases = {name: _fold_all(entries) for name, entries in word_tables(__file__, "phrases").items()}

    newsletters = word_tables(__file__, "newsletters")

    def every(name: str) -> list[str]:
        return [entry for language in languages.values() for entry in language[name]]

    kinds = {name: frozenset(phrases[name] if name in phrases else _fold_all(every(name))) for name in HEADINGS}
    forwards = frozenset(_fold_all(every("forwarded")))
    pairs = [_pair(entry) for entry in every("sent_from")]
    return Vocabulary(
        beginnings=tuple({f"{word} " for word in _fold_all(every("leads"))} | {*_fold_all(every("leads_unspaced"))}),
        wrote=tuple({f" {word} " for word in _fold_all(every("wrote"))}),
        wrote_unspaced=_fold_all(every("wrote_unspaced")),
        labels={
            label: frozenset(kind for kind, labels in kinds.items() if label in labels)
            for label in frozenset().union(*kinds.values())
        },
        originals=frozenset(_fold_all(every("original"))),
        bare_originals=frozenset(phrases["bare_originals"]),
        forwards=forwards,
        bare_forwards=frozenset(phrase for phrase in forwards if phrase.startswith(phrases["bare_starts"])),
        sent_from={
            first: tuple(pair for pair in pairs if pair[0][:1] == first)
            for first in {one[:1] for one, _ in pairs} - {""}
        },
        ended_by=tuple(pair for pair in pairs if not pair[0]),
        ends=tuple(after for before, after in pairs if not before),
        mine=frozenset(phrases["mine"]),
        short=frozenset(phrases["short"]),
        goodbyes=frozenset(phrases["goodbyes"]),
        footers=_fold_all(newsletters["footers"]),
        buttons=frozenset(_fold_all(newsletters["buttons"])),
        **{
            name: phrases[name]
            for name in ("devices", "excuses", "sure", "lawyers", "banners", "offices", "forwarded_by")
        },
    )


def _fold_all(entries: Iterable[str]) -> tuple[str, ...]:
    return tuple(fold(entry) for entry in entries)


def _pair(entry: str) -> tuple[str, str]:
    before, _, after = entry.partition("…")
    return fold(before.strip()), fold(after.strip())
