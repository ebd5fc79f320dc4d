"""Finding the answers to a question: the expert of each, and where it ends.

`section_expert` is the expert whom the introduction of a section presents: the default for its answers.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .edition_outline import QUESTION_MARK
from .issue_paragraph import Para
from .issue_words import Lexicon
from .lead_ins import find_guest, find_name_before_colon, is_expert_announcement, parse_lead_in
from .printed_names import (
    PrintedExpert,
    is_cased,
    is_name,
    parse_expert,
    parse_name_line,
    parse_signature,
    parse_speaker,
)
from .question_looks import Start
from .unquoting import begins_quoted, count_quoted_paragraphs

UNNAMED_EXPERT = PrintedExpert()
MAX_LEAD_IN_WORDS = 45
MAX_ANSWER_PARAGRAPHS = 400  # of all answers to one question together
MAX_CLOSING_CREDIT_WORDS = 25
MAX_CREDIT_LABEL_WORDS = 3  # before the colon of "Our expert: Jane Smith, a geographer"
MAX_LABELLED_CREDIT_WORDS = 16  # of that line as a whole
MAX_SALUTATION_NAME_LENGTH = 40
LATEST_CALL_START = 60  # a paragraph is a call for questions if such a phrase begins within this many characters
LATEST_SIGNOFF_START = 3  # the same for a sign-off


@dataclass
class FoundAnswer:
    """One answer.

    - has_lead_in: whether a lead-in, label, name or signature shows that it is an answer.
    - ends_with_edition: whether nothing but the end of the edition shows where it ends.
    """

    expert: PrintedExpert = UNNAMED_EXPERT
    has_lead_in: bool = False
    paragraphs: list[str] = field(default_factory=list)
    ends_with_edition: bool = False


class Introduction(NamedTuple):
    """The beginning of an answer by a lead-in, label or name, with the text that follows in the same paragraph."""

    answer: FoundAnswer
    text: str


def parse_answers(
    paras: Sequence[Para],
    index: int,
    start: Start,
    lexicon: Lexicon,
    section_expert: PrintedExpert | None,
    begins_question: Callable[[int], bool],
) -> tuple[list[FoundAnswer], int]:
    """Parse the answers that begin at `index`; return them and the index after the last.

    `begins_question` returns whether a question begins at an index.
    """
    answers: list[FoundAnswer] = []
    if start.answer_start:
        answers.append(FoundAnswer(section_expert or UNNAMED_EXPERT, paragraphs=[start.answer_start]))
    limit = min(len(paras), index + MAX_ANSWER_PARAGRAPHS)
    while index < limit:
        para = paras[index]
        if para.kind == "heading" and not answers and lexicon.answer_heading.match(para.text):
            index += 1
            continue
        if _is_answer_end(paras, index, lexicon):
            break
        if begins_question(index) and not _introduces_answer(para, lexicon, has_answer=bool(answers)):
            break
        if _is_credit_of_answer_above(para, answers, lexicon):
            break
        introduction = _match_introduction(paras, index, lexicon, section_expert, has_answer=bool(answers))
        if not introduction and not answers and _announces_experts(paras, index, lexicon, section_expert):
            index += 1
            continue
        if introduction:
            _add_introduction(answers, introduction, section_expert)
        else:
            if not answers:
                answers.append(FoundAnswer(section_expert or UNNAMED_EXPERT))
            answers[-1].paragraphs.append(para.text)
        index += 1
        quotation_end = _append_quotation(paras, index, answers[-1], lexicon)
        if quotation_end is not None:
            index = quotation_end
            while index < limit and _is_quotation(paras[index]) and not begins_question(index):
                answers[-1].paragraphs.append(paras[index].text)
                index += 1
            if not _begins_answer(paras, index, lexicon, section_expert):
                break
    for answer in answers:
        answer.ends_with_edition = index >= len(paras) and answer is answers[-1] and _has_unclear_end(answer)
        _pop_signature(answer, lexicon)
    if answers and start.style == "letter" and _is_salutation_name(paras, index, start):
        if not answers[-1].expert.name:
            answers[-1].expert = PrintedExpert(paras[index].text)
        index += 1
    return answers, index


def _is_credit_of_answer_above(para: Para, answers: Sequence[FoundAnswer], lexicon: Lexicon) -> bool:
    """Return whether a line names the expert of the answer above, which has none yet."""
    if not answers or not answers[-1].paragraphs or answers[-1].expert.name:
        return False
    return parse_closing_credit(para, lexicon) is not None


def _add_introduction(
    answers: list[FoundAnswer], introduction: Introduction, section_expert: PrintedExpert | None
) -> None:
    """Add the answer that a paragraph introduces.

    If the answer above has no text yet, it is the same answer, unless the new introduction names another expert.
    """
    answer, text = introduction
    names_other_expert = bool(answer.expert.name) and answer.expert != section_expert
    if answers and not answers[-1].paragraphs and not names_other_expert:
        answer.expert = answers.pop().expert  # "The expert: ..." and then "The answer: ..."
    if text:
        answer.paragraphs.append(text)
    answers.append(answer)


def _begins_answer(paras: Sequence[Para], index: int, lexicon: Lexicon, section_expert: PrintedExpert | None) -> bool:
    """Return whether another answer is introduced at `index`."""
    if index >= len(paras) or _is_answer_end(paras, index, lexicon):
        return False
    return _match_introduction(paras, index, lexicon, section_expert, has_answer=True) is not None


def _has_unclear_end(answer: FoundAnswer) -> bool:
    """Return whether the last paragraphs of an answer may not belong to it. The end of a quotation is always clear."""
    return len(answer.paragraphs) > 1 and count_quoted_paragraphs(answer.paragraphs) is None


def parse_closing_credit(para: Para, lexicon: Lexicon) -> PrintedExpert | None:
    """Return the expert whom a line below the answers names as the author of all of them, or None."""
    if para.kind in ("heading", "rule") or para.text.rstrip().endswith((":", "：", "?")):
        return None
    if para.word_count > MAX_CLOSING_CREDIT_WORDS:
        return None
    if guest := find_guest(para.text, lexicon):
        return guest
    if lead_in := parse_lead_in(para.text, lexicon):
        expert, rest = lead_in
        if not rest:
            return expert
    label, colon, name = para.text.partition(":")  # "Our expert: Jane Smith, a geographer"
    if not colon or len(label.split()) > MAX_CREDIT_LABEL_WORDS or para.word_count > MAX_LABELLED_CREDIT_WORDS:
        return None
    return parse_name_line(name, lexicon)


def _is_salutation_name(paras: Sequence[Para], index: int, start: Start) -> bool:
    """Return whether the line below the answer to a letter is its signature: a name from the letter's salutation."""
    if index >= len(paras):
        return False
    name = paras[index].text
    return 0 < len(name) < MAX_SALUTATION_NAME_LENGTH and name in start.text


