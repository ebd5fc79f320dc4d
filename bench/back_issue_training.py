"""Training the model that labels the segments of back issues, and measuring it on editions that it wasn't trained on.

`python -m bench.back_issue_training` trains it on all labelled editions of the tests, and writes the weights. The part
`back-issues` of the bench measures it by cross-validation: it leaves out each set of editions in turn, and each tenth
of all editions, trains on the others, and counts what is found in those that were left out.

The algorithm is the averaged perceptron of Collins (2002): for each edition the best labels by the weights so far are
found, the features of the right labels gain, and those of the found labels lose. Wrong labels get a bonus while
training, so that the right ones must win by a margin. In each pass over an edition, a quarter of the facts is ignored,
as if the lexicon or the layout lacked them, so that no label depends on a single fact.
"""

import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.back_issues.finding import find_qas, to_json_dict
from app.back_issues.issue_files import issues_in
from app.back_issues.segment_labels import (
    ANSWER_START,
    ASKER_ABOVE,
    BORDERS,
    FORBIDDEN_LABELS,
    HOST,
    LABELS,
    OTHER,
    QUESTION,
    WEIGHTS_FILE,
    Model,
    find_best_labels,
)

from .back_issue_labels import OWN_SETS, SETS, Edition, LabelledFile, load_files
from .run_options import WriteLine, print_line

RUNS = 3  # with different random numbers, whose weights are added
EPOCHS = 15
IGNORED_SHARE = 0.35  # of the facts
FALSE_BONUS, WRONG_BONUS = 2.0, 1.0  # of a label of a Q&A where there is none, and of any other wrong label
SHARED_AMOUNT = 0.5  # of a change of a transition at one kind of border that is made at the others too
MIN_EDITIONS = 4  # in which a feature must occur
OWN_REPEATS = 2  # how often an edition of `OWN_SETS`, in which everything must be found, is in each pass
SCALE = 10  # weights are stored as integers
FOLDS = 10
TRANSITIONS = [f"{border} > {label}" for border in BORDERS for label in LABELS]
PLAIN_MARKS = str.maketrans("’“”", '\'""')


class Figures(NamedTuple):
    """Numbers of Q&As: in the editions, found, found with the exact answer, with the exact name, and false ones."""

    total: int = 0
    found: int = 0
    exact: int = 0
    named: int = 0
    false: int = 0

    def add(self, other: "Figures") -> "Figures":
        return Figures(*(number + more for number, more in zip(self, other, strict=True)))


class _Weights:
    """Weights while they are trained, with the sums from which their averages are computed."""

    def __init__(self, names: Sequence[str]) -> None:
        self.rows = {name: [0.0] * len(LABELS) for name in names}
        self.sums = {name: [0.0] * len(LABELS) for name in names}

    def add(self, name: str, label: int, amount: float, step: int) -> None:
        if name in self.rows:
            self.rows[name][label] += amount
            self.sums[name][label] += amount * step

    def average(self, steps: int) -> dict[str, list[float]]:
        return {
            name: [weight - total / steps for weight, total in zip(row, self.sums[name], strict=True)]
            for name, row in self.rows.items()
        }


def train(files: Sequence[LabelledFile]) -> Model:
    """Train a model on the editions of these files."""
    editions = [
        edition
        for file in files
        for edition in file.editions * (OWN_REPEATS if file.folder in OWN_SETS else 1)
        if edition.segments
    ]
    occurrences = Counter(name for edition in editions for name in {name for row in edition.features for name in row})
    names = [name for name, count in sorted(occurrences.items()) if count >= MIN_EDITIONS]
    totals: dict[str, list[int]] = {name: [0] * len(LABELS) for name in [*names, *TRANSITIONS]}
    for seed in range(RUNS):
        averages = _train_once(editions, names, random.Random(seed))
        for name, row in averages.items():
            totals[name] = [total + round(weight * SCALE) for total, weight in zip(totals[name], row, strict=True)]
    return Model({name: totals[name] for name in names if any(totals[name])}, _list_transitions(totals))


def _list_transitions(rows: Mapping[str, Sequence[float]]) -> dict[str, list[Sequence[float]]]:
    """Return the rows of the transitions, by border and label."""
    return {border: [rows[f"{border} > {label}"] for label in LABELS] for border in BORDERS}


def _train_once(editions: Sequence[Edition], names: Sequence[str], generator: random.Random) -> dict[str, list[float]]:
    """Return the average weights of the features, and those of the transitions under `TRANSITIONS`."""
    weights = _Weights([*names, *TRANSITIONS])
    model = Model(weights.rows, _list_transitions(weights.rows))
    facts_by_name = {name: _get_fact(name) for name in names}
    facts = sorted(set(facts_by_name.values()))
    order = list(editions)
    step = 0
    for _epoch in range(EPOCHS):
        generator.shuffle(order)
        for edition in order:
            step += 1
            ignored = {fact for fact in facts if generator.random() < IGNORED_SHARE}
            features = [
                [name for name in row if name in FORBIDDEN_LABELS or facts_by_name.get(name) not in ignored]
                for row in edition.features
            ]
            _update(weights, model, features, edition, step)
    return weights.average(step + 1)


