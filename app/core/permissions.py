"""Permissions: one table of acts, and one row per role with the acts it grants. Nothing else decides who may do what.

A move lists the acts that allow it, a verb calls `must(actor, "approve")`, a POST route of the desk names its act in
its declaration, and a page calls `may`. Roles are not ranked: each may have any set of acts. `docs/lifecycle.md`
repeats the table by hand.
"""

from dataclasses import dataclass

from ..text.languages import N_
from .actors import Actor

# The acts of the desk, grouped as on the page "Who may what".
OF_THE_DESK = {
    N_("Letters"): {
        "read": N_("Read letters, questions, answers and mails"),
        "take letters": N_("File letters, end them with a kind sentence, sort the mail that comes in"),
        "undo": N_("Undo what one has just done oneself"),
        "check names": N_("Note that a reader’s name was checked, or leave it out"),
    },
    N_("Questions"): {
        "word": N_("Make questions and word them; notes, topics, merging, the shelf"),
        "translate": N_("Translate wordings and answers"),
        "clear": N_("Confirm that nobody can be recognised in the wording"),
        "show": N_("Make a wording public before there is an answer"),
        "close": N_("Close a question, withdraw its page, put it back"),
    },
    N_("Experts and answers"): {
        "directory": N_("Keep the directory of experts, and note who was checked"),
        "whole directory": N_("Import and export the directory, merge experts who are one person"),
        "prepare": N_("Prepare an invitation, note a refusal"),
        "invite": N_("Send an invitation, give more time, ask no longer"),
        "edit": N_("Take down and edit answers"),
        "give back": N_("Give a text back, send it for the quote check"),
        "approve": N_("Approve an answer, or take that back"),
    },
    N_("The edition and its mails"): {
        "pick": N_("Pick what runs"),
        "edition": N_("Fill, order, lock and send the edition"),
        "correct": N_("Correct what ran, or reword it for somebody’s safety"),
        "stop mails": N_("Change, stop and retry mails"),
        "release mails": N_("Let a held mail go"),
    },
    N_("The house"): {
        "settings": N_("Change the settings"),
        "words of the house": N_("Word the house sentences and the mails"),
        "trail": N_("Read the trail and take it away as a file"),
        "people": N_("Invite people, give roles, deactivate, sign a colleague out"),
        "newsletters": N_("Make, rename, pause and close newsletters"),
        "programs": N_("Let other programs and the desk’s chat hear what happens"),
    },
}
# The acts of actors who aren't members of the desk.
OF_OTHERS = {
    "write": "Send a letter, join a question, take back what one wrote",
    "answer": "Say yes or no to an invitation, write the answer, check the quote, withdraw it",
    "own profile": "Keep one’s own entry in the directory",
    "translate one": "Translate the one text that one was asked for, or say no",
    "upkeep": "Do what is due with nobody at hand: plan, invite in turn, deliver, take mail in; do what a command asks",
}
ACTS = {act: words for acts in (*OF_THE_DESK.values(), OF_OTHERS) for act, words in acts.items()}


@dataclass(frozen=True)
class Role:
    """A role at the desk: its label on pages and the acts it grants.

    With `gets_notices`, its holders get the mails about work that waits for the desk; a desk without any such holder
    has them sent to those who manage it.
    """

    label: str
    acts: frozenset[str]
    gets_notices: bool = False


def _parse_acts(text: str) -> frozenset[str]:
    return frozenset(text.split(", "))


_PREPARES = _parse_acts("read, take letters, undo, check names, word, translate, directory, prepare, edit, stop mails")
_DECIDES = _PREPARES | _parse_acts(
    "clear, show, close, invite, give back, approve, pick, edition, correct, release mails, settings, "
    "words of the house, trail, whole directory"
)

# The roles of the desk, in display order.
ROLES = {
    "admin": Role(N_("admin"), _DECIDES | {"people", "newsletters", "programs"}),
    "editor": Role(N_("editor"), _DECIDES, gets_notices=True),
    "assistant": Role(N_("assistant"), _PREPARES),
}
# The roles of actors outside the desk.
OTHERS = {
    "expert": frozenset({"answer", "own profile"}),
    "translator": frozenset({"translate one"}),
    "reader": frozenset({"write"}),
    "clock": frozenset({"upkeep"}),
    "mailroom": frozenset({"upkeep"}),
    "visitor": frozenset[str](),
}


def _acts_of(role: str) -> frozenset[str]:
    return ROLES[role].acts if role in ROLES else OTHERS[role]


def may(actor: Actor, *acts: str) -> bool:
    """Return whether the actor may do any of these acts. Raises KeyError for an act that is not in `ACTS`."""
    return any(act in _acts_of(actor.role) for act in acts if ACTS[act])


def roles_for(act: str) -> tuple[str, ...]:
    """Return the roles of the desk that may do an act, in display order."""
    return tuple(name for name, role in ROLES.items() if act in role.acts)


def list_roles() -> list[tuple[str, str]]:
    """Return the name of every role and its acts, joined by commas."""
    return [(name, ", ".join(act for act in ACTS if act in _acts_of(name))) for name in (*ROLES, *OTHERS)]
