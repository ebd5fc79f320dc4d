"""Finding the section and headline of a Q&A in the headings above it."""

from .edition_outline import Scope
from .issue_words import Lexicon

EDGES = " \u00a0\u202f:：+*=~#|•"  # decoration of headings in plain text
MOST_LEFT = 4  # words before a heading's colon that may be the section


def get_section_names(scope: Scope | None, index: int, style: str, lexicon: Lexicon) -> tuple[str, str]:
    """Return the section and headline of a question, each "" if there is none."""
    chain = list(scope.chain) if scope else []
    scopes = [one for one in chain if one.heading and not (one.level <= 1 and len(chain) > 1 and not one.strong)]
    if style == "heading":
        scopes = [one for one in scopes if one.start != index]
    scopes = [one for one in scopes if one.start or _is_section(one.heading, lexicon)]  # the first is the title
    if not scopes:
        return "", ""
    nearest, *above = scopes
    section = next((one for one in above if one.strong or one.weak), None)
    section = section or next((one for one in above[:1] if one.level > 1), None)
    if section is not None and not nearest.strong:
        return section.heading.strip(EDGES), nearest.heading.strip(EDGES)
    left, right = _split(nearest.heading)
    if right and (len(left.split()) <= MOST_LEFT or lexicon.strong.search(left) or lexicon.weak.search(left)):
        return left, right
    if lexicon.strong.search(nearest.heading) or nearest.weak:
        return nearest.heading.strip(EDGES), ""
    return "", nearest.heading


def _is_section(heading: str, lexicon: Lexicon) -> bool:
    """Return whether a heading mentions questions, or consists of a section and a topic."""
    return bool(lexicon.strong.search(heading) or lexicon.weak.search(heading) or _split(heading)[1])


def _split(heading: str) -> tuple[str, str]:
    """Split a heading such as "Expert Corner: Policing" at its colon, bar or dash."""
    for sign in (": ", "：", "\u00a0: ", "\u202f: ", " | ", " — ", " – ", " · "):
        left, found, right = heading.partition(sign)
        if found and left.strip() and right.strip():
            return left.strip(" \u00a0\u202f"), right.strip()
    return heading, ""
