"""The held letters on the desk: what stands alone first, and the crowds of a flood, filed by one press."""

from app.db.engine import Database
from app.letters import crowds
from tests.support.database_checks import count_queries
from tests.support.floods import send_flood
from tests.support.letters import list_letter_ids
from tests.support.sample_newsroom import Newsroom

FLOOD = "Why is the bridge over the canal closed, and who has closed it?"
SALT = "Who weighs the salt in the orchards by the sea?"


def test_a_crowd_is_filed_by_one_press_and_comes_back_by_another(nora, database: Database, newsroom: Newsroom):
    send_flood(database, newsroom, [FLOOD, FLOOD, SALT, FLOOD])
    unsorted = nora.get("/letters?state=held")
    assert (len(list_letter_ids(unsorted)), unsorted.texts("#crowds")) == (4, [])
    crowds.rank_waiting_letters(database)

    page = nora.get("/letters?state=held")
    assert page.part("section[aria-labelledby=crowds]").texts("li label") == ["3 letters"]
    assert page.part("section[aria-labelledby=crowds] li").links[0][0] == FLOOD
    assert page.texts("form[aria-label='Letters to file'] :is(h2, h3)") == ["Held: a person looks first"]  # no days
    (first,) = page.values("crowd")
    alone = list_letter_ids(page)[0]
    assert SALT in nora.get(f"/letters/{alone}?state=held")

    done = nora.get(nora.post("/letters/crowds", crowd=first))
    assert "The crowd is filed as spam." in done
    assert list_letter_ids(nora.get("/letters?state=held")) == [alone]
    assert nora.get("/letters?state=held").texts("#crowds") == []
    assert "Nothing was done. Select one of the groups below." in nora.get(nora.post("/letters/crowds", crowd=first))

    press = done.values("press")[0]
    assert "Undone." in nora.get(nora.post("/undo", press=press))
    assert len(list_letter_ids(nora.get("/letters?state=held"))) == 4


def test_an_empty_press_files_nothing(nora, database: Database, newsroom: Newsroom):
    send_flood(database, newsroom, [FLOOD] * 3)
    crowds.rank_waiting_letters(database)
    assert "Nothing was done. Select one of the groups below." in nora.get(nora.post("/letters/crowds"))
    assert len(list_letter_ids(nora.get("/letters?state=held"))) == 3


def test_the_page_takes_as_many_statements_for_a_hundred_as_for_some(nora, database: Database, newsroom: Newsroom):
    counted = []
    for first, last in ((0, 45), (45, 145)):
        send_flood(database, newsroom, [FLOOD] * (last - first), first)
        crowds.rank_waiting_letters(database)
        counted.append(count_queries(nora.database, lambda: nora.get("/letters?state=held")))
    assert 0 < counted[0] == counted[1]
    assert len(list_letter_ids(nora.get("/letters?state=held"))) == 40
