"""The table of judges: the first one that has an opinion says where a mail goes."""

from collections.abc import Callable

from .decision import Decision
from .evidence import InboundContext
from .forwarding import forwarded
from .recipients import by_reference, by_token, of_a_reader, of_an_expert
from .screening import duplicate, edition, operator_test, own_mail, report, robot, spam, unreadable

Judge = Callable[[InboundContext], Decision | None]

JUDGES: tuple[Judge, ...] = (
    unreadable,
    operator_test,
    own_mail,
    edition,
    report,
    robot,
    spam,
    forwarded,
    by_token,
    by_reference,
    of_an_expert,
    of_a_reader,
)
BY_THE_BOOKS = frozenset(
    {operator_test, own_mail, edition, forwarded, by_token, by_reference, of_an_expert}
)  # ask the database


def decide(case: InboundContext) -> Decision:
    """Return where a mail goes. Only asks, changes nothing; the last judge takes what no other did."""
    judges = (judge for judge in JUDGES if case.session is not None or judge not in BY_THE_BOOKS)
    decision = next(decision for judge in judges if (decision := judge(case)) is not None)
    return (duplicate(case, decision) if case.session else None) or decision
