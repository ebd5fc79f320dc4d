"""Which act of the table "Who may what" each press at the desk is; where one address takes several, by its last word.

The door asks here before anything is looked up, so that whoever may not press hears the same, however things stand.
"""

from flask import request

PRESSES: dict[str, str | dict[str, str]] = {
    "letter_write_down": "take letters",
    "letter_file": "take letters",
    "letter_reply": "take letters",
    "letter_end": "take letters",
    "letter_move": "take letters",
    "letter_alike": "take letters",
    "letter_to_pen": "take letters",
    "letters_bulk": "take letters",
    "pen_act": "take letters",
    "question_wording": "word",
    "question_clear": "clear",
    "question_move": {"": "word", "reopen": "close", "restore": "close", "show": "show", "hide": "show"},
    "question_close": "close",
    "question_retract": "close",
    "question_merge": "word",
    "question_must_run_by": "word",
    "question_alike": "word",
    "question_pull": "pick",
    "question_note": "word",
    "question_topics": "word",
    "questions_bulk": "word",  # of the acts in it each is asked on its own
    "take_from_shelf": "word",
    "question_asker": "check names",
    "question_pick": "pick",
    "undo": "undo",
    "add_expert": "directory",
    "change_expert": "directory",
    "verify_expert": "directory",
    "expert_namesakes": "directory",
    "expert_merge": "whole directory",
    "expert_split": "whole directory",
    "expert_file": "whole directory",
    "expert_import": "whole directory",
    "expert_file_drop": "whole directory",
    "expert_export": "whole directory",
    "ask_draft": "prepare",
    "brief_save": "prepare",
    "assignment_write": "prepare",
    "assignment_invite": "invite",
    "assignment_deed": {"": "invite", "decline": "prepare", "verify": "directory"},
    "answer_enter": "edit",
    "answer_save": "edit",
    "answer_check": "give back",
    "answer_deed": {"return": "give back", "recall": "give back", "outcome": "edit", "reopen": "approve", "withdraw": "approve"},
    "answer_approve": "approve",
    "answer_cut": "approve",
    "press": {"": "edition", "pick": "pick", "drop": "pick", "date": "word", "unname": "check names"},
    "mail_rewrite": "stop mails",
    "press_mails": "stop mails",  # of the acts in it each is asked on its own
    "press_mail": {"": "stop mails", "release": "release mails"},
    "change_settings": "settings",
    "change_sentences": "words of the house",
    "change_mail_text": "words of the house",
    "invite_colleague": "people",
    "press_colleague": "people",
}  # fmt: skip


def act_of(endpoint: str, last: str) -> str | None:
    """The act behind an endpoint of the desk, or None where the table of presses doesn't know it."""
    act = PRESSES.get(endpoint.removeprefix("editor."))
    return act.get(last, act.get("")) if isinstance(act, dict) else act


def act_of_press() -> str | None:
    """The act of this request, if it is a press."""
    if request.method != "POST":
        return None
    return act_of(request.endpoint or "", request.path.rpartition("/")[2])
