"""The vocabulary of mail programs in all languages, folded, from languages.toml, phrases.toml and newsletters.toml."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from ...text.word_tables import word_tables
from .folding import fold

# The kinds of copied headers. Those that are not in languages.toml are in phrases.toml.
HEADER_KINDS = ("sender", "sent", "receiver", "copy", "subject", "reply_to", "other")


class FooterPattern(NamedTuple):
    """The text before and after the name of a device in a footer: "von meinem iPhone gesendet". Either may be empty."""

    prefix: str
    suffix: str


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Folded words and phrases, most of which are described in the TOML files.

    A few labels of copied headers have several kinds, because they mean different things in two languages.
    """

    attribution_prefixes: tuple[str, ...]  # with the space that follows, where the language has one
    wrote: tuple[str, ...]  # with the spaces around
    wrote_unspaced: tuple[str, ...]
    kinds_by_label: dict[str, frozenset[str]]
    original_phrases: frozenset[str]
    bare_original_phrases: frozenset[str]
    forward_phrases: frozenset[str]
    bare_forward_phrases: frozenset[str]
    forward_prefixes: tuple[str, ...]
    footer_patterns_by_initial: dict[str, tuple[FooterPattern, ...]]  # by the first character of the prefix
    suffix_only_patterns: tuple[FooterPattern, ...]  # the patterns without a prefix
    suffixes_without_prefix: tuple[str, ...]  # the suffixes of these patterns
    devices: tuple[str, ...]
    excuses: tuple[str, ...]
    first_person_prefixes: frozenset[str]
    weak_prefixes: frozenset[str]
    small_print_phrases: tuple[str, ...]
    legal_words: tuple[str, ...]
    goodbyes: frozenset[str]
    greetings: tuple[str, ...]
    titles_and_organizations: tuple[str, ...]
    banners: tuple[str, ...]
    newsletter_footers: tuple[str, ...]
    newsletter_buttons: frozenset[str]


@cache
def vocabulary() -> Vocabulary:
    """Load the vocabulary, once."""
    languages = word_tables(__file__, "languages")
    phrases = {name: _fold_all(entries) for name, entries in word_tables(__file__, "phrases").items()}
    newsletters = word_tables(__file__, "newsletters")

    def list_entries(name: str) -> list[str]:
        """List the entries of all languages."""
        return [entry for language in languages.values() for entry in language[name]]

    labels_by_kind = {
        kind: frozenset(phrases[kind] if kind in phrases else _fold_all(list_entries(kind))) for kind in HEADER_KINDS
    }
    forward_phrases = frozenset(_fold_all(list_entries("forwarded")))
    patterns = [_parse_pattern(entry) for entry in list_entries("sent_from")]
    initials = {pattern.prefix[0] for pattern in patterns if pattern.prefix}
    suffix_only_patterns = tuple(pattern for pattern in patterns if not pattern.prefix)
    spaced_prefixes = {f"{word} " for word in _fold_all(list_entries("leads"))}
    return Vocabulary(
        attribution_prefixes=(*spaced_prefixes, *_fold_all(list_entries("leads_unspaced"))),
        wrote=tuple({f" {word} " for word in _fold_all(list_entries("wrote"))}),
        wrote_unspaced=_fold_all(list_entries("wrote_unspaced")),
        kinds_by_label={
            label: frozenset(kind for kind, labels in labels_by_kind.items() if label in labels)
            for label in frozenset().union(*labels_by_kind.values())
        },
        original_phrases=frozenset(_fold_all(list_entries("original"))),
        bare_original_phrases=frozenset(phrases["bare_original_phrases"]),
        forward_phrases=forward_phrases,
        bare_forward_phrases=frozenset(
            phrase for phrase in forward_phrases if phrase.startswith(phrases["bare_forward_prefixes"])
        ),
        forward_prefixes=phrases["forward_prefixes"],
        footer_patterns_by_initial={
            initial: tuple(pattern for pattern in patterns if pattern.prefix.startswith(initial))
            for initial in initials
        },
        suffix_only_patterns=suffix_only_patterns,
        suffixes_without_prefix=tuple(pattern.suffix for pattern in suffix_only_patterns),
        devices=phrases["devices"],
        excuses=phrases["excuses"],
        first_person_prefixes=frozenset(phrases["first_person_prefixes"]),
        weak_prefixes=frozenset(phrases["weak_prefixes"]),
        small_print_phrases=phrases["small_print_phrases"],
        legal_words=phrases["legal_words"],
        goodbyes=frozenset(phrases["goodbyes"]),
        greetings=phrases["greetings"],
        titles_and_organizations=phrases["titles_and_organizations"],
        banners=phrases["banners"],
        newsletter_footers=_fold_all(newsletters["footers"]),
        newsletter_buttons=frozenset(_fold_all(newsletters["buttons"])),
    )


def _fold_all(entries: Iterable[str]) -> tuple[str, ...]:
    return tuple(fold(entry) for entry in entries)


def _parse_pattern(entry: str) -> FooterPattern:
    """Split an entry at the place of the device: "von meinem … gesendet"."""
    prefix, _, suffix = entry.partition("…")
    return FooterPattern(fold(prefix.strip()), fold(suffix.strip()))
