"""The life of a letter: who wrote, and what becomes of their words."""

from ..lifecycle import Machine, Move, Need, has

STATES = ("received", "held", "filed", "ended", "withdrawn")

settled = Need(
    "kind; question or assignment",
    lambda letter: bool(letter.filed_as and (letter.filed_as != "question" or letter.question_id)),
)
erased = Need("erases", lambda letter: letter.erased_at is not None and letter.body is None)
way_in = Need("form or by hand", lambda letter: letter.form_mac is not None or letter.channel not in ("web", "api"))
# Joining names a question that the desk has made public; whether it is, the verb sees, for a letter can't look up.
joined = Need("question shown", lambda letter: bool(letter.filed_as == "question" and letter.question_id))

LETTER = Machine(
    "letter",
    STATES,
    (
        Move("send", (), ("received", "held"), "R A C", (way_in,), "R"),  # where the newsletter acknowledges mails
        Move("release", ("held",), ("received",), "A"),
        Move("file", ("received", "held", "filed"), ("filed",), "A", (settled,)),
        Move("join", (), ("filed",), "R", (joined,)),
        Move("end", ("received", "filed"), ("ended",), "A", (has("end_reason"),), "R"),
        Move("reopen", ("filed", "ended"), ("received",), "A"),
        Move("undo", ("received", "filed", "ended"), ("received", "held", "filed", "ended"), "A"),
        Move("withdraw", ("received", "held", "filed", "ended"), ("withdrawn",), "R", (erased,), "E"),
    ),
)
