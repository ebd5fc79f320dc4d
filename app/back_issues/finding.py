"""Finding the Q&As of an edition: where a reader's question begins, who answers it, and where the answer ends.

A question only counts if the edition shows that a reader asked it: in the line above it, or in the heading or
introduction of its section. A label ("Q:") or an asker's name needs a further hint, such as a heading about questions.
All other questions are those of an article, an interviewer or a quiz.

Labels, numbers, names and quotation marks around a text are removed, but its words never change.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import takewhile
from typing import Any

from .answer_bounds import FoundAnswer, parse_answers, parse_closing_credit
from .edition_outline import QUESTION_MARK, Scope, build_scope, mark_headings, remove_extras
from .issue_paragraph import Para
from .issue_words import MAX_PREFIX_LENGTH, Lexicon, get_lexicon, guess_edition_language, known_languages
from .lead_ins import find_guest, find_host, parse_asker
from .printed_names import PrintedExpert
from .question_ends import extract_askers, read_question
from .question_looks import Start
from .question_starts import find_question_start
from .section_names import get_section_names
from .unquoting import begins_quoted, strip_quotation_marks

MAX_EDITION_PARAGRAPHS = 20_000  # a long edition has two hundred
MAX_HINT_LENGTH = 120  # characters; longer paragraphs aren't searched for mentions of readers' questions
CONTEXT = 2  # paragraphs above and below a Q&A that `FoundQA.source` includes
MAX_THANKS_WORDS = 12  # of a line that thanks the asker
# Reasons to check a Q&A: its date is unknown, a reader may not have asked it, it may not be a question, its expert is
# unknown, or its answer may end earlier.
DOUBTS = ("date", "reader", "question", "expert", "end")


@dataclass(frozen=True)
class FoundQA:
    """One expert's answer to one question, as printed.

    - day, language: those of the edition.
    - by_many: whether the edition says that several readers asked.
    - unsure: which of `DOUBTS` apply.
    - source: the paragraphs from which it was read, and some around them, each with its index in the edition.
    """

    section: str
    headline: str
    question: tuple[str, ...]
    askers: tuple[str, ...]
    expert: PrintedExpert
    answer: tuple[str, ...]
    day: date | None = None
    language: str = "en"
    by_many: bool = False
    unsure: tuple[str, ...] = ()
    source: tuple[tuple[int, str], ...] = ()


@dataclass
class _Search:
    """The state of the search in an edition.

    - scope: the innermost scope around the current paragraph.
    - guest, guest_level: the expert whom an introduction presents, and the level of the heading above it.
    - style: how the questions of the current scope are marked (`Start.style`).
    - experts: those found so far, by name, as first mentioned.
    - has_readers_heading: whether a heading of this edition may say that readers ask.
    - question_indexes: for each of `qas`, the index at which its question begins.
    """

    paras: Sequence[Para]
    lexicon: Lexicon
    scope: Scope | None = None
    guest: PrintedExpert | None = None
    guest_level: int = 0
    style: str = ""
    experts: dict[str, PrintedExpert] = field(default_factory=dict)
    has_readers_heading: bool = False
    qas: list[FoundQA] = field(default_factory=list)
    question_indexes: list[int] = field(default_factory=list)


def find_qas(paras: Sequence[Para], language: str = "") -> list[FoundQA]:
    """Find the Q&As in an edition's paragraphs, in order; without a `language`, guess it."""
    language = language or guess_edition_language(para.text for para in paras)
    if qas := _find_qas_in_language(paras, language):
        return qas
    # The guess can be wrong if much of an edition is in another language than its questions.
    for other in known_languages():
        if other == language or not _mentions_readers(paras, get_lexicon(other)):
            continue
        if qas := _find_qas_in_language(paras, other):
            return qas
    return []


def _mentions_readers(paras: Sequence[Para], lexicon: Lexicon) -> bool:
    """Return whether a short paragraph mentions readers' questions in a language other than English."""
    if lexicon.language == "en":
        return False
    short_texts = [para.text for para in paras[:MAX_EDITION_PARAGRAPHS] if 0 < len(para.text) <= MAX_HINT_LENGTH]
    return any(lexicon.native_strong_hints.search(text) for text in short_texts)


