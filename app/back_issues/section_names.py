"""Finding the section and headline of a Q&A in the headings above it."""

from .edition_outline import Scope
from .issue_words import Lexicon

EDGES = " \u00a0\u202f:：+*=~#|•"  # decoration of headings in plain text
MOST_LEFT = 4  # words before a heading's colon that may be the section


def get_section_names(scope: Scope | None, index: int, style: str, lexicon: Lexicon) -> tuple[str, str]:
    """Return the section and headline of a question, each "" if there is none."""
    scopes = _list_naming_scopes(scope, index, style, lexicon) if scope else []
    if not scopes:
        return "", ""
    nearest, *outer = scopes
    section = _find_section(outer)
    heading = nearest.heading.strip(EDGES)
    if section is not None and not nearest.has_strong_hint:
        return section.heading.strip(EDGES), heading
    left, right = _split(nearest.heading)
    if right and (len(left.split()) <= MOST_LEFT or _has_hint(left, lexicon)):
        return left, right
    if nearest.has_weak_hint or lexicon.strong_hints.search(nearest.heading):
        return heading, ""
    return "", nearest.heading


def _list_naming_scopes(scope: Scope, index: int, style: str, lexicon: Lexicon) -> list[Scope]:
    """Return the scopes whose headings may be a section or headline, from the innermost.

    The edition's title is neither, nor is a question that is a heading itself.
    """
    chain = list(scope.chain)
    scopes = []
    for outer in chain:
        is_title = outer.level <= 1 and len(chain) > 1 and not outer.has_strong_hint
        if not outer.heading or is_title:
            continue
        if style == "heading" and outer.start == index:
            continue
        if outer.start == 0 and not _is_section(outer.heading, lexicon):
            continue  # because the first paragraph is the edition's title
        scopes.append(outer)
    return scopes


def _find_section(outer: list[Scope]) -> Scope | None:
    """Return the nearest enclosing scope with a hint, else the nearest one if it isn't at the top level."""
    for scope in outer:
        if scope.has_strong_hint or scope.has_weak_hint:
            return scope
    if outer and outer[0].level > 1:
        return outer[0]
    return None


def _has_hint(text: str, lexicon: Lexicon) -> bool:
    return bool(lexicon.strong_hints.search(text) or lexicon.weak_hints.search(text))


def _is_section(heading: str, lexicon: Lexicon) -> bool:
    """Return whether a heading mentions questions, or consists of a section and a topic."""
    _section, topic = _split(heading)
    return bool(topic) or _has_hint(heading, lexicon)


def _split(heading: str) -> tuple[str, str]:
    """Split a heading such as "Expert Corner: Policing" at its colon, bar or dash."""
    for separator in (": ", "：", "\u00a0: ", "\u202f: ", " | ", " — ", " – ", " · "):
        left, found, right = heading.partition(separator)
        if found and left.strip() and right.strip():
            return left.strip(" \u00a0\u202f"), right.strip()
    return heading, ""
