"""The state machine of letters."""

from ..core.state_machine import Machine, Move, Precondition, StateMixin, States, requires

# waits: nobody has filed it yet.
# can_be_filed: it may be filed, or filed as something else.
# has_ended: the desk has ended it, or its reader has withdrawn it.
# is_settled: its original mail may be erased.
# is_listed: the desk's list shows it.
STATES = States(
    {
        "received": "waits can_be_filed is_listed",
        "held": "waits can_be_filed is_listed",
        "filed": "can_be_filed is_settled is_listed",
        "ended": "has_ended is_settled is_listed",
        "withdrawn": "has_ended is_settled",
    }
)

# The retention rule that limits how long a reader's words are kept (workflows/retention/limits.py).
LIMITS_BY_STATE = {"received": "idle", "held": "spam", "filed": "by kind", "ended": "idle", "withdrawn": "at once"}


class LetterStates(StateMixin):
    """Properties of a letter's state, for pages, verbs and queries."""

    is_received = STATES.which("is_received")
    is_held = STATES.which("is_held")
    is_filed = STATES.which("is_filed")
    is_ended = STATES.which("is_ended")
    is_withdrawn = STATES.which("is_withdrawn")
    waits = STATES.which("waits")
    can_be_filed = STATES.which("can_be_filed")
    has_ended = STATES.which("has_ended")
    is_settled = STATES.which("is_settled")
    is_listed = STATES.which("is_listed")


has_kind = Precondition(
    "kind; question or assignment",
    "kind_missing",
    lambda letter: bool(letter.filed_as and (letter.filed_as != "question" or letter.question_id)),
)
is_erased = Precondition(
    "erases", "text_not_erased", lambda letter: letter.erased_at is not None and letter.body is None
)
has_text = Precondition("words", "letter_erased", lambda letter: bool(letter.body))
# A letter from the web or the API comes with a form token; one that the desk types in doesn't.
has_form = Precondition(
    "form or by hand", "no_form", lambda letter: letter.form_mac is not None or letter.channel not in ("web", "api")
)
# `ask_too` checks that readers can see the question: a precondition knows only the letter.
has_question = Precondition(
    "question shown", "question_not_shown", lambda letter: bool(letter.filed_as == "question" and letter.question_id)
)

LETTER = Machine(
    "letter",
    STATES,
    (
        # The reader (R) is told only if the newsletter acknowledges mails.
        Move("send", (), ("received", "held"), act="write, take letters, upkeep", needs=(has_form,), tells="R"),
        # For a letter that arrived before a flood was noticed and resembles the letters of the flood.
        Move("hold", ("received",), ("held",), act="take letters", needs=(requires("held_reason"),)),
        Move("release", ("held",), ("received",), act="take letters"),
        Move("file", ("received", "held", "filed"), ("filed",), act="take letters", needs=(has_kind, has_text)),
        Move("join", (), ("filed",), act="write", needs=(has_question,)),
        Move("end", ("received", "filed"), ("ended",), act="take letters", needs=(requires("end_reason"),), tells="R"),
        Move("reopen", ("filed", "ended"), ("received",), act="take letters", needs=(has_text,)),
        Move(
            "undo",
            ("received", "held", "filed", "ended"),
            ("received", "held", "filed", "ended"),
            act="undo",
            needs=(has_text,),
        ),
        Move(
            "withdraw",
            ("received", "held", "filed", "ended"),
            ("withdrawn",),
            act="write",
            needs=(is_erased,),
            tells="E",
        ),
        # When the retention period has ended. The record of how a letter was filed is kept, to count who asked.
        Move("forget", ("received", "held"), ("ended",), act="upkeep", needs=(is_erased,)),
        Move("forget", ("filed", "ended"), ("filed", "ended"), act="upkeep", needs=(is_erased,)),
    ),
    # Whether a letter was held can depend on the moment in which it arrived.
    unrecorded_states={"held": "received"},
)
