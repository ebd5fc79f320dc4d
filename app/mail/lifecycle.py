"""The state machines of outbox mails and of inbound mails."""

from ..core.state_machine import Machine, Move, StateMixin, States, requires

# waits: it can still be stopped. has_stopped: it goes out only if an editor releases or retries it. is_settled: it
# needs no attention any more. is_on_its_way: it will be sent without further action, or was sent. is_dropped: it was
# never handed over.
STATES = States(
    {
        "held": "waits has_stopped",
        "queued": "waits is_on_its_way",
        "sent": "has_ended is_settled is_on_its_way",
        "failed": "has_ended has_stopped",
        "discarded": "has_ended is_settled is_dropped",
        "expired": "has_ended is_dropped",
    }
)
ENDED = STATES.which("has_ended")


class MailStates(StateMixin):
    """State properties of an outbox mail, usable on rows and in queries."""

    is_held = STATES.which("is_held")
    is_queued = STATES.which("is_queued")
    is_sent = STATES.which("is_sent")
    is_failed = STATES.which("is_failed")
    is_discarded = STATES.which("is_discarded")
    waits = STATES.which("waits")
    has_stopped = STATES.which("has_stopped")
    is_settled = STATES.which("is_settled")
    is_on_its_way = STATES.which("is_on_its_way")
    is_dropped = STATES.which("is_dropped")


MAIL = Machine(
    "mail",
    STATES,
    (
        Move("release", ("held",), ("queued",), act="release mails"),
        Move("recall", ("held", "queued"), ("discarded",), act="stop mails, answer, upkeep"),
        Move("discard", ("held", "queued", "failed", "expired"), ("discarded",), act="stop mails"),
        Move("retry", ("failed", "expired"), ("queued",), act="stop mails"),
        Move("hold again", ("failed", "expired"), ("held",), act="whole directory"),
        Move("send", ("queued",), ("sent",), act="upkeep", needs=(requires("sent_at"),)),
        Move("fail", ("queued",), ("failed",), act="upkeep", needs=(requires("said"),)),
        Move("expire", ("queued",), ("expired",), act="upkeep"),
        Move("bounce", ("queued", "sent"), ("failed",), act="upkeep", needs=(requires("said", "bounced_at"),)),
        Move("forget", ("held", "queued", "failed", "expired"), ("discarded",), act="write, stop mails, upkeep"),
        Move("put back", ("discarded",), ("held", "queued"), after="undo"),
    ),
)

# is_place: a place where inbound mail ends. is_set_aside: the desk can still refile it. waits: for the desk.
# is_settled: it needs no attention any more. is_taken: another delivery of the same mail is a duplicate of it.
# is_no_original: another delivery is never a duplicate of it.
PLACES_OF_MAIL = States(
    {
        "stored": "",
        "letter": "is_place is_taken",
        "pen": "is_place is_set_aside waits",
        "edition": "is_place is_taken is_settled",
        "automatic": "is_place is_set_aside is_settled",
        "bounce": "is_place is_set_aside is_settled",
        "duplicate": "is_place is_settled is_no_original",
        "spam": "is_place is_set_aside is_settled",
        "failed": "is_place is_set_aside waits is_no_original",
    }
)
PLACES, SET_ASIDE = PLACES_OF_MAIL.which("is_place"), PLACES_OF_MAIL.which("is_set_aside")


class InboundStates(StateMixin):
    """State properties of an inbound mail, usable on rows and in queries."""

    is_stored = PLACES_OF_MAIL.which("is_stored")
    is_letter = PLACES_OF_MAIL.which("is_letter")
    is_pen = PLACES_OF_MAIL.which("is_pen")
    is_edition = PLACES_OF_MAIL.which("is_edition")
    is_automatic = PLACES_OF_MAIL.which("is_automatic")
    is_bounce = PLACES_OF_MAIL.which("is_bounce")
    is_failed = PLACES_OF_MAIL.which("is_failed")
    waits = PLACES_OF_MAIL.which("waits")
    is_settled = PLACES_OF_MAIL.which("is_settled")
    is_taken = PLACES_OF_MAIL.which("is_taken")
    is_no_original = PLACES_OF_MAIL.which("is_no_original")


# Inbound mail is stored before it is parsed, and then has exactly one place.
INBOUND = Machine(
    "inbound",
    PLACES_OF_MAIL,
    (
        Move("store", (), ("stored",), act="upkeep"),
        Move("place", ("stored",), PLACES, act="upkeep", needs=(requires("placed_at"),)),
        Move("take", SET_ASIDE, ("letter",), act="take letters", needs=(requires("letter_id"),)),
        Move("put back", ("letter",), SET_ASIDE, act="take letters"),
        Move("sort", SET_ASIDE, ("automatic", "spam"), act="take letters"),
        Move("read again", SET_ASIDE, ("stored",), act="take letters, upkeep"),
    ),
)
