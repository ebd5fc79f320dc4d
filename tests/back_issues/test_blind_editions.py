"""Editions by people who had not read the importer, in sets: how much of each is found without training on it.

The delivered weights are trained on sets a to d too, so each of them is measured by a model that was trained without it.
Goals: 95 of 100 Q&As, 92 of 100 answers exact, 85 of 100 names, nothing false.
"""

import pytest

from app.back_issues.segment_labels import Model, load_model
from bench.back_issue_labels import load_files
from bench.back_issue_training import Figures, measure_without_folder, train

FIGURES = {
    "back_issues_blind/a": Figures(36, 36, 28, 28, 2),
    "back_issues_blind/b": Figures(37, 35, 29, 31, 0),
    "back_issues_blind/c": Figures(79, 69, 56, 58, 6),
    "back_issues_blind/d": Figures(59, 51, 41, 43, 4),
}


@pytest.mark.parametrize("folder", FIGURES)
def test_as_much_is_found_as_before(folder: str) -> None:
    assert measure_without_folder(load_files(), folder) == FIGURES[folder]


def test_the_delivered_weights_are_those_of_these_editions() -> None:
    trained = train(load_files())
    delivered = load_model()
    assert Model(trained.weights, trained.transitions) == delivered
