"""Parsing names as editions print them, with the credits next to them."""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import dropwhile, takewhile

from ..text.clean import SIGN as HAN_OR_KANA
from .issue_paragraph import LEADING_DASH
from .issue_words import Lexicon

MAX_NAME_LENGTH, MAX_NAME_WORDS = 70, 7
MAX_SIGNS = 9  # of a name in Han or kana
MAX_ASKER_WORDS = 9  # of a name with a place
MAX_CREDIT_LENGTH, MAX_CREDIT_WORDS = 60, 8  # of a name with a place in a line of its own
MAX_SIGNATURE_LENGTH, MAX_SIGNATURE_WORDS = 120, 14  # the same after a dash or in brackets
MAX_NAME_LINE_LENGTH = 200  # of a name with a credit line
MAX_SPEAKER_LENGTH = 140  # characters in which the colon after a name must be
MAX_TITLES_LENGTH = 40  # characters before a name
CACHE_SIZE = 1_000  # results of each function with a cache, as a paragraph is parsed several times
_ROMANCE_PARTICLES = ("de", "da", "do", "dos", "das", "del", "della", "la", "le", "di", "du", "y", "e")
_GERMANIC_PARTICLES = ("van", "von", "der", "den", "zu", "ten", "ter", "af", "av")
_OTHER_PARTICLES = ("bin", "ibn", "al", "el", "oğlu", "kızı")
# Lower-case words inside names: "Vincent van Gogh".
PARTICLES = frozenset((*_ROMANCE_PARTICLES, *_GERMANIC_PARTICLES, *_OTHER_PARTICLES))
# Lower-case words before a name that aren't part of it: "pani Anna".
HONORIFICS = frozenset(
    ["pani", "pan", "señora", "señor", "doña", "don", "signora", "signor", "dona", "dom", "madame", "mevrouw", "fru"]
)
# Lower-case titles: "dr Marek Zieliński". They belong to the name, but `is_name` only looks at the words after them.
TITLES = frozenset(["dr", "dr.", "prof.", "prof", "mgr", "inż.", "ing.", "hab.", "mr.", "mw."])
# Titles with a full stop, at the end of a text: "doc. MUDr. ".
_TITLES_AT_END = re.compile(
    r"(?<!\w)(?:(?:Dra?|Prof|Mrs?|Ms|Revd?|Ing|Mgr|M[UV]Dr|JUDr|PhDr|RNDr|Bc|[Dd]oc|Doç|Dipl|Mag|Univ|Dott|Avv|Arch|Uzm|Av)"
    r"\.\s)+\Z"
)
_GREEK_ARTICLE = re.compile(r"\A(?:ο|η|του|της|τον|την)\s", re.IGNORECASE)  # "Η Δήμητρα Λαγού"
# "生物学者の佐藤美咲さん": description, name, honorific.
_JAPANESE = re.compile(r"(?:([^、。]{2,60})の)?([^\s、。の]{2,12}?)(?:さん|氏|先生|様)\Z")
# Punctuation at the end of a sentence, but not after an initial ("J. Smith") or an abbreviated title ("Dr. Smith").
SENTENCE_END = re.compile(r"(?<![\s.][A-ZА-ЯЁІЇЄҐ])(?<!\b(?:Dr|Mr|Ms|St|Jr|Sr))(?<!\bMrs)(?<!\bProf)[.!?…؟][\"”»’]?\s+")
# A capital letter. In Python's regular expressions, no class matches just these.
CAPITAL = "[" + "".join(filter(str.isupper, map(chr, [*range(0x530), *range(0x1E00, 0x2000)]))) + "]"
# What separates a name from its credit line: a comma, bar or dash, or the empty string before a bracket.
_SEPARATOR = re.compile(r"[\s\u00a0]*(?:[,،，、|;]|[—–―]|\s-\s)[\s\u00a0]*|[\s\u00a0]*(?=[(（])")
EDGES = " \t\u00a0\u202f,،;.*_—–-"  # removed at both ends of a name or credit line
# "Jane Smith: ", also in Markdown: "**Jane Smith:** ".
_SPEAKER = re.compile(r"\W{0,4}([^:：\n?!؟\"“«]{2,90}?)[*_\s\u00a0\u202f]{0,4}[:：][*_]{0,3}(?:\s|\Z)")


@dataclass(frozen=True)
class PrintedExpert:
    """An expert as printed, with "" for what is missing.

    `credit_line` is the description next to the name, `relation` a relative clause: "which published the study".
    """

    name: str = ""
    credit_line: str = ""
    relation: str = ""


def is_cased(word: str) -> bool:
    return word.lower() != word.upper()


