"""Reading the names of askers and authors in the segments that name them."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from .issue_words import MAX_LABEL_LENGTH, Lexicon
from .lead_ins import (
    CAPITALISED_WORDS,
    find_asker_after,
    find_guest,
    find_host,
    find_name_before_colon,
    parse_asker,
    parse_lead_in,
)
from .printed_names import (
    EDGES,
    PARTICLES,
    PrintedExpert,
    can_be_asker,
    is_capitalised,
    is_name,
    parse_expert,
    parse_name_line,
    parse_signature,
)
from .segments import BRACKETED_LABEL, Segment, join_segments

MAX_SINGLE_NAME_WORDS = 3  # of a text that consists of a first name
_WORD = re.compile(r"[\w’'-]+")
_BRACKETS = re.compile(r"[(（\[]([^()（）\[\]]+)[)）\]]\W*")


def read_author(segments: Sequence[Segment], lexicon: Lexicon) -> PrintedExpert | None:
    """Return the expert whom these segments name as the author of an answer, or None."""
    texts = join_segments(segments)
    for text, below in pairwise(texts):
        if is_bare_name(text.strip(EDGES)) and parse_name_line(below, lexicon) is None:
            return PrintedExpert(text.strip(EDGES), below.strip(EDGES))
    for text in reversed(texts):
        if expert := _read_expert(text, lexicon):
            return expert
    return None


def is_bare_name(line: str) -> bool:
    """Return whether a line is the full name of a person, without credits."""
    return len(line.split()) > 1 and "," not in line and not line.isupper() and is_capitalised(line) and is_name(line)


def _read_expert(text: str, lexicon: Lexicon) -> PrintedExpert | None:
    """Return the expert whom a text names, or None. All of it may be the name, or a lead-in with a name."""
    if label := lexicon.match_answer_label(text):
        if label["who"]:
            return parse_expert(label["who"], lexicon)
        text = text[label.end() :].strip()
    if label := BRACKETED_LABEL.match(text):
        text = text[label.end() :]
    if not text:
        return None
    lead_in = parse_lead_in(text, lexicon)
    signature = parse_signature(text)
    candidates = (
        lead_in[0] if lead_in and lead_in[0].name[:1].isalpha() else None,
        find_guest(text, lexicon),
        find_name_before_colon(text, lexicon) if text.endswith((":", "：")) else None,
        parse_name_line(signature or text, lexicon),
    )
    for expert in candidates:
        if expert and is_name(expert.name):
            return expert
    if signature and is_name((signer := parse_expert(signature, lexicon)).name, allows_single=True):
        return signer
    return find_host(text, lexicon) or _read_bare_name(text, lexicon)


def _read_bare_name(text: str, lexicon: Lexicon) -> PrintedExpert | None:
    """Return the expert of a text that is a name, or that has one before a colon or in its first sentence."""
    expert = parse_expert(text, lexicon)
    if is_name(expert.name) and not re.search("[。.!?] *[^ ]", text.partition(expert.name)[2]):
        return expert
    line = text if text.endswith((":", "：")) else text.partition(". ")[0] + ":"
    named = find_name_before_colon(line, lexicon)
    if named and is_name(named.name):
        return named
    is_short = len(text.split()) <= MAX_SINGLE_NAME_WORDS
    return expert if is_short and expert.name and is_name(expert.name, allows_single=True) else None


def count_words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text))


def find_repeated_name(text: str, edition_words: Counter[str], lexicon: Lexicon) -> str | None:
    """Return the first person named in a text, if a part of the name is elsewhere in the edition or credits follow.

    `edition_words` are the words of the edition with their numbers (`count_words`).
    """
    words = count_words(text)
    for match in CAPITALISED_WORDS.finditer(text[:MAX_LABEL_LENGTH]):
        name = match[0].strip()
        parts = [word for word in name.split() if word[:1].isupper() and not word.endswith(".")]
        is_capitalised = all(word[:1].isupper() or word in PARTICLES for word in name.split())
        has_short_part = any(len(part) == 1 for part in parts)  # "What I"
        if not is_capitalised or has_short_part or name.isupper() or not is_name(name) or lexicon.readers.match(name):
            continue
        is_repeated = any(edition_words[part] > words[part] for part in parts)
        if is_repeated or re.match(r",\s[a-z]", text[match.end() :]):
            return name
    return None


def read_askers(segments: Sequence[Segment], lexicon: Lexicon) -> list[str]:
    """Return the readers whom these segments name, as printed."""
    askers = [_read_asker(text, lexicon) for text in join_segments(segments)]
    return list(dict.fromkeys(filter(None, askers)))


def _read_asker(text: str, lexicon: Lexicon) -> str:
    """Return the reader whom a text names, or "" if it names nobody."""
    if label := lexicon.match_question_label(text):
        if label["who"]:
            return label["who"].strip()
        text = text[label.end() :].strip()
    brackets = _BRACKETS.fullmatch(text)
    if brackets:
        text = brackets[1].strip()
    if asker_line := parse_asker(text, lexicon):
        return asker_line.asker
    after = find_asker_after(text, lexicon)
    if after is not None:
        return after
    signature = text if brackets else parse_signature(text)
    name = signature or text.strip(EDGES.replace(".", "") + ":：")
    if not name or lexicon.only_readers.match(name) or BRACKETED_LABEL.fullmatch(name):
        return ""
    return name if signature or can_be_asker(name) else ""
