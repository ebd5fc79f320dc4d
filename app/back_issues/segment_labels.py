"""Labelling the segments of an edition by a linear-chain model: question, answer, who asks, who answers, or nothing.

The score of a sequence of labels is the sum of weights: one for each label and feature of a segment
(`segment_features`), and one for each pair of adjacent labels, by what lies between their segments. `find_best_labels`
finds the sequence with the highest score by the Viterbi algorithm. The weights (`segment_weights.json`) were learned
from the labelled editions of the tests with the averaged perceptron (Collins 2002, "Discriminative training methods for
hidden Markov models") by `python -m bench.back_issue_training`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

WEIGHTS_FILE = Path(__file__).with_name("segment_weights.json")
OTHER = "other"
ASKER_ABOVE = "asker above"  # above its question
QUESTION = "question"
ASKER_BELOW = "asker below"
AUTHOR_ABOVE = "author above"  # of the answer below
ANSWER_START = "answer start"  # the first segment of an answer
ANSWER = "answer"
AUTHOR_BELOW = "author below"
BEFORE_ANSWER = "before answer"  # between question and answer, such as "We asked two experts."
IN_ANSWER = "in answer"  # within an answer, but not part of it, such as an advertisement
HOST = "host"  # names the author of several answers, elsewhere in the edition
LABELS = (
    OTHER,
    ASKER_ABOVE,
    QUESTION,
    ASKER_BELOW,
    AUTHOR_ABOVE,
    ANSWER_START,
    ANSWER,
    AUTHOR_BELOW,
    BEFORE_ANSWER,
    IN_ANSWER,
    HOST,
)
# What lies between a segment and the one above it: nothing, if they are parts of the same paragraph, or a paragraph
# break, where the look stays the same or changes, or after which a heading, a rule or a number begins.
BORDERS = ("none", "same look", "other look", "heading", "number")
_OUTSIDE = {OTHER, ASKER_ABOVE, QUESTION, HOST}
_AFTER_ANSWER = _OUTSIDE | {AUTHOR_ABOVE, AUTHOR_BELOW, IN_ANSWER, ANSWER}
# The labels that may follow each label.
NEXT_LABELS = {
    OTHER: _OUTSIDE,
    HOST: _OUTSIDE,
    ASKER_ABOVE: {ASKER_ABOVE, QUESTION},
    QUESTION: {QUESTION, ASKER_BELOW, AUTHOR_ABOVE, ANSWER_START, BEFORE_ANSWER},
    ASKER_BELOW: {ASKER_BELOW, AUTHOR_ABOVE, ANSWER_START, BEFORE_ANSWER},
    BEFORE_ANSWER: {BEFORE_ANSWER, ASKER_BELOW, AUTHOR_ABOVE, ANSWER_START},
    AUTHOR_ABOVE: {AUTHOR_ABOVE, BEFORE_ANSWER, ANSWER_START},
    ANSWER_START: _AFTER_ANSWER,
    ANSWER: _AFTER_ANSWER,
    AUTHOR_BELOW: _OUTSIDE | {AUTHOR_BELOW, AUTHOR_ABOVE, ANSWER_START},
    IN_ANSWER: {IN_ANSWER, ANSWER},
}
# Pairs of labels that aren't adjacent at a border: a question in several paragraphs has one look, and only who asks can
# stand before it in its paragraph.
FORBIDDEN_PAIRS = {
    "none": {(label, QUESTION) for label in (OTHER, HOST, ANSWER_START, ANSWER, AUTHOR_BELOW)},
    "other look": {(QUESTION, QUESTION)},
    "heading": {(QUESTION, QUESTION)},
    "number": {(QUESTION, QUESTION), (ASKER_ABOVE, QUESTION)},
}
LAST_LABELS = {OTHER, HOST, ANSWER_START, ANSWER, AUTHOR_BELOW}  # with which an edition may end
# Labels that a segment with one of these features can't have.
FORBIDDEN_LABELS = {
    "kind=rule": set(LABELS) - {OTHER, IN_ANSWER, BEFORE_ANSWER},
    "begins with call": {ANSWER_START, ANSWER},
    "salutation": {ASKER_ABOVE, ASKER_BELOW, AUTHOR_ABOVE, AUTHOR_BELOW},
    "note": set(LABELS) - {OTHER, IN_ANSWER, BEFORE_ANSWER},
    "no author": {AUTHOR_ABOVE},
    "only question label": {AUTHOR_ABOVE, AUTHOR_BELOW, ANSWER_START, ANSWER, HOST},
    "only answer label": {ASKER_ABOVE, QUESTION, HOST},
}
FORBIDDEN = float("-inf")


def _list_previous(border: str) -> list[list[int]]:
    """Return the indexes of the labels that may be above each label at a border."""
    forbidden = FORBIDDEN_PAIRS.get(border, set())
    return [
        [i for i, label in enumerate(LABELS) if below in NEXT_LABELS[label] and (label, below) not in forbidden]
        for below in LABELS
    ]


_PREVIOUS = {border: _list_previous(border) for border in BORDERS}

Features = Sequence[str]  # the names of the features that a segment has


@dataclass(frozen=True)
class Model:
    """The weights of a linear-chain model, in the order of `LABELS`.

    - weights: for each feature, the weight of each label.
    - transitions: for each kind of border and each label, the weight of each label after it.
    """

    weights: Mapping[str, Sequence[float]]
    transitions: Mapping[str, Sequence[Sequence[float]]]

    def score(self, features: Features) -> list[float]:
        """Return the score of each label for a segment with these features."""
        rows = [self.weights[name] for name in features if name in self.weights]
        scores = [float(sum(column)) for column in zip(*rows, strict=True)] or [0.0] * len(LABELS)
        for name in FORBIDDEN_LABELS.keys() & set(features):
            forbidden = FORBIDDEN_LABELS[name]
            scores = [FORBIDDEN if LABELS[i] in forbidden else score for i, score in enumerate(scores)]
        return scores


@cache
def load_model() -> Model:
    """Return the model that is delivered."""
    data = json.loads(WEIGHTS_FILE.read_text("utf-8"))
    return Model(data["weights"], data["transitions"])


def find_best_labels(model: Model, scores: Sequence[Sequence[float]], borders: Sequence[str]) -> list[str]:
    """Return the permitted sequence of labels with the highest total score (Viterbi).

    `scores` has the score of each label for each segment, and `borders` the kind of border above each segment.
    """
    if not scores:
        return []
    best = [score if LABELS[i] in _OUTSIDE else FORBIDDEN for i, score in enumerate(scores[0])]
    backpointers: list[list[int]] = []
    for segment_scores, border in zip(scores[1:], borders[1:], strict=True):
        transitions = model.transitions[border]
        sources = [
            max(previous, key=lambda i: best[i] + transitions[i][label])
            for label, previous in enumerate(_PREVIOUS[border])
        ]
        best = [best[i] + transitions[i][label] + segment_scores[label] for label, i in enumerate(sources)]
        backpointers.append(sources)
    last = max((i for i, label in enumerate(LABELS) if label in LAST_LABELS), key=best.__getitem__)
    path = [last]
    for sources in reversed(backpointers):
        path.append(sources[path[-1]])
    return [LABELS[i] for i in reversed(path)]


def compute_margin(
    model: Model, scores: Sequence[Sequence[float]], borders: Sequence[str], labels: Sequence[str], span: range
) -> float:
    """Return by how much the score of `labels` is higher than if the segments in the range `span` were `OTHER`."""
    alternative = [OTHER if index in span else label for index, label in enumerate(labels)]
    margin = 0.0
    for index in range(span.start, min(span.stop + 1, len(labels))):
        for candidate, sign in ((labels, 1), (alternative, -1)):
            label = LABELS.index(candidate[index])
            margin += sign * scores[index][label]
            if index:
                margin += sign * model.transitions[borders[index]][LABELS.index(candidate[index - 1])][label]
    return margin
