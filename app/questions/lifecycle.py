"""The life of a question: the desk's wording, for one to many letters."""

from ..lifecycle import Machine, Move, Need, has

STATES = ("open", "seeking", "answered", "queued", "published", "retracted", "shelved", "closed", "merged")

cleared = Need("cleared text", lambda question: question.is_cleared)
slot = Need("slot", lambda question: question.edition_id is not None and question.position is not None)

QUESTION = Machine(
    "question",
    STATES,
    (
        Move("open", (), ("open",), "A"),
        Move("seek", ("open", "answered"), ("seeking",), "=invite", (cleared,)),
        Move("rest", ("seeking",), ("open",), "=last one ends"),
        Move("answer", ("open", "seeking", "answered"), ("answered",), "=approve"),
        Move("unanswer", ("answered",), ("open", "seeking"), "=reopen"),
        Move("pick", ("answered", "shelved"), ("queued",), "E", (slot,)),
        Move("drop", ("queued",), ("answered",), "E =skip", (), "X"),
        Move("publish", ("queued",), ("published",), "=send", (has("published_at"),)),
        Move("recall", ("published",), ("queued",), "=recall"),
        Move("retract", ("published",), ("retracted",), "E", (), "X"),
        Move("restore", ("retracted",), ("published",), "E", (), "X"),
        Move("shelve", ("open", "answered"), ("shelved",), "A"),
        Move("take", ("shelved",), ("open", "answered"), "A"),
        Move(
            "close",
            ("open", "seeking", "answered", "shelved"),
            ("closed",),
            "E =withdraw",
            (has("closed_reason"),),
            "R X",
        ),
        Move("reopen", ("closed",), ("open",), "E"),
        Move("merge", ("open", "shelved"), ("merged",), "A", (has("merged_into_id"),)),
        Move("split", ("merged",), ("open",), "A"),
        Move(
            "undo",
            ("open", "seeking", "answered", "shelved", "closed", "merged"),
            ("open", "seeking", "answered", "queued", "shelved", "closed"),
            "A",
        ),
    ),
)
