"""The life of a mail in the outbox, and of one that came in."""

from ..lifecycle import Machine, Move, has

ENDED = ("sent", "failed", "discarded", "expired")
STATES = ("held", "queued", *ENDED)

MAIL = Machine(
    "mail",
    STATES,
    (
        Move("release", ("held",), ("queued",), act="release mails"),
        Move("recall", ("held", "queued"), ("discarded",), act="stop mails, answer, upkeep"),
        Move("discard", ("held", "queued", "failed", "expired"), ("discarded",), act="stop mails"),
        Move("retry", ("failed", "expired"), ("queued",), act="stop mails"),
        Move("send", ("queued",), ("sent",), act="upkeep", needs=(has("sent_at"),)),
        Move("fail", ("queued",), ("failed",), act="upkeep", needs=(has("said"),)),
        Move("expire", ("queued",), ("expired",), act="upkeep"),
        Move("bounce", ("queued", "sent"), ("failed",), act="upkeep", needs=(has("said", "bounced_at"),)),
        Move("forget", ("held", "queued", "failed", "expired"), ("discarded",), act="write, stop mails, upkeep"),
        Move("put back", ("discarded",), ("held", "queued"), after="undo"),
    ),
)

PLACES = ("letter", "pen", "edition", "automatic", "bounce", "duplicate", "spam", "failed")
SET_ASIDE = ("pen", "automatic", "bounce", "spam", "failed")  # where the desk can still say that it is something else

# What comes in is stored before anything is read, and then has exactly one place.
INBOUND = Machine(
    "inbound",
    ("stored", *PLACES),
    (
        Move("store", (), ("stored",), act="upkeep"),
        Move("place", ("stored",), PLACES, act="upkeep", needs=(has("placed_at"),)),
        Move("take", SET_ASIDE, ("letter",), act="take letters", needs=(has("letter_id"),)),
        Move("put back", ("letter",), SET_ASIDE, act="take letters"),
        Move("sort", SET_ASIDE, ("automatic", "spam"), act="take letters"),
        Move("read again", SET_ASIDE, ("stored",), act="take letters, upkeep"),
    ),
)
