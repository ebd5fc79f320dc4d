"""Mail that came in, as the desk's pages show it: what was read in it, what it is about, and what experts wrote by mail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload, load_only

from ...answers.by_mail import WAITS
from ...answers.lifecycle import ASSIGNMENT
from ...answers.models import Assignment, Check
from ...answers.queries import newest_checks
from ...answers.writing import OPEN_FOR_TEXT
from ...db import now
from ...editions.models import Edition
from ...letters.models import Letter
from ...mail import inbound
from ...mail.inbound import Reading
from ...mail.models import Inbound, InboundRaw, OutboxMail
from ...people import directory
from ...questions.models import Question
from ...seal import Unsealable
from ...wording import day
from ..frame import Desk
from ..letters.words import CHECK_REPLIES, REPLIES
from ..questions.words import REASONS

WRITERS = (
    "invited",
    "accepted",
    "returned",
    "received",
    "drafted",
    "declined",
)  # whose assignment may be written about
MANY = 100  # assignments that a list offers to choose from
SHOWN = 12  # letters of experts that a page tells of one by one
NO_EDITIONS: Mapping[int, Edition] = {}
BROUGHT_BACK = 5  # bounces that are looked at for something to do


def readings(session: Session, rows: Sequence[Inbound]) -> dict[int, Reading]:
    """What was read in several mails, in one query that leaves their bytes where they are. What can't be opened is left out."""
    keys = [row.id for row in rows]
    lean = select(InboundRaw).options(load_only(InboundRaw.reading_sealed)).where(InboundRaw.inbound_id.in_(keys))
    kept = {one.inbound_id: one for one in session.scalars(lean)}  # held here, where `reading_of` finds them again
    found = {}
    for row in rows:
        try:
            reading = inbound.reading_of(session, row) if row.id in kept else None
        except Unsealable:
            reading = None
        if reading is not None:
            found[row.id] = reading
    return found


@dataclass(frozen=True)
class About:
    """What several letters are about: the editions that they reply to, and the assignments that experts write about."""

    editions: dict[int, Edition] = field(default_factory=dict)
    assignments: dict[int, Assignment] = field(default_factory=dict)

    def expert(self, letter: Letter) -> Assignment | None:
        """The assignment of an expert's letter."""
        return self.assignments.get(letter.assignment_id or 0) if letter.author == "expert" else None

    def replies_to(self, letter: Letter) -> str:
        """ "Reply to 60" for a mail that answers a numbered edition, "Reply to 2 Nov" for another one."""
        edition = self.editions.get(letter.about_edition_id or 0)
        if edition is None or letter.channel != "mail":
            return ""
        return _("Reply to %(edition)s", edition=edition.number or day(edition.runs_at, "short"))


def about(session: Session, letters: Sequence[Letter], known: Mapping[int, Edition] = NO_EDITIONS) -> About:
    """What the letters are about, in two queries at most however many they are; `known` editions aren't asked for again."""
    editions = {letter.about_edition_id for letter in letters} - {None, *known}
    assignments = {letter.assignment_id for letter in letters} - {None}
    more = session.scalars(select(Edition).where(Edition.id.in_(editions))) if editions else ()
    some = session.scalars(_assignments().where(Assignment.id.in_(assignments))) if assignments else ()
    return About({**known, **{one.id: one for one in more}}, {one.id: one for one in some})


def _assignments() -> Select[Assignment]:
    return select(Assignment).options(joinedload(Assignment.question))


def load_assignment(desk: Desk, public_id: str) -> Assignment | None:
    """One assignment of this newsletter."""
    mine = _assignments().filter_by(public_id=public_id, newsletter_id=desk.newsletter.id)
    return desk.session.scalar(mine)


def writable(desk: Desk) -> list[Assignment]:
    """The assignments that a mail may belong to, the newest first."""
    query = _assignments().where(Assignment.newsletter_id == desk.newsletter.id, Assignment.state.in_(WRITERS))
    return list(desk.session.scalars(query.order_by(Assignment.id.desc()).limit(MANY)))


def suggested(
    desk: Desk, row: Inbound, reading: Reading | None, chosen: Sequence[Assignment]
) -> tuple[Assignment | None, list[Assignment], bool]:
    """The assignment that a mail seems to be about; the others to choose from; whether the first of these is likely.

    It is the one of the mail's token, else the only one of whoever has the address that it claims to come from. An address
    proves nothing, so it is no more than a reason to look at its owner's assignments first.
    """
    if row.assignment_id:
        mine = _assignments().filter_by(id=row.assignment_id, newsletter_id=desk.newsletter.id)
        first = desk.session.scalar(mine)
        return first, [one for one in chosen if one is not first], False
    person = directory.by_email(desk.session, reading.from_address) if reading and reading.from_address else None
    own = [one for one in chosen if person and one.expert.person_id == person.id]
    others = [one for one in chosen if one not in own]
    return (own[0], others, False) if len(own) == 1 else (None, own + others, bool(own))


