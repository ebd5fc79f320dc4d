"""One block from JSON: the command that other tools use, what it says when the JSON is wrong, and the room by itself."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from app.cli.editions import editions
from app.typesetting.exports import EXPORTS
from app.typesetting.from_json import TypesetError, read_piece
from app.typesetting.house_form import PLACEHOLDERS

BLOCK: dict[str, Any] = {
    "language": "en",
    "marks": "typographic",
    "section": "Ask The Steppe",
    "headline": "The Sea",
    "askers": [{"credit": "Timur"}],
    "question": 'Is the "sea" there?',
    "lead_in": {"name": "Leyla Aydin", "credit_line": "a geographer"},
    "answer": "Yes, *mostly*.\n\nIn the north.",
    "call": "Write to {address}.",
}
SET = """\
Ask The Steppe: The Sea

Timur asked: “Is the ‘sea’ there?”

To find out more, I asked Leyla Aydin, a geographer:

“Yes, mostly.

“In the north.”

Write to {address}.
"""


def run(data: Any, *arguments: str) -> tuple[int, str, str]:
    given = data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode()
    result = CliRunner().invoke(editions, ["typeset", *arguments], input=given)
    return result.exit_code, result.stdout, result.stderr


def block_without(key: str) -> dict[str, Any]:
    return {name: value for name, value in BLOCK.items() if name != key}


def test_text_is_the_usual_form() -> None:
    assert run(BLOCK) == run(BLOCK, "--format", "text") == (0, SET, "")


def test_markdown_and_html() -> None:
    assert run(BLOCK, "--format", "markdown", "--address", "a@b.example")[1] == (
        "## " + SET.replace("mostly", "*mostly*").replace("{address}", "a@b.example")
    )
    code, html, _ = run(block_without("call"), "--format", "html")
    assert (code, html.split("\n")[0], html.split("\n")[4]) == (
        0,
        '<section class="qa" lang="en" dir="ltr">',
        '<p class="qa-answer">“Yes, <em>mostly</em>.</p>',
    )


def test_an_answer_may_be_a_list_of_paragraphs_and_absent_parts_may_be_null() -> None:
    lead_in = {"name": "Leyla Aydin", "credit_line": None, "relation": None, "pattern": None}
    listed = BLOCK | {"answer": ["Yes, *mostly*.", "In the north."], "call": None, "lead_in": lead_in}
    assert run(listed)[1] == SET.replace(", a geographer", "").replace("\nWrite to {address}.\n", "")


def test_input_is_utf_8_with_or_without_a_byte_order_mark() -> None:
    assert run(b"\xef\xbb\xbf" + json.dumps(BLOCK).encode())[:2] == (0, SET)
    code, out, err = run(b'{"language": "\xff"}')
    assert (code, out, err.splitlines()[-1]) == (2, "", "Error: The input is not UTF-8: byte 14 can't be read.")


PLACES = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
KNOWN = "answer, askers, call, headline, language, lead_in, marks, question, section"


@pytest.mark.parametrize(
    ("data", "messages"),
    [
        (block_without("marks"), ["The key 'marks' is missing."]),
        (block_without("askers"), ["The key 'askers' is missing."]),
        (block_without("lead_in"), ["The key 'lead_in' is missing."]),
        (block_without("answer"), ["The key 'answer' is missing."]),
        (BLOCK | {"hedline": "x"}, [f"The key 'hedline' is unknown; known are: {KNOWN}."]),
        (BLOCK | {"marks": "curly"}, ["marks must be 'straight' or 'typographic', not 'curly'."]),
        (
            BLOCK | {"language": "english!"},
            ["language must be a BCP 47 tag such as 'en' or 'zh-Hant', not 'english!'."],
        ),
        (BLOCK | {"question": 7}, ["question must be a text, not a number."]),
        (BLOCK | {"question": "  "}, ["question must not be empty."]),
        (BLOCK | {"headline": None}, ["headline must be a text, not null."]),
        (BLOCK | {"call": []}, ["call must be a text, not a list."]),
        (BLOCK | {"answer": "\n"}, ["answer must not be empty."]),
        (BLOCK | {"answer": ["a", True]}, ["answer must be a text or a list of texts, not a list."]),
        (BLOCK | {"askers": {}}, ["askers must be a list, not an object."]),
        (
            BLOCK | {"askers": []},
            ['askers must hold at least one asker; write {"credit": null} for one who isn\'t named.'],
        ),
        (BLOCK | {"askers": ["Timur"]}, ["askers, number 1, must be an object with the key 'credit', not a text."]),
        (
            BLOCK | {"askers": [{"credit": None}, {"name": "Timur"}]},
            [
                "The key 'credit' in askers, number 2 is missing.",
                "The key 'name' in askers, number 2 is unknown; known are: credit.",
            ],
        ),
        (
            BLOCK | {"askers": [{"credit": False}]},
            ["askers, number 1, must have a text or null as its credit, not true or false."],
        ),
        (BLOCK | {"lead_in": "Leyla"}, ["lead_in must be an object, not a text."]),
        (
            BLOCK | {"lead_in": {"name": "", "pattern": "{nmae}", "credit": "x"}},
            [
                "The key 'credit_line' in lead_in is missing.",
                f"The key 'credit' in lead_in is unknown; known are: {', '.join(sorted(['pattern', *PLACEHOLDERS]))}.",
                f"lead_in.pattern has the unknown placeholder {{nmae}}; known are: {PLACES}.",
                "lead_in.name must not be empty.",
            ],
        ),
        ([], ["The block must be a JSON object, not a list."]),
        (b"{", ["This is not JSON: Expecting property name enclosed in double quotes at line 1, column 2."]),
        (b"", ["This is not JSON: Expecting value at line 1, column 1."]),
        (b'{"call": "a", "call": "b"}', ["The key 'call' is given twice."]),
        (b"[" * 100000, ["This is not JSON that can be read: it is nested too deeply."]),
    ],
)
def test_what_is_wrong_is_said_and_the_exit_status_is_2(data: Any, messages: list[str]) -> None:
    code, out, err = run(data)
    assert (code, out, err.splitlines()) == (2, "", messages)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(TypesetError) as raised:
        read_piece("{}")
    assert raised.value.messages == [
        f"The key {key!r} is missing."
        for key in ("answer", "askers", "headline", "language", "lead_in", "marks", "question", "section")
    ]


def test_an_unknown_format_is_refused() -> None:
    assert run(BLOCK, "--format", "pdf")[:2] == (2, "")


@pytest.mark.parametrize("command", ["typeset", "render"])
def test_the_commands_offer_every_form_of_export(command: str) -> None:
    assert f"--format [{'|'.join(EXPORTS)}]" in CliRunner().invoke(editions, [command, "--help"]).stdout


ALONE = """
import importlib, json, pkgutil, sys, types
from pathlib import Path

