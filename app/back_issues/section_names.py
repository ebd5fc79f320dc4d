"""Finding the section and headline of a Q&A in the headings above it.

A scope is a heading with the paragraphs that belong to it.
"""

from .edition_outline import Scope
from .issue_words import Lexicon

DECORATION = " \u00a0\u202f:：+*=~#|•"  # around headings in plain text
MAX_SECTION_WORDS = 4  # before a heading's colon


def get_section_names(scope: Scope | None, index: int, style: str, lexicon: Lexicon) -> tuple[str, str]:
    """Return the section and headline of a question, each "" if there is none."""
    scopes = _list_naming_scopes(scope, index, style, lexicon) if scope else []
    if not scopes:
        return "", ""
    nearest, *outer_scopes = scopes
    section = _find_section(outer_scopes)
    heading = nearest.heading.strip(DECORATION)
    # A heading that says that readers ask, such as "Your questions", is a section and no headline.
    if section is not None and not nearest.has_strong_hint:
        return section.heading.strip(DECORATION), heading
    before_colon, after_colon = _split_heading(nearest.heading)
    if after_colon and (len(before_colon.split()) <= MAX_SECTION_WORDS or _has_hint(before_colon, lexicon)):
        return before_colon, after_colon
    if nearest.has_weak_hint or nearest.has_strong_hint:
        return heading, ""
    return "", nearest.heading


def _list_naming_scopes(scope: Scope, index: int, style: str, lexicon: Lexicon) -> list[Scope]:
    """Return the scopes whose headings may be a section or headline, from the innermost.

    The edition's title is neither, nor is the paragraph at `index` if its `style` is "heading": it is the question.
    """
    chain = list(scope.chain)
    naming_scopes = []
    for candidate in chain:
        # A heading of the top level around others is the title, unless it says that readers ask.
        is_title = candidate.level <= 1 and len(chain) > 1 and not candidate.has_strong_hint
        if not candidate.heading or is_title:
            continue
        if style == "heading" and candidate.start == index:
            continue
        if candidate.start == 0 and not _may_be_section(candidate.heading, lexicon):
            continue  # the first paragraph is the title, unless it looks like a section
        naming_scopes.append(candidate)
    return naming_scopes


def _find_section(outer_scopes: list[Scope]) -> Scope | None:
    """Return the nearest scope with a hint, else the nearest one if it isn't at the top level, else None."""
    for scope in outer_scopes:
        if scope.has_strong_hint or scope.has_weak_hint:
            return scope
    if outer_scopes and outer_scopes[0].level > 1:
        return outer_scopes[0]
    return None


def _has_hint(text: str, lexicon: Lexicon) -> bool:
    return bool(lexicon.strong_hints.search(text) or lexicon.weak_hints.search(text))


def _may_be_section(heading: str, lexicon: Lexicon) -> bool:
    """Return whether a heading mentions questions, or looks like a section with a topic: "Expert Corner: Policing"."""
    _before_colon, topic = _split_heading(heading)
    return bool(topic) or _has_hint(heading, lexicon)


def _split_heading(heading: str) -> tuple[str, str]:
    """Split a heading such as "Expert Corner: Policing" at a colon, bar, dash or dot.

    The second part is "" if there is no separator.
    """
    for separator in (": ", "：", " | ", " — ", " – ", " · "):
        section, _separator, topic = heading.partition(separator)
        if section.strip() and topic.strip():
            return section.strip(" \u00a0\u202f"), topic.strip()
    return heading, ""
