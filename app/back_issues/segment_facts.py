"""Describing a segment by facts that hold in any layout and language, from its format, its text and the lexicon."""

import re
from collections.abc import Iterator

from .edition_outline import QUESTION_MARK, is_question
from .issue_paragraph import LEADING_DASH
from .issue_words import Lexicon
from .lead_ins import (
    find_asker_after,
    find_guest,
    find_host,
    find_name_before_colon,
    is_expert_announcement,
    parse_asker,
    parse_lead_in,
)
from .printed_names import (
    CAPITAL,
    PARTICLES,
    can_be_asker,
    is_cased,
    is_name,
    parse_bare_credit,
    parse_expert,
    parse_name_line,
    parse_signature,
)
from .segments import BRACKETED_LABEL, Segment
from .unquoting import begins_quoted

NUMBER = re.compile(r"\W{0,3}(\d{1,2})[.)]\s+")  # "2. Why is the lake shrinking?"
HAN_OR_KANA = re.compile("[\u3040-\u9fff]")
LENGTHS = (0, 1, 2, 3, 5, 8, 13, 21, 34, 55)  # words
SHORT, LONG = 8, 25  # words
MAX_NAME_WORDS = 20  # of a segment that is parsed as a name
MAX_LEAD_IN_WORDS = 45
MAX_INTRO_WORDS = 60
MAX_CALL_LENGTH = 300  # characters that are searched for hints
LATEST_CALL_START = 60  # characters before a call for questions
LATEST_SIGNOFF_START = 3
# Two or more capitalised words that don't begin a sentence.
FULL_NAME = re.compile(
    rf"(?<![.!?]\s)(?<!\A)\b{CAPITAL}[\w’'-]+(?: (?:de|da|van|von|der|den|del|la|le|bin|al|du|di))* {CAPITAL}[\w’'-]+"
)


