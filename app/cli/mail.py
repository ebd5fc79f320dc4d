"""`readers-asked mail ...`: the group, and `mail trim`. mailroom.py and doctor.py add the other commands."""

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
        process_lines(lambda raw: {"text": trim(parse(raw)).text})
    else:
        sys.stdout.buffer.write(f"{trim(parse(sys.stdin.buffer.read())).text}\n".encode("utf-8", "replace"))


def process_lines(process: Callable[[bytes], dict[str, Any]]) -> None:
    """Process each line {id, raw_b64} of standard input, and print a line with its id and what `process` returns.

    `process` gets the decoded message. If the line can't be parsed or `process` raises, the output is {id, error},
    which never quotes the mail. Each line is answered before the next is read. Input and output are always UTF-8.
    """
    output = sys.stdout.buffer
    for line in iter(sys.stdin.buffer.readline, b""):
        if line.strip():
            result = json.dumps(_process_line(line, process), ensure_ascii=False)
            output.write(result.encode("utf-8", "replace") + b"\n")
            output.flush()


def _process_line(line: bytes, process: Callable[[bytes], dict[str, Any]]) -> dict[str, Any]:
    line_id: Any = None
    try:
        fields = json.loads(line)
        line_id = fields["id"]
        raw = base64.b64decode(fields["raw_b64"], validate=True)
    except binascii.Error:
        return {"id": line_id, "error": "raw_b64 is not base64"}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {"id": line_id, "error": "the line is not {id, raw_b64} in JSON"}
    try:
        return {"id": line_id, **process(raw)}
    except Exception as error:  # a bug that one message triggers must not stop the others
        return {"id": line_id, "error": type(error).__name__}
