"""The state machine of letters."""

from ..core.state_machine import Machine, Move, Precondition, StateMixin, States, requires

# waits: nobody has filed it yet. can_be_filed: it may be filed, or filed as something else. has_ended: for its
# reader. is_settled: its original mail may be erased. is_listed: the desk's list shows it.
STATES = States(
    {
        "received": "waits can_be_filed is_listed",
        "held": "waits can_be_filed is_listed",
        "filed": "can_be_filed is_settled is_listed",
        "ended": "has_ended is_settled is_listed",
        "withdrawn": "has_ended is_settled",
    }
)


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


settled = Precondition(
    "kind; question or assignment",
    "kind_missing",
    lambda letter: bool(letter.filed_as and (letter.filed_as != "question" or letter.question_id)),
)
erased = Precondition("erases", "text_not_erased", lambda letter: letter.erased_at is not None and letter.body is None)
words = Precondition("words", "letter_erased", lambda letter: letter.body is not None)
way_in = Precondition(
    "form or by hand", "no_form", lambda letter: letter.form_mac is not None or letter.channel not in ("web", "api")
)
# The verb checks that the desk has made the question public: a precondition sees only the letter.
joined = Precondition(
    "question shown", "question_not_shown", lambda letter: bool(letter.filed_as == "question" and letter.question_id)
)

LETTER = Machine(
    "letter",
    STATES,
    (
        # R: if the newsletter acknowledges mails
        Move("send", (), ("received", "held"), act="write, take letters, upkeep", needs=(way_in,), tells="R"),
        # It arrived before a flood was noticed, and resembles the letters of the flood.
        Move("hold", ("received",), ("held",), act="take letters", needs=(requires("held_reason"),)),
        Move("release", ("held",), ("received",), act="take letters"),
        Move("file", ("received", "held", "filed"), ("filed",), act="take letters", needs=(settled, words)),
        Move("join", (), ("filed",), act="write", needs=(joined,)),
        Move("end", ("received", "filed"), ("ended",), act="take letters", needs=(requires("end_reason"),), tells="R"),
        Move("reopen", ("filed", "ended"), ("received",), act="take letters", needs=(words,)),
        Move(
            "undo",
            ("received", "held", "filed", "ended"),
            ("received", "held", "filed", "ended"),
            act="undo",
            needs=(words,),
        ),
        Move(
            "withdraw", ("received", "held", "filed", "ended"), ("withdrawn",), act="write", needs=(erased,), tells="E"
        ),
        # Its retention period has ended. How it was filed stays, to count those who asked.
        Move("forget", ("received", "held"), ("ended",), act="upkeep", needs=(erased,)),
        Move("forget", ("filed", "ended"), ("filed", "ended"), act="upkeep", needs=(erased,)),
    ),
)
