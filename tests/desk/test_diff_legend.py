"""What is struck out and underlined is explained where something is, and nowhere else."""

from tests.support.assignments import ANSWER, ExpertAssignment
from tests.support.desk import Desk


def legends(nora: Desk, path: str) -> int:
    """How many legends a page has. Each stands with a difference."""
    page = nora.get(path)
    number = len(page.parts(".key"))
    assert (number > 0) == (len(page.parts(":is(del, ins)")) > 2 * number), path
    return number


def test_a_legend_stands_there_only_with_a_difference(nora: Desk, salt: ExpertAssignment) -> None:
    salt.send()
    with salt.database.read() as session:
        question = f"questions/{salt.assignment(session).question.public_id}"
        answer = f"{question}/answers/{salt.answer(session).public_id}"
    edit = f"{answer}/edit"
    before = legends(nora, question)
    assert (legends(nora, edit), legends(nora, answer)) == (0, 0)
    salt.edit(ANSWER.replace("**short**", "long"))
    assert (legends(nora, edit), legends(nora, answer), legends(nora, f"{answer}?from=2&to=2")) == (1, 1, 0)
    assert legends(nora, question) == before + 1
