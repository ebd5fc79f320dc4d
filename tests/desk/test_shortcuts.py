"""The keys of the desk's lists: whoever files from one letter to the next finds each key meaning what it meant before."""

import re

from sqlalchemy.orm import Session

from app.editor.filtered_list import EXPERT_LETTER_SHORTCUTS, SHORTCUTS
from app.newsletters.models import Newsletter
from tests.support.desk import Desk
from tests.support.sample_newsroom import Newsroom
from tests.support.source import ROOT

ONE_PRESS = {"fine", "yes"}  # of an expert who lets the text run; a page has one of them


def test_no_key_changes_its_meaning_from_one_letter_to_the_next() -> None:
    meanings: dict[str, set[str]] = {}
    for act, (key, _words) in (*SHORTCUTS.items(), *EXPERT_LETTER_SHORTCUTS.items()):
        meanings.setdefault(key, set()).add("lets it run" if act in ONE_PRESS else act)
    assert {key: acts for key, acts in meanings.items() if len(acts) > 1} == {}


def test_what_is_filed_alike_has_the_same_key_on_both_kinds_of_letters() -> None:
    assert {
        act
        for act in SHORTCUTS.keys() & EXPERT_LETTER_SHORTCUTS.keys()
        if SHORTCUTS[act][0] != EXPERT_LETTER_SHORTCUTS[act][0]
    } == set()


def test_pages_take_their_keys_from_the_table() -> None:
    written = {
        key
        for path in (ROOT / "app/templates").rglob("*.html")
        for key in re.findall(r'(?:\bkey|data-key|aria-keyshortcuts)="([^"{]+)"', path.read_text())
    }
    assert written <= {key for key, _words in SHORTCUTS.values()}


def test_each_section_has_a_letter_of_its_own_whether_there_is_a_holding_pen_or_not(
    nora: Desk, newsroom: Newsroom
) -> None:
    """`g` begins the two keys of a section, so it is no key of a list."""

    def list_letters() -> list[str]:
        return nora.get("letters").attributes(".sections a", "data-go")

    def take_mail(session: Session) -> None:
        session.get_one(Newsletter, newsroom.newsletter_id).inbox = "ask@steppe.example"

    assert list_letters() == ["e", "l", "q", "s", "x", "o", "a", "i", "t"]
    nora.database.write(take_mail)
    assert list_letters() == ["e", "l", "p", "q", "s", "x", "o", "a", "i", "t"]
    assert "g" not in {key for key, _words in (*SHORTCUTS.values(), *EXPERT_LETTER_SHORTCUTS.values())}
