"""Parsing names as editions print them, with the credits next to them."""

import re
from dataclasses import dataclass
from functools import lru_cache

from ..text.clean import SIGN
from .issue_paragraph import DASHED
from .issue_words import Lexicon

LONGEST_NAME, MOST_NAME_WORDS = 70, 7
REMEMBERED = 1_000  # paragraphs whose result is cached, as each is parsed several times
# Lower-case words inside names.
PARTICLES = frozenset(
    [
        "de",
        "da",
        "do",
        "dos",
        "das",
        "van",
        "von",
        "der",
        "den",
        "del",
        "della",
        "la",
        "le",
        "bin",
        "ibn",
        "al",
        "el",
        "di",
        "du",
        "zu",
        "ten",
        "ter",
        "y",
        "e",
        "af",
        "av",
        "oğlu",
        "kızı",
    ]
)
# Lower-case words before a name that aren't part of it.
HONORIFICS = frozenset(
    ["pani", "pan", "señora", "señor", "doña", "don", "signora", "signor", "dona", "dom", "madame", "mevrouw", "fru"]
)
TITLES = frozenset(["dr", "dr.", "prof.", "prof", "mgr", "inż.", "ing.", "hab.", "mr.", "mw."])  # but these are part
_JAPANESE = re.compile(r"(?:([^、。]{2,60})の)?([^\s、。の]{2,12}?)(?:さん|氏|先生|様)\Z")  # "生物学者の佐藤美咲さん"
SENTENCE_END = re.compile(r"(?<![\s.][A-ZА-ЯЁІЇЄҐ])(?<!\b(?:Dr|Mr|Ms|St|Jr|Sr))(?<!\bMrs)(?<!\bProf)[.!?…؟][\"”»’]?\s+")
_PARTED = re.compile(r"[\s\u00a0]*(?:[,،，、|;]|[—–―]|\s-\s)[\s\u00a0]*|[\s\u00a0]*(?=\()")
EDGES = " \t\u00a0\u202f,،;.*_—–-"
_SPEAKER = re.compile(r"\W{0,4}([^:：\n?!؟\"“«]{2,90}?)[*_\s\u00a0\u202f]{0,4}[:：][*_]{0,3}(?:\s|\Z)")


@dataclass(frozen=True)
class Expert:
    """An expert as printed: the name, the credit line after it, and how they relate to the question; "" if absent."""

    name: str = ""
    credit_line: str = ""
    relation: str = ""


def is_cased(word: str) -> bool:
    return word.lower() != word.upper()


def is_name(text: str, single: bool = False) -> bool:
    """Return whether a text can be a person's name: capitalised if the script has capitals, and without digits. A
    single word only counts with `single`.
    """
    words = _strip_titles(text.split())
    if not words or len(text) > LONGEST_NAME or len(words) > MOST_NAME_WORDS or re.search(r"[\d?!:;@/؟]", text):
        return False
    if words[-1] in PARTICLES:  # "Chieda al suo comune:", the beginning of a sentence
        return False
    if not any(map(is_cased, words)):
        return len(words) > 1 or single or bool(re.match(SIGN, text))
    capitals = sum(word.lstrip("(\"'“«")[:1].isupper() for word in words)
    small = sum(word.lower() in PARTICLES for word in words)
    spared = len(words) > 3  # allows for one word that isn't part of the name, as in "Captain of Police Maria Silva"
    return words[0][:1].isupper() and capitals >= len(words) - small - spared and (len(words) > 1 or single)


def _strip_titles(name_parts: list[str]) -> list[str]:
    """Return the words of a name without lower-case titles at its beginning, as in "dr Marek Zieliński"."""
    return name_parts[next((at for at, word in enumerate(name_parts) if word not in TITLES), len(name_parts)) :]


def parse_expert(text: str, lexicon: Lexicon) -> Expert:
    """Split a text such as "Laura Harth, campaign director at X, which published it" into its parts."""
    text = text.strip(EDGES + ":：")
    begun = lexicon.when.match(text)
    text = text[begun.end() :] if begun else text
    if japanese := _JAPANESE.match(text):
        return Expert(japanese[2], japanese[1] or "")
    cut = lexicon.cut.search(text, 3)
    text = text[: cut.start()].strip(EDGES) if cut else text
    parted = _PARTED.search(text)
    name, rest = (text[: parted.start()], text[parted.end() :]) if parted else (text, "")
    relation = ""
    found = lexicon.relatives.search(text, parted.start()) if parted else None
    if found:
        relation = text[found.end() :] if found[0].rstrip()[-1:] in ",،，、—–(" else text[found.start() :].lstrip(EDGES)
        rest = text[parted.end() : found.start()] if parted and found.start() > parted.start() else ""
    name, more = _trimmed_name(name.strip(EDGES))
    rest = rest.strip(EDGES)
    if rest.startswith("(") and rest.count("(") == rest.count(")") == 1 and rest.endswith(")"):
        rest = rest[1:-1]
    credit = rest if not more else f"{more}, {rest}" if rest else more
    return Expert(name, credit.strip(EDGES), relation.strip(EDGES).removesuffix(")") if relation else "")


