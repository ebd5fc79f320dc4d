"""The lives of an assignment (one expert, one question) and of the answer that comes of it."""

from ..lifecycle import Machine, Move, Need, has

ASSIGNMENT_STATES = ("drafted", "invited", "accepted", "declined", "received", "returned", "done", "cancelled")
ANSWER_STATES = ("draft", "submitted", "edited", "checking", "approved", "withdrawn")

dates = Need("dates", lambda assignment: bool(assignment.reply_by and assignment.due_at and assignment.invited_at))
cleared = Need("cleared text", lambda assignment: assignment.question.is_cleared)
text = Need("text", lambda answer: answer.text_id is not None)
approval = Need(
    "approved text, credit", lambda answer: bool(answer.approved_text_id == answer.text_id and answer.credit)
)

ASSIGNMENT = Machine(
    "assignment",
    ASSIGNMENT_STATES,
    (
        Move("draft", (), ("drafted",), "A"),
        Move("invite", ("drafted",), ("invited",), "E C", (dates, cleared), "X"),
        Move("uninvite", ("invited",), ("drafted",), "=discard"),
        Move("step back", ("invited",), ("drafted",), "=accept =receive =undo"),
        Move("accept", ("invited", "declined"), ("accepted",), "X =file"),
        Move("decline", ("invited", "accepted", "returned"), ("declined",), "X A", (has("decline_reason"),), "E"),
        Move(
            "receive",
            ("drafted", "invited", "accepted", "returned"),
            ("received",),
            "=submit",
            (has("received_at"),),
            "E",
        ),
        Move("take back", ("received",), ("accepted",), "=take back", (dates,)),
        Move("return", ("received",), ("returned",), "E", (has("due_at"),), "X"),
        Move("finish", ("received",), ("done",), "=approve"),
        Move("unfinish", ("done",), ("received",), "=reopen"),
        Move(
            "cancel",
            ("drafted", "invited", "accepted", "received", "returned"),
            ("cancelled",),
            "E =close =withdraw",
            (),
            "X",
        ),
        Move("revive", ("cancelled",), ("received",), "=reopen", (has("received_at"),)),
        Move(
            "undo",
            ("drafted", "accepted", "declined", "received", "cancelled"),
            ("drafted", "invited", "accepted", "declined", "received", "returned"),
            "=undo",
        ),
    ),
)

ANSWER = Machine(
    "answer",
    ANSWER_STATES,
    (
        Move("start", (), ("draft",), "X A"),
        Move("submit", ("draft",), ("submitted",), "X A", (text,)),
        Move("take back", ("submitted",), ("draft",), "X"),
        Move("return", ("submitted", "edited"), ("draft",), "=return"),
        Move("edit", ("submitted", "edited"), ("edited",), "A", (text,)),
        Move("check", ("submitted", "edited"), ("checking",), "E", (), "X"),
        Move("reply", ("checking",), ("edited",), "X A C", (), "E"),
        Move("recall", ("checking",), ("edited",), "E =discard"),
        Move("approve", ("submitted", "edited", "checking"), ("approved",), "E", (approval,), "X"),  # of changes unseen
        Move("reopen", ("approved",), ("edited",), "E"),
        Move(
            "withdraw",
            ("draft", "submitted", "edited", "checking", "approved"),
            ("withdrawn",),
            "X E =cancel",
            (),
            "E X",
        ),
        Move("revive", ("withdrawn",), ("submitted", "edited"), "=reopen", (text,)),
        Move(
            "undo",
            ("submitted", "edited", "withdrawn"),
            ("draft", "submitted", "edited", "checking"),
            "=undo",
        ),
    ),
)