def _append_quotation(paras: Sequence[Para], index: int, answer: FoundAnswer, lexicon: Lexicon) -> int | None:
    """If an answer begins with a quotation, append the paragraphs up to its end, and return the index after it.

    Return None if the answer begins otherwise, or if the quotation has no end.
    """
    if len(answer.paragraphs) != 1 or not begins_quoted(answer.paragraphs[0]):
        return None
    following: list[str] = []
    for next_index in range(index, min(len(paras), index + MAX_ANSWER_PARAGRAPHS)):
        text = paras[next_index].text
        if _is_answer_end(paras, next_index, lexicon) or parse_lead_in(text, lexicon):
            break
        following.append(text)
    count = count_quoted_paragraphs([*answer.paragraphs, *following])
    if count is None:
        return None
    answer.paragraphs += following[: count - 1]
    return index + count - 1


def _is_quotation(para: Para) -> bool:
    """Return whether a paragraph is a quotation of its own, which asks nothing: more of a quoted answer."""
    is_text = para.kind in ("text", "quote") and not QUESTION_MARK.search(para.text)
    return is_text and begins_quoted(para.text) and count_quoted_paragraphs([para.text]) == 1


def _is_answer_end(paras: Sequence[Para], index: int, lexicon: Lexicon) -> bool:
    """Return whether a paragraph ends the answers: a heading, a rule, a call for questions or a sign-off."""
    para = paras[index]
    if para.kind in ("heading", "rule"):
        return True
    start = para.text[:160]
    call = lexicon.call_for_questions.search(start)
    signoff = lexicon.signoffs.search(start)
    is_call = call is not None and call.start() <= LATEST_CALL_START
    is_signoff = signoff is not None and signoff.start() <= LATEST_SIGNOFF_START
    return is_call or is_signoff


def _introduces_answer(para: Para, lexicon: Lexicon, has_answer: bool) -> bool:
    """Return whether a paragraph that looks like a question is in fact the label or lead-in of an answer."""
    if lexicon.match_answer_label(para.text):
        return True
    if has_answer and QUESTION_MARK.search(para.text):
        return False
    return parse_lead_in(para.text, lexicon) is not None


def _match_introduction(
    paras: Sequence[Para], index: int, lexicon: Lexicon, section_expert: PrintedExpert | None, has_answer: bool
) -> Introduction | None:
    """Match a paragraph that introduces an answer, or return None. `has_answer` is whether another answer is above."""
    para = paras[index]
    if label := lexicon.match_answer_label(para.text):
        return _parse_answer_label(para.text, label, lexicon, section_expert)
    if lead_in := parse_lead_in(para.text, lexicon):
        expert, rest = lead_in
        if rest or index + 1 < len(paras):
            return Introduction(FoundAnswer(_prefer_full_name(expert, section_expert), has_lead_in=True), rest)
    if introduction := _parse_name_before_colon(paras, index, lexicon, has_answer):
        return introduction
    if introduction := _parse_speaker_turn(para, lexicon, section_expert, has_answer):
        return introduction
    if index + 1 < len(paras) and (para.bold or not has_answer):
        expert_line = parse_name_line(para.text, lexicon)
        if expert_line:
            return Introduction(FoundAnswer(expert_line, has_lead_in=True), "")
    return None


