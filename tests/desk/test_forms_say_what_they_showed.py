"""Every form of the desk that changes what is there says what it showed, so that of two at once the second is told.

The pages themselves are looked at wherever a test opens one: see `check_forms`.
"""

from flask import Flask

from tests.support.desk import ENDPOINTS_WITHOUT_TOKEN


def test_no_press_is_let_off_twice_and_each_that_is_let_off_is_one_of_the_desk(app: Flask) -> None:
    free = [name for names in ENDPOINTS_WITHOUT_TOKEN.values() for name in names]
    presses = {
        rule.endpoint.removeprefix("editor.") for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())
    }
    assert len(free) == len({*free})
    assert {*free} - presses == set(), (
        "ENDPOINTS_WITHOUT_TOKEN lets a press off that the desk doesn't have: take it out."
    )
