"""What nobody types by hand but a form can hold: the desk takes it or says why not, and nothing breaks."""

import pytest
from flask import Flask
from werkzeug.routing import AnyConverter, IntegerConverter, Rule

from app.db.engine import Database
from app.editions.queries import list_editions_to_run
from app.newsletters.models import Newsletter
from app.people import sessions
from app.people.models import Person
from tests.support.assignments import ExpertAssignment
from tests.support.database_checks import dump_tables
from tests.support.desk import Desk
from tests.support.letters import send_letter
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom


def place(database: Database, assignment: ExpertAssignment) -> str:
    with database.read() as session:
        return f"questions/{assignment.assignment(session).question.public_id}/assignments/{assignment.public_id}"


@pytest.mark.parametrize(
    ("zone", "value"), [("Europe/Prague", "0001-01-01T00:00"), ("America/New_York", "9999-12-31T23:59")]
)
def test_a_time_that_the_calendar_has_not_in_this_zone_is_none(
    nora: Desk, database: Database, newsroom: Newsroom, salt: ExpertAssignment, zone: str, value: str
) -> None:
    database.write(lambda session: setattr(session.get_one(Newsletter, newsroom.newsletter_id), "zone", zone))
    here, before = place(database, salt), dump_tables(database)
    nora.press(f"{here}/invite", 422, look="1", reply_by=value, due_at=value)
    nora.press(f"{here}/extend", status=422, due_at=value)
    assert dump_tables(database) == before


def test_an_old_page_of_a_newsletter_that_is_called_questions_is_told_as_any_other(app: Flask) -> None:
    answer = app.test_client().post("/desk/questions/letters", data={"act": "question"}, base_url="https://localhost")
    assert (answer.status_code, "The page was too old" in answer.text) == (400, True)


def test_an_old_page_gives_a_letter_to_an_expert_back_and_no_number_of_a_row(
    nora: Desk, database: Database, salt: ExpertAssignment
) -> None:
    nora.token = "old"
    where = place(database, salt)
    page = nora.post(f"/{where}/write", 400, letter="Dear Leyla, is it 40 plates or 54?")
    assert "Dear Leyla, is it 40 plates or 54?</textarea>" in page and leads_to(page) == f"/desk/steppe/{where}"
    assert "What you wrote" not in nora.post("/letters", 400, letter=salt.public_id, act="question")


def leads_to(page: str) -> str:
    """Where the button of an error page leads."""
    return Page(page).attributes("a[class=btn]", "href")[-1]


def test_from_every_form_of_the_desk_an_old_page_leads_back_to_where_it_was_typed(
    app: Flask, nora: Desk, database: Database, newsroom: Newsroom, salt: ExpertAssignment
) -> None:
    question = place(database, salt).rpartition("/assignments")[0]
    with database.read() as session:
        edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0].public_id
    nora.token = "old"
    for sent, page in {
        "settings/texts": "settings/texts",
        "settings/sentences/fa": "settings/sentences/fa",
        "people": "people",
        f"{question}/close": question,
        f"{question}/ask": f"{question}/ask",
        f"editions/{edition}/drop?topic=salt": f"editions/{edition}?topic=salt",
        "experts": "experts",
        "experts/export": "experts",
        "experts/duplicates/merge": "experts/duplicates",
        "letters/new": "letters/new",
        "questions": "questions",
        "undo": "",
    }.items():
        page_again = nora.post(f"/{sent}", 400, call="What would you like to know?")
        assert leads_to(page_again) == f"/desk/steppe/{page}"
        assert ">\nWhat would you like to know?</textarea>" in page_again

    rules = [
        rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("editor.") and "POST" in rule.methods
    ]
    addresses = [rule.build(dict.fromkeys(rule.arguments, "steppe") | rule_words(rule))[1] for rule in rules]
    assert len(addresses) > 40
    pages = app.url_map.bind("")
    for address in addresses:
        path = leads_to(nora.post(address, 400)).partition("?")[0]
        assert address.startswith(path) and pages.match(path, method="GET"), address


def rule_words(rule: Rule) -> dict[str, str]:
    """One of the words, or a number, that a rule lets stand in a place of its address."""
    found = rule._converters.items()
    words = {name: sorted(any_.items)[0] for name, any_ in found if isinstance(any_, AnyConverter)}
    return words | {name: "1" for name, one in found if isinstance(one, IntegerConverter)}


def sign_out_nora(nora: Desk, newsroom: Newsroom) -> None:
    """Sign Nora out of the browser that she has open."""
    nora.database.write(lambda s: sessions.end_all(s, newsroom.nora, s.get_one(Person, newsroom.nora.person_id)))


@pytest.mark.parametrize("fields", [{"call": "What would you like to know?"}, {"slots": "3"}])
def test_who_was_signed_out_meanwhile_is_led_back_to_the_form(
    nora: Desk, newsroom: Newsroom, fields: dict[str, str]
) -> None:
    sign_out_nora(nora, newsroom)
    answer = nora.send("settings/texts", fields)
    assert (answer.status_code, leads_to(answer.text)) == (403, "/sign-in?to=desk&next=/desk/steppe/settings/texts")


def test_who_files_a_letter_with_the_session_over_hears_that_nothing_was_filed(
    nora: Desk, database: Database, newsroom: Newsroom
) -> None:
    letter = send_letter(database, newsroom, "Who counts the salt in the orchards?")
    sign_out_nora(nora, newsroom)
    before = dump_tables(database)
    said = nora.send(f"letters/{letter}/file", {"kind": "spam", "version": 1})
    assert said.status_code == 403
    assert "You aren’t signed in any more" in said.text
    assert "Nothing was filed, saved or changed." in said.text
    assert leads_to(said.text) == f"/sign-in?to=desk&next=/desk/steppe/letters/{letter}"
    assert dump_tables(database) == before


def test_an_old_page_gives_back_each_text_under_the_name_of_its_field(
    nora: Desk, database: Database, newsroom: Newsroom, salt: ExpertAssignment
) -> None:
    question = place(database, salt).rpartition("/assignments")[0]
    wording = {"headline": "The Salt Wind", "body": "Who measures it?", "background": "Our issue 60."}
    token, nora.token = nora.token, "old"
    pages = [nora.post(f"{question}/wording", 400, **wording)]
    nora.token = token
    sign_out_nora(nora, newsroom)
    pages.append(nora.post(f"{question}/wording", 403, **wording))
    for page in pages:
        names = ["headline", "body", "background"]
        assert page.attributes("label:has(+ textarea)", "for") == page.attributes("label + textarea", "id") == names
        assert page.texts("label:has(+ textarea)") == ["Headline", "The text", "Background"]
        assert page.texts("label + textarea") == ["The Salt Wind", "Who measures it?", "Our issue 60."]


def test_an_address_that_no_page_of_the_desk_has_leads_back_to_it(nora: Desk) -> None:
    for path in ("nonsense", "../nonsense"):
        page = nora.open(path)
        assert page.status_code == 404
        assert "Back to the desk" in page.text and "To the front page" not in page.text


def test_a_letter_is_no_look_alike_of_itself(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    letter = send_letter(database, newsroom, "Who counts the salt in the orchards?")
    before = dump_tables(database)
    nora.press(f"letters/{letter}/alike", status=404, **{"with": f"letter.{letter}"}, same="yes", version=1)
    assert dump_tables(database) == before
