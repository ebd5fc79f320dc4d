"""Incoming mail on the desk's pages: what was read in it, what it is about, and how it can be filed."""

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

AT = ("@", "\N{FULLWIDTH COMMERCIAL AT}", "\N{SMALL COMMERCIAL AT}")  # ways to write the sign in an address
NO_EDITIONS: Mapping[int, EditionChoice] = {}


def readings(session: Session, rows: Sequence[Inbound]) -> dict[int, Reading]:
    """Return the readings of several mails by their ids, in one query that doesn't load the mails' bytes.

    Mails that can't be decrypted are left out.
    """
    keys = [row.id for row in rows]
    query = select(InboundRaw).options(load_only(InboundRaw.reading_sealed)).where(InboundRaw.inbound_id.in_(keys))
    raw_mails = {raw.inbound_id: raw for raw in session.scalars(query)}  # keeps them in the session for `reading_of`
    found = {}
    for row in rows:
        if row.id not in raw_mails:
            continue
        try:
            reading = inbound.reading_of(session, row)
        except Unsealable:
            continue
        if reading is not None:
            found[row.id] = reading
    return found


def name_of(reading: Reading) -> str:
    """Return the sender's name, or "" if it contains an address: addresses are shown only on request."""
    return "" if any(sign in reading.from_name for sign in AT) else reading.from_name


def list_mails_with_files(session: Session, condition: ColumnElement[bool]) -> list[tuple[Inbound, Reading]]:
    """Return the mails matching `condition` that became letters and have attachments, each with its reading."""
    rows = session.scalars(select(Inbound).where(Inbound.is_letter, condition).order_by(Inbound.id)).all()
    read = readings(session, rows) if rows else {}
    return [(row, read[row.id]) for row in rows if row.id in read and read[row.id].attachments]


@dataclass(frozen=True)
class About:
    """The subjects of several letters, by id: editions that they reply to, and assignments of experts' letters."""

    editions: dict[int, Edition | EditionChoice] = field(default_factory=dict)
    assignments: dict[int, Assignment] = field(default_factory=dict)

    def expert(self, letter: Letter) -> Assignment | None:
        """Return the assignment of an expert's letter, or None."""
        if letter.author != "expert":
            return None
        return self.assignments.get(letter.assignment_id or 0)

    def replies_to(self, letter: Letter) -> str:
        """Return e.g. "Reply to 60" for a mail about edition 60, "Reply to 2 Nov" if that has no number, or ""."""
        edition = self.editions.get(letter.about_edition_id or 0)
        if edition is None or letter.channel != "mail":
            return ""
        return _("Reply to %(edition)s", edition=edition.number or day(edition.runs_at, "short"))


def load_subjects(
    session: Session, letters: Sequence[Letter], loaded_editions: Mapping[int, EditionChoice] = NO_EDITIONS
) -> About:
    """Return what the letters are about, in at most two queries. The `loaded_editions` are not queried again."""
    edition_ids = {letter.about_edition_id for letter in letters} - {None, *loaded_editions}
    assignment_ids = {letter.assignment_id for letter in letters} - {None}
    editions: dict[int, Edition | EditionChoice] = {**loaded_editions}
    if edition_ids:
        loaded = session.scalars(select(Edition).where(Edition.id.in_(edition_ids)))
        editions |= {edition.id: edition for edition in loaded}
    assignments: dict[int, Assignment] = {}
    if assignment_ids:
        found = session.scalars(select_with_questions().where(Assignment.id.in_(assignment_ids)))
        assignments = {assignment.id: assignment for assignment in found}
    return About(editions, assignments)


def suggest_assignments(
    desk: RequestContext, row: Inbound, reading: Reading | None
) -> tuple[Assignment | None, list[Assignment], bool]:
    """Return the assignment that a mail is probably about or None, the others to choose from, and whether the first of
    these is likely.

    The suggestion comes from the mail's token, else from the claimed sender if they have a single assignment. An
    address proves nothing: it only puts its owner's assignments first.
    """
    if row.assignment_id:
        query = select_with_questions().filter_by(id=row.assignment_id, newsletter_id=desk.newsletter.id)
        suggested = desk.session.scalar(query)
        writable = list_writable_assignments(desk.session, desk.newsletter.id)
        return suggested, [assignment for assignment in writable if assignment is not suggested], False
    person = None
    if reading and reading.from_address:
        person = directory.by_email(desk.session, reading.from_address)
    writable = list_writable_assignments(desk.session, desk.newsletter.id, person.id if person else None)
    own = [assignment for assignment in writable if person and assignment.expert.person_id == person.id]
    others = [assignment for assignment in writable if assignment not in own]
    if len(own) == 1:
        return own[0], others, False
    return None, own + others, bool(own)


def filings(
    desk: RequestContext, letter: Letter, assignment: Assignment, return_page: str = ""
) -> dict[str, Any] | None:
    """Return what an expert's letter can be filed as in the current state of its assignment, for the form with the
    buttons.

    None once it has been filed as something that had consequences. `return_page` names the page to return to.
    """
    if not letter.can_be_filed or letter.filed_as not in (None, "comment", "spam"):
        return None
    check = _open_check(desk.session, assignment)
    likely: tuple[str, ...] = ()
    if check:
        likely = CHECK_REPLIES[check.policy]
    elif assignment.takes_text:
        likely = ("answer",)
    kinds = [kind for kind in (*likely, "question back", "comment", "spam") if kind != letter.filed_as]
    can_decline = not check and "decline" in ASSIGNMENT.list_allowed_actions(desk.actor, assignment)
    return {
        "href": url_for("editor.letter_reply", slug=desk.newsletter.slug, public_id=letter.public_id),
        "seen": token_of(letter),
        "back": return_page,
        "id": letter.public_id,
        "name": assignment.expert.name,
        # On a question's page no button is highlighted: the expert may just as well decline as answer.
        "buttons": [(kind, REPLIES[kind], "next" if kind in likely[:1] and not return_page else "") for kind in kinds],
        "likely": sum(kind in likely for kind in kinds),  # how many of the first buttons
        "kinds": [*kinds, "cannot", "later"] if can_decline else kinds,
        "checks": check is not None,
        "reasons": DECLINE_LABELS.items() if can_decline else (),
        "later_on": get_default_return_date(desk).isoformat(),
    }


def get_default_return_date(desk: RequestContext) -> date:
    """Return the default for a declining expert's "from when on": in a week, as most of them say "not this week"."""
    return now(desk.session).astimezone(ZoneInfo(desk.newsletter.zone)).date() + timedelta(days=7)


def _open_check(session: Session, assignment: Assignment) -> Check | None:
    """Return the open quote check of the assignment's answer, or None."""
    answer = assignment.answer
    return open_check(session, answer) if answer and answer.is_checking else None
