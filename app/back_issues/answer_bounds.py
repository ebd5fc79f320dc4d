"""The answers to a question: by whom each is, and how far it goes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .edition_outline import QUESTION
from .issue_paragraph import Para
from .issue_words import Words
from .lead_ins import announces, guest, lead_in, named_before_colon
from .printed_names import Expert, expert_of, is_cased, is_name, name_line, signature, speaker
from .question_looks import Start
from .unquoting import begins_quoted, quoted_until

NOBODY = Expert()
MOST_LEADING = 45  # words of a line that leads somebody in
LONGEST_ANSWERS = 400  # paragraphs of all answers to one question


@dataclass
class Voice:
    """One answer. `led_in`: a line or a label names it as one; `open_end`: only the end of the edition ends it."""

    expert: Expert = NOBODY
    led_in: bool = False
    answer: list[str] = field(default_factory=list)
    open_end: bool = False


def answers_from(
    paras: Sequence[Para], at: int, start: Start, words: Words, known: Expert | None, begins: Callable[[int], bool]
) -> tuple[list[Voice], int]:
    """Read the answers that begin at a place; returns them and the place after the last."""
    voices: list[Voice] = []
    if start.inline:
        voices.append(Voice(known or NOBODY, answer=[start.inline]))
    last = min(len(paras), at + LONGEST_ANSWERS)
    while at < last:
        para = paras[at]
        if para.kind == "heading" and not voices and words.answer_heading.match(para.text):
            at += 1
            continue
        if _ends(paras, at, words) or (begins(at) and not _says_who_answers(para, words, bool(voices))):
            break
        led = _led(paras, at, words, known, bool(voices))
        if voices and voices[-1].answer and not voices[-1].expert.name and closing_credit(para, words):
            break
        if not led and not voices and _announces_others(paras, at, words, known):
            at += 1
            continue
        if led:
            voice, rest = led
            if voices and not voices[-1].answer and not (voice.expert.name and voice.expert != known):
                voice.expert = voices.pop().expert  # "The expert: ..." and then "The answer: ..."
            if rest:
                voice.answer.append(rest)
            voices.append(voice)
            at += 1
        elif not voices:
            voices.append(Voice(known or NOBODY))
            voices[-1].answer.append(para.text)
            at += 1
        else:
            voices[-1].answer.append(para.text)
            at += 1
        cut = _quotation_ends(paras, at, voices[-1], words, known)
        if cut is not None:
            at = cut
            if not (at < len(paras) and not _ends(paras, at, words) and _led(paras, at, words, known, True)):
                break
    if voices and at >= len(paras) and len(voices[-1].answer) > 1:
        voices[-1].open_end = quoted_until(voices[-1].answer) is None
    for voice in voices:
        _sign(voice, words)
    if voices and start.style == "letter" and _is_greeted(paras, at, start):
        voices[-1].expert = voices[-1].expert if voices[-1].expert.name else Expert(paras[at].text)
        at += 1
    return voices, at


def closing_credit(para: Para, words: Words) -> Expert | None:
    """Return whom a line below the answers names as the one who gave all of them."""
    if para.kind in ("heading", "rule") or para.words > 25 or para.text.rstrip().endswith((":", "：", "?")):
        return None
    if found := guest(para.text, words):
        return found
    led = lead_in(para.text, words)
    if led and not led[1]:
        return led[0]
    left, colon, right = para.text.partition(":")
    return name_line(right, words) if colon and len(left.split()) <= 3 and para.words <= 16 else None


def _is_greeted(paras: Sequence[Para], at: int, start: Start) -> bool:
    """Return whether a line below an answer is the name that the letter was written to."""
    return at < len(paras) and 0 < len(paras[at].text) < 40 and paras[at].text in start.rest


def _quotation_ends(paras: Sequence[Para], at: int, voice: Voice, words: Words, known: Expert | None) -> int | None:
    """Take the rest of an answer that is one quotation, and return the place after; None where it isn't."""
    if len(voice.answer) != 1:
        return None
    following: list[str] = []
    if not begins_quoted(voice.answer[0]):
        return None
    for number in range(at, min(len(paras), at + LONGEST_ANSWERS)):
        if _ends(paras, number, words) or lead_in(paras[number].text, words):
            break
        following.append(paras[number].text)
    count = quoted_until([*voice.answer, *following])
    if count is None:
        return None
    voice.answer += following[: count - 1]
    return at + count - 1


