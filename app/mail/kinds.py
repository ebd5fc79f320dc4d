"""Every kind of mail on one screen: how urgent it is, how long it may be late, and what is kept of it."""

from dataclasses import dataclass
from datetime import timedelta

from .lifecycle import ENDED

LIFE = timedelta(days=5)  # as long as mail servers try (RFC 5321, section 4.5.4.1: at least 4 to 5 days)


@dataclass(frozen=True)
class Kind:
    """`lane` 0 goes before all others. `life` is how long after it was due a mail is still worth sending.

    `automatic` marks what no person of the desk wrote or set going (RFC 3834, section 5). The contents are deleted when
    the mail comes to one of the ends in `forget`: a sign-in link or a reader's address stands in them.
    """

    lane: int = 1
    life: timedelta = LIFE
    automatic: bool = False
    forget: frozenset[str] = frozenset()


WAY_IN = frozenset(ENDED)
READER = frozenset({"sent", "discarded"})  # a failed one can be tried again until the letter is forgotten

KINDS = {
    "sign_in": Kind(lane=0, life=timedelta(minutes=15), automatic=True, forget=WAY_IN),
    "staff.invitation": Kind(automatic=True, forget=WAY_IN),
    "expert.invitation": Kind(),
    "expert.invitation_again": Kind(),
    "expert.returned": Kind(),
    "expert.cancelled": Kind(forget=WAY_IN),  # where a reader took the question back, nothing else holds its words
    "expert.check": Kind(),
    "expert.published": Kind(lane=2, automatic=True),
    "expert.dropped": Kind(lane=2),
    "reader.once": Kind(lane=2, automatic=True, forget=READER),
    "reader.news": Kind(lane=2, automatic=True, forget=READER),
    "desk.answer": Kind(automatic=True),
    "desk.declined": Kind(automatic=True),
    "desk.objection": Kind(automatic=True),
    "desk.withdrawn": Kind(automatic=True),
    "desk.letter_withdrawn": Kind(automatic=True),
    "desk.fine": Kind(automatic=True),
    "desk.suggestion": Kind(automatic=True),
    "desk.question_back": Kind(automatic=True),
}
