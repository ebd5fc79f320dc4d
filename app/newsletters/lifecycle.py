"""The state machine of newsletters: running, paused or closed; a closed one can be resumed."""

from ..core.state_machine import Machine, Move, States

# takes_questions: the ask page accepts questions; the worker reminds experts, and invites the next of a ladder.
# is_going: a reader's mail becomes a letter, readers can add to a letter, and the worker mails the desk its open tasks.
STATES = States({"running": "is_going takes_questions", "paused": "is_going", "closed": ""})
FIRST, *_LATER = STATES  # the state of a new newsletter


class NewsletterStates:
    """Properties of a newsletter's state, for pages, verbs and queries."""

    is_running = STATES.which("is_running")
    is_paused = STATES.which("is_paused")
    is_closed = STATES.which("is_closed")
    is_going = STATES.which("is_going")
    takes_questions = STATES.which("takes_questions")


NEWSLETTER = Machine(
    "newsletter",
    STATES,
    (
        Move("found", (), ("running",), act="newsletters, upkeep"),
        Move("pause", ("running", "paused"), ("paused",), act="newsletters, upkeep"),
        Move("resume", ("paused", "closed"), ("running",), act="newsletters, upkeep"),
        Move("close", ("running", "paused"), ("closed",), act="newsletters, upkeep", tells="X"),
        Move("undo", ("running", "paused", "closed"), ("running", "paused", "closed"), act="newsletters"),
    ),
)
