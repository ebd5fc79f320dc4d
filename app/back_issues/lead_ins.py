"""Parsing lines that say who asks or answers, in the sentences of the house form or of other newsletters.

Results are cached, as the same paragraph is parsed several times.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain

from .issue_words import MAX_LABEL_LENGTH, QUOTES, Lexicon, NamePattern
from .printed_names import (
    CACHE_SIZE,
    CAPITAL,
    EDGES,
    SENTENCE_END,
    PrintedExpert,
    can_be_asker,
    is_capitalised,
    is_name,
    parse_expert,
    read_titles,
)

MAX_INTRO_LENGTH = 2_000  # characters of an introduction that are examined
MAX_LEAD_IN_LENGTH = 320  # of a name with credits, and of a lead-in that doesn't end with a colon
MAX_ASKER_LENGTH = 100
MAX_AFTER_QUESTION_LENGTH = 140  # of a line such as "asks Harriet from Hereford"
MAX_ANNOUNCEMENT_WORDS = 30  # of a line such as "We put the question to two experts."
_COLON = re.compile(r"[\s\u00a0\u202f]*[:：](?=[\s\u00a0\u202f]|\Z|[\"“«„»‘'])")
# The text between the verb after a name and the answer, such as " today:" after "Jane Smith says": a few words up to a
# colon, the end of the text, or a quotation mark.
_TAIL = re.compile(
    rf"[^:：.!?؟{QUOTES}]{{0,60}}?[\s\u00a0\u202f]*[:：]\s*"
    rf"|[^:：.!?؟{QUOTES}]{{0,16}}?(?:[.!]?\Z|[,،]?\s?(?=[\"“«„‘]))"
)


@dataclass(frozen=True)
class AskerLine:
    """An announcement of a question.

    - asker: who asks, as printed, or "" for unnamed readers.
    - rest: the text after the announcement.
    - is_by_reader: whether it says that a reader asks.
    """

    asker: str
    rest: str
    is_by_reader: bool


def _get_sentence_before(text: str, end: int) -> str:
    """Return the text before `end` that is in the same sentence."""
    start = 0
    for sentence_end in SENTENCE_END.finditer(text, 0, end):
        start = sentence_end.end()
    return text[start:end]


def _match_pattern(pattern: NamePattern, text: str, anywhere: bool) -> tuple[str, str] | None:
    """Return the part of the text that should be a name, and the text after the match; None if there is no match.

    With `anywhere`, the match needn't be at the beginning of the text.
    """
    start = _find_name_start(pattern, text, anywhere)
    if start is None:
        return None
    if pattern.after is None:
        return _split_after_name(text, start)
    after = pattern.after.search(text, start)
    tail = _TAIL.match(text, after.end()) if after else None
    if after is None or tail is None:
        return None
    rest = text[tail.end() :]
    if anywhere and pattern.before is None:
        return _get_sentence_before(text, after.start()), rest
    name = text[start : after.start()]
    tail_text = tail[0].rstrip(" \u00a0\u202f:：")
    has_credits_after_verb = tail_text.lstrip().startswith(",") and tail[0].rstrip().endswith((":", "："))
    if pattern.before and has_credits_after_verb:
        # The verb has a part after the name, as in German: "Wir haben Jiri Novak gefragt, einen Ingenieur:".
        name += tail_text
    return name, rest


def _find_name_start(pattern: NamePattern, text: str, anywhere: bool) -> int | None:
    """Return where the name begins: after the words before it, or at 0 if the pattern has none."""
    if pattern.before is None:
        return 0
    if anywhere:
        before = pattern.before.search(text)
    else:
        before = pattern.before.match(text, len(text) - len(text.lstrip(" *_—–")))
    return before.end() if before else None


def _split_after_name(text: str, start: int) -> tuple[str, str] | None:
    """Split the text from `start` at a colon into the name and the rest; a short sentence may end without a colon."""
    colon = _COLON.search(text, start)
    if colon and not text[start : colon.start()].strip():  # "Our expert: Jane Smith: ..."
        start = colon.end()
        colon = _COLON.search(text, start)
    if colon:
        return text[start : colon.start()], text[colon.end() :]
    is_one_sentence = len(text) <= MAX_LEAD_IN_LENGTH and not SENTENCE_END.search(text, start)
    if not is_one_sentence or text.rstrip().endswith(("?", "؟")):
        return None
    return text[start:], ""


@lru_cache(maxsize=CACHE_SIZE)
def parse_lead_in(text: str, lexicon: Lexicon) -> tuple[PrintedExpert, str] | None:
    """Parse a paragraph that begins with a lead-in; return the expert and the beginning of the answer, or None."""
    start = text[:MAX_LABEL_LENGTH]
    remainder = text[MAX_LABEL_LENGTH:]
    for pattern in lexicon.lead_in_patterns.iter_candidates(start):
        match = _match_pattern(pattern, start, anywhere=True)
        if match is None:
            continue
        name, rest = match
        if len(name) > MAX_LEAD_IN_LENGTH:
            continue
        after_comma = name.partition(",")[2]  # "Our whale person, Dr. Nomvula Dube, says:"
        for candidate in (name, after_comma):
            expert = parse_expert(candidate, lexicon)
            if is_name(expert.name, allows_single=bool(expert.credit_line or expert.relation)):
                return expert, (rest + remainder).strip()
    return None


def find_host(text: str, lexicon: Lexicon) -> PrintedExpert | None:
    """Return the expert who answers readers' questions, as an introduction to these says, or None.

    The name must have credits. Unlike in a lead-in, any text may follow the verb.
    """
    text = text[:MAX_INTRO_LENGTH]
    for pattern in lexicon.lead_in_patterns.iter_candidates(text):
        if pattern.before or not pattern.after:
            continue
        after = pattern.after.search(text)
        if after is None:
            continue
        expert = parse_expert(_get_sentence_before(text, after.start()), lexicon)
        if (expert.credit_line or expert.relation) and is_name(expert.name):
            return expert
    return None


# Two to five capitalised words, perhaps with a title and particles: "Dr. Maria van der Berg".
CAPITALISED_WORDS = re.compile(
    rf"(?:(?:Dr|Prof|Mr|Ms|Mrs)\. )*(?<!\w){CAPITAL}[\w'’.-]*"
    rf"(?: (?:(?:de|da|van|von|der|den|del|la|le|bin|al|du|di) )*{CAPITAL}[\w'’-]*){{1,4}}"
)
_AFTER_PREPOSITION = re.compile(r"\b(?:at|for|of|from|with|bei|beim|von|chez|de|du|en|del|di)(?: the| la| der)? \Z")
# What may follow a name before a colon: a separator, the end, or one verb ("explains:").
_AFTER_NAME = re.compile(r"[\s\u00a0]*(?:[,،，(:：]|[—–-]\s|\Z)|\s\w{2,12}[\s\u00a0]*[:：]?\Z")


def find_name_before_colon(text: str, lexicon: Lexicon) -> PrintedExpert | None:
    """Return the person named in a line that ends with a colon, in whatever words, or None."""
    first_name = ""
    for match in CAPITALISED_WORDS.finditer(text[:MAX_LABEL_LENGTH]):
        name = match[0].strip()
        if not is_capitalised(name):
            continue
        if lexicon.weak_hints.fullmatch(name) or lexicon.strong_hints.search(name) or lexicon.readers.match(name):
            continue
        after = text[match.end() :]
        if first_name and _AFTER_PREPOSITION.search(text, 0, match.start()):
            return parse_expert(first_name, lexicon)  # "Jane Smith is a lawyer at the Law Centre:"
        first_name = first_name or name
        if not _AFTER_NAME.match(after):
            continue
        name = read_titles(text, match.start()) + name
        if after.startswith((",", " (", " —", " –")):
            name += after[: _find_sentence_end(after, 0)]
        return parse_expert(name, lexicon)
    return None


@lru_cache(maxsize=CACHE_SIZE)
def find_guest(text: str, lexicon: Lexicon) -> PrintedExpert | None:
    """Return the expert whom an introduction presents as the guest of its section, or None."""
    text = text[:MAX_INTRO_LENGTH]
    for pattern in lexicon.guest_patterns.iter_candidates(text):
        name = _match_guest_pattern(pattern, text)
        if name is None or len(name) > MAX_LEAD_IN_LENGTH:
            continue
        expert = parse_expert(name, lexicon)
        if is_name(expert.name):
            return expert
    return None


def _match_guest_pattern(pattern: NamePattern, text: str) -> str | None:
    """Return the part of the text that should be a name, or None if there is no match."""
    start = _find_name_start(pattern, text, anywhere=True)
    if start is None:
        return None
    if pattern.after is None:
        return text[start : _find_sentence_end(text, start)]
    after = pattern.after.search(text, start)
    if after is None:
        return None
    return text[start : after.start()] if pattern.before else _get_sentence_before(text, after.start())


def _find_sentence_end(text: str, start: int) -> int:
    """Return where the sentence from `start` ends: at punctuation (but not that of an abbreviation), a colon, or the
    end of the text.
    """
    ends = [len(text.rstrip().rstrip(".!"))]
    for pattern in (SENTENCE_END, _COLON):
        if found := pattern.search(text, start):
            ends.append(found.start())
    return min(ends)


@lru_cache(maxsize=CACHE_SIZE)
def parse_asker(text: str, lexicon: Lexicon) -> AskerLine | None:
    """Parse a paragraph that begins by saying who asks, or return None."""
    start = text[:MAX_LABEL_LENGTH]
    remainder = text[MAX_LABEL_LENGTH:]
    if announcement := lexicon.unnamed_asker.match(start):
        return AskerLine("", start[announcement.end() :] + remainder, is_by_reader=True)
    for pattern in lexicon.asker_patterns.iter_candidates(start):
        match = _match_pattern(pattern, start, anywhere=False)
        if match is None:
            continue
        asker, rest = match
        line = _build_asker_line(asker, rest + remainder, lexicon)
        if line:
            names_reader = lexicon.readers.match(start) is not None  # "Reader Maria wants to know"
            return replace(line, is_by_reader=line.is_by_reader or names_reader)
    return _parse_reader_before_colon(start, remainder, lexicon)


def _build_asker_line(asker: str, rest: str, lexicon: Lexicon) -> AskerLine | None:
    """Build the announcement of a question, or return None if the text `asker` can't name a person or reader."""
    if not asker.strip() or len(asker) > MAX_ASKER_LENGTH or SENTENCE_END.search(asker):
        return None
    if lexicon.relative_pronoun_end.search(asker.strip()):  # "A subscriber who asked not to be named"
        return None
    asker = asker.strip(EDGES.replace(".", "") + QUOTES)
    if lexicon.only_readers.match(asker):
        return AskerLine("", rest, is_by_reader=True)
    if reader := lexicon.readers.search(asker):
        name = asker[reader.end() :].strip() if reader.start() == 0 else ""
        if name[:1].isupper() and can_be_asker(name):  # "Our reader Maria"
            asker = name
        return AskerLine(asker, rest, is_by_reader=True)
    if can_be_asker(asker):
        return AskerLine(asker, rest, is_by_reader=False)
    return None


