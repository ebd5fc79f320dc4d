"""The life of a question: the desk's wording, for one to many letters."""

from ..lifecycle import Machine, Move, Need, has

STATES = ("open", "seeking", "answered", "queued", "published", "retracted", "shelved", "closed", "merged")

cleared = Need("cleared text", lambda question: bool(question.text and question.text.cleared_at))
slot = Need("slot", lambda question: question.edition_id is not None and question.position is not None)

QUESTION = Machine(
    "question",
    STATES,
    (
        Move("open", (), ("open",), act="word"),
        Move("seek", ("open", "answered"), ("seeking",), after="invite", needs=(cleared,)),
        Move("rest", ("seeking",), ("open",), after="last one ends"),
        Move("answer", ("open", "seeking", "answered"), ("answered",), after="approve"),
        Move("unanswer", ("answered",), ("open", "seeking"), after="reopen"),
        Move("pick", ("answered", "shelved"), ("queued",), act="pick", needs=(slot,)),
        Move("drop", ("queued",), ("answered",), act="pick", after="skip", tells="X"),
        Move("publish", ("queued",), ("published",), after="send", needs=(has("published_at"),)),
        Move("recall", ("published",), ("queued",), after="recall"),
        Move("retract", ("published",), ("retracted",), act="close", tells="X"),
        Move("restore", ("retracted",), ("published",), act="close", tells="X"),
        Move("shelve", ("open", "answered"), ("shelved",), act="word"),
        Move("take", ("shelved",), ("open", "answered"), act="word"),
        Move(
            "close",
            ("open", "seeking", "answered", "shelved"),
            ("closed",),
            act="close",
            after="withdraw",
            needs=(has("closed_reason"),),
            tells="R X",
        ),
        Move("reopen", ("closed",), ("open",), act="close"),
        Move("merge", ("open", "shelved"), ("merged",), act="word", needs=(has("merged_into_id"),)),
        Move("split", ("merged",), ("open",), act="word"),
        Move(
            "undo",
            ("open", "seeking", "answered", "shelved", "closed", "merged"),
            ("open", "seeking", "answered", "queued", "shelved", "closed"),
            act="undo",
        ),
    ),
)
