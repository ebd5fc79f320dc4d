"""The life of an edition, from the calendar rule to the readers' in-boxes."""

from ..lifecycle import Machine, Move, has

STATES = ("planned", "locked", "sent", "skipped")

EDITION = Machine(
    "edition",
    STATES,
    (
        Move("plan", (), ("planned",), act="upkeep, edition", needs=(has("rule_date"),)),
        Move("skip", ("planned",), ("skipped",), act="edition", tells="X"),
        Move("unskip", ("skipped",), ("planned",), act="edition"),
        Move("lock", ("planned",), ("locked",), act="edition", needs=(has("locked_at"),)),
        Move("unlock", ("locked",), ("planned",), act="edition"),
        Move("send", ("locked",), ("sent",), act="edition", needs=(has("sent_at"),), tells="R X"),
        Move("recall", ("sent",), ("locked",), act="edition"),
    ),
)
