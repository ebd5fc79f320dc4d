"""Finding the Q&As of an edition: where a reader's question begins, who answers it, and where the answer ends.

A question only counts if the edition says that a reader asked it: in the line above it, in the heading or introduction
of its section, or by a label in a section that invites questions. Articles also ask their readers things, interviews
ask someone else, and a quiz knows the answer. Texts are never altered: a block has the words of its paragraphs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from .answer_bounds import Voice, closing_credit, parse_answers
from .edition_outline import QUESTION, Scope, build_scope, mark_headings, remove_extras
from .issue_paragraph import Para
from .issue_words import Lexicon, get_lexicon, known_languages, language_of
from .lead_ins import find_guest, find_host, parse_asker
from .printed_names import Expert
from .question_ends import extract_askers, read_question
from .question_looks import Start
from .question_starts import find_question_start
from .section_names import get_section_names
from .unquoting import strip_quotation_marks

MOST_PARAGRAPHS = 20_000  # of one edition; a long one has two hundred
LONGEST_HEADING = 120  # characters of a paragraph that may tell the language of the section
MOST_THANKS = 12  # words of a line that thanks the asker


@dataclass(frozen=True)
class Block:
    """One expert's answer to one question, as printed. With `by_many`, the edition says that several readers asked.

    `unsure` lists codes of `DOUBTS`.
    """

    section: str
    headline: str
    question: tuple[str, ...]
    askers: tuple[str, ...]
    expert: Expert
    answer: tuple[str, ...]
    day: date | None = None
    language: str = "en"
    by_many: bool = False
    unsure: tuple[str, ...] = ()


DOUBTS = ("date", "reader", "question", "expert", "end")


@dataclass
class _Walk:
    """The state of the search in an edition."""

    paras: Sequence[Para]
    words: Lexicon
    scope: Scope | None = None
    guest: Expert | None = None
    guest_level: int = 0
    style: str = ""
    experts: dict[str, Expert] = field(default_factory=dict)  # by name, with the credits of their first mention
    announced: bool = False  # whether a heading of this edition says that readers ask
    blocks: list[Block] = field(default_factory=list)
    firsts: list[int] = field(default_factory=list)  # where the question of each block begins


def blocks_of(paras: Sequence[Para], language: str = "") -> list[Block]:
    """Find the Q&As in an edition's paragraphs, in order; without a `language`, guess it."""
    language = language or language_of(para.text for para in paras)
    if found := _blocks_in(paras, language):
        return found
    # The guess can be wrong if much of an edition is in another language than its questions.
    others = (one for one in known_languages() if one != language and _mentions_readers(paras, get_lexicon(one)))
    return next(filter(None, (_blocks_in(paras, one) for one in others)), [])


def _mentions_readers(paras: Sequence[Para], lexicon: Lexicon) -> bool:
    """Return whether a short paragraph mentions readers' questions in a language other than English."""
    short = (one.text for one in paras[:MOST_PARAGRAPHS] if 0 < len(one.text) <= LONGEST_HEADING)
    return lexicon.language != "en" and any(lexicon.own.search(text) for text in short)


def _blocks_in(paras: Sequence[Para], language: str) -> list[Block]:
    """Find the Q&As with the lexicon of a language."""
    words = get_lexicon(language)
    ready = mark_headings(remove_extras(paras[:MOST_PARAGRAPHS], words), words)
    walk = _Walk(ready, words)
    walk.announced = any(
        one.kind == "heading" and (words.strong.search(one.text) or words.weak.search(one.text)) for one in ready
    )
    at = 0
    while at < len(ready):
        para = ready[at]
        _leave_scopes(walk, at)
        start = find_question_start(ready, at, words, walk.scope, walk.style)
        after = _read_qa(walk, at, start) if start else None
        if after is not None:
            at = after
            continue
        if para.kind == "heading":
            _enter_scope(walk, at)
        elif para.kind != "rule":
            _read_intro(walk, para)
        at += 1
    return _interviewers_left_out([replace(block, language=language) for block in walk.blocks])


def _leave_scopes(walk: _Walk, index: int) -> None:
    while walk.scope is not None and index >= walk.scope.end:
        if walk.guest_level >= walk.scope.level:
            walk.guest = None
        walk.scope, walk.style = walk.scope.around, ""


def _enter_scope(walk: _Walk, index: int) -> None:
    walk.scope = build_scope(walk.paras, index, walk.words, walk.scope)
    if found := find_guest(walk.paras[index].text, walk.words):
        walk.guest, walk.guest_level = found, walk.scope.level


def _read_intro(walk: _Walk, para: Para) -> None:
    """Learn from an introduction whether readers ask the questions that follow, and who answers them."""
    if walk.scope is None:
        walk.scope = Scope(
            "", 0, 0, next((at for at, one in enumerate(walk.paras) if one.kind == "heading"), len(walk.paras))
        )
    scope, words = walk.scope, walk.words
    strong = words.strong.search(para.text) is not None
    if found := find_guest(para.text, words) or (find_host(para.text, words) if strong or scope.strong else None):
        walk.guest, walk.guest_level = found, scope.level
    said = strong and not words.calls.search(para.text) and para.kind != "item" and para.words > 3
    if said and not (scope.level <= 1 and walk.announced):
        scope.strong = True
    bar, veto = words.bars.search(para.text), words.vetoes.search(para.text)
    if (bar and not words.advert_label.match(bar[0])) or (veto and not any(one.strong for one in scope.chain)):
        scope.barred = True


