"""Labelling the segments of an edition by a linear-chain model: question, answer, who asks, who answers, or nothing.

The score of a sequence of labels is the sum of weights: one for each label and feature of a segment
(`segment_features`), and one for each pair of adjacent labels. `label_segments` finds the sequence with the highest
score by the Viterbi algorithm. The weights (`segment_weights.json`) were learned from the labelled editions of the
tests with the averaged perceptron (Collins 2002, "Discriminative training methods for hidden Markov models") by
`python -m bench.back_issue_training`.
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
LAST_LABELS = {OTHER, HOST, ANSWER_START, ANSWER, AUTHOR_BELOW}  # with which an edition may end
# Labels that a segment with one of these features can't have.
FORBIDDEN_LABELS = {
    "kind=rule": set(LABELS) - {OTHER, IN_ANSWER, BEFORE_ANSWER},
    "begins with call": {ANSWER_START, ANSWER},
    "salutation": {ASKER_ABOVE, ASKER_BELOW},
}
FORBIDDEN = float("-inf")
_PREVIOUS = [[i for i, label in enumerate(LABELS) if next_label in NEXT_LABELS[label]] for next_label in LABELS]

Features = Sequence[str]  # the names of the features that a segment has


@dataclass(frozen=True)
class Model:
    """The weights of a linear-chain model, in the order of `LABELS`.

    - weights: for each feature, the weight of each label.
    - transitions: for each label, the weight of each label after it.
    """

    weights: Mapping[str, Sequence[float]]
    transitions: Sequence[Sequence[float]]

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


def find_best_labels(model: Model, scores: Sequence[Sequence[float]]) -> list[str]:
    """Return the permitted sequence of labels with the highest total score (Viterbi).

    `scores` has the score of each label for each segment.
    """
    if not scores:
        return []
    best = [score if LABELS[i] in _OUTSIDE else FORBIDDEN for i, score in enumerate(scores[0])]
    backpointers: list[list[int]] = []
    for segment_scores in scores[1:]:
        sources = [
            max(previous, key=lambda i: best[i] + model.transitions[i][label])
            for label, previous in enumerate(_PREVIOUS)
        ]
        best = [best[i] + model.transitions[i][label] + segment_scores[label] for label, i in enumerate(sources)]
        backpointers.append(sources)
    last = max((i for i, label in enumerate(LABELS) if label in LAST_LABELS), key=best.__getitem__)
    path = [last]
    for sources in reversed(backpointers):
        path.append(sources[path[-1]])
    return [LABELS[i] for i in reversed(path)]


def compute_margin(model: Model, scores: Sequence[Sequence[float]], labels: Sequence[str], span: range) -> float:
    """Return by how much the score of `labels` is higher than if the segments in the range `span` were `OTHER`."""
    alternative = [OTHER if index in span else label for index, label in enumerate(labels)]
    window = range(span.start, min(span.stop + 1, len(labels)))
    return _score_labels(model, scores, labels, window) - _score_labels(model, scores, alternative, window)


def _score_labels(model: Model, scores: Sequence[Sequence[float]], labels: Sequence[str], window: range) -> float:
    total = 0.0
    for index in window:
        label = LABELS.index(labels[index])
        total += scores[index][label]
        if index:
            total += model.transitions[LABELS.index(labels[index - 1])][label]
    return total
