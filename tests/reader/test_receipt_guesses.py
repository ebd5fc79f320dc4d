"""How many receipts can be guessed in a year, as docs/threat-model.md says."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.reader.receipt import GUESSES
from app.web.setup import apply_limits, hash_identifier
from tests.support.source import ROOT

ADDRESSES = 10_000
LETTERS = 100_000
RECEIPTS = 10**20
YEAR = timedelta(days=365)


def count_allowed(app: Flask, tries: int) -> int:
    """Try `tries` receipts from each of 10,000 addresses; return how many tries are answered."""
    with app.test_request_context():
        keys = [hash_identifier(f"198.18.{number >> 8}.{number & 255}") for number in range(ADDRESSES)]
        return sum(
            apply_limits(lambda counters, key=key: counters.hit(GUESSES, "receipts", key))  # type: ignore[misc]
            for key in keys
            for _ in range(tries)
        )


@pytest.mark.threat("guessed number")
def test_ten_thousand_addresses_guess_no_receipt_in_a_year(limited_client: FlaskClient) -> None:
    per_window = count_allowed(limited_client.application, GUESSES.amount + 1)
    assert per_window == ADDRESSES * GUESSES.amount
    guesses = per_window * (YEAR // timedelta(seconds=GUESSES.get_expiry()))
    model = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    [(billions, letters, odds)] = re.findall(
        r"10,000 addresses ([\d.]+) billion in a year, which find one of ([\d,]+) letters with a chance of 1 in ([\d,]+)",
        model,
    )
    assert (float(billions), int(letters.replace(",", ""))) == (round(guesses / 1e9, 1), LETTERS)
    assert int(odds.replace(",", "")) == round(RECEIPTS / (guesses * LETTERS), -3)
