"""Finding the persons that an edition names, to complete a name that is only printed in part below an answer."""

import re
from collections.abc import Iterable, Iterator

from .issue_words import MAX_LABEL_LENGTH, Lexicon
from .lead_ins import CAPITALISED_WORDS
from .printed_names import (
    CAPITAL,
    EDGES,
    PARTICLES,
    TITLES,
    is_capitalised,
    is_name,
    parse_expert,
    parse_name_line,
    parse_signature,
    read_titles,
)

MAX_INITIALS = 3  # letters of "KA", which stand for a name
# The most frequent Chinese surnames.
SURNAMES = (
    "王李张張刘劉陈陳杨楊赵趙黄黃周吴吳徐孙孫胡朱高林何郭马馬罗羅梁宋郑鄭谢謝韩韓唐冯馮于董萧蕭程曹袁邓鄧许許傅沈曾彭吕呂苏蘇卢盧蒋蔣蔡贾賈丁魏薛"
    "叶葉阎余潘杜戴夏钟鍾汪田任姜范方石姚谭譚廖邹鄒熊金陆陸郝孔白崔康毛邱秦江史顾顧侯邵孟龙龍万萬段雷钱錢汤湯尹黎易常武乔喬贺賀赖賴龚龔文"
)
_TITLE = re.compile(r"\A(?:\w{1,5}\.\s)+")
_SENTENCE = re.compile(r"\w{5,}\. ")
_INITIAL = re.compile(r"[^\W\d_]\.")
_BY = re.compile(rf"\b(?:by|von|par|por|door|przez)\s(?={CAPITAL})")  # "Plain Circuits is written by Ines Aldana"
_ADDRESSES = "先生|女士|小姐|老师|老師|教授|律师|律師|医生|醫生|医师|醫師"
# "邵国栋先生", "許醫師": a name with what it is addressed by.
_ADDRESSED = re.compile(rf"(?:^|[，。、：；（(\s是])(?P<name>[{SURNAMES}][\u4e00-\u9fff]{{0,2}}?)(?={_ADDRESSES})")


def list_persons(texts: Iterable[str], lexicon: Lexicon) -> list[str]:
    """Return the names of two words or more in these texts, each once, with the titles before it, in order."""
    return list(dict.fromkeys(name for text in texts for name in iter_names(text, lexicon)))


def iter_names(text: str, lexicon: Lexicon) -> Iterator[str]:
    """Yield what may be a person's name in a text, with the titles before it."""
    for match in CAPITALISED_WORDS.finditer(text):
        name = match[0].strip()
        parts = [word for word in name.split() if word[:1].isupper() and not word.endswith(".")]
        has_short_part = any(len(part) == 1 for part in parts)  # "What I"
        if not is_capitalised(name) or has_short_part or _SENTENCE.search(name) or name.isupper() or not is_name(name):
            continue
        if lexicon.salutation.match(f"{name},") or lexicon.strong_hints.search(name) or lexicon.readers.match(name):
            continue
        yield read_titles(text, match.start()) + name.removesuffix("'s").removesuffix("’s")


def find_first_person(text: str, lexicon: Lexicon) -> str:
    """Return the first person whom a text names with credits, or else the first, or ""."""
    text = text[:MAX_LABEL_LENGTH]
    if addressed := _ADDRESSED.search(text):
        return addressed["name"]
    if writer := find_writer(text, lexicon):
        return writer
    signature = (parse_signature(text) or text).strip(EDGES + "()（）。.")
    for candidate in (signature, text.partition("：")[2]):
        expert = parse_name_line(candidate, lexicon) or parse_expert(candidate, lexicon)
        is_whole = candidate.startswith(expert.name) and (expert.credit_line or expert.name == candidate)
        if is_whole and is_name(expert.name, allows_single=candidate == signature != text):
            return expert.name
    names = list(iter_names(text, lexicon))
    credited = [name for name in names if re.search(rf"{re.escape(name)}, [a-zà-ÿ]", text)]
    return next(iter([*credited, *names]), "")


def find_writer(text: str, lexicon: Lexicon) -> str:
    """Return the person by whom something is, as a text says, or ""."""
    author = _BY.search(text)
    return next(iter_names(text[author.end() :], lexicon), "") if author else ""


def find_signer(text: str, lexicon: Lexicon) -> str:
    """Return the person whose name, after a dash or in brackets, is all of a text, or ""."""
    name = parse_expert(parse_signature(text) or "", lexicon).name
    return name if is_name(name, allows_single=True) else ""


def complete_name(name: str, persons: Iterable[str]) -> str:
    """Return the full name of a person: of "Stuart", "J. Ziemann" or "KA", if the edition has it.

    "Fachberater Jörg Ziemann" is "Jörg Ziemann", if that is what the edition has elsewhere.
    """
    persons = list(persons)
    words = _split_name(name)
    if not words or name.split()[0] in TITLES:
        return name
    titled = [person for person in persons if _split_name(person) == words and len(person) > len(name)]
    full_names = [person for person in persons if _is_short_for(words, _split_name(person))]
    others = [other for person in persons if len(other := _split_name(person)) > 2 and other[-2:] == words[-2:]]
    if len(words) > 2 and words[-2].lower() not in PARTICLES and any(other[:-2] != words[:-2] for other in others):
        return " ".join(words[-2:])  # two words that stand before the same name aren't part of it
    return next(iter([*titled, *full_names]), name)


def _split_name(name: str) -> list[str]:
    """Return the words of a name without titles."""
    return _TITLE.sub("", name).split()


def _is_short_for(mention: list[str], name: list[str]) -> bool:
    """Return whether a mention of a person, in words, stands for a full name."""
    if len(mention) == 1:
        initials = "".join(word[0] for word in name)
        return mention[0] in (name[0], name[-1]) or (len(mention[0]) <= MAX_INITIALS and mention[0] == initials)
    if len(mention) == 2 and _INITIAL.fullmatch(mention[0]):
        return mention[1] == name[-1] and mention[0][0] == name[0][0]
    return len(mention) >= 3 and mention[1:] == name
