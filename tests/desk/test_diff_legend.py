"""What is struck out and underlined is explained where something is, and nowhere else."""

from tests.support.assignments import ANSWER, ExpertAssignment
from tests.support.desk import Desk, get_section, get_version_token


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


def test_each_comparison_of_two_people_s_texts_has_a_legend_of_its_own(
    nora: Desk, ilya: Desk, salt: ExpertAssignment
) -> None:
    with salt.database.read() as session:
        question = f"questions/{salt.assignment(session).question.public_id}"
    opened = nora.get(question)
    fields = opened.form("wording").fields | {"seen": get_version_token(opened, "wording")}
    theirs = {"headline": "Salt wind", "body": "Who counts the salt?"}
    ilya.post(f"{question}/wording", **{**fields, **theirs})
    page = nora.post(f"{question}/wording", status=409, **{**fields, "body": "Who weighs the salt?"})
    since = ["struck out is gone underlined is new"]
    difference, followed = get_section(page, "difference"), get_section(page, "followed")
    assert difference.texts(".title > .key") == ["struck out only in theirs underlined only in yours"]
    assert difference.texts(".folded > .key") == since
    assert followed.texts(".title > .key") == since
    page = nora.post(f"{question}/wording", status=409, **{**fields, "background": "", "body": theirs["body"]})
    assert get_section(page, "difference").texts(".key") == []
