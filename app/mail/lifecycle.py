"""The life of a mail in the outbox, and of one that came in."""

from ..lifecycle import Machine, Move, has

ENDED = ("sent", "failed", "discarded", "expired")
STATES = ("held", "queued", *ENDED)

MAIL = Machine(
    "mail",
    STATES,
    (
        Move("release", ("held",), ("queued",), "E"),
        Move("recall", ("held", "queued"), ("discarded",), "A X C"),
        Move("discard", ("held", "queued", "failed", "expired"), ("discarded",), "A"),
        Move("retry", ("failed", "expired"), ("queued",), "A"),
        Move("send", ("queued",), ("sent",), "C", (has("sent_at"),)),
        Move("fail", ("queued",), ("failed",), "C", (has("said"),)),
        Move("expire", ("queued",), ("expired",), "C"),
        Move("bounce", ("queued", "sent"), ("failed",), "C", (has("said", "bounced_at"),)),
        Move("forget", ("held", "queued", "failed", "expired"), ("discarded",), "R A C"),
        Move("put back", ("discarded",), ("held", "queued"), "=undo"),
    ),
)

PLACES = ("letter", "pen", "edition", "automatic", "bounce", "duplicate", "spam", "failed")
SET_ASIDE = ("pen", "automatic", "bounce", "spam", "failed")  # where the desk can still say that it is something else

# What comes in is stored before anything is read, and then has exactly one place.
INBOUND = Machine(
    "inbound",
    ("stored", *PLACES),
    (
        Move("store", (), ("stored",), "C"),
        Move("place", ("stored",), PLACES, "C", (has("placed_at"),)),
        Move("take", SET_ASIDE, ("letter",), "A", (has("letter_id"),)),
        Move("put back", ("letter",), SET_ASIDE, "A"),
        Move("sort", SET_ASIDE, ("automatic", "spam"), "A"),
        Move("read again", SET_ASIDE, ("stored",), "A C"),
    ),
)