def _find_qas_in_language(paras: Sequence[Para], language: str) -> list[FoundQA]:
    """Find the Q&As with the lexicon of a language."""
    lexicon = get_lexicon(language)
    prepared = mark_headings(remove_extras(paras[:MAX_EDITION_PARAGRAPHS], lexicon), lexicon)
    search = _Search(prepared, lexicon)
    search.has_readers_heading = any(
        lexicon.strong_hints.search(para.text) or lexicon.weak_hints.search(para.text)
        for para in prepared
        if para.kind == "heading"
    )
    index = 0
    while index < len(prepared):
        para = prepared[index]
        _leave_scopes(search, index)
        start = find_question_start(prepared, index, lexicon, search.scope, search.style)
        next_index = _read_qa(search, index, start) if start else None
        if next_index is not None:
            index = next_index
            continue
        if para.kind == "heading":
            _enter_scope(search, index)
        elif para.kind != "rule":
            _apply_intro(search, para)
        index += 1
    return _remove_interviewer([replace(qa, language=language) for qa in search.qas])


def _leave_scopes(search: _Search, index: int) -> None:
    while search.scope is not None and index >= search.scope.end:
        if search.guest_level >= search.scope.level:
            search.guest = None
        search.scope = search.scope.parent
        search.style = ""


def _enter_scope(search: _Search, index: int) -> None:
    search.scope = build_scope(search.paras, index, search.lexicon, search.scope)
    if guest := find_guest(search.paras[index].text, search.lexicon):
        search.guest = guest
        search.guest_level = search.scope.level


def _apply_intro(search: _Search, para: Para) -> None:
    """Update the search if a paragraph says whether readers ask the questions that follow, or who answers them."""
    scope = search.scope or _build_untitled_scope(search.paras)
    search.scope = scope
    lexicon = search.lexicon
    has_strong_hint = lexicon.strong_hints.search(para.text) is not None
    guest = find_guest(para.text, lexicon)
    if guest is None and (has_strong_hint or scope.has_strong_hint):
        guest = find_host(para.text, lexicon)
    if guest:
        search.guest = guest
        search.guest_level = scope.level
    # If a heading says that readers ask, an introduction above all sections only announces that heading's section.
    is_about_scope = scope.level > 1 or scope.has_weak_hint or not search.has_readers_heading
    if has_strong_hint and is_about_scope and _is_intro_sentence(para, lexicon):
        scope.has_strong_hint = True
    if _excludes_readers(para, scope, lexicon):
        scope.excludes_readers = True


def _build_untitled_scope(paras: Sequence[Para]) -> Scope:
    """Build the scope of the paragraphs above the first heading."""
    paras_above = list(takewhile(lambda para: para.kind != "heading", paras))
    return Scope(heading="", level=0, start=0, end=len(paras_above))


def _is_intro_sentence(para: Para, lexicon: Lexicon) -> bool:
    """Return whether a paragraph may introduce questions, unlike a list item, a few words or a call for questions."""
    return para.kind != "item" and para.word_count > 3 and not lexicon.call_for_questions.search(para.text)


def _excludes_readers(para: Para, scope: Scope, lexicon: Lexicon) -> bool:
    """Return whether an introduction says that the questions aren't from readers."""
    bar = lexicon.bars.search(para.text)
    if bar and not lexicon.advert_label.match(bar[0]):  # "Advertisement" is about the next paragraph only
        return True
    has_veto = lexicon.vetoes.search(para.text) is not None
    return has_veto and not any(outer.has_strong_hint for outer in scope.chain)