def _ends(paras: Sequence[Para], at: int, words: Words) -> bool:
    """Return whether no answer goes on at a place."""
    para = paras[at]
    if para.kind in ("heading", "rule"):
        return True
    start = para.text[:160]
    call = words.calls.search(start)
    signoff = words.signoffs.search(start)
    return bool(call and call.start() <= 60) or bool(signoff and signoff.start() <= 3)


def _says_who_answers(para: Para, words: Words, going: bool) -> bool:
    """Return whether a paragraph that might begin a question leads in an answer by its words."""
    if words.answer.match(para.text[:200]):
        return True
    return lead_in(para.text, words) is not None and not (going and QUESTION.search(para.text))


def _led(paras: Sequence[Para], at: int, words: Words, known: Expert | None, going: bool) -> tuple[Voice, str] | None:
    """Return whom a paragraph leads in, and what of the answer stands in it."""
    para = paras[at]
    if label := words.answer.match(para.text[:200]):
        rest = para.text[label.end() :].strip()
        labelled = expert_of(label["who"], words) if label["who"] else None
        spoken = speaker(rest, words)
        if labelled is None and spoken and (other := expert_of(spoken[0], words)).credit_line and is_name(other.name):
            labelled, rest = other, spoken[1]
        return Voice(_fuller(labelled, known) if labelled else known or NOBODY, led_in=True), rest
    if found := lead_in(para.text, words):
        expert, rest = found
        if rest or at + 1 < len(paras):
            return Voice(_fuller(expert, known), led_in=True), rest
    if led := _before_colon(paras, at, words, going):
        return led
    spoken = speaker(para.text, words)
    if spoken:
        named = expert_of(spoken[0], words)
        if known and _same(named, known):
            return Voice(known, led_in=True), spoken[1]
        if not going and is_name(named.name) and begins_quoted(spoken[1]):
            return Voice(named, led_in=True), spoken[1]
        marked = bool(para.head and spoken[0] in para.head) or para.strong
        if (
            (named.credit_line or marked)
            and is_name(named.name, single=marked)
            and (not going or named.credit_line or marked)
        ):
            return Voice(_fuller(named, known), led_in=True), spoken[1]
    if (not going or para.strong) and (line := name_line(para.text, words)) and at + 1 < len(paras):
        return Voice(line, led_in=True), ""
    return None


def _announces_others(paras: Sequence[Para], at: int, words: Words, known: Expert | None) -> bool:
    """Return whether a line such as "We put the question to two experts." stands above the first lead-in."""
    if at + 1 >= len(paras) or not announces(paras[at].text, words) or _ends(paras, at + 1, words):
        return False
    return _led(paras, at + 1, words, known, False) is not None


def _before_colon(paras: Sequence[Para], at: int, words: Words, going: bool) -> tuple[Voice, str] | None:
    """A line that ends with a colon, or a strong beginning that does, and names somebody."""
    para = paras[at]
    strong = bool(para.head) and para.head.rstrip().endswith((":", "："))
    whole = para.text.rstrip().endswith((":", "：")) and para.words <= MOST_LEADING and para.kind != "item"
    if at + 1 >= len(paras) or words.dear.match(para.text[:120]):
        return None
    if not strong and (not whole or (going and not begins_quoted(paras[at + 1].text))):
        return None
    said = para.head if strong else para.text
    expert = named_before_colon(said, words)
    if expert is None and strong and not going and not any(map(is_cased, said.split())):
        expert = expert_of(said, words)
    if expert is None or not is_name(expert.name):
        return None
    return Voice(expert, led_in=True), para.text[len(said) :].strip() if strong else ""


def _same(one: Expert, other: Expert) -> bool:
    """Return whether a label names somebody who was named in full before: "Harth" is Laura Harth."""
    short = one.name.rstrip(".")
    return other.name == short or other.name.split()[-1:] == [short] or other.name.split()[:1] == [short]


def _fuller(expert: Expert, known: Expert | None) -> Expert:
    return known if known and not expert.credit_line and _same(expert, known) else expert


def _sign(voice: Voice, words: Words) -> None:
    """Take the name below an answer for its expert where nobody was named above it; it is no part of the answer."""
    if len(voice.answer) < 2 or not (named := signature(voice.answer[-1])):
        return
    expert = expert_of(named, words)
    if is_name(expert.name, single=True):
        voice.answer.pop()
        if not voice.expert.name:
            voice.expert, voice.led_in = expert, True
