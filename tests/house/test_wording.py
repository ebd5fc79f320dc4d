"""How the desk says the time that is left: never more than there is."""

from datetime import timedelta

import pytest
from flask import Flask

from app.core.clock import utc_now
from app.web.formatting import format_time_left


@pytest.mark.parametrize(
    ("hours", "message"),
    [(4 * 24 + 17, "4 days"), (10 * 24 + 1, "10 days"), (47.5, "47 hours"), (1.9, "1 hour"), (0.5, "29 minutes")],
)
def test_the_time_that_is_left_is_rounded_down(app: Flask, hours: float, message: str) -> None:
    with app.test_request_context():
        assert format_time_left(utc_now() + timedelta(hours=hours)) == message


def test_a_moment_that_is_over_has_no_time_left_and_is_still_said(app: Flask) -> None:
    with app.test_request_context():
        assert format_time_left(utc_now() - timedelta(days=1), "short") == "1 min"
