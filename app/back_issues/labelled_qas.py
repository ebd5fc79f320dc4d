"""Grouping labelled segments into questions with their askers and answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from . import segment_labels as labels
from .segments import Segment

_ABOVE_ANSWERS = {labels.ASKER_ABOVE, labels.QUESTION, labels.ASKER_BELOW, labels.BEFORE_ANSWER}
_ANSWERS = {labels.AUTHOR_ABOVE, labels.ANSWER_START, labels.ANSWER, labels.AUTHOR_BELOW, labels.IN_ANSWER}


@dataclass
class LabelledAnswer:
    """The segments of an answer, and those above and below it that name its author."""

    author_above: list[Segment] = field(default_factory=list)
    text: list[Segment] = field(default_factory=list)
    author_below: list[Segment] = field(default_factory=list)

    def cut(self, end: int) -> "LabelledAnswer":
        """Return the part of this answer that is above the paragraph with the index `end`."""
        lists = (self.author_above, self.text, self.author_below)
        return LabelledAnswer(*([segment for segment in part if segment.index < end] for part in lists))


@dataclass
class LabelledQA:
    """The segments of a question, of the lines that say who asks, and of the answers.

    `span` is the range of the indexes of its segments.
    """

    span: range
    asker_above: list[Segment] = field(default_factory=list)
    question: list[Segment] = field(default_factory=list)
    asker_below: list[Segment] = field(default_factory=list)
    answers: list[LabelledAnswer] = field(default_factory=list)


def group_segments(segments: Sequence[Segment], segment_labels: Sequence[str]) -> list[LabelledQA]:
    """Return the Q&As of an edition whose segments have these labels, in order."""
    qas = []
    index = 0
    while index < len(segments):
        if segment_labels[index] not in _ABOVE_ANSWERS:
            index += 1
            continue
        start = index
        index = _find_end(segment_labels, index)
        qas.append(_group_qa(segments, segment_labels, range(start, index)))
    return qas


def _find_end(segment_labels: Sequence[str], index: int) -> int:
    """Return the index after the Q&A that begins at `index`."""
    for kinds in (_ABOVE_ANSWERS, _ANSWERS):
        while index < len(segment_labels) and segment_labels[index] in kinds:
            index += 1
    return index


def _group_qa(segments: Sequence[Segment], segment_labels: Sequence[str], span: range) -> LabelledQA:
    qa = LabelledQA(span)
    lists = {labels.ASKER_ABOVE: qa.asker_above, labels.QUESTION: qa.question, labels.ASKER_BELOW: qa.asker_below}
    for index in span:
        segment, label = segments[index], segment_labels[index]
        if label in lists:
            lists[label].append(segment)
        elif label in _ANSWERS:
            _add_to_answer(qa.answers, segment, label)
    return qa


def _add_to_answer(answers: list[LabelledAnswer], segment: Segment, label: str) -> None:
    begins_answer = not answers or (answers[-1].text and label in (labels.AUTHOR_ABOVE, labels.ANSWER_START))
    if begins_answer:
        answers.append(LabelledAnswer())
    if label == labels.AUTHOR_ABOVE:
        answers[-1].author_above.append(segment)
    elif label == labels.AUTHOR_BELOW:
        answers[-1].author_below.append(segment)
    elif label in (labels.ANSWER_START, labels.ANSWER):
        answers[-1].text.append(segment)