def _parse_answer_label(
    text: str, label: re.Match[str], lexicon: Lexicon, section_expert: PrintedExpert | None
) -> Introduction:
    """Parse "Answer (Jane Smith): ..." or "Answer: Jane Smith, a geographer: ..."."""
    rest = text[label.end() :].strip()
    expert = parse_expert(label["who"], lexicon) if label["who"] else None
    speaker = parse_speaker(rest, lexicon)
    if expert is None and speaker is not None:
        name, after_name = speaker
        named_expert = parse_expert(name, lexicon)
        if named_expert.credit_line and is_name(named_expert.name):
            expert = named_expert
            rest = after_name
    if expert is None:
        return Introduction(FoundAnswer(section_expert or UNNAMED_EXPERT, has_lead_in=True), rest)
    return Introduction(FoundAnswer(_prefer_full_name(expert, section_expert), has_lead_in=True), rest)


def _parse_speaker_turn(
    para: Para, lexicon: Lexicon, section_expert: PrintedExpert | None, has_answer: bool
) -> Introduction | None:
    """Parse "Jane Smith: ..." if she is the section's expert, or if the name is in bold or has a credit line.

    In the first answer, a quotation after the name is enough, too.
    """
    speaker = parse_speaker(para.text, lexicon)
    if speaker is None:
        return None
    name, rest = speaker
    expert = parse_expert(name, lexicon)
    if section_expert and _is_same_expert(expert, section_expert):
        return Introduction(FoundAnswer(section_expert, has_lead_in=True), rest)
    if not has_answer and is_name(expert.name) and begins_quoted(rest):
        return Introduction(FoundAnswer(expert, has_lead_in=True), rest)
    is_bold = para.bold or name in para.bold_start
    if (is_bold or expert.credit_line) and is_name(expert.name, allows_single=is_bold):
        return Introduction(FoundAnswer(_prefer_full_name(expert, section_expert), has_lead_in=True), rest)
    return None


def _announces_experts(
    paras: Sequence[Para], index: int, lexicon: Lexicon, section_expert: PrintedExpert | None
) -> bool:
    """Return whether a paragraph such as "We put the question to two experts." is above the first lead-in."""
    next_index = index + 1
    if next_index >= len(paras) or _is_answer_end(paras, next_index, lexicon):
        return False
    if not is_expert_announcement(paras[index].text, lexicon):
        return False
    return _match_introduction(paras, next_index, lexicon, section_expert, has_answer=False) is not None


def _parse_name_before_colon(
    paras: Sequence[Para], index: int, lexicon: Lexicon, has_answer: bool
) -> Introduction | None:
    """Parse a line that ends with a colon and names someone, or a paragraph that begins with such a line in bold."""
    para = paras[index]
    if index + 1 >= len(paras) or lexicon.salutation.match(para.text[:120]):
        return None
    is_bold_start = para.bold_start.rstrip().endswith((":", "："))
    if not is_bold_start:
        if para.kind == "item" or para.word_count > MAX_LEAD_IN_WORDS or not para.text.rstrip().endswith((":", "：")):
            return None
        if has_answer and not begins_quoted(paras[index + 1].text):
            return None
    line = para.bold_start if is_bold_start else para.text
    rest = para.text[len(line) :].strip()
    expert = find_name_before_colon(line, lexicon)
    if expert is None and is_bold_start and not has_answer and not any(map(is_cased, line.split())):
        expert = parse_expert(line, lexicon)  # the script has no capitals, which would show where a name begins
    if expert is None or not is_name(expert.name):
        return None
    return Introduction(FoundAnswer(expert, has_lead_in=True), rest)


def _is_same_expert(mention: PrintedExpert, expert: PrintedExpert) -> bool:
    """Return whether a mention has an expert's full, first or last name, as "Harth" for Laura Harth."""
    short = mention.name.rstrip(".")
    return expert.name == short or expert.name.split()[-1:] == [short] or expert.name.split()[:1] == [short]


def _prefer_full_name(expert: PrintedExpert, section_expert: PrintedExpert | None) -> PrintedExpert:
    """Return the expert of the section if `expert` is a short mention of them."""
    if section_expert and not expert.credit_line and _is_same_expert(expert, section_expert):
        return section_expert
    return expert


def _pop_signature(answer: FoundAnswer, lexicon: Lexicon) -> None:
    """Remove a signature from the end of an answer. If the answer has no expert yet, set it to the signer."""
    if len(answer.paragraphs) < 2:
        return
    signature = parse_signature(answer.paragraphs[-1])
    if signature is None:
        return
    expert = parse_expert(signature, lexicon)
    if not is_name(expert.name, allows_single=True):
        return
    answer.paragraphs.pop()
    if not answer.expert.name:
        answer.expert = expert
        answer.has_lead_in = True