def is_name(text: str, allows_single: bool = False) -> bool:
    """Return whether a text can be a person's name: capitalised if the script has capitals, and without digits.

    A single word is only a name with `allows_single`, or in Han or kana.
    """
    words = _strip_titles(text.split())
    if not words or len(text) > MAX_NAME_LENGTH or len(words) > MAX_NAME_WORDS or re.search(r"[\d?!:;@/؟]", text):
        return False
    if words[-1] in PARTICLES:  # "Chieda al suo comune:", the beginning of a sentence
        return False
    if text.count("(") != text.count(")"):
        return False
    is_long_enough = len(words) > 1 or allows_single
    if not any(map(is_cased, words)):
        is_in_signs = re.match(HAN_OR_KANA, text) is not None  # "佐藤美咲" is first and last name
        return len(text) <= MAX_SIGNS if is_in_signs else is_long_enough
    if not words[0][:1].isupper():
        return False
    capitalised = sum(word.lstrip("(\"'“«")[:1].isupper() for word in words)
    particles = sum(word.lower() in PARTICLES for word in words)
    allowed_others = 1 if len(words) > 3 else 0  # "Captain of Police Maria Silva"
    return is_long_enough and capitalised + particles + allowed_others >= len(words)


def is_capitalised(name: str) -> bool:
    """Return whether each word of a name, apart from particles, begins with a capital letter."""
    return name[:1].isupper() and all(word[:1].isupper() or word in PARTICLES for word in name.split())


def read_titles(text: str, start: int) -> str:
    """Return the titles before the name at `start`, with a space after them: "Dr. "."""
    titles = _TITLES_AT_END.search(text, max(start - MAX_TITLES_LENGTH, 0), start)
    return titles[0] if titles else ""


def _strip_titles(words: list[str]) -> list[str]:
    """Return the words of a name without lower-case titles at its beginning, as in "dr Marek Zieliński"."""
    return list(dropwhile(TITLES.__contains__, words))


def parse_expert(text: str, lexicon: Lexicon) -> PrintedExpert:
    """Parse a name with credits: "Laura Harth, campaign director at X, which published it"."""
    text = _GREEK_ARTICLE.sub("", text.strip(EDGES + ":："))
    if time_phrase := lexicon.time_phrase.match(text):  # "this week, Laura Harth"
        text = text[time_phrase.end() :]
    if japanese := _JAPANESE.match(text):
        description, name = japanese.groups()
        return PrintedExpert(name, description or "")
    if request := lexicon.request_phrase.search(text, 3):  # "Laura Harth to explain it"; never at the very start
        text = text[: request.start()].strip(EDGES)
    separator = _SEPARATOR.search(text)
    if separator is None:
        name, credit_line = _split_description(text.strip(EDGES))
        return PrintedExpert(name, credit_line.strip(EDGES))
    name, description = _split_description(text[: separator.start()].strip(EDGES))
    after_name, relation = _split_relation(text, separator, lexicon)
    credit_line = ", ".join(filter(None, (description, _strip_brackets(after_name.strip(EDGES)))))
    return PrintedExpert(name, credit_line.strip(EDGES), relation.strip(EDGES).removesuffix(")"))


def _split_relation(text: str, separator: re.Match[str], lexicon: Lexicon) -> tuple[str, str]:
    """Split the text after a name into the credit line and the relation, a relative clause; "" if absent."""
    clause = lexicon.relative_clause.search(text, separator.start())
    if clause is None:
        return text[separator.end() :], ""
    # The match ends before the pronoun. If it has a word, that is a preposition of the relation: ", in which".
    has_preposition = clause[0].rstrip()[-1:] not in ",،，、—–("
    relation = text[clause.start() :].lstrip(EDGES) if has_preposition else text[clause.end() :]
    if clause.start() <= separator.start():
        return "", relation
    return text[separator.end() : clause.start()], relation


def _strip_brackets(text: str) -> str:
    """Remove brackets around a whole text."""
    for opening, closing in ("()", "（）"):
        is_in_brackets = text.startswith(opening) and text.endswith(closing)
        if is_in_brackets and text.count(opening) == text.count(closing) == 1:
            return text[1:-1]
    return text


def _split_description(text: str) -> tuple[str, str]:
    """Split "soil scientist Jane Smith" or "Jane Smith of Cornell" into the name and the description, or "" for none.

    Each of the functions below splits texts in one word order, and returns None for any other text.
    """
    words = text.split()
    if len(words) < 3 or not all(map(is_cased, words)):
        return text, ""
    if name_and_description := _split_capitalised_description(words):
        return name_and_description
    lower_case_start = list(takewhile(lambda word: not word[:1].isupper(), words))
    if len(lower_case_start) < len(words) and not all(word in TITLES for word in lower_case_start):
        return _split_description_before(words, len(lower_case_start)) or (text, "")
    return _split_description_after(words) or (text, "")