def _read_qa(search: _Search, index: int, start: Start) -> int | None:
    """Add the Q&As of the question that begins at `index`, and return the index after its answers.

    Return None if it has no question mark or no answer, or if no reader asks it.
    """
    paras = search.paras
    lexicon = search.lexicon
    if not _can_be_from_reader(search, start):
        return None
    texts, next_index = read_question(paras, index, start, lexicon)
    askers, texts, next_index = extract_askers(paras, texts, next_index, start, lexicon)
    question = strip_quotation_marks(texts)
    if not any(QUESTION_MARK.search(text) for text in question):
        return None

    def begins_question(other_index: int) -> bool:
        return find_question_start(paras, other_index, lexicon, search.scope, start.style) is not None

    answers, end = parse_answers(paras, next_index, start, lexicon, search.guest, begins_question)
    answers = [answer for answer in answers if answer.paragraphs]
    if not answers:
        return None
    if end < len(paras) and (credited_expert := parse_closing_credit(paras[end], lexicon)):
        _set_missing_experts(search, credited_expert, answers)
        end += 1
    if not _is_from_reader(search, start, askers, answers):
        return None
    section, headline = get_section_names(search.scope, index, start.style, lexicon)
    if start.asker:
        askers = [start.asker, *askers]
    if not askers and headline:
        asker_line = parse_asker(headline, lexicon)
        if asker_line and not asker_line.rest:  # a heading that only says who asks
            headline = ""
            askers = [asker_line.asker]
    if not askers:
        askers, end = _find_thanks(paras, end, answers[-1], lexicon)
    source = _get_source(paras, index, end)
    for answer in answers:
        answer.expert = _resolve_expert(search, answer.expert)
        search.question_indexes.append(index)
        search.qas.append(
            FoundQA(
                section,
                headline,
                question=tuple(question),
                askers=tuple(dict.fromkeys(filter(None, askers))),
                expert=answer.expert,
                answer=tuple(strip_quotation_marks(answer.paragraphs)),
                by_many=lexicon.several_askers.match(paras[index].text[:MAX_PREFIX_LENGTH]) is not None,
                unsure=tuple(_list_doubts(start, answer)),
                source=source,
            )
        )
    search.style = search.style or start.style
    return max(end, index + 1)


def _get_source(paras: Sequence[Para], start: int, end: int) -> tuple[tuple[int, str], ...]:
    """Return the paragraphs between two indexes and CONTEXT more on either side, each with its index."""
    indexes = range(max(start - CONTEXT, 0), min(end + CONTEXT, len(paras)))
    return tuple((index, paras[index].text) for index in indexes if paras[index].text)


def _list_doubts(start: Start, answer: FoundAnswer) -> Iterator[str]:
    """Yield the codes of `DOUBTS` that apply to an answer."""
    if start.is_doubtful:
        yield "reader"
    if start.style == "plain":
        yield "question"
    if answer.ends_with_edition:
        yield "end"
    if not answer.expert.name:
        yield "expert"


def _find_thanks(paras: Sequence[Para], end: int, last_answer: FoundAnswer, lexicon: Lexicon) -> tuple[list[str], int]:
    """Find the asker in a line of thanks, which is the last paragraph of the last answer or stands below it.

    Remove the line from the answer. Return a list of the asker, if any, and the index after the line.
    """
    askers = _pop_thanks(last_answer.paragraphs, lexicon)
    if askers or not _is_closing_line(paras, end):
        return askers, end
    asker = _parse_thanks(paras[end].text, lexicon)
    return ([asker], end + 1) if asker else ([], end)


def _is_closing_line(paras: Sequence[Para], index: int) -> bool:
    """Return whether a paragraph is the last of its section and not a lead-in."""
    if index >= len(paras) or paras[index].kind != "text" or paras[index].text.rstrip().endswith((":", "：")):
        return False
    return index + 1 == len(paras) or paras[index + 1].kind in ("heading", "rule")


def _pop_thanks(answer: list[str], lexicon: Lexicon) -> list[str]:
    """If the last line of an answer only thanks the asker, remove it; return the asker's name, if any."""
    if len(answer) < 2:
        return []
    asker = _parse_thanks(answer[-1], lexicon)
    if asker is None:
        return []
    answer.pop()
    return [asker] if asker else []


