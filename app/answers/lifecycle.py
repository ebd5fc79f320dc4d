"""The lives of an assignment (one expert, one question) and of the answer that comes of it."""

from ..lifecycle import Machine, Move, Need, has

ASSIGNMENT_STATES = ("drafted", "invited", "accepted", "declined", "received", "returned", "done", "cancelled")
ANSWER_STATES = ("draft", "submitted", "edited", "checking", "approved", "withdrawn")

dates = Need("dates", lambda assignment: bool(assignment.reply_by and assignment.due_at and assignment.invited_at))
cleared = Need(
    "cleared text", lambda assignment: bool(assignment.question.text and assignment.question.text.cleared_at)
)
text = Need("text", lambda answer: answer.text_id is not None)
approval = Need(
    "approved text, credit", lambda answer: bool(answer.approved_text_id == answer.text_id and answer.credit)
)

ASSIGNMENT = Machine(
    "assignment",
    ASSIGNMENT_STATES,
    (
        Move("draft", (), ("drafted",), act="prepare"),
        Move("invite", ("drafted",), ("invited",), act="invite, upkeep", needs=(dates, cleared), tells="X"),
        Move("uninvite", ("invited",), ("drafted",), after="discard"),
        Move("step back", ("invited",), ("drafted",), after="accept, receive, undo"),
        Move("accept", ("invited", "declined"), ("accepted",), act="answer", after="file"),
        Move(
            "decline",
            ("invited", "accepted", "returned"),
            ("declined",),
            act="answer, prepare",
            needs=(has("decline_reason"),),
            tells="E",
        ),
        Move(
            "receive",
            ("drafted", "invited", "accepted", "returned"),
            ("received",),
            after="submit",
            needs=(has("received_at"),),
            tells="E",
        ),
        Move("take back", ("received",), ("accepted",), after="take back", needs=(dates,)),
        Move("return", ("received",), ("returned",), act="give back", needs=(has("due_at"),), tells="X"),
        Move("finish", ("received",), ("done",), after="approve"),
        Move("unfinish", ("done",), ("received",), after="reopen"),
        Move(
            "cancel",
            ("drafted", "invited", "accepted", "received", "returned"),
            ("cancelled",),
            act="invite",
            after="close, withdraw",
            tells="X",
        ),
        Move("revive", ("cancelled",), ("received",), after="reopen", needs=(has("received_at"),)),
        Move(
            "undo",
            ("drafted", "accepted", "declined", "received", "cancelled"),
            ("drafted", "invited", "accepted", "declined", "received", "returned"),
            after="undo",
        ),
    ),
)

ANSWER = Machine(
    "answer",
    ANSWER_STATES,
    (
        Move("start", (), ("draft",), act="answer, edit"),
        Move("submit", ("draft",), ("submitted",), act="answer, edit", needs=(text,)),
        Move("take back", ("submitted",), ("draft",), act="answer"),
        Move("return", ("submitted", "edited"), ("draft",), after="return"),
        Move("edit", ("submitted", "edited"), ("edited",), act="edit", needs=(text,)),
        Move("check", ("submitted", "edited"), ("checking",), act="give back", tells="X"),
        Move("reply", ("checking",), ("edited",), act="answer, edit, upkeep", tells="E"),
        Move("recall", ("checking",), ("edited",), act="give back", after="discard"),
        Move("approve", ("submitted", "edited", "checking"), ("approved",), act="approve", needs=(approval,)),
        Move("reopen", ("approved",), ("edited",), act="approve"),
        Move(
            "withdraw",
            ("draft", "submitted", "edited", "checking", "approved"),
            ("withdrawn",),
            act="answer, approve",
            after="cancel",
            tells="E X",
        ),
        Move("revive", ("withdrawn",), ("submitted", "edited"), after="reopen", needs=(text,)),
        Move("undo", ("submitted", "edited", "withdrawn"), ("draft", "submitted", "edited", "checking"), after="undo"),
    ),
)
