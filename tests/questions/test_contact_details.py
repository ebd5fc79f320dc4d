"""By what somebody could be reached is found however it is written, and an amount or a day is no phone number."""

import pytest

from app.questions.source_protection import find_contact_details


@pytest.mark.threat("curious expert")
@pytest.mark.parametrize(
    ("text", "results"),
    [
        ("Ring +998 (61) 222-33-44 at night", [("phone", "+998 (61) 222-33-44", "612223344")]),
        ("8 701 123 45 67", [("phone", "8 701 123 45 67", "011234567")]),
        ("۰۹۱۲ ۳۴۵ ۶۷۸۹", [("phone", "۰۹۱۲ ۳۴۵ ۶۷۸۹", "123456789")]),
        ("电话13812345678", [("phone", "13812345678", "812345678")]),
        ("Timur@Post.Example", [("email", "Timur@Post.Example", "timur@post.example")]),
        ("see https://www.Post.example/a/", [("link", "https://www.Post.example/a/", "post.example/a")]),
        ("I am @timur_osh there", [("handle", "@timur_osh", "@timur_osh")]),
        ("-----BEGIN PGP PUBLIC KEY BLOCK-----\nabc +998 612 22 33 44", [("pgp", None, "pgp")]),
        ("It cost 1 000 000 000 tenge, or 1,250,000,000.50, on 12.10.2026 at 09:59, in 2021-2022", []),
        ("1234567 people, 40 percent, in 1991", []),
        ("What does the law say?", []),
    ],
)  # fmt: skip
def test_what_reaches_somebody_is_found(text: str, results: list[tuple[str, str | None, str]]) -> None:
    seen = list(find_contact_details(text))
    assert [(one.kind, one.text if one.kind != "pgp" else None, one.key) for one in seen] == results


def test_a_text_of_nothing_but_headers_takes_no_time() -> None:
    assert len(list(find_contact_details("-----BEGIN PGP MESSAGE----- " * 20_000))) == 1
