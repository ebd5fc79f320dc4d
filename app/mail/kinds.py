"""Every kind of mail on one screen: how urgent it is, how long it may be late, and what is kept of it."""

from dataclasses import dataclass
from datetime import timedelta

from .lifecycle import ENDED, STATES

LIFE = timedelta(days=5)  # as long as mail servers try (RFC 5321, section 4.5.4.1: at least 4 to 5 days)
GENERATED = "auto-generated"
REPLIED = "auto-replied"


@dataclass(frozen=True)
class Kind:
    """`lane` 0 goes before all others. `life` is how long after it was due a mail is still worth sending.

    `listed` is what is sent again and again to whoever wants it: it has a List-Id once it can be stopped (RFC 2919).
    `automatic` marks what no person of the desk wrote or set going, by the word of RFC 3834, section 5. The contents are
    deleted when the mail comes to one of the ends in `forget`: a sign-in link or a reader's address stands in them.
    """

    lane: int = 1
    life: timedelta = LIFE
    automatic: str = ""
    listed: bool = False
    forget: frozenset[str] = frozenset()


WAY_IN = frozenset(ENDED)
READER = frozenset(STATES.which("is_settled"))  # a failed one can be tried again until the letter is forgotten
DAY = timedelta(days=1)

KINDS = {
    "sign_in": Kind(lane=0, life=timedelta(minutes=15), automatic=GENERATED, forget=WAY_IN),
    "staff.invitation": Kind(automatic=GENERATED, forget=WAY_IN),
    "expert.invitation": Kind(),
    "expert.invitation_again": Kind(),
    "expert.reminder": Kind(life=DAY, automatic=GENERATED),
    "expert.overdue": Kind(life=DAY, automatic=GENERATED),
    "expert.returned": Kind(),
    "expert.cancelled": Kind(forget=WAY_IN),  # where a reader took the question back, nothing else holds its words
    "expert.check": Kind(),
    "expert.letter": Kind(),
    "expert.published": Kind(lane=2, automatic=GENERATED),
    "expert.carried_over": Kind(lane=2),
    "expert.shortened": Kind(),
    "expert.dropped": Kind(lane=2),
    "expert.not_used": Kind(lane=2, forget=WAY_IN),  # as with "cancelled"
    "reader.once": Kind(lane=2, automatic=GENERATED, forget=READER),
    "reader.news": Kind(lane=2, automatic=GENERATED, listed=True, forget=READER),
    "reader.acknowledgement": Kind(lane=2, life=DAY, automatic=REPLIED, forget=WAY_IN),
    "desk.answer": Kind(automatic=GENERATED),
    "desk.declined": Kind(automatic=GENERATED),
    "desk.objection": Kind(automatic=GENERATED),
    "desk.withdrawn": Kind(automatic=GENERATED),
    "desk.letter_withdrawn": Kind(automatic=GENERATED),
    "desk.fine": Kind(automatic=GENERATED),
    "desk.suggestion": Kind(automatic=GENERATED),
    "desk.question_back": Kind(automatic=GENERATED),
    "desk.mention": Kind(automatic=GENERATED),
    "desk.mail_waits": Kind(life=DAY, automatic=GENERATED),
    "desk.mail_failed": Kind(life=DAY, automatic=GENERATED),
    "desk.edition_missing": Kind(life=DAY, automatic=GENERATED),
    "desk.digest": Kind(
        life=DAY, automatic=GENERATED, listed=True, forget=WAY_IN
    ),  # headlines stand in it that may be erased
}
