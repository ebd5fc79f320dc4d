"""The life of an edition, from the calendar rule to the readers' in-boxes."""

from ..lifecycle import Machine, Move, has

STATES = ("planned", "locked", "sent", "skipped")

EDITION = Machine(
    "edition",
    STATES,
    (
        Move("plan", (), ("planned",), "C E", (has("rule_date"),)),
        Move("skip", ("planned",), ("skipped",), "E", (), "X"),
        Move("unskip", ("skipped",), ("planned",), "E"),
        Move("lock", ("planned",), ("locked",), "E", (has("locked_at"),)),
        Move("unlock", ("locked",), ("planned",), "E"),
        Move("send", ("locked",), ("sent",), "E", (has("sent_at"),), "R X"),
        Move("recall", ("sent",), ("locked",), "E"),
    ),
)
