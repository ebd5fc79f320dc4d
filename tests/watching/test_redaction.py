"""What is taken out of whatever is logged: by its form, and of errors all but the way through the code."""

import pytest

from app.watching.redaction import clean_values, fault_as_data, redact

PLANTED = "timur@post.example"


@pytest.mark.threat("hosting provider")
@pytest.mark.parametrize(
    ("text", "rest_text"),
    [
        ("from timur@post.example, refused", "from [address], refused"),
        ("<ask+abcdefgh234567ab@steppe.example>", "<[address]>"),
        ("see https://ask.example/a/QWERTY?x=1 and go", "see [link] and go"),
        ("postgresql+psycopg://desk:hunter2@db/desk", "[link]"),
        ("GET /steppe/answers?q=why+salt", "GET /steppe/answers?…"),
        ("/a/abc-DEF_123 /sign-in/xyz /stop/x /mail/in/y", "/a/[token] /sign-in/[token] /stop/[token] /mail/in/[token]"),
        ("receipt 1234 5678 9012 3456 7890.", "receipt [receipt]."),
        ("receipt 12345678901234567890", "receipt [receipt]"),
        ("receipt ۱۲۳۴ ۵۶۷۸ ۹۰۱۲ ۳۴۵۶ ۷۸۹۰", "receipt [receipt]"),
        ("the code is 12345678", "the code is [code]"),
        ("token dGhpcyBpcyBhIHRva2Vu-_x1", "token [token]"),
        ("b-abcdefgh234567ab came", "[token] came"),
        ("peer 192.0.2.7:4711, [2001:db8::7] and ::1", "peer [ip]:4711, [[ip]] and [ip]"),
        ("at 03:05:11, version 2.1.0, mail 12 in read_only_when_asked_for_it", "at 03:05:11, version 2.1.0, mail 12 in read_only_when_asked_for_it"),
    ],
)  # fmt: skip
def test_a_form_that_leads_to_somebody_is_taken_out(text: str, rest_text: str) -> None:
    assert redact(text) == rest_text


@pytest.mark.threat("hosting provider")
def test_values_are_cleaned_however_deep_they_lie() -> None:
    class Letter:
        def __repr__(self) -> str:
            return PLANTED

    given = {"n": 7, "who": [PLANTED, {PLANTED: (True, None, 0.5)}], "row": Letter()}
    assert clean_values(given) == {"n": 7, "who": ["[address]", {"[address]": [True, None, 0.5]}], "row": "[Letter]"}


def test_of_an_error_go_its_type_and_the_way_through_the_code() -> None:
    def inner(letter: str) -> None:
        raise ValueError(letter)

    try:
        try:
            inner(PLANTED)
        except ValueError as error:
            raise KeyError(PLANTED) from error
    except KeyError as error:
        found = fault_as_data(error)
    assert [(one["type"], [(at["file"], at["function"]) for at in one["frames"]]) for one in found] == [
        (
            "KeyError",
            [("tests/watching/test_redaction.py", "test_of_an_error_go_its_type_and_the_way_through_the_code")],
        ),
        (
            "ValueError",
            [
                ("tests/watching/test_redaction.py", "test_of_an_error_go_its_type_and_the_way_through_the_code"),
                ("tests/watching/test_redaction.py", "inner"),
            ],
        ),
    ]
    assert PLANTED not in str(found)