def _read_qa(walk: _Walk, index: int, start: Start) -> int | None:
    """Read a question with its answers, and return the index after them; None without answers, or if no reader asks."""
    paras, words = walk.paras, walk.words
    if not _can_be_from_reader(walk, start):
        return None
    question, after = read_question(paras, index, start, words)
    who, question, after = extract_askers(paras, question, after, start, words)
    first = strip_quotation_marks(question)
    if not any(QUESTION.search(part) for part in first):
        return None
    known = walk.guest

    def begins(place: int) -> bool:
        return find_question_start(paras, place, words, walk.scope, start.style) is not None

    voices, end = parse_answers(paras, after, start, words, known, begins)
    voices = [voice for voice in voices if voice.answer]
    if end < len(paras) and voices and (closing := closing_credit(paras[end], words)):
        _credit_all(walk, closing, voices)
        end += 1
    if not voices or not any(first) or not _is_from_reader(walk, start, who, voices):
        return None
    section, headline = get_section_names(walk.scope, index, start.style, walk.words)
    above = parse_asker(headline, words) if headline else None  # a heading that only says who asks
    if above and not above.rest and not start.who and not who:
        headline, who = "", [above.who]
    if not start.who and not who:
        who = _take_thanks(voices[-1].answer, words)
        if not who and _is_closing_line(paras, end):
            who = _take_thanks(["", paras[end].text], words)
            end += bool(who)
    askers = tuple(dict.fromkeys(filter(None, [start.who, *who])))
    doubts = [code for code, holds in (("reader", start.doubtful), ("question", start.style == "plain")) if holds]
    for voice in voices:
        voice.expert = _resolve_expert(walk, voice.expert)
        unsure = [*doubts, *(["end"] if voice.open_end else [])]
        if not voice.expert.name:
            unsure.append("expert")
        walk.firsts.append(index)
        walk.blocks.append(
            Block(
                section,
                headline,
                tuple(first),
                askers,
                voice.expert,
                tuple(strip_quotation_marks(voice.answer)),
                by_many=words.asked_many.match(paras[index].text[:200]) is not None,
                unsure=tuple(unsure),
            )
        )
    walk.style = walk.style or start.style
    return max(end, index + 1)


def _is_closing_line(paras: Sequence[Para], index: int) -> bool:
    """Return whether a paragraph is the last of its section and not a lead-in."""
    alone = index < len(paras) and paras[index].kind == "text" and not paras[index].text.rstrip().endswith((":", "："))
    return alone and (index + 1 == len(paras) or paras[index + 1].kind in ("heading", "rule"))


def _take_thanks(answer: list[str], lexicon: Lexicon) -> list[str]:
    """Remove a last line that only thanks the asker from an answer, and return the asker's name, if any."""
    last = answer[-1]
    found = parse_asker(last, lexicon) if len(answer) > 1 and len(last.split()) <= MOST_THANKS else None
    if not found or found.rest.strip(" .!"):
        return []
    answer.pop()
    return [found.who] if found.who else []


def _resolve_expert(walk: _Walk, expert: Expert) -> Expert:
    """Return the expert as first named in the edition, as later mentions are only "Dr. Dube" or the name alone."""
    if expert.name and not expert.credit_line and not expert.relation:
        last = expert.name.split()[-1]
        same = (one for name, one in walk.experts.items() if name == expert.name or name.split()[-1] == last)
        expert = next(same, expert)
    if expert.name:
        walk.experts.setdefault(expert.name, expert)
    return expert


def _credit_all(walk: _Walk, expert: Expert, voices: Sequence[Voice]) -> None:
    """Set the expert of all answers in a section without one, for a section that names its expert in the last line."""
    for voice in voices:
        voice.expert = voice.expert if voice.expert.name else expert
    for number, block in enumerate(walk.blocks):
        if walk.scope is not None and walk.firsts[number] >= walk.scope.start and not block.expert.name:
            walk.blocks[number] = replace(
                block, expert=expert, unsure=tuple(code for code in block.unsure if code != "expert")
            )


def _can_be_from_reader(walk: _Walk, start: Start) -> bool:
    """Return whether a question could still turn out to be a reader's, to skip the costly parsing of most others."""
    return start.by_reader or not (walk.scope is not None and walk.scope.is_barred)


def _is_from_reader(walk: _Walk, start: Start, credits: Sequence[str], voices: Sequence[Voice]) -> bool:
    """Return whether the edition says that a reader asked this."""
    scope = walk.scope
    if scope is not None and scope.is_barred and not start.by_reader:
        return False
    if start.by_reader or (scope is not None and scope.is_about_readers):
        return True
    led = any(voice.led_in for voice in voices)
    may = scope is not None and scope.may_be_about_readers
    if start.announced and start.who:
        return led or may
    if start.style == "label":
        return may or (bool(credits) and led)
    return bool(credits) and (led or may)


def _interviewers_left_out(blocks: list[Block]) -> list[Block]:
    """Remove the asker if three or more questions all name the same one, who is the interviewer and not a reader."""
    named = [block.askers for block in blocks]
    if len({block.question for block in blocks}) >= 3 and len(set(named)) == 1 and named[0]:
        return [replace(block, askers=()) for block in blocks]
    return blocks


def as_data(block: Block, file: str) -> dict[str, Any]:
    """Return a block as data for `readers-asked editions import --dry-run --json`; what is unknown is None or empty."""
    expert = block.expert
    return {
        "file": file,
        "edition_date": block.day.isoformat() if block.day else None,
        "section": block.section or None,
        "headline": block.headline or None,
        "question": "\n\n".join(block.question),
        "askers": list(block.askers),
        "lead_in": {
            "name": expert.name or None,
            "credit_line": expert.credit_line or None,
            "relation": expert.relation or None,
        },
        "answer": list(block.answer),
        "unsure": list(block.unsure),
    }
