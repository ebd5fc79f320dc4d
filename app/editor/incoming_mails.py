"""Incoming mail on the desk's pages: what was read in it, what it is about, and how an expert's letter can be filed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session, load_only
from sqlalchemy.sql import ColumnElement

from ..answers.editing import open_check
from ..answers.lifecycle import ASSIGNMENT
from ..answers.models import Assignment, Check
from ..answers.queries import list_writable_assignments, select_with_questions
from ..crypto.seal import Unsealable
from ..db.session import now
from ..editions.models import Edition
from ..letters.models import Letter
from ..mail import inbound
from ..mail.inbound import Reading
from ..mail.models import Inbound, InboundRaw
from ..people import directory
from ..web.formatting import day
from .conflict import token_of
from .filtered_list import EditionChoice
from .frame import RequestContext
from .letter_labels import CHECK_REPLIES, REPLIES
from .question_labels import DECLINE_LABELS

AT = ("@", "\N{FULLWIDTH COMMERCIAL AT}", "\N{SMALL COMMERCIAL AT}")  # in an address, as people write it
NO_EDITIONS: Mapping[int, EditionChoice] = {}


def readings(session: Session, rows: Sequence[Inbound]) -> dict[int, Reading]:
    """Return what was read in several mails, in one query that leaves their bytes where they are. What can't be opened
    is left out.
    """
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


def name_of(reading: Reading) -> str:
    """Return the name that whoever wrote a mail gives, where it isn't an address: that is asked for by itself."""
    return "" if any(sign in reading.from_name for sign in AT) else reading.from_name


def list_mails_with_files(session: Session, condition: ColumnElement[bool]) -> list[tuple[Inbound, Reading]]:
    """Return the mails that became letters, of those that are meant, on which files hang, as long as they are kept."""
    rows = session.scalars(select(Inbound).where(Inbound.is_letter, condition).order_by(Inbound.id)).all()
    read = readings(session, rows) if rows else {}
    return [(row, read[row.id]) for row in rows if row.id in read and read[row.id].attachments]


@dataclass(frozen=True)
class About:
    """The subjects of several letters: the editions that they reply to, the assignments that experts write about."""

    editions: dict[int, Edition | EditionChoice] = field(default_factory=dict)
    assignments: dict[int, Assignment] = field(default_factory=dict)

    def expert(self, letter: Letter) -> Assignment | None:
        """The assignment of an expert's letter."""
        return self.assignments.get(letter.assignment_id or 0) if letter.author == "expert" else None

    def replies_to(self, letter: Letter) -> str:
        """Say "Reply to 60" of a mail that answers a numbered edition, "Reply to 2 Nov" of another one."""
        edition = self.editions.get(letter.about_edition_id or 0)
        if edition is None or letter.channel != "mail":
            return ""
        return _("Reply to %(edition)s", edition=edition.number or day(edition.runs_at, "short"))


def load_subjects(
    session: Session, letters: Sequence[Letter], loaded_editions: Mapping[int, EditionChoice] = NO_EDITIONS
) -> About:
    """Return what the letters are about, in two queries at most however many they are; `loaded_editions` editions
    aren't asked for again.
    """
    editions = {letter.about_edition_id for letter in letters} - {None, *loaded_editions}
    assignments = {letter.assignment_id for letter in letters} - {None}
    more = session.scalars(select(Edition).where(Edition.id.in_(editions))) if editions else ()
    some = session.scalars(select_with_questions().where(Assignment.id.in_(assignments))) if assignments else ()
    return About({**loaded_editions, **{one.id: one for one in more}}, {one.id: one for one in some})


def suggest_assignments(
    desk: RequestContext, row: Inbound, reading: Reading | None
) -> tuple[Assignment | None, list[Assignment], bool]:
    """The assignment that a mail seems to be about; the others to choose from; whether the first of these is likely.

    It is the one of the mail's token, else the only one of whoever has the address that it claims to come from. An
    address proves nothing, so it is no more than a reason to look at its owner's assignments first.
    """
    if row.assignment_id:
        mine = select_with_questions().filter_by(id=row.assignment_id, newsletter_id=desk.newsletter.id)
        first = desk.session.scalar(mine)
        return (
            first,
            [one for one in list_writable_assignments(desk.session, desk.newsletter.id) if one is not first],
            False,
        )
    person = directory.by_email(desk.session, reading.from_address) if reading and reading.from_address else None
    chosen = list_writable_assignments(desk.session, desk.newsletter.id, person.id if person else None)
    own = [one for one in chosen if person and one.expert.person_id == person.id]
    others = [one for one in chosen if one not in own]
    return (own[0], others, False) if len(own) == 1 else (None, own + others, bool(own))


def filings(
    desk: RequestContext, letter: Letter, assignment: Assignment, return_page: str = ""
) -> dict[str, Any] | None:
    """Return what an expert's letter can be filed as from where its assignment stands; `return_page` names the page to
    come back to.

    None once it is filed as something that had consequences.
    """
    if not letter.can_be_filed or letter.filed_as not in (None, "comment", "spam"):
        return None
    check = _open_check(desk.session, assignment)
    first = CHECK_REPLIES[check.policy] if check else ("answer",) if assignment.takes_text else ()
    kinds = [kind for kind in (*first, "question back", "comment", "spam") if kind != letter.filed_as]
    refuses = not check and "decline" in ASSIGNMENT.open_to(desk.actor, assignment)
    return {
        "href": url_for("editor.letter_reply", slug=desk.newsletter.slug, public_id=letter.public_id),
        "seen": token_of(letter),
        "back": return_page,
        "id": letter.public_id,
        "name": assignment.expert.name,
        # On a question's page none is red: what the expert says there is as often a no as the answer.
        "buttons": [(kind, REPLIES[kind], "next" if kind in first[:1] and not return_page else "") for kind in kinds],
        "likely": sum(kind in first for kind in kinds),  # so many of them stand first
        "kinds": [*kinds, *(("cannot", "later") if refuses else ())],
        "checks": check is not None,
        "reasons": DECLINE_LABELS.items() if refuses else (),
        "later_on": get_default_return_date(desk).isoformat(),
    }


def get_default_return_date(desk: RequestContext) -> date:
    """From when on an expert could, where they give no day: "not this week" is what most of them say."""
    return now(desk.session).astimezone(ZoneInfo(desk.newsletter.zone)).date() + timedelta(days=7)


def _open_check(session: Session, assignment: Assignment) -> Check | None:
    """The quote check that the expert has before them."""
    answer = assignment.answer
    return open_check(session, answer) if answer and answer.is_checking else None