root = Path(sys.argv[1])
sys.path.insert(0, str(root))
app = sys.modules["app"] = types.ModuleType("app")  # without running the whole product's own module
app.__path__ = [str(root / "app")]

class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("app.") and name.split(".")[1] not in ("typesetting", "text", "languages", "word_tables"):
            raise ImportError(f"typesetting stands by itself and may not import {name}")
        if name.split(".")[0] in ("sqlalchemy", "flask", "flask_babel", "flask_mail", "click"):
            raise ImportError(f"typesetting needs no {name}")

sys.meta_path.insert(0, Nothing())
import app.typesetting
for module in pkgutil.iter_modules(app.typesetting.__path__):
    importlib.import_module(f"app.typesetting.{module.name}")

from app.typesetting.exports import EXPORTS
from app.typesetting.from_json import read_piece
from app.typesetting.house_form import set_block

blocks = [set_block(read_piece(json.dumps(piece)), "ask@steppe.example") for piece in json.load(sys.stdin)]
print(json.dumps({name: export.write(blocks, "The Steppe").decode("utf-8", "replace") for name, export in EXPORTS.items()}))
"""


def test_the_room_sets_an_edition_from_json_with_nothing_else_of_the_product() -> None:
    edition = json.dumps([BLOCK, BLOCK | {"language": "fa"}])
    root = str(Path(__file__).parents[2])
    alone = subprocess.run(
        (sys.executable, "-c", ALONE, root),
        input=edition,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert alone.stderr == ""
    set_in = json.loads(alone.stdout)
    assert set_in.keys() == EXPORTS.keys()
    assert set_in["text"].startswith(SET.replace("{address}", "ask@steppe.example"))
    assert [data["direction"] for data in json.loads(set_in["json"])] == ["ltr", "rtl"]