def _split_capitalised_description(words: list[str]) -> tuple[str, str] | None:
    """Split a description that begins with a capital: "Mechanical engineer Orhan Tunç"."""
    if len(words) < 4 or not words[0][:1].isupper() or not words[1][:1].islower() or words[1] in PARTICLES:
        return None
    name_length = len(list(takewhile(lambda word: word[:1].isupper(), reversed(words))))
    if not 2 <= name_length <= 3:
        return None
    return " ".join(words[-name_length:]), " ".join(words[:-name_length])


def _split_description_before(words: list[str], length: int) -> tuple[str, str] | None:
    """Split a description in lower case, of `length` words, before the name: "soil scientist Jane Smith"."""
    name = words[length:]
    if not 2 <= len(name) <= 4 or not all(map(_is_in_name, name)):
        return None
    return " ".join(name), " ".join(words[:length])


def _split_description_after(words: list[str]) -> tuple[str, str] | None:
    """Split a description after the name: "Jane Smith of Cornell"."""
    title_count = len(words) - len(_strip_titles(words))
    end = title_count + len(list(takewhile(_is_in_name, words[title_count:])))
    if end == len(words):
        return None
    while end > 2 and words[end - 1].lower() in PARTICLES:
        end -= 1
    if end < 2:
        return None
    return " ".join(words[:end]), " ".join(words[end:])


def _is_in_name(word: str) -> bool:
    return word[:1].isupper() or word.lower() in PARTICLES


def parse_bare_credit(text: str, in_italics: bool) -> str | None:
    """Return the line if it only consists of a name and a place, without a dash; else None.

    In italics, any short line without punctuation at its end counts as a name.
    """
    line = text.strip()
    if not line or len(line) > MAX_CREDIT_LENGTH or len(line.split()) > MAX_CREDIT_WORDS:
        return None
    if re.search(r"[.!?؟:;…][\"”»]?\Z", line):
        return None
    if in_italics:
        return line
    parts = [part for part in _SEPARATOR.split(line) if part]
    names = [word for word in line.split() if is_cased(word) and word.lower() not in PARTICLES]
    if len(parts) < 2 or not names or not all(word.lstrip("(")[:1].isupper() for word in names):
        return None
    return line


def can_be_asker(text: str) -> bool:
    """Return whether a text, which must not be empty, can be a person with a place: "Maria from Tbilisi"."""
    words = text.split()
    if len(words) > 1 and words[0] in HONORIFICS:
        words = words[1:]
    first = words[0]
    begins_in_lower_case = is_cased(first) and not first[:1].isupper()
    if len(words) > MAX_ASKER_WORDS or begins_in_lower_case or re.search(r"[?!:;@/؟]", text):
        return False
    if len(words) == 1 or first.endswith(",") or not is_cased(first):  # "Maria, 34, from a village"
        return True
    return any(word.lstrip("(")[:1].isupper() for word in words[1:])


@lru_cache(maxsize=CACHE_SIZE)
def parse_speaker(text: str, lexicon: Lexicon) -> tuple[str, str] | None:
    """Return the name before a colon at the beginning of a paragraph, and the text after it; None without one."""
    match = _SPEAKER.match(text[:MAX_SPEAKER_LENGTH])
    if not match:
        return None
    speaker = match[1].strip(EDGES)
    if SENTENCE_END.search(speaker) or not is_name(parse_expert(speaker, lexicon).name, allows_single=True):
        return None
    return speaker, text[match.end() :].strip()


@lru_cache(maxsize=CACHE_SIZE)
def parse_signature(text: str) -> str | None:
    """Return the name in a line such as "— Maria, Tbilisi", "(Maria, Tbilisi)" or "[Maria, Tbilisi]", or None."""
    line = text.strip()
    if dash := LEADING_DASH.match(line):
        name = line[dash.end() :]
    elif line[:1] + line[-1:] in ("()", "[]", "（）"):
        name = line[1:-1]
    else:
        return None
    if len(name) > MAX_SIGNATURE_LENGTH or len(name.split()) > MAX_SIGNATURE_WORDS:
        return None
    if name.rstrip().endswith(("?", "!", "؟", ":")):
        return None
    return name.strip().rstrip(".") or None


@lru_cache(maxsize=CACHE_SIZE)
def parse_name_line(text: str, lexicon: Lexicon) -> PrintedExpert | None:
    """Parse a line that only consists of a name with a credit line, or return None."""
    line = text.strip().rstrip(":：").strip()
    if len(line) > MAX_NAME_LINE_LENGTH or re.search(r"[.!?؟][\"”»]?\Z", line) or not _SEPARATOR.search(line):
        return None
    expert = parse_expert(line, lexicon)
    if not expert.credit_line or not is_name(expert.name):
        return None
    return expert