def _parse_reader_before_colon(start: str, remainder: str, lexicon: Lexicon) -> AskerLine | None:
    """Parse a paragraph that begins with a reader and a colon: "A reader in Tbilisi: ...".

    `start` is its beginning, in which the colon must be, and `remainder` the text after that.
    """
    reader = lexicon.readers.match(start)
    colon = _COLON.search(start, 0, MAX_ASKER_LENGTH)
    if reader is None or colon is None or SENTENCE_END.search(start, 0, colon.start()):
        return None
    asker = start[: colon.start()].strip(EDGES)
    description = asker[reader.end() :].lstrip()
    is_described = (
        description.startswith((",", "،", "("))
        or description[:1].isupper()
        or lexicon.relative_pronoun.match(description) is not None
    )
    if not is_described or lexicon.only_readers.match(asker):
        asker = ""
    return AskerLine(asker, start[colon.end() :] + remainder, is_by_reader=True)


def is_expert_announcement(text: str, lexicon: Lexicon) -> bool:
    """Return whether a short paragraph says that someone was asked or answers, even without a name."""
    if len(text.split()) > MAX_ANNOUNCEMENT_WORDS:
        return False
    candidates = chain(lexicon.lead_in_patterns.iter_candidates(text), lexicon.guest_patterns.iter_candidates(text))
    return any(pattern.before and pattern.before.search(text) for pattern in candidates)


def find_asker_after(text: str, lexicon: Lexicon) -> str | None:
    """Return who asks, by the text after a quoted question: "asks Harriet from Hereford" or "Harriet asks".

    Return "" for unnamed readers, and None if the text says anything else.
    """
    line = text.strip(" \t\u00a0\u202f,،.–—-")
    if not line or len(line) > MAX_AFTER_QUESTION_LENGTH or SENTENCE_END.search(line):
        return None
    for pattern in lexicon.asker_patterns.iter_candidates(line):
        if pattern.after is None or pattern.before is not None:
            continue
        verb = pattern.after.search(line)
        if verb is None:
            continue
        before, after = line[: verb.start()], line[verb.end() :]
        if before and after:
            continue  # the line must consist of the verb and a name, on either side
        asker = (before or after).strip(" ,،.")
        if asker and (lexicon.readers.match(asker) or can_be_asker(asker)):
            return "" if lexicon.only_readers.match(asker) else asker
    return None
