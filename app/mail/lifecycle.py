"""The life of a mail in the outbox."""

from ..lifecycle import Machine, Move, has

ENDED = ("sent", "failed", "discarded", "expired")
STATES = ("held", "queued", *ENDED)

MAIL = Machine(
    "mail",
    STATES,
    (
        Move("release", ("held",), ("queued",), "E"),
        Move("recall", ("held", "queued"), ("discarded",), "A X C"),
        Move("discard", ("held", "queued"), ("discarded",), "A"),
        Move("retry", ("failed", "expired"), ("queued",), "A"),
        Move("send", ("queued",), ("sent",), "C", (has("sent_at"),)),
        Move("fail", ("queued",), ("failed",), "C", (has("said"),)),
        Move("expire", ("queued",), ("expired",), "C"),
        Move("forget", ("held", "queued", "failed", "expired"), ("discarded",), "R A C"),
    ),
)
