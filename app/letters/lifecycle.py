"""The life of a letter: who wrote, and what becomes of their words."""

from ..lifecycle import Machine, Move, Need, has

STATES = ("received", "held", "filed", "ended", "withdrawn")

settled = Need("kind; question or assignment", lambda letter: bool(
    letter.filed_as and (letter.filed_as != "question" or letter.question_id)))  # fmt: skip
erased = Need("erases", lambda letter: letter.erased_at is not None and letter.body is None)
way_in = Need("form or by hand", lambda letter: letter.form_mac is not None or letter.channel not in ("web", "api"))
# Joining names a question that the desk has made public; whether it is, the verb sees, for a letter can't look up.
joined = Need("question shown", lambda letter: bool(letter.filed_as == "question" and letter.question_id))

LETTER = Machine(
    "letter",
    STATES,
    (
        Move("send", (), ("received", "held"), act="write, take letters, upkeep", needs=(way_in,)),
        Move("release", ("held",), ("received",), act="take letters"),
        Move("file", ("received", "held", "filed"), ("filed",), act="take letters", needs=(settled,)),
        Move("join", (), ("filed",), act="write", needs=(joined,)),
        Move("end", ("received", "filed"), ("ended",), act="take letters", needs=(has("end_reason"),), tells="R"),
        Move("reopen", ("filed", "ended"), ("received",), act="take letters"),
        Move("undo", ("received", "filed", "ended"), ("received", "held", "filed", "ended"), act="undo"),
        Move(
            "withdraw", ("received", "held", "filed", "ended"), ("withdrawn",), act="write", needs=(erased,), tells="E"
        ),
    ),
)
