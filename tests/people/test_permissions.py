"""Who may what: the table by hand, the table in the code, the moves, the presses and the page say one and the same."""

import ast
import re
from collections.abc import Iterator

import pytest
from flask import Flask

from app.api.resources import RESOURCES
from app.cli.commands import MACHINES
from app.core import permissions
from app.core.actors import Actor, Clock, ExpertActor, Mailroom, Reader, Staff, TranslatorActor, Visitor
from app.core.domain_errors import PermissionDenied
from app.core.permissions import ACTS, DESK_ACTS, OTHER_ACTS, OTHER_ROLES, ROLES
from app.core.state_machine import must
from app.editor.frame import editor
from tests.support.desk import Desk
from tests.support.docs import list_role_acts
from tests.support.required_rows import compare_names
from tests.support.source import list_app_modules, list_code, parse_module, relative_name

ACTORS: tuple[Actor, ...] = (
    *(Staff(1, "Somebody", 1, role) for role in ROLES),
    ExpertActor(1, "Leyla Aydın"), TranslatorActor(1, "Zarina Yusupova"), Reader(1), Clock(), Mailroom(), Visitor(1),
)  # fmt: skip


def by_hand(role: str) -> list[str]:
    """The acts of a role or actor in the hand-kept table."""
    return list_role_acts()[role]


def test_a_role_at_the_desk_has_a_name_that_nobody_outside_has() -> None:
    """Somebody outside would get the acts of the desk's role."""
    assert ROLES.keys() & OTHER_ROLES.keys() == set(), "app/core/permissions.py: call the new role otherwise"
    assert {actor.role for actor in ACTORS} == {*ROLES, *OTHER_ROLES}, "ACTORS has somebody of each role"


def test_the_hand_kept_table_names_no_role_that_is_gone() -> None:
    assert list(list_role_acts()) == [*ROLES, *OTHER_ROLES], (
        "docs/lifecycle.md: a row for each role of ROLES and OTHER_ROLES, in order"
    )


def test_whoever_may_read_is_of_the_desk() -> None:
    """So docs/lifecycle.md says, and it needs no list of them beside its table."""
    acts_of = {name: role.acts for name, role in ROLES.items()} | OTHER_ROLES
    found = compare_names(
        ROLES,
        [name for name, acts in acts_of.items() if "read" in acts],
        missing="The role {name} may not read: give it the act “read” in ROLES of app/core/permissions.py, as all of "
        "the desk.",
        surplus="{name} may read and is no role of the desk: take the act out of OTHER_ROLES in app/core/permissions.py.",
    )
    assert not found, "\n".join(found)


@pytest.mark.threat("rogue assistant")
@pytest.mark.parametrize("actor", ACTORS, ids=lambda one: one.role)
def test_a_role_may_what_the_hand_kept_table_says(actor: Actor) -> None:
    """The table stands in docs/lifecycle.md: whoever changes the one in the code changes it there as well, and reads it."""
    theirs = by_hand(actor.role)
    assert [act for act in ACTS if permissions.may(actor, act)] == theirs
    for act in set(ACTS) - set(theirs):
        with pytest.raises(PermissionDenied):
            must(actor, act)


@pytest.mark.threat("rogue assistant")
@pytest.mark.parametrize("actor", [one for one in ACTORS if not isinstance(one, Staff)], ids=lambda one: one.role)
def test_nobody_else_may_anything_at_the_desk(actor: Actor) -> None:
    assert [act for act in ACTS if act not in OTHER_ACTS and permissions.may(actor, act)] == []


def test_nobody_at_the_desk_may_what_is_for_others() -> None:
    assert {name: sorted(role.acts & set(OTHER_ACTS)) for name, role in ROLES.items()} == {name: [] for name in ROLES}


def acts_asked() -> Iterator[tuple[str, str]]:
    """Every act that a call of `must` or `may` names, in the code and in the pages, with where it stands."""
    for _room, path in list_app_modules():
        for node in ast.walk(parse_module(path)):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in (
                "must",
                "may",
            ):
                yield from ((arg.value, relative_name(path)) for arg in node.args if isinstance(arg, ast.Constant))
    for path in list_code(".html"):
        yield from ((act, relative_name(path)) for act in re.findall(r"\bmay\(\"([^\"]+)\"\)", path.read_text()))


def test_every_act_that_is_asked_for_is_in_the_table_and_every_act_of_the_table_is_asked_for() -> None:
    """Add a missing act to `app/core/permissions.py` with a sentence; take out one that nothing asks for any more."""
    asked = dict(acts_asked())
    moved = {
        act: f"{machine.noun}.{move.action}" for machine in MACHINES for move in machine.moves for act in move.acts
    }
    pressed = {act: endpoint for endpoint, acts in presses().items() for act in acts.values()}
    read_by_programs = {resource.act: f"the list of {resource.name} of the API" for resource in RESOURCES.values()}
    known = asked | moved | pressed | read_by_programs
    found = [
        f"{where} asks for the act {act!r}, which has no row: give it one in app/core/permissions.py, with a sentence."
        for act, where in known.items()
        if act not in ACTS
    ]
    found += [
        f"Nothing asks for the act {act!r}: take its row out of app/core/permissions.py."
        for act in ACTS
        if act not in known
    ]
    assert not found, "\n".join(found)


def presses() -> dict[str, dict[str, str]]:
    return {endpoint: act if isinstance(act, dict) else {"": act} for endpoint, act in editor.permissions.items()}


@pytest.mark.threat("rogue assistant")
def test_every_press_at_the_desk_is_an_act(app: Flask) -> None:
    """Every view of the desk that takes POST names its act: declare it with `@editor.action(address, permission)`."""
    posts = {
        rule.endpoint: rule.rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("editor.") and "POST" in (rule.methods or ())
    }
    without = sorted(set(posts) - set(editor.permissions))
    assert not without, (
        f"declare {', '.join(without)} with @editor.action(address, permission), which says what act the press is"
    )
    gets = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert set(editor.permissions) - set(posts) <= gets  # those of `@editor.restricted_page`
    for endpoint, acts in presses().items():
        if endpoint not in posts:
            continue
        choices = re.findall(r"<any\(([^)]*)\)", posts[endpoint])
        known = {choice.strip() for listed in choices for choice in listed.split(",")}
        assert (endpoint, set(acts) - {""} - known) == (endpoint, set())
        assert "" in acts or set(acts) == known, f"{endpoint} takes presses that are no act"


def test_the_page_shows_the_table_whole_to_whoever_works_here(ilya: Desk) -> None:
    page = ilya.get("people/who-may-what")
    heads = page.texts("th[scope=row]")
    words = {sentence: act for acts in DESK_ACTS.values() for act, sentence in acts.items()}
    shown = [(words[sentence], cells) for sentence, *cells in page.rows if sentence in heads]
    roles = {role: by_hand(role) for role in ROLES}
    assert shown == [(act, ["yes" if act in roles[role] else "no" for role in ROLES]) for act in words.values()]
    assert "assistant (you)" in page.main_text
