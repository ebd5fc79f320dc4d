"""State machines of assignments (one expert, one question) and of the answers to them."""

from ..core.state_machine import Machine, Move, Precondition, StateMixin, States, requires

# Properties of assignments:
# - is_live: not declined or cancelled;
# - was_asked: live, and the expert was asked, by an invitation or otherwise;
# - is_asked: the question is with the expert, or their unapproved text is with the desk;
# - owes_text: the desk waits for a text by `due_at`;
# - is_writing: the expert has accepted, or got the text back;
# - takes_text: the expert may still send a text, even after declining;
# - can_stand_before: another assignment may follow on the ladder;
# - may_be_written_about: a mail from the expert may belong to the assignment;
# - has_text: the text is with the desk or approved;
# - has_sent: the desk has a text that isn't approved;
# - is_over: approved or cancelled.
ASSIGNMENT_STATES = States(
    {
        "drafted": "is_live can_stand_before takes_text may_be_written_about",
        "invited": "is_live was_asked is_asked owes_text can_stand_before takes_text may_be_written_about",
        "accepted": "is_live was_asked is_asked owes_text is_writing can_stand_before takes_text may_be_written_about",
        "declined": "takes_text",
        "received": "is_live was_asked is_asked has_text has_sent may_be_written_about",
        "returned": "is_live was_asked is_asked owes_text is_writing takes_text has_sent may_be_written_about",
        "done": "is_live was_asked has_text is_over",
        "cancelled": "is_over",
    }
)
# Properties of answers:
# - is_on_the_desk: the desk may edit the text;
# - can_run: it is to be printed, so the desk may change how its expert is introduced;
# - is_held_over: the question was published without the answer, which can be used for another one.
ANSWER_STATES = States(
    {
        "draft": "",
        "submitted": "is_on_the_desk can_run",
        "edited": "is_on_the_desk can_run",
        "checking": "can_run",
        "approved": "can_run",
        "held over": "",
        "withdrawn": "",
    }
)


class AssignmentStates(StateMixin):
    """Properties of an assignment's state, for pages, verbs and queries."""

    is_drafted = ASSIGNMENT_STATES.which("is_drafted")
    is_invited = ASSIGNMENT_STATES.which("is_invited")
    is_declined = ASSIGNMENT_STATES.which("is_declined")
    is_received = ASSIGNMENT_STATES.which("is_received")
    is_returned = ASSIGNMENT_STATES.which("is_returned")
    is_done = ASSIGNMENT_STATES.which("is_done")
    is_cancelled = ASSIGNMENT_STATES.which("is_cancelled")
    is_live = ASSIGNMENT_STATES.which("is_live")
    was_asked = ASSIGNMENT_STATES.which("was_asked")
    is_asked = ASSIGNMENT_STATES.which("is_asked")
    owes_text = ASSIGNMENT_STATES.which("owes_text")
    is_writing = ASSIGNMENT_STATES.which("is_writing")
    can_stand_before = ASSIGNMENT_STATES.which("can_stand_before")
    takes_text = ASSIGNMENT_STATES.which("takes_text")
    has_text = ASSIGNMENT_STATES.which("has_text")
    has_sent = ASSIGNMENT_STATES.which("has_sent")
    may_be_written_about = ASSIGNMENT_STATES.which("may_be_written_about")
    is_over = ASSIGNMENT_STATES.which("is_over")


class AnswerStates(StateMixin):
    """Properties of an answer's state, for pages, verbs and queries."""

    is_submitted = ANSWER_STATES.which("is_submitted")
    is_checking = ANSWER_STATES.which("is_checking")
    is_approved = ANSWER_STATES.which("is_approved")
    is_held_over = ANSWER_STATES.which("is_held_over")
    is_withdrawn = ANSWER_STATES.which("is_withdrawn")
    is_on_the_desk = ANSWER_STATES.which("is_on_the_desk")
    can_run = ANSWER_STATES.which("can_run")


