"""Finding the answers to a question: the expert of each, and where it ends."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .edition_outline import QUESTION
from .issue_paragraph import Para
from .issue_words import Lexicon
from .lead_ins import find_guest, find_name_before_colon, is_expert_announcement, parse_lead_in
from .printed_names import Expert, is_cased, is_name, parse_expert, parse_name_line, parse_speaker, signature
from .question_looks import Start
from .unquoting import begins_quoted, count_quoted_paragraphs

NOBODY = Expert()
MOST_LEADING = 45  # words of a lead-in
LONGEST_ANSWERS = 400  # paragraphs of all answers to one question


@dataclass
class Voice:
    """One answer. With `led_in`, a lead-in or label introduces it; with `open_end`, only the edition's end ends it."""

    expert: Expert = NOBODY
    led_in: bool = False
    answer: list[str] = field(default_factory=list)
    open_end: bool = False


def parse_answers(
    paras: Sequence[Para],
    index: int,
    start: Start,
    lexicon: Lexicon,
    section_expert: Expert | None,
    begins: Callable[[int], bool],
) -> tuple[list[Voice], int]:
    """Parse the answers that begin at `index`; return them and the index after the last.

    `section_expert` answers where no other is named. `begins` returns whether a question begins at an index.
    """
    voices: list[Voice] = []
    if start.inline:
        voices.append(Voice(section_expert or NOBODY, answer=[start.inline]))
    last = min(len(paras), index + LONGEST_ANSWERS)
    while index < last:
        para = paras[index]
        if para.kind == "heading" and not voices and lexicon.answer_heading.match(para.text):
            index += 1
            continue
        if _is_answer_end(paras, index, lexicon) or (
            begins(index) and not _says_who_answers(para, lexicon, bool(voices))
        ):
            break
        led = _start_voice(paras, index, lexicon, section_expert, bool(voices))
        if voices and voices[-1].answer and not voices[-1].expert.name and closing_credit(para, lexicon):
            break
        if not led and not voices and _announces_others(paras, index, lexicon, section_expert):
            index += 1
            continue
        if led:
            voice, rest = led
            if voices and not voices[-1].answer and not (voice.expert.name and voice.expert != section_expert):
                voice.expert = voices.pop().expert  # "The expert: ..." and then "The answer: ..."
            if rest:
                voice.answer.append(rest)
            voices.append(voice)
            index += 1
        elif not voices:
            voices.append(Voice(section_expert or NOBODY))
            voices[-1].answer.append(para.text)
            index += 1
        else:
            voices[-1].answer.append(para.text)
            index += 1
        cut = _append_quotation(paras, index, voices[-1], lexicon, section_expert)
        if cut is not None:
            index = cut
            if not (
                index < len(paras)
                and not _is_answer_end(paras, index, lexicon)
                and _start_voice(paras, index, lexicon, section_expert, True)
            ):
                break
    if voices and index >= len(paras) and len(voices[-1].answer) > 1:
        voices[-1].open_end = count_quoted_paragraphs(voices[-1].answer) is None
    for voice in voices:
        _take_signature(voice, lexicon)
    if voices and start.style == "letter" and _is_greeted(paras, index, start):
        voices[-1].expert = voices[-1].expert if voices[-1].expert.name else Expert(paras[index].text)
        index += 1
    return voices, index


def closing_credit(para: Para, lexicon: Lexicon) -> Expert | None:
    """Return the expert whom a line below the answers names as the author of all of them, or None."""
    if para.kind in ("heading", "rule") or para.words > 25 or para.text.rstrip().endswith((":", "：", "?")):
        return None
    if found := find_guest(para.text, lexicon):
        return found
    led = parse_lead_in(para.text, lexicon)
    if led and not led[1]:
        return led[0]
    left, colon, right = para.text.partition(":")
    return parse_name_line(right, lexicon) if colon and len(left.split()) <= 3 and para.words <= 16 else None


def _is_greeted(paras: Sequence[Para], index: int, start: Start) -> bool:
    """Return whether the line below an answer is a name from the letter's salutation."""
    return index < len(paras) and 0 < len(paras[index].text) < 40 and paras[index].text in start.rest


def _append_quotation(
    paras: Sequence[Para], index: int, voice: Voice, lexicon: Lexicon, section_expert: Expert | None
) -> int | None:
    """If the answer is one quotation, append its other paragraphs and return the index after it; otherwise None."""
    if len(voice.answer) != 1:
        return None
    following: list[str] = []
    if not begins_quoted(voice.answer[0]):
        return None
    for number in range(index, min(len(paras), index + LONGEST_ANSWERS)):
        if _is_answer_end(paras, number, lexicon) or parse_lead_in(paras[number].text, lexicon):
            break
        following.append(paras[number].text)
    count = count_quoted_paragraphs([*voice.answer, *following])
    if count is None:
        return None
    voice.answer += following[: count - 1]
    return index + count - 1