def describe_segment(segment: Segment, lexicon: Lexicon) -> set[str]:
    """Return the names of the facts that are true of a segment."""
    if segment.para.kind == "rule":
        return {"kind=rule"}
    text = segment.text
    word_count = max(len(text.split()), len(HAN_OR_KANA.findall(text)) // 2)
    return {
        *_describe_format(segment),
        *_describe_length(word_count),
        *_describe_punctuation(text),
        *_describe_names(segment, lexicon, word_count),
        *_describe_phrases(text, lexicon, word_count),
    }


def _describe_format(segment: Segment) -> Iterator[str]:
    para = segment.para
    yield f"kind={para.kind}"
    is_numbered = para.marker[:1].isdigit() or NUMBER.match(segment.text) is not None
    facts = {
        "bold": segment.is_bold,
        "italic": para.italic,
        "link": para.is_link,
        "numbered": is_numbered,
        "bullet": bool(para.marker) and not is_numbered,
        "starts later": not segment.begins_paragraph,
        "ends earlier": not segment.ends_paragraph,
        "joined": not para.is_separate,
    }
    yield from (name for name, is_true in facts.items() if is_true)


def _describe_length(word_count: int) -> Iterator[str]:
    yield f"words<={next((length for length in LENGTHS if word_count <= length), 'many')}"
    if word_count <= SHORT:
        yield "short"
    if word_count >= LONG:
        yield "long"


def _describe_punctuation(text: str) -> Iterator[str]:
    asks = is_question(text)
    has_colon = text.endswith((":", "："))
    has_full_stop = re.search(r"[.!…。！][\"”»’」]?\Z", text) is not None
    facts = {
        "asks": asks,
        "asks inside": not asks and QUESTION_MARK.search(text) is not None,
        "quoted": begins_quoted(text),
        "ends quoted": re.search(r'["”»“’」]\W*\Z', text) is not None,
        "colon": has_colon,
        "full stop": has_full_stop,
        "open end": not (asks or has_colon or has_full_stop),
        "dash": LEADING_DASH.match(text) is not None,
        "bracket": text[:1] in ("(", "（", "["),
        "comma first": text[:1] in (",", "،", "，"),
        "comma": re.search(r"[,،、，]", text) is not None,
        "digit": re.search(r"\d", text) is not None,
        "address": "@" in text or "://" in text,
        "bracketed label": BRACKETED_LABEL.fullmatch(text) is not None,
        "like a label": len(text) <= 12 and re.search(r"[.:：)）】]\Z", text) is not None,
        "sentences": sum(text.count(mark) for mark in ".!?。！？…؟") > 1,
    }
    yield from (name for name, is_true in facts.items() if is_true)


def _describe_names(segment: Segment, lexicon: Lexicon, word_count: int) -> Iterator[str]:
    text, in_italics = segment.text, segment.para.italic
    if word_count <= MAX_LEAD_IN_WORDS:
        if any(not name.isupper() or text.isupper() for name in FULL_NAME.findall(text)):
            yield "names someone"
        if text.endswith((":", "：")) and find_name_before_colon(text, lexicon):
            yield "name before colon"
    if word_count > MAX_NAME_WORDS:
        return
    yield f"capitals={_describe_capitals(text)}"
    facts = {
        "signature": parse_signature(text) is not None,
        "name line": parse_name_line(text, lexicon) is not None,
        "name": is_name(parse_expert(text, lexicon).name),
        "name and place": word_count <= SHORT and parse_bare_credit(text, in_italics) is not None,
        "possible asker": word_count <= SHORT and bool(text.strip(" *_")) and can_be_asker(text.strip(" *_")),
    }
    yield from (name for name, is_true in facts.items() if is_true)


def _describe_capitals(text: str) -> str:
    """Return how many words of a text begin with a capital letter."""
    words = re.findall(r"[^\W\d_]+", text)
    if not any(map(is_cased, words)):
        return "uncased" if words else "no words"
    share = sum(word[:1].isupper() or word.lower() in PARTICLES for word in words) / len(words)
    return "all" if share == 1 else "most" if share >= 0.6 else "some" if share >= 0.3 else "few"


def _describe_phrases(text: str, lexicon: Lexicon, word_count: int) -> Iterator[str]:
    start = text[:MAX_CALL_LENGTH]
    call = lexicon.call_for_questions.search(start)
    signoff = lexicon.signoffs.search(start)
    label = lexicon.match_question_label(text)
    answer_label = lexicon.match_answer_label(text)
    facts = {
        "question label": label is not None,
        "only question label": label is not None and label.end() == len(text) and not label["who"],
        "only answer label": answer_label is not None and answer_label.end() == len(text) and not answer_label["who"],
        "answer label": bool(answer_label or lexicon.answer_heading.match(text)),
        "asker after": word_count < SHORT * 2 and find_asker_after(text, lexicon) is not None,
        "guest": word_count <= MAX_INTRO_WORDS and find_guest(text, lexicon) is not None,
        "host": word_count <= MAX_INTRO_WORDS and find_host(text, lexicon) is not None,
        "announces experts": is_expert_announcement(text, lexicon),
        "reader": word_count < SHORT * 2 and lexicon.readers.search(text) is not None,
        "only reader": lexicon.only_readers.match(text) is not None,
        "first person": lexicon.first_person.search(start) is not None,
        "second person": lexicon.second_person.search(start) is not None,
        "note": lexicon.note.match(start) is not None,
        "salutation": lexicon.salutation.match(text[:120]) is not None,
        "call": call is not None,
        "begins with call": call is not None and call.start() <= LATEST_CALL_START,
        "sign-off": signoff is not None and signoff.start() <= LATEST_SIGNOFF_START,
        "strong hint": lexicon.strong_hints.search(start) is not None,
        "weak hint": word_count < LONG and lexicon.weak_hints.search(start) is not None,
        "veto": lexicon.vetoes.search(start) is not None,
        "bar": lexicon.bars.search(start) is not None,
    }
    yield from (name for name, is_true in facts.items() if is_true)
    if asker_line := parse_asker(text, lexicon):
        yield "asker"
        if asker_line.is_by_reader:
            yield "asker is reader"
        if not asker_line.rest.strip():
            yield "only asker"
    lead_in = parse_lead_in(text, lexicon) if word_count <= MAX_LEAD_IN_WORDS else None
    if lead_in:
        yield "lead-in"
        if not lead_in[1]:
            yield "only lead-in"
