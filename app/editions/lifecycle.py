"""The state machine of editions."""

from ..core.state_machine import Machine, Move, StateMixin, States, requires

# Properties of editions:
# - is_ahead: the edition is still to run;
# - is_unsent: the edition is listed among the coming dates, or as missed;
# - is_fixed: its contents can't change.
STATES = States(
    {
        "planned": "is_ahead is_unsent",
        "locked": "is_ahead is_unsent is_fixed",
        "sent": "is_fixed",
        "skipped": "is_unsent",
    }
)


class EditionStates(StateMixin):
    """Properties of an edition's state, for pages, verbs and queries."""

    is_planned = STATES.which("is_planned")
    is_locked = STATES.which("is_locked")
    is_sent = STATES.which("is_sent")
    is_skipped = STATES.which("is_skipped")
    is_ahead = STATES.which("is_ahead")
    is_unsent = STATES.which("is_unsent")
    is_fixed = STATES.which("is_fixed")


EDITION = Machine(
    "edition",
    STATES,
    (
        Move("plan", (), ("planned",), act="upkeep, edition", needs=(requires("rule_date"),)),
        Move("import", (), ("sent",), act="edition, upkeep", needs=(requires("rule_date"), requires("sent_at"))),
        Move("skip", ("planned",), ("skipped",), act="edition", tells="X"),
        Move("unskip", ("skipped",), ("planned",), act="edition"),
        Move("lock", ("planned",), ("locked",), act="edition", needs=(requires("locked_at"),)),
        Move("unlock", ("locked",), ("planned",), act="edition"),
        Move("send", ("locked",), ("sent",), act="edition", needs=(requires("sent_at"),), tells="R X"),
        Move("recall", ("sent",), ("locked",), act="edition"),
    ),
)
