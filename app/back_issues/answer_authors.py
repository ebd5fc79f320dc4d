"""Finding the authors of answers: as named above or below them, as announced for their section, or elsewhere."""

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import takewhile

from . import segment_labels as labels
from .credited_names import is_bare_name, read_author
from .edition_persons import complete_name
from .labelled_edition import LabelledEdition
from .labelled_qas import LabelledAnswer, LabelledQA
from .lead_ins import parse_lead_in
from .printed_names import CAPITAL, PrintedExpert
from .segments import Segment

MAX_AUTHOR_WORDS = 6  # of a line that only names the author's office, such as "The editor answers:"
MAX_CREDIT_WORDS = 12  # of a line that describes the author


def merge_unnamed(edition: LabelledEdition, answers: Sequence[LabelledAnswer]) -> list[LabelledAnswer]:
    """Return the answers without those that name no other author: they belong to the answer above, as its subheads."""
    merged: list[LabelledAnswer] = []
    for answer in map(_move_credit_line, answers):
        if answer.text and answer.author_above and _is_beginning(edition, answer.author_above[-1], answer.text[0]):
            answer.text.insert(0, answer.author_above.pop())
        if merged and not read_author([*answer.author_above, *answer.author_below], edition.lexicon):
            merged[-1].text += [*answer.author_above, *answer.text]
        else:
            merged.append(answer)
    return merged


def _is_beginning(edition: LabelledEdition, author: Segment, answer: Segment) -> bool:
    """Return whether a segment that should name the author is the beginning of the answer: "Better: go out"."""
    if author.index != answer.index or edition.lexicon.match_answer_label(author.text):
        return False
    expert = read_author([author], edition.lexicon)
    if expert is None:
        return len(author.text.split()) > MAX_AUTHOR_WORDS
    is_full_name = expert.name.isascii() and len(expert.name.split()) > 1
    has_lead_in = parse_lead_in(author.text, edition.lexicon) is not None
    if is_full_name or has_lead_in or author.is_bold or expert.name[:1].islower():
        return False
    is_one_word = len(expert.name.split()) == 1
    elsewhere = sum(expert.name in para.text for para in edition.paras)
    return is_one_word and elsewhere < 2 and complete_name(expert.name, edition.persons) == expert.name


def _move_credit_line(answer: LabelledAnswer) -> LabelledAnswer:
    """Return an answer without its first paragraph if that describes the author, whose name stands alone above it."""
    if len(answer.text) < 2 or len(answer.author_above) != 1 or not is_bare_name(answer.author_above[0].text):
        return answer
    first = answer.text[0]
    is_line = len(first.text.split()) <= MAX_CREDIT_WORDS and not re.search(r"[.!?:؟。！？…]\W*\Z", first.text)
    if is_line and first.begins_paragraph and first.ends_paragraph:
        return LabelledAnswer([*answer.author_above, first], answer.text[1:], answer.author_below)
    return answer


def find_expert(edition: LabelledEdition, answer: LabelledAnswer, qa: LabelledQA) -> PrintedExpert:
    """Return the author of an answer: as named there, or as the host of its section or edition.

    A mention without credits, such as "Dr. Dube", is replaced by the first mention of the same name.
    """
    lexicon = edition.lexicon
    host = _find_host(edition, qa)
    expert = read_author(answer.author_above, lexicon) or read_author(answer.author_below, lexicon)
    if expert is None:
        expert = _find_partial_name(edition, answer) or host or _find_salutation_name(edition, qa)
        expert = expert or _get_previous_expert(edition, qa) or _guess_expert(edition)
    elif not expert.credit_line and not expert.relation:
        if host and _is_same_name(expert.name, host.name):
            expert = host
        expert = next((known for name, known in edition.experts.items() if _is_same_name(expert.name, name)), expert)
    if expert.name:
        expert = replace(expert, name=complete_name(expert.name, edition.persons))
        edition.experts.setdefault(expert.name, expert)
        edition.last_expert = (edition.scopes[qa.question[0].index], expert)
    return expert


def _guess_expert(edition: LabelledEdition) -> PrintedExpert:
    """Return who writes the edition, if anybody, as a guess."""
    edition.guesses.add(edition.writer)
    return PrintedExpert(edition.writer)


def _get_previous_expert(edition: LabelledEdition, qa: LabelledQA) -> PrintedExpert | None:
    """Return the author of the answer above, if it is under the same heading."""
    if edition.last_expert is None or edition.last_expert[0] is not edition.scopes[qa.question[0].index]:
        return None
    return edition.last_expert[1]


def _find_partial_name(edition: LabelledEdition, answer: LabelledAnswer) -> PrintedExpert | None:
    """Return the author whose first or last name stands above or below the answer: "Ruth replies:"."""
    for segment in (*answer.author_above, *answer.author_below):
        for word in re.findall(rf"{CAPITAL}\w*", segment.text):
            if (name := complete_name(word, edition.persons)) != word:
                return PrintedExpert(name)
    return None


def _find_salutation_name(edition: LabelledEdition, qa: LabelledQA) -> PrintedExpert | None:
    """Return the author of the answer to a letter: the line below it, if that is a name in the letter's salutation."""
    salutation = qa.question[0].text
    if qa.span.stop == len(edition.segments) or not edition.lexicon.salutation.match(salutation):
        return None
    name = edition.segments[qa.span.stop].text
    return PrintedExpert(name) if name and name in salutation else None


def _is_same_name(mention: str, name: str) -> bool:
    """Return whether a mention is a name, or has its first or last name: "Dr. Dube" for "Nomvula Dube"."""
    words = name.split()
    return mention == name or mention.rstrip(".") == words[0] or mention.split()[-1] == words[-1]


def _find_host(edition: LabelledEdition, qa: LabelledQA) -> PrintedExpert | None:
    """Return who answers the questions of a section, as said above or below them, else as said in the edition."""
    scope = edition.scopes[qa.question[0].index]
    ranges = [range(outer.start, outer.end) for outer in scope.chain] if scope else []
    for hosts in (edition.named_hosts, edition.announced_hosts):
        for paras in (*ranges, range(len(edition.paras))):
            if host := _find_nearest(edition, hosts, qa.span, paras):
                return host
    for paras in ranges[:-1] or ranges:
        if host := _find_nearest(edition, edition.repeated_names, qa.span, paras):
            return host
    return next((name for i, name in edition.repeated_names.items() if edition.labels[i] == labels.HOST), None)


def _find_nearest(
    edition: LabelledEdition, experts: Mapping[int, PrintedExpert], span: range, paras: range
) -> PrintedExpert | None:
    """Return the nearest expert above a Q&A, or else below it, whose segment is of one of the paragraphs.

    `experts` are those that segments name, by the ascending indexes of these. `span` is that of the Q&A.
    """
    indexes = list(experts)
    above = reversed(indexes[: bisect_left(indexes, span.start)])
    for index in takewhile(lambda index: edition.segments[index].index >= paras.start, above):
        if edition.labels[index] != labels.AUTHOR_BELOW:
            return experts[index]
    below = next(iter(indexes[bisect_left(indexes, span.stop) :]), None)
    return experts[below] if below is not None and edition.segments[below].index < paras.stop else None