def _get_fact(name: str) -> str:
    """Return the fact on which a feature depends: of "asks&-1: long", the last."""
    return re.split(r"&|: ", name)[-1]


def _update(weights: _Weights, model: Model, features: Sequence[Sequence[str]], edition: Edition, step: int) -> None:
    """Change the weights where the best labels, with a bonus for wrong ones, aren't the right ones."""
    scores = []
    for row, right in zip(features, edition.labels, strict=True):
        scores.append([score + _get_bonus(label, right) for label, score in zip(LABELS, model.score(row), strict=True)])
    found_labels = find_best_labels(model, scores, edition.borders)
    previous_right = previous_found = ""
    for row, border, right, found in zip(features, edition.borders, edition.labels, found_labels, strict=True):
        if right != found:
            for name in row:
                weights.add(name, LABELS.index(right), 1, step)
                weights.add(name, LABELS.index(found), -1, step)
        if previous_right and (previous_right, right) != (previous_found, found):
            for other in BORDERS:
                amount = 1 if other == border else SHARED_AMOUNT
                weights.add(f"{other} > {previous_right}", LABELS.index(right), amount, step)
                weights.add(f"{other} > {previous_found}", LABELS.index(found), -amount, step)
        previous_right, previous_found = right, found


def _get_bonus(label: str, right: str) -> float:
    if label == right:
        return 0
    is_false = right in (OTHER, HOST) and label in (QUESTION, ASKER_ABOVE, ANSWER_START)
    return FALSE_BONUS if is_false else WRONG_BONUS


def normalize(text: str | None) -> str:
    return " ".join((text or "").split()).translate(PLAIN_MARKS)


def measure_file(file: LabelledFile, model: Model | None = None) -> Figures:
    """Return how much is found in a file, with the delivered model unless another one is given."""
    issues = issues_in(file.path.name, file.path.read_bytes())
    left = [to_json_dict(qa, "") for issue in issues for qa in find_qas(issue.paras, issue.language, model)]
    found = exact = named = 0
    for expected in file.expected:
        blocks = [block for block in left if normalize(block["question"]) == normalize(expected["question"])]
        blocks.sort(key=lambda block: normalize(block["lead_in"]["name"]) != normalize(expected["lead_in"]["name"]))
        if not blocks:
            continue
        left.remove(blocks[0])
        found += 1
        exact += normalize(" ".join(blocks[0]["answer"])) == normalize(" ".join(expected["answer"]))
        named += normalize(blocks[0]["lead_in"]["name"]) == normalize(expected["lead_in"]["name"])
    return Figures(len(file.expected), found, exact, named, len(left))


def measure_without_folder(files: Sequence[LabelledFile], folder: str) -> Figures:
    """Return how much is found in the files of one folder by a model that was trained on the others."""
    model = train([file for file in files if file.folder != folder])
    figures = Figures()
    for file in files:
        if file.folder == folder:
            figures = figures.add(measure_file(file, model))
    return figures


def measure_folds(files: Sequence[LabelledFile]) -> dict[str, Figures]:
    """Return how much is found in each folder if each tenth of all files is left out in turn."""
    figures: defaultdict[str, Figures] = defaultdict(Figures)
    for fold in range(FOLDS):
        model = train([file for index, file in enumerate(files) if index % FOLDS != fold])
        for file in files[fold::FOLDS]:
            figures[file.folder] = figures[file.folder].add(measure_file(file, model))
    return figures


def print_report(write: WriteLine) -> None:
    """Print how much is found in editions that the model wasn't trained on."""
    files = load_files()
    write(f"{'set':22}left out  {'  '.join(Figures._fields)}")
    folds = measure_folds(files)
    rows: list[tuple[str, str, Figures]] = []
    for folder in SETS:
        rows += [(folder, "set", measure_without_folder(files, folder)), (folder, "tenth", folds[folder])]
    for folder, left_out, figures in rows:
        columns = [str(number).rjust(len(field)) for field, number in zip(Figures._fields, figures, strict=True)]
        write(f"{folder:22}{left_out:8}  {'  '.join(columns)}")


def write_weights(model: Model) -> None:
    """Write the weights of a model, a feature per line."""
    rows = [f"{json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(model.weights.items())]
    text = f'{{"labels": {json.dumps(LABELS)},\n"transitions": {json.dumps(model.transitions)},\n"weights": {{\n'
    WEIGHTS_FILE.write_text(text + ",\n".join(rows) + "\n}}\n", "utf-8")


if __name__ == "__main__":
    write_weights(train(load_files()))
    print_line(f"{WEIGHTS_FILE}: written")