# The stage shown to the expert, by the state of the assignment, or where that is "", by the state of the answer.
STAGE_BY_ASSIGNMENT = {
    "drafted": "answer",
    "invited": "answer",
    "accepted": "answer",
    "declined": "declined",
    "received": "",
    "returned": "answer",
    "done": "",
    "cancelled": "",
}
STAGE_BY_ANSWER = {
    "draft": "cancelled",
    "submitted": "sent",
    "edited": "edited",
    "checking": "check",
    "approved": "approved",
    "held over": "held over",
    "withdrawn": "cancelled",
}
# The stages in which an objection that the desk hasn't settled has a page of its own, "objected".
CONTESTABLE_STAGES = (STAGE_BY_ANSWER["edited"], STAGE_BY_ANSWER["approved"])

# Preconditions of the moves below.
dates = Precondition(
    "dates",
    "dates_missing",
    lambda assignment: bool(assignment.reply_by and assignment.due_at and assignment.invited_at),
)
cleared = Precondition("cleared text", "text_not_cleared", lambda assignment: assignment.question.is_cleared)
text = Precondition("text", "no_text", lambda answer: answer.text_id is not None)
approval = Precondition(
    "approved text, credit",
    "no_text_or_credit",
    lambda answer: bool(answer.approved_text_id == answer.text_id and answer.credit),
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
            after="remove",
            needs=(requires("decline_reason"),),
            tells="E",
        ),
        Move(
            "receive",
            ("drafted", "invited", "accepted", "returned"),
            ("received",),
            after="submit",
            needs=(requires("received_at"),),
            tells="E",
        ),
        Move("take back", ("received",), ("accepted",), after="take back", needs=(dates,)),
        Move("return", ("received",), ("returned",), act="give back", needs=(requires("due_at"),), tells="X"),
        Move("finish", ("received",), ("done",), after="approve"),
        Move("import", (), ("done",), after="import", needs=(requires("received_at"),)),
        Move("unfinish", ("done",), ("received",), after="reopen"),
        Move(
            "cancel",
            ("drafted", "invited", "accepted", "received", "returned"),
            ("cancelled",),
            act="invite",
            after="close, withdraw, send, remove",
            tells="X",
        ),
        Move("revive", ("cancelled",), ("received",), after="reopen, use", needs=(requires("received_at"),)),
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
        Move("start", (), ("draft",), act="answer, edit", after="import"),
        Move("submit", ("draft",), ("submitted",), act="answer, edit", needs=(text,)),
        Move("take back", ("submitted",), ("draft",), act="answer"),
        Move("return", ("submitted", "edited"), ("draft",), after="return"),
        Move("edit", ("submitted", "edited"), ("edited",), act="edit", needs=(text,)),
        Move("check", ("submitted", "edited"), ("checking",), act="give back", tells="X"),
        Move("reply", ("checking",), ("edited",), act="answer, edit, upkeep", tells="E"),
        Move("recall", ("checking",), ("edited",), act="give back", after="discard"),
        # These leave the state as it is: an objection, and the desk's answer to it (see `objections`).
        Move("object", ("edited", "approved"), ("edited", "approved"), act="answer", needs=(text,), tells="E"),
        Move("let stand", ("approved",), ("approved",), act="approve", tells="X"),
        # This tells the expert ("X") only if there are edits that they haven't seen.
        Move(
            "approve", ("submitted", "edited", "checking"), ("approved",), act="approve", needs=(approval,), tells="X"
        ),
        Move("import", ("draft",), ("approved",), after="import", needs=(approval,)),
        Move("reopen", ("approved",), ("edited",), act="approve"),
        Move(
            "withdraw",
            ("draft", "submitted", "edited", "checking", "approved"),
            ("withdrawn",),
            act="answer, approve",
            after="cancel, remove",
            tells="E X",
        ),
        Move("withdraw", ("held over",), ("withdrawn",), after="remove", tells="E X"),
        Move("revive", ("withdrawn",), ("submitted", "edited"), after="reopen", needs=(text,)),
        Move(
            "hold over",
            ("draft", "submitted", "edited", "checking"),
            ("held over",),
            after="send",
            needs=(text,),
            tells="X",
        ),
        Move("use", ("held over",), ("submitted", "edited"), act="approve", needs=(text,)),
        Move(
            "undo",
            ("submitted", "edited", "held over", "withdrawn"),
            ("draft", "submitted", "edited", "checking"),
            after="undo",
        ),
    ),
)