def waiting_of_experts(
    session: Session, newsletter_id: int, assignment_ids: Sequence[int] | None = None
) -> list[tuple[Letter, Assignment]]:
    """What experts wrote by mail and nobody has filed, the oldest first: of all, or to some assignments."""
    query = (
        select(Letter, Assignment)
        .join(Assignment, Assignment.id == Letter.assignment_id)
        .options(joinedload(Assignment.question))
        .where(Letter.newsletter_id == newsletter_id, Letter.state.in_(WAITS), Letter.assignment_id.is_not(None))
        .order_by(Letter.id)
    )
    if assignment_ids is not None:
        query = query.where(Letter.assignment_id.in_(assignment_ids))
    return [(letter, assignment) for letter, assignment in session.execute(query.limit(SHOWN))]


def filings(desk: Desk, letter: Letter, assignment: Assignment, back: str = "") -> dict[str, Any] | None:
    """What an expert's letter can be filed as from where its assignment stands; `back` names the page to come back to.

    None once it is filed as something that had consequences.
    """
    if letter.state not in (*WAITS, "filed") or letter.filed_as not in (None, "comment", "spam"):
        return None
    check = open_check(desk.session, assignment)
    first = CHECK_REPLIES[check.policy] if check else ("answer",) if assignment.state in OPEN_FOR_TEXT else ()
    kinds = [kind for kind in (*first, "question back", "comment", "spam") if kind != letter.filed_as]
    refuses = not check and "decline" in ASSIGNMENT.open_to(desk.actor, assignment)
    return {
        "href": url_for("editor.letter_reply", slug=desk.newsletter.slug, public_id=letter.public_id),
        "version": letter.version,
        "back": back,
        "id": letter.public_id,
        "name": assignment.expert.name,
        # A page has one red button, and that of a question's page says what is to be done there.
        "buttons": [(kind, REPLIES[kind], "next" if kind in first[:1] and not back else "") for kind in kinds],
        "checks": check is not None,
        "reasons": REASONS.items() if refuses else (),
        # "Not this week" is what most of them say.
        "later_on": (now(desk.session) + timedelta(days=7)).date().isoformat(),
    }


def open_check(session: Session, assignment: Assignment) -> Check | None:
    """The quote check that the expert has before them."""
    answer = assignment.answer
    if answer is None or answer.state != "checking":
        return None
    check = newest_checks(session, [answer.id]).get(answer.id)
    return check if check and check.outcome is None else None


def oldest(session: Session, newsletter_id: int, place: str) -> datetime | None:
    """Since when the oldest mail in this place has been there."""
    query = select(Inbound.stored_at).where(Inbound.newsletter_id == newsletter_id, Inbound.state == place)
    return session.scalar(query.order_by(Inbound.id).limit(1))


def robots_on(session: Session, newsletter_id: int, assignment_ids: Sequence[int]) -> dict[int, Inbound]:
    """The newest automatic reply that came for each of several assignments, an absence note for example."""
    query = select(Inbound).where(
        Inbound.newsletter_id == newsletter_id, Inbound.state == "automatic", Inbound.assignment_id.in_(assignment_ids)
    )
    return {row.assignment_id: row for row in session.scalars(query.order_by(Inbound.id)) if row.assignment_id}


def came_back(session: Session, newsletter_id: int) -> list[tuple[Inbound, OutboxMail]]:
    """Of the newest bounces those that somebody has to act on: the mail was not to a reader, and none followed it."""
    bounces = {row.outbox_id: row for row in inbound.page(session, newsletter_id, "bounce", None, BROUGHT_BACK)}
    mails = session.scalars(
        select(OutboxMail).where(
            OutboxMail.id.in_([key for key in bounces if key]),
            OutboxMail.newsletter_id == newsletter_id,
            OutboxMail.bounced_at.is_not(None),
            OutboxMail.letter_id.is_(None),
        )
    ).all()
    keys = [mail.assignment_id for mail in mails if mail.assignment_id]
    newer = select(OutboxMail.assignment_id, OutboxMail.id).where(OutboxMail.assignment_id.in_(keys))
    later: dict[int | None, int] = {}
    for assignment_id, key in session.execute(newer):
        later[assignment_id] = max(key, later.get(assignment_id, 0))
    return [(bounces[mail.id], mail) for mail in mails if later.get(mail.assignment_id, mail.id) <= mail.id]


def titled(question: Question) -> str:
    return question.headline or question.wording[:80]
