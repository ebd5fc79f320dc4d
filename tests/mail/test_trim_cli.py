"""`readers-asked mail trim`: one message, or many in one process, without settings and without a database."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support import clock

ROOT = Path(__file__).parent.parent.parent
COMMAND = (sys.executable, "-m", "flask", "--app", "wsgi", "mail", "trim")
BARE = {
    **clock.clock_environment(),
    "PATH": os.environ["PATH"],
    "LC_ALL": "C",
}  # no settings, and a terminal that knows ASCII only

MESSAGE = """\
From: Timur <timur@mail.example>
To: letter@steppe.example
Subject: lamps
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Почему мост пуст?

02.05.2024, 10:14, "The Steppe Letter" <letter@steppe.example>:
> old
""".encode()


def line(number: object, raw: bytes = MESSAGE) -> bytes:
    return json.dumps({"id": number, "raw_b64": base64.b64encode(raw).decode()}).encode() + b"\n"


def test_one_message() -> None:
    done = subprocess.run(COMMAND, input=MESSAGE, capture_output=True, cwd=ROOT, env=BARE, check=True)
    assert done.stdout.decode() == "Почему мост пуст?\n"


def test_many_messages_in_order_and_a_broken_one_among_them_stops_nobody() -> None:
    lines = [
        line(1),
        b"not json\n",
        b"\n",
        b'{"id": 2}\n',
        b'{"id": 3, "raw_b64": "%"}\n',
        b"[]\n",
        line("four", b"\xff\x00"),
        line(5),
    ]
    done = subprocess.run(
        [*COMMAND, "--jsonl"], input=b"".join(lines), capture_output=True, cwd=ROOT, env=BARE, check=True
    )
    assert [json.loads(answer) for answer in done.stdout.splitlines()] == [
        {"id": 1, "text": "Почему мост пуст?"},
        {"id": None, "error": "the line is not {id, raw_b64} in JSON"},
        {"id": 2, "error": "the line is not {id, raw_b64} in JSON"},
        {"id": 3, "error": "raw_b64 is not base64"},
        {"id": None, "error": "the line is not {id, raw_b64} in JSON"},
        {"id": "four", "text": "ÿ"},
        {"id": 5, "text": "Почему мост пуст?"},
    ]


def test_each_line_is_answered_before_the_next_is_sent() -> None:
    with subprocess.Popen(
        [*COMMAND, "--jsonl"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env=BARE
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        answers = []
        for number in range(5):
            running.stdin.write(line(number))
            running.stdin.flush()
            answers.append(json.loads(running.stdout.readline())["id"])
        running.stdin.close()
    assert answers == [0, 1, 2, 3, 4]
    assert running.returncode == 0
