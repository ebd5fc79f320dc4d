"""`readers-asked mail ...`: the group, and the commands without a database. app/cli/mailroom.py adds the others."""

import base64
import binascii
import json
import sys
from collections.abc import Callable
from typing import Any

import click
from flask.cli import AppGroup

from ..mailtext.parsing.parse import parse
from ..mailtext.trim import trim

mail = AppGroup("mail", help="Receive, inspect and file mail, and test how it is delivered.")


@mail.command("trim", with_appcontext=False)
@click.option("--jsonl", is_flag=True, help="Read lines {id, raw_b64}, and write a line {id, text} for each.")
def run_trim(jsonl: bool) -> None:
    """Print what the sender wrote in the message on standard input, without quotes, signature and footer.

    With --jsonl one process trims any number of messages in order, and answers each before it reads the next; a line
    that can't be read is answered with {id, error}. Needs no settings and no database.
    """
    if jsonl:
        answer_lines(lambda raw: {"text": trim(parse(raw)).text})
    else:
        sys.stdout.buffer.write(f"{trim(parse(sys.stdin.buffer.read())).text}\n".encode("utf-8", "replace"))


def answer_lines(answer: Callable[[bytes], dict[str, Any]]) -> None:
    """Answer each line {id, raw_b64} of standard input, before the next is read, with its id and `answer` of the bytes.

    A line that can't be parsed, and one for which `answer` raises, gets {id, error}, which never quotes the mail. Input
    and output are UTF-8 whatever the locale is.
    """
    out = sys.stdout.buffer
    for line in iter(sys.stdin.buffer.readline, b""):
        if line.strip():
            out.write(json.dumps(_answer_line(line, answer), ensure_ascii=False).encode("utf-8", "replace") + b"\n")
            out.flush()


def _answer_line(line: bytes, answer: Callable[[bytes], dict[str, Any]]) -> dict[str, Any]:
    number: Any = None
    try:
        given = json.loads(line)
        number = given["id"]
        raw = base64.b64decode(given["raw_b64"], validate=True)
    except binascii.Error:
        return {"id": number, "error": "raw_b64 is not base64"}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {"id": number, "error": "the line is not {id, raw_b64} in JSON"}
    try:
        return {"id": number, **answer(raw)}
    except Exception as flaw:  # a bug that one message triggers must not stop the others
        return {"id": number, "error": type(flaw).__name__}
