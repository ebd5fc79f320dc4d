"""Permissions: the table of acts, and the acts that each role grants. Nothing else decides who may do what.

An act is a permission, such as "approve". Moves list the acts that permit them, verbs call `must(actor, "approve")`,
POST routes of the desk name their act when they are declared, and pages call `may`. Roles are not ranked: each has its
own set of acts. `docs/lifecycle.md` repeats these tables by hand; a test compares them.
"""

from dataclasses import dataclass

from ..text.languages import N_
from .actors import Actor, Staff

# The acts of members of the desk with their labels, in the groups of the page "Who may what".
DESK_ACTS = {
    N_("Letters"): {
        "read": N_("Read letters, questions, answers and mails"),
        "take letters": N_("File letters, end them with a kind sentence, sort the mail that comes in"),
        "undo": N_("Undo your own last step"),
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
        "whole directory": N_("Import and export the directory, merge experts who are one person, change an address"),
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
        "release mails": N_("Release a held mail"),
    },
    N_("The house"): {
        "settings": N_("Change the settings"),
        "words of the house": N_("Word the house sentences and the mails"),
        "trail": N_("Read and export the trail"),
        "people": N_("Invite people, give roles, deactivate, sign a colleague out"),
        "newsletters": N_("Make, rename, pause and close newsletters"),
        "programs": N_("Send events to other programs and the desk’s chat, and let programs in by tokens"),
        "letters by token": N_("Let a program read readers’ letters"),
        "export": N_("Export the newsletter, its questions or its letters"),
        "contacts": N_("Export readers’ addresses and names with it"),
    },
}
# What a program may read by a token, by the act that permits it. Whoever creates the token must have the act too.
TOKEN_ACTS = {
    "read": N_("Questions, answers, experts and editions"),
    "letters by token": N_("Readers’ letters, from the day after they arrived"),
}
# The acts of all other actors.
OTHER_ACTS = {
    "write": "Send a letter, join a question, take back what one wrote",
    "answer": "Say yes or no to an invitation, write the answer, check the quote, withdraw it",
    "own profile": "Keep one’s own entry in the directory",
    "translate one": "Translate the one text that one was asked for, or say no",
    "upkeep": "Do what is due with nobody at hand: plan, invite in turn, deliver, take mail in; do what a command asks",
}
# Every act with its label.
ACTS = {act: label for group in (*DESK_ACTS.values(), OTHER_ACTS) for act, label in group.items()}


@dataclass(frozen=True)
class Role:
    """A role at the desk: its label on pages and the acts it grants.

    Holders of a role with `gets_notices` get the mails about work that waits for the desk. If a desk has no such
    holder, its admins get them (see `directory.list_notice_recipients`).
    """

    label: str
    acts: frozenset[str]
    gets_notices: bool = False


def _parse_acts(text: str) -> frozenset[str]:
    return frozenset(text.split(", "))


_ASSISTANT_ACTS = _parse_acts(
    "read, take letters, undo, check names, word, translate, directory, prepare, edit, stop mails"
)
_EDITOR_ACTS = _ASSISTANT_ACTS | _parse_acts(
    "clear, show, close, invite, give back, approve, pick, edition, correct, release mails, settings, "
    "words of the house, trail, whole directory, export"
)

# The roles of the desk, in display order.
ROLES = {
    "admin": Role(N_("admin"), _EDITOR_ACTS | {"people", "newsletters", "programs", "letters by token", "contacts"}),
    "editor": Role(N_("editor"), _EDITOR_ACTS, gets_notices=True),
    "assistant": Role(N_("assistant"), _ASSISTANT_ACTS),
}
# The acts of each role outside the desk.
OTHER_ROLES = {
    "expert": frozenset({"answer", "own profile"}),
    "translator": frozenset({"translate one"}),
    "reader": frozenset({"write"}),
    "clock": frozenset({"upkeep"}),
    "mailroom": frozenset({"upkeep"}),
    "visitor": frozenset[str](),
}


def _acts_of(role: str) -> frozenset[str]:
    return ROLES[role].acts if role in ROLES else OTHER_ROLES[role]


def may(actor: Actor, *acts: str) -> bool:
    """Return whether the actor may do at least one of these acts. Raises KeyError for an act that is not in `ACTS`."""
    for act in acts:
        if act not in ACTS:
            raise KeyError(act)
        if act in _acts_of(actor.role) and _is_permitted_by_token(actor, act):
            return True
    return False


def _is_permitted_by_token(actor: Actor, act: str) -> bool:
    return not isinstance(actor, Staff) or actor.token_acts is None or act in actor.token_acts


def roles_for(act: str) -> tuple[str, ...]:
    """Return the desk's roles that grant an act, in display order."""
    return tuple(name for name, role in ROLES.items() if act in role.acts)


def list_roles() -> list[tuple[str, str]]:
    """Return the name of every role with its acts, separated by ", " and in the order of `ACTS`."""
    return [(name, ", ".join(act for act in ACTS if act in _acts_of(name))) for name in (*ROLES, *OTHER_ROLES)]