def _is_answer_end(paras: Sequence[Para], index: int, lexicon: Lexicon) -> bool:
    """Return whether a paragraph ends the answers: a heading, a rule, a call for questions or a sign-off."""
    para = paras[index]
    if para.kind in ("heading", "rule"):
        return True
    start = para.text[:160]
    call = lexicon.calls.search(start)
    signoff = lexicon.signoffs.search(start)
    return bool(call and call.start() <= 60) or bool(signoff and signoff.start() <= 3)


def _says_who_answers(para: Para, lexicon: Lexicon, going: bool) -> bool:
    """Return whether a paragraph that looks like a question is in fact a label or lead-in of an answer."""
    if lexicon.answer.match(para.text[:200]):
        return True
    return parse_lead_in(para.text, lexicon) is not None and not (going and QUESTION.search(para.text))


def _start_voice(
    paras: Sequence[Para], index: int, lexicon: Lexicon, section_expert: Expert | None, going: bool
) -> tuple[Voice, str] | None:
    """Return the voice that a paragraph introduces and the part of the answer in it, or None.

    `going` means that another answer has begun.
    """
    para = paras[index]
    if label := lexicon.answer.match(para.text[:200]):
        rest = para.text[label.end() :].strip()
        labelled = parse_expert(label["who"], lexicon) if label["who"] else None
        spoken = parse_speaker(rest, lexicon)
        if (
            labelled is None
            and spoken
            and (other := parse_expert(spoken[0], lexicon)).credit_line
            and is_name(other.name)
        ):
            labelled, rest = other, spoken[1]
        return Voice(
            _prefer_full_name(labelled, section_expert) if labelled else section_expert or NOBODY, led_in=True
        ), rest
    if found := parse_lead_in(para.text, lexicon):
        expert, rest = found
        if rest or index + 1 < len(paras):
            return Voice(_prefer_full_name(expert, section_expert), led_in=True), rest
    if led := _parse_name_before_colon(paras, index, lexicon, going):
        return led
    spoken = parse_speaker(para.text, lexicon)
    if spoken:
        named = parse_expert(spoken[0], lexicon)
        if section_expert and _is_same_expert(named, section_expert):
            return Voice(section_expert, led_in=True), spoken[1]
        if not going and is_name(named.name) and begins_quoted(spoken[1]):
            return Voice(named, led_in=True), spoken[1]
        marked = bool(para.head and spoken[0] in para.head) or para.strong
        if (
            (named.credit_line or marked)
            and is_name(named.name, single=marked)
            and (not going or named.credit_line or marked)
        ):
            return Voice(_prefer_full_name(named, section_expert), led_in=True), spoken[1]
    if (not going or para.strong) and (line := parse_name_line(para.text, lexicon)) and index + 1 < len(paras):
        return Voice(line, led_in=True), ""
    return None


def _announces_others(paras: Sequence[Para], index: int, lexicon: Lexicon, section_expert: Expert | None) -> bool:
    """Return whether this is a line such as "We put the question to two experts." above the first lead-in."""
    if (
        index + 1 >= len(paras)
        or not is_expert_announcement(paras[index].text, lexicon)
        or _is_answer_end(paras, index + 1, lexicon)
    ):
        return False
    return _start_voice(paras, index + 1, lexicon, section_expert, False) is not None


def _parse_name_before_colon(
    paras: Sequence[Para], index: int, lexicon: Lexicon, going: bool
) -> tuple[Voice, str] | None:
    """Return the voice and the rest for a line, or its bold beginning, that ends with a colon and names someone."""
    para = paras[index]
    strong = bool(para.head) and para.head.rstrip().endswith((":", "："))
    whole = para.text.rstrip().endswith((":", "：")) and para.words <= MOST_LEADING and para.kind != "item"
    if index + 1 >= len(paras) or lexicon.dear.match(para.text[:120]):
        return None
    if not strong and (not whole or (going and not begins_quoted(paras[index + 1].text))):
        return None
    said = para.head if strong else para.text
    expert = find_name_before_colon(said, lexicon)
    if expert is None and strong and not going and not any(map(is_cased, said.split())):
        expert = parse_expert(said, lexicon)
    if expert is None or not is_name(expert.name):
        return None
    return Voice(expert, led_in=True), para.text[len(said) :].strip() if strong else ""


def _is_same_expert(mention: Expert, expert: Expert) -> bool:
    """Return whether a short name refers to an expert named in full before, as "Harth" to Laura Harth."""
    short = mention.name.rstrip(".")
    return expert.name == short or expert.name.split()[-1:] == [short] or expert.name.split()[:1] == [short]


def _prefer_full_name(expert: Expert, section_expert: Expert | None) -> Expert:
    return (
        section_expert
        if section_expert and not expert.credit_line and _is_same_expert(expert, section_expert)
        else expert
    )


def _take_signature(voice: Voice, lexicon: Lexicon) -> None:
    """Remove a signature from the end of an answer; if the answer had no expert, it becomes the expert."""
    if len(voice.answer) < 2 or not (named := signature(voice.answer[-1])):
        return
    expert = parse_expert(named, lexicon)
    if is_name(expert.name, single=True):
        voice.answer.pop()
        if not voice.expert.name:
            voice.expert, voice.led_in = expert, True
