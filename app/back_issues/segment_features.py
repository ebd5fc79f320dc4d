"""The features by which a segment is labelled: its own facts, those of its neighbours and of its section, and how the
edition uses its look.

No feature depends on one layout or language, so that the weights carry over to editions that nobody has seen.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from .credited_names import read_author
from .edition_persons import complete_name, list_persons
from .issue_words import Lexicon
from .segment_facts import NUMBER, describe_segment
from .segments import Segment
from .unquoting import begins_quoted

NEIGHBOURS = (-2, -1, 1, 2)  # whose facts are features as well
INTRO_SEGMENTS = 3  # below a heading that can say who asks or answers
# Facts that have a weight of their own with the section's hint, and with some facts of the adjacent segments.
PAIRED_WITH_HINT = (
    *("asks", "asks inside", "bold", "italic", "quoted", "short", "long", "kind=heading", "kind=quote", "numbered"),
    *("starts later", "colon", "name", "names someone", "like a label", "begins with call", "call", "sign-off"),
    *("sentences", "signature", "asker", "lead-in", "full stop", "bracket", "name and place", "name before colon"),
    *("first person", "second person", "asks and first person", "asks and second person"),
)
PAIRED_WITH_NEIGHBOUR = ("asks", "long", "short", "full stop", "kind=heading", "quoted", "bold", "italic")
NEIGHBOUR_PAIRS = (
    *("asks", "asks inside", "long", "short", "kind=rule", "kind=heading", "kind=text", "kind=quote", "quoted", "name"),
    *("signature", "asker", "lead-in", "open end", "italic", "bold", "colon", "starts later", "first person"),
)
# How the facts of neighbours that aren't features begin.
IGNORED_NEIGHBOUR_FACTS = (
    "words<=",
    "capitals=f",
    "capitals=s",
    "capitals=u",
    "capitals=n",
    "digit",
    "address",
    "weak",
)
COUNTED_IN_SECTION = {
    "questions": {"asks"},
    "own questions": {"asks and first person"},
    "questions to somebody": {"asks and second person"},
    "askers": {"asker"},
    "answer labels": {"answer label"},
    "question labels": {"question label"},
    "lead-ins": {"lead-in", "name before colon", "name line"},
    "signatures": {"signature", "name and place"},
    "calls": {"call"},
    "long": {"long"},
}
# How far an announcement of an author, a name and a question can be, as a feature.
SOUGHT_NEARBY = {
    "author": {"author", "known name", "lead-in", "name line", "name before colon", "answer label"},
    "name": {"signature", "name and place", "asker", "reader"},
    "question": {"asks"},
}
MAX_DISTANCE = 4
EDGE_PARAGRAPHS = 3  # at the top and at the bottom of an edition
MAX_AUTHOR_WORDS = 45  # of a segment that names an author
MAX_KNOWN_WORDS = 3  # of a segment that is part of a person's name
MIN_REPEATED_WORDS, MAX_REPEATED_WORDS = 3, 30  # of a segment that is looked for near it, such as a pull quote
REPEATED_WITHIN = 6  # segments


# Facts of which a line that names an author has at least one.
AUTHOR_FACTS = {"author", "one name", "answer label", "starts later", "colon", "name before colon", "lead-in"}
# Facts that may come from a name.
NAMING = {
    *("name", "name line", "name before colon", "signature", "name and place", "lead-in", "answer label", "asker"),
    *("known name", "author", "one name", "names someone", "question label", "host", "guest", "reader"),
    *("capitals=all", "capitals=most"),
}


def list_features(segments: Sequence[Segment], lexicon: Lexicon) -> list[list[str]]:
    """Return the names of the features of each segment of an edition."""
    texts = list(dict.fromkeys(segment.para.text for segment in segments))
    persons = list_persons(texts, lexicon)
    masthead = [*list_persons(texts[:EDGE_PARAGRAPHS], lexicon), *list_persons(texts[-EDGE_PARAGRAPHS:], lexicon)]
    facts = [
        _combine_facts(
            describe_segment(segment, lexicon)
            | _describe_in_edition(segments, index, persons)
            | set(_describe_author(segment, persons, masthead, lexicon))
        )
        for index, segment in enumerate(segments)
    ]
    looks = [_get_look(segment) for segment in segments]
    sections = _describe_sections(segments, facts)
    features_of_looks = _describe_looks(looks, facts)
    return [
        [
            *sorted(facts[index]),
            *sections[index],
            *features_of_looks[looks[index]],
            *_describe_neighbours(facts, looks, index),
            *_describe_distances(facts, index),
        ]
        for index in range(len(segments))
    ]


def _describe_in_edition(segments: Sequence[Segment], index: int, persons: Sequence[str]) -> set[str]:
    """Return what is true of a segment by the rest of its edition: whether it names somebody known, or is repeated."""
    text = segments[index].text.strip(" ,:：")
    word_count = len(text.split())
    facts = set()
    if word_count <= MAX_KNOWN_WORDS and complete_name(text, persons) != text:
        facts.add("known name")
    if MIN_REPEATED_WORDS <= word_count <= MAX_REPEATED_WORDS:
        near = segments[max(index - REPEATED_WITHIN, 0) : index + REPEATED_WITHIN + 1]
        if any(text in other.para.text for other in near if other.index != segments[index].index):
            facts.add("repeated")
    return facts


def _describe_author(
    segment: Segment, persons: Sequence[str], masthead: Sequence[str], lexicon: Lexicon
) -> Iterator[str]:
    """Yield whether a segment names an author, and whether this or the newsletter is named at an end of the edition."""
    if any(name in segment.para.text for name in masthead):
        yield "named in masthead"
    if len(segment.text.split()) > MAX_AUTHOR_WORDS:
        return
    if expert := read_author([segment], lexicon):
        is_whole_name = len(expert.name.split()) > 1 or complete_name(expert.name, persons) != expert.name
        yield "author" if is_whole_name else "one name"


def list_borders(segments: Sequence[Segment]) -> list[str]:
    """Return the kind of border above each segment, one of `segment_labels.BORDERS`."""
    return [_get_border(segments, index) for index in range(len(segments))]


def _get_border(segments: Sequence[Segment], index: int) -> str:
    para = segments[index].para
    above = segments[index - 1] if index else segments[index]
    if above.index == segments[index].index:
        return "none"
    if para.kind in ("heading", "rule"):
        return "heading"
    if para.marker[:1].isdigit() or NUMBER.match(para.text):
        return "number"
    is_same = all(getattr(para, name) == getattr(above.para, name) for name in ("kind", "italic", "level"))
    return "same look" if is_same and segments[index].is_bold == above.is_bold else "other look"


def _combine_facts(facts: set[str]) -> set[str]:
    """Return the facts of a segment, with whether it names nobody, and about whom a question is."""
    if facts.isdisjoint(NAMING):
        facts = facts | {"nameless"}
    if facts.isdisjoint(AUTHOR_FACTS):
        facts = facts | {"no author"}
    if facts.isdisjoint({"asks", "asks inside"}):
        return facts
    return facts | {f"asks and {person}" for person in ("first person", "second person") if person in facts}


def _get_look(segment: Segment) -> tuple[object, ...]:
    """Return what makes a segment look like others: kind, level, emphasis, list marker, quotation mark, position."""
    para = segment.para
    level = para.level if para.kind == "heading" else 0
    marker = "#" if para.marker[:1].isdigit() else para.marker
    position = (segment.begins_paragraph, segment.ends_paragraph)
    return (para.kind, level, segment.is_bold, para.italic, marker, begins_quoted(segment.text), position)


def _describe_looks(looks: Sequence[tuple[object, ...]], facts: Sequence[set[str]]) -> dict[object, list[str]]:
    """Return the features of each look: how often it occurs, and how many of its segments ask, are long, and so on."""
    indexes_by_look: defaultdict[object, list[int]] = defaultdict(list)
    for index, look in enumerate(looks):
        indexes_by_look[look].append(index)
    return {look: list(_describe_look(indexes, facts)) for look, indexes in indexes_by_look.items()}


def _describe_look(indexes: Sequence[int], facts: Sequence[set[str]]) -> Iterator[str]:
    count = len(indexes)
    yield f"look: {'once' if count == 1 else 'few' if count <= 5 else 'some' if count <= 12 else 'many'}"
    naming = {"name", "name line", "signature", "name and place"}
    shares = {
        "are about oneself": sum("first person" in facts[index] for index in indexes),
        "ask": sum(not facts[index].isdisjoint({"asks", "asks inside"}) for index in indexes),
        "long": sum("long" in facts[index] for index in indexes),
        "before long": sum(index + 1 < len(facts) and "long" in facts[index + 1] for index in indexes),
        "after question": sum(index > 0 and "asks" in facts[index - 1] for index in indexes),
        "names": sum(not facts[index].isdisjoint(naming) for index in indexes),
    }
    for name, number in shares.items():
        amount = "all" if number == count else "most" if number * 2 >= count else "some" if number else "none"
        yield f"look: {name} {amount}{' of several' if count > 1 else ''}"


def _describe_sections(segments: Sequence[Segment], facts: Sequence[set[str]]) -> list[list[str]]:
    """Return, for each segment, what the headings above it say, and what else is in its section.

    A heading that asks can be a question, so it doesn't begin a section.
    """
    headings = _list_headings_above(segments)
    hints = {index: _get_heading_facts(segments, facts, index) for index in set().union(*headings)}
    members: defaultdict[int, list[int]] = defaultdict(list)
    for index, chain in enumerate(headings):
        members[next((heading for heading in reversed(chain) if "asks" not in facts[heading]), -1)].append(index)
    counts: dict[int, list[str]] = {}
    for indexes in members.values():
        counts |= dict.fromkeys(indexes, _count_in_section(facts, indexes))
    has_call = any("call" in segment_facts for segment_facts in facts)
    described = []
    for index, chain in enumerate(headings):
        hint = _get_section_hint([hints[heading] for heading in reversed(chain)])
        features = [f"section: {hint}", f"depth {len(chain)}", *counts[index]]
        if chain:
            features += [f"heading: {name}" for name in sorted(hints[chain[-1]])]
        features += [f"{hint}&{name}" for name in PAIRED_WITH_HINT if name in facts[index]]
        features += [f"{hint}&{name}" for name in counts[index]]
        if has_call:
            features += ["edition: call", f"{hint}&edition: call"]
        described.append(features)
    return described


def _list_headings_above(segments: Sequence[Segment]) -> list[tuple[int, ...]]:
    """Return, for each segment, the indexes of the headings above it, from the outermost."""
    headings: list[tuple[int, ...]] = []
    chain: tuple[int, ...] = ()
    for index, segment in enumerate(segments):
        if segment.para.kind == "heading" and segment.begins_paragraph:
            chain = tuple(other for other in chain if segments[other].para.level < segment.para.level)
            headings.append(chain)
            chain = (*chain, index)
        else:
            headings.append(chain)
    return headings


def _get_heading_facts(segments: Sequence[Segment], facts: Sequence[set[str]], heading: int) -> set[str]:
    """Return what a heading and the introduction below it say about who asks and answers."""
    said = {"strong hint", "weak hint", "veto", "bar", "asks", "call", "guest", "host"} & facts[heading]
    for index in range(heading + 1, min(heading + 1 + INTRO_SEGMENTS, len(segments))):
        if segments[index].para.kind == "heading" or "asks" in facts[index]:
            break
        if segments[index].para.kind == "item":
            continue
        intro = {"strong hint", "veto", "bar", "guest", "host", "name", "lead-in", "names someone"} & facts[index]
        if "call" in facts[index]:
            intro.discard("strong hint")  # "Your questions are welcome"
        said |= {f"intro {name}" for name in intro}
    return said


def _get_section_hint(chain: Sequence[set[str]]) -> str:
    """Return who asks in a section, by the facts of the headings above it, from the innermost."""
    for said in chain:
        for prefix in ("", "intro "):
            if f"{prefix}strong hint" in said:
                return f"{prefix}readers"
            if not said.isdisjoint({f"{prefix}veto", f"{prefix}bar"}):
                return f"{prefix}others"
    if any("weak hint" in said for said in chain):
        return "maybe readers"
    return "no hint" if chain else "no heading"


def _count_in_section(facts: Sequence[set[str]], indexes: Sequence[int]) -> list[str]:
    features = []
    for name, counted in COUNTED_IN_SECTION.items():
        number = sum(not facts[index].isdisjoint(counted) for index in indexes)
        if number:
            features.append(f"has {name}")
        if number > 1:
            features.append(f"has several {name}")
    return features


def _describe_neighbours(facts: Sequence[set[str]], looks: Sequence[tuple[object, ...]], index: int) -> Iterator[str]:
    for offset in NEIGHBOURS:
        other = index + offset
        if not 0 <= other < len(facts):
            yield f"{offset}: edge"
            continue
        for name in sorted(facts[other]):
            if not name.startswith(IGNORED_NEIGHBOUR_FACTS):
                yield f"{offset}: {name}"
        if looks[other] == looks[index]:
            alternates = abs(offset) == 2 and looks[index + offset // 2] != looks[index]
            yield f"{offset}: {'alternating' if alternates else 'same'} look"
        if abs(offset) == 1:
            own_facts = [name for name in PAIRED_WITH_NEIGHBOUR if name in facts[index]]
            yield from (
                f"{own}&{offset}: {name}" for own in own_facts for name in NEIGHBOUR_PAIRS if name in facts[other]
            )


def _describe_distances(facts: Sequence[set[str]], index: int) -> Iterator[str]:
    """Yield how far the next and the previous author, name and question are, up to a heading or rule."""
    for name, sought in SOUGHT_NEARBY.items():
        for step in (1, -1):
            for distance in range(1, MAX_DISTANCE + 1):
                other = index + step * distance
                if not 0 <= other < len(facts):
                    break
                if not facts[other].isdisjoint(sought):
                    yield f"{name} {step * distance:+}"
                    break
                if not facts[other].isdisjoint({"kind=heading", "kind=rule"}):
                    break
