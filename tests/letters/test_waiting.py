"""What waits for the desk has its words: the numbers beside its lists are counted along an index that knows no more."""

from app.letters.lifecycle import LETTER, STATES, has_text, is_erased

WAITS = set(STATES.which("waits"))


def test_no_move_leads_a_letter_without_words_back_to_what_waits() -> None:
    back = [move for move in LETTER.moves if move.source and WAITS & {*move.target}]
    from_elsewhere = [move.action for move in back if not {*move.source} <= WAITS]
    assert from_elsewhere == ["reopen", "undo"]
    assert [move.action for move in back if has_text in move.needs] == from_elsewhere


def test_a_letter_that_waits_loses_its_words_only_with_its_place() -> None:
    erasing = [move for move in LETTER.moves if is_erased in move.needs]
    assert [(move.action, sorted(WAITS & {*move.target})) for move in erasing] == [
        ("withdraw", []),
        ("forget", []),
        ("forget", []),
    ]
