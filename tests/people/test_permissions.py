"""Who may what: the table by hand, the table in the code, the tables of moves and the page say one and the same."""

import re

import pytest
from flask import Flask

from app.actors import Clock, Expert, Reader, Staff, Visitor
from app.cli import MACHINES
from app.editor.acts import PRESSES
from app.editor.settings.people_words import GROUPS
from app.lifecycle import NotYours
from app.people import permissions
from app.people.permissions import ACTS
from tests.support.at_desk import Browser, read
from tests.support.cast import Newsroom

# The policy of the house, kept by hand: whoever changes the table in the code changes it here as well, and reads it.
ASSISTANTS = {
    "read", "take letters", "undo", "check names", "word", "directory", "prepare", "edit", "stop mails",
}  # fmt: skip
EDITORS = {
    "clear", "show", "close", "invite", "give back", "approve", "pick", "edition", "release mails", "settings",
    "words of the house", "trail", "whole directory",
}  # fmt: skip
ADMINS = {"people"}
MAY = {"assistant": ASSISTANTS, "editor": ASSISTANTS | EDITORS, "admin": ASSISTANTS | EDITORS | ADMINS}


@pytest.mark.parametrize("role", MAY)
def test_a_role_may_what_the_hand_kept_table_says(role: str) -> None:
    actor = Staff(1, "Somebody", 1, role)
    assert {act for act in ACTS if permissions.may(actor, act)} == MAY[role]
    for act in set(ACTS) - MAY[role]:
        with pytest.raises(NotYours):
            permissions.must(actor, act)


@pytest.mark.parametrize("actor", [Expert(1, "Leyla Aydın"), Reader(1), Clock(), Visitor(1)], ids=lambda one: one.kind)
def test_nobody_else_may_anything_at_the_desk(actor: Expert | Reader | Clock | Visitor) -> None:
    assert [act for act in ACTS if permissions.may(actor, act)] == []


def test_every_move_that_the_desk_can_make_is_one_act_with_the_same_letter() -> None:
    """What A may in a table of moves is an act of A, and no move is missing or told twice."""
    moves = {
        f"{machine.noun}.{move.action}": "A" if "A" in move.roles else "E"
        for machine in MACHINES
        for move in machine.moves
        if move.roles & {"A", "E"}
    }
    told = [(move, act.least) for act in ACTS.values() for move in act.moves]
    assert sorted(told) == sorted(moves.items())


def test_every_press_at_the_desk_is_an_act(app: Flask) -> None:
    """What is missing here would be left to the verb alone: add it to the table of presses."""
    posts = {
        rule.endpoint.removeprefix("editor."): rule.rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("editor.") and "POST" in (rule.methods or ())
    }
    assert set(PRESSES) == set(posts)
    for endpoint, act in PRESSES.items():
        choices = re.findall(r"<any\(([^)]*)\)", posts[endpoint])
        known = {choice.strip() for listed in choices for choice in listed.split(",")}
        said = act if isinstance(act, dict) else {"": act}
        assert (endpoint, set(said) - {""} - known, set(said.values()) - set(ACTS)) == (endpoint, set(), set())


def test_the_page_shows_the_table_whole_to_whoever_works_here(app: Flask, newsroom: Newsroom) -> None:
    listed = [act for _name, rows in GROUPS for act in rows]
    assert sorted(listed) == sorted(ACTS)
    response = Browser(app, newsroom.ilya).open("people/who-may-what")
    rows = re.findall(r"<tr>\s*<th scope=\"row\">(.*?)</th>(.*?)</tr>", response.text, re.DOTALL)
    shown = [re.findall(r">(yes|no)<", cells) for _words, cells in rows]
    roles = ("admin", "editor", "assistant")
    assert shown == [["yes" if act in MAY[role] else "no" for role in roles] for act in listed]
    assert "assistant (you)" in read(response)
