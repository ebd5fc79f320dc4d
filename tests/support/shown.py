"""What a form of the desk carries of what it showed when it was opened, as tests write and read it."""

import json
import re
from base64 import urlsafe_b64decode
from typing import Any

from flask import Flask

from app.editor.conflict import token
from tests.support.pages import Page

# The presses of the desk whose forms need not say what they showed, by why that is so.
WITHOUT_TOKEN = {
    "it adds something, and changes nothing that is there": (
        "add_expert", "answer_enter", "ask_draft", "assignment_write", "back_issues_import", "back_issues_look", "expert_file", "invite_colleague",
        "add_program", "try_program", "letter_write_down", "look_at_ask_page", "mail_file_take", "make_newsletter", "note_expert_page",
        "question_note", "translator_invite", "verify_expert",
    ),
    "each tick carries the version of its row": ("letter_crowds", "letter_crowds_hold", "letters_bulk", "press_mails", "questions_bulk", "waiting_bulk"),
    "it names the state or the fact that it takes away, and is refused where that is gone": (
        "answer_move", "answer_use", "assignment_move", "assignment_invite", "back_issues_drop", "back_issues_undo", "drop_draft",
        "drop_expert_page", "expert_file_drop", "expert_import", "leave_expert",
        "invitations_send", "question_asker", "question_letter",
        "question_pick", "take_from_shelf", "undo",
        "first_steps_put", "show_program_secret", "tell_program_again",
    ),
    "it is said of two rows, however each of them stands": (
        "expert_merge", "expert_namesakes", "expert_split", "question_alike",
    ),
    "it changes nothing": ("expert_address", "expert_addresses", "expert_export", "mail_address", "pen_address", "try_sending_tool"),
    "it hands over what stands there when it is done, whoever changed it": ("hand_over",),
}  # fmt: skip
FACTS = ("version", "newest", "label", "must_run_by")  # that a test may name beside the fields of a form


def check_forms(app: Flask, page: str, address: str) -> None:
    """Fail where a form of a page of the desk, which has to, doesn't carry what it showed."""
    free, addresses = {name for names in WITHOUT_TOKEN.values() for name in names}, app.url_map.bind("")
    for form in Page(page).forms:
        if form.method != "post":
            continue
        endpoint = addresses.match((form.action or address).partition("?")[0], method="POST")[0]
        assert not endpoint.startswith("editor.") or form.fields.get("once"), (
            f"The form of {endpoint} has to carry a key of its own, by which a press that comes twice is known: write "
            "{{ token() }} into it."
        )
        if endpoint.startswith("editor.") and endpoint.removeprefix("editor.") not in free:
            assert "seen" in form.fields, (
                f"The form of {endpoint} has to say what it showed: write {{{{ version_field(version_token) }}}} into it and check it in "
                "its view with `check_unchanged` or `as_opened`; or say in WITHOUT_TOKEN why it needs not."
            )


def with_token(typed: dict[str, Any]) -> dict[str, Any]:
    """The form as it is sent: the facts among what is typed become its token, beside those of the token that is there."""
    facts = {name: number(value) for name, value in typed.items() if name in FACTS}
    fields = {name: value for name, value in typed.items() if name not in FACTS}
    if not facts:
        return fields
    return fields | {"seen": token((facts_in(fields["seen"]) if "seen" in fields else {}) | facts)}


def number(value: Any) -> Any:
    return int(value) if re.fullmatch(r"\d{1,9}", str(value)) else value


def facts_in(seen: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(urlsafe_b64decode(seen))
    return facts


def tokens(page: str) -> list[str]:
    return Page(page).values("seen")


def seen(page: str, act: str = "") -> str:
    """The token of the first form of a page, or of the first one that is sent to an address with this end."""
    if not act:
        return tokens(page)[0]
    token = Page(page).form(f"/{act}").fields["seen"]
    assert isinstance(token, str), token
    return token


def fact(page: str, name: str) -> Any:
    """What the first form of a page that carries such a fact carries of it."""
    return next(facts[name] for facts in map(facts_in, tokens(page)) if name in facts)


def all_shown(page: str) -> str:
    """A token of all that the forms of a page carry."""
    return token({name: value for seen in reversed(tokens(page)) for name, value in facts_in(seen).items()})


def version(page: str, act: str = "") -> str:
    """The version that the first form of a page carries, or the first one that is sent to an address with this end."""
    return str(facts_in(seen(page, act))["version"] if act else fact(page, "version"))


def newest(page: str) -> str:
    """The newest change of the question that its page shows."""
    return str(fact(page, "newest"))