def _parse_thanks(line: str, lexicon: Lexicon) -> str | None:
    """Return the asker whom a line thanks, or "" for unnamed readers; None if the line says anything else."""
    if len(line.split()) > MAX_THANKS_WORDS or begins_quoted(line):
        return None
    asker_line = parse_asker(line, lexicon)
    if asker_line is None or asker_line.rest.strip(" .!"):
        return None
    return asker_line.asker


def _resolve_expert(search: _Search, expert: PrintedExpert) -> PrintedExpert:
    """Return the expert, and remember them.

    A mention without credits, such as "Dr. Dube", is replaced by the first mention of the same name.
    """
    if not expert.name:
        return expert
    if not expert.credit_line and not expert.relation:
        expert = _find_first_mention(search, expert.name) or expert
    search.experts.setdefault(expert.name, expert)
    return expert


def _find_first_mention(search: _Search, name: str) -> PrintedExpert | None:
    """Return the first expert of the edition with this name or last name, or None."""
    last_name = name.split()[-1]
    for full_name, expert in search.experts.items():
        if full_name == name or full_name.split()[-1] == last_name:
            return expert
    return None


def _set_missing_experts(search: _Search, expert: PrintedExpert, answers: Sequence[FoundAnswer]) -> None:
    """Set the expert of all `answers` and earlier Q&As of the section that have none.

    `expert` is named in a line at the end of the section.
    """
    for answer in answers:
        if not answer.expert.name:
            answer.expert = expert
    if search.scope is None:
        return
    for position, qa in enumerate(search.qas):
        is_in_section = search.question_indexes[position] >= search.scope.start
        if is_in_section and not qa.expert.name:
            remaining_doubts = tuple(code for code in qa.unsure if code != "expert")
            search.qas[position] = replace(qa, expert=expert, unsure=remaining_doubts)


def _can_be_from_reader(search: _Search, start: Start) -> bool:
    """Return whether a reader can have asked a question, before the costly parsing that `_is_from_reader` requires."""
    return start.is_by_reader or search.scope is None or not search.scope.chain_excludes_readers


def _is_from_reader(search: _Search, start: Start, askers: Sequence[str], answers: Sequence[FoundAnswer]) -> bool:
    """Return whether the edition shows that a reader asked a question.

    `askers` are those named at the end of the question or below it.
    """
    scope = search.scope
    if start.is_by_reader:
        return True
    if scope is not None and scope.chain_excludes_readers:
        return False
    if scope is not None and scope.is_about_readers:
        return True
    has_lead_in = any(answer.has_lead_in for answer in answers)
    may_be_in_scope = scope is not None and scope.may_be_about_readers
    if start.is_announced and start.asker:
        return has_lead_in or may_be_in_scope
    if start.style == "label":
        return may_be_in_scope or (bool(askers) and has_lead_in)
    return bool(askers) and (has_lead_in or may_be_in_scope)


def _remove_interviewer(qas: list[FoundQA]) -> list[FoundQA]:
    """Remove the asker if all questions, three or more, name the same one: this is an interviewer and not a reader."""
    questions = {qa.question for qa in qas}
    askers_of_questions = {qa.askers for qa in qas}
    if len(questions) < 3 or len(askers_of_questions) > 1 or () in askers_of_questions:
        return qas
    return [replace(qa, askers=()) for qa in qas]


def to_json_dict(qa: FoundQA, file: str) -> dict[str, Any]:
    """Return a Q&A for the output of `editions import --dry-run --json`. Unknown values are None or empty."""
    expert = qa.expert
    return {
        "file": file,
        "edition_date": qa.day.isoformat() if qa.day else None,
        "section": qa.section or None,
        "headline": qa.headline or None,
        "question": "\n\n".join(qa.question),
        "askers": list(qa.askers),
        "lead_in": {
            "name": expert.name or None,
            "credit_line": expert.credit_line or None,
            "relation": expert.relation or None,
        },
        "answer": list(qa.answer),
        "unsure": list(qa.unsure),
    }
