"""Five years later: what people kept from today, a number, a link, a tab, a signed-in browser, meets a house with other keys."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.db.engine import Database
from tests.support import clock
from tests.support.assignments import WORDING, ExpertAssignment
from tests.support.desk import Desk
from tests.support.reader_pages import SILOS_QUESTION, get_form_token, read_receipt, send_question
from tests.support.required_programs import skip_without
from tests.support.sample_newsroom import Newsroom
from tests.support.years_later import visit_years_later


@pytest.fixture(autouse=True)
def require_fake_clock() -> None:
    if not clock.is_clock_faked():
        skip_without("libfaketime: nothing can be years later (apt-get install faketime)")


def test_a_receipt_opens_and_an_old_tab_keeps_what_was_typed(
    client: FlaskClient, database: Database, newsroom: Newsroom, tmp_path: Path
) -> None:
    receipt, old_tab = read_receipt(send_question(client).text), get_form_token(client)
    state, sent = visit_years_later(
        5, database.url, tmp_path,
        [
            {"path": "/steppe/receipt", "data": {"receipt": receipt}},
            {"path": "/steppe/send", "data": {"form": old_tab, "body": SILOS_QUESTION, "then": "send"}},
        ],
    )  # fmt: skip
    assert (state.status, state.page.heading) == (200, "Your receipt")
    assert "Nora Lind will read it" in state.page.main_text
    assert (sent.status, sent.page.value("body")) == (400, SILOS_QUESTION)
    assert "This page was open for too long" in sent.page.main_text


def test_a_browser_that_was_signed_in_is_asked_to_sign_in(nora: Desk, database: Database, tmp_path: Path) -> None:
    cookie = next(iter(nora.client._cookies.values()))
    [home] = visit_years_later(5, database.url, tmp_path, [{"path": "/desk/steppe/"}], f"{cookie.key}={cookie.value}")
    assert (home.status, home.location) == (303, "/sign-in?to=desk&next=/desk/steppe/")


def test_an_experts_link_opens_what_has_not_run_and_says_that_it_was_due(
    database: Database, salt: ExpertAssignment, tmp_path: Path
) -> None:
    [opened] = visit_years_later(5, database.url, tmp_path, [{"path": salt.link}])
    assert (opened.status, opened.page.heading) == (200, WORDING)
    assert "Your text was due on" in opened.page.main_text