def _trimmed_name(name: str) -> tuple[str, str]:
    """Split a name from a description, as in "soil scientist Jane Smith" or "Jane Smith of Cornell"."""
    words = name.split()
    if len(words) > 3 and words[0][:1].isupper() and all(map(is_cased, words)):
        start = next((at for at in range(len(words), 0, -1) if not words[at - 1][:1].isupper()), 0)
        if words[1][:1].islower() and words[1] not in PARTICLES and 2 <= len(words) - start <= 3:
            return " ".join(words[start:]), " ".join(words[:start])  # "Mechanical engineer Orhan Tunç"
    if len(words) < 3 or not all(map(is_cased, words)):
        return name, ""
    big = [word[:1].isupper() or word.lower() in PARTICLES for word in words]
    first = next((at for at, word in enumerate(words) if word[:1].isupper()), 0)
    if first and not _strip_titles(words[:first]):
        first = 0
        big[: len(words) - len(_strip_titles(words))] = [True] * (len(words) - len(_strip_titles(words)))
    if first:
        run = words[first:]
        return (" ".join(run), " ".join(words[:first])) if 2 <= len(run) <= 4 and all(big[first:]) else (name, "")
    end = next((at for at, is_big in enumerate(big) if not is_big), len(words))
    while end > 2 and words[end - 1].lower() in PARTICLES and end < len(words):
        end -= 1
    return (" ".join(words[:end]), " ".join(words[end:])) if 2 <= end < len(words) else (name, "")


def bare_credit(text: str, slanted: bool) -> str | None:
    """Return the line if it only consists of a name and a place, without a dash, as below a question; else None."""
    bare = text.strip()
    if not bare or len(bare) > 60 or len(bare.split()) > 8 or re.search(r"[.!?؟:;…][\"”»]?\Z", bare):
        return None
    parts = [part for part in _PARTED.split(bare) if part]
    cased = [word for word in bare.split() if is_cased(word) and word.lower() not in PARTICLES]
    capital = all(word.lstrip("(")[:1].isupper() for word in cased)
    return bare if slanted or (len(parts) > 1 and cased and capital) else None


def can_be_asker(text: str) -> bool:
    """Return whether a text can be a person with a place: "Maria from Tbilisi", "Maria, 34, Tbilisi"."""
    words = text.split()
    if len(words) > 1 and words[0] in HONORIFICS:
        words = words[1:]
    first = words[0]
    if len(words) > 9 or not (first[:1].isupper() or not is_cased(first)) or re.search(r"[?!:;@/؟]", text):
        return False
    return (
        len(words) == 1
        or first.endswith(",")
        or not is_cased(first)
        or any(word.lstrip("(")[:1].isupper() for word in words[1:])
    )


@lru_cache(maxsize=REMEMBERED)
def parse_speaker(text: str, lexicon: Lexicon) -> tuple[str, str] | None:
    """Return the name before a colon at the beginning of a paragraph, and the text after it; None without one."""
    found = _SPEAKER.match(text[:140])
    if not found:
        return None
    who = found[1].strip(EDGES)
    if SENTENCE_END.search(who):
        return None
    return (who, text[found.end() :].strip()) if is_name(parse_expert(who, lexicon).name, single=True) else None


@lru_cache(maxsize=REMEMBERED)
def signature(text: str) -> str | None:
    """Return the name in a line such as "— Maria, Tbilisi" or "(Maria, Tbilisi)", or None."""
    bare = text.strip()
    dashed = DASHED.match(bare)
    inside = bare[dashed.end() :] if dashed else bare[1:-1] if bare[:1] == "(" and bare[-1:] == ")" else None
    if (
        inside is None
        or len(inside) > 120
        or len(inside.split()) > 14
        or inside.rstrip().endswith(("?", "!", "؟", ":"))
    ):
        return None
    return inside.strip().rstrip(".") or None


@lru_cache(maxsize=REMEMBERED)
def parse_name_line(text: str, lexicon: Lexicon) -> Expert | None:
    """Parse a line that only consists of a name with a credit line, or return None."""
    bare = text.strip().rstrip(":：").strip()
    if len(bare) > 200 or re.search(r"[.!?؟][\"”»]?\Z", bare) or not _PARTED.search(bare):
        return None
    expert = parse_expert(bare, lexicon)
    return expert if expert.credit_line and is_name(expert.name) else None
