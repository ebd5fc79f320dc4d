"""Incoming mail on the desk's pages: its parsed contents, what it is about, and how it can be filed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple
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
from ..mail.inbound import MailContent
from ..mail.models import Inbound, InboundRaw
from ..mailtext.trim.letter_frame import LetterFrame
from ..people import directory
from ..web.formatting import day
from .conflict import version_token_of
from .filtered_list import EditionChoice
from .frame import RequestContext
from .letter_labels import CHECK_REPLIES, REPLIES
from .question_labels import DECLINE_LABELS

AT_SIGNS = ("@", "\N{FULLWIDTH COMMERCIAL AT}", "\N{SMALL COMMERCIAL AT}")
NO_EDITIONS: Mapping[int, EditionChoice] = {}


def load_readings(session: Session, mails: Sequence[Inbound]) -> dict[int, MailContent]:
    """Return the parsed contents of several mails, by mail id, in one query that doesn't load the mails' bytes.

    Mails whose contents are erased or can't be decrypted are left out.
    """
    mail_ids = [mail.id for mail in mails]
    query = select(InboundRaw).options(load_only(InboundRaw.reading_sealed)).where(InboundRaw.inbound_id.in_(mail_ids))
    # `get_reading` finds the rows in the session, which holds them only weakly: this dict keeps them alive.
    raw_mails = {raw.inbound_id: raw for raw in session.scalars(query)}
    readings = {}
    for mail in mails:
        if mail.id not in raw_mails:
            continue
        try:
            reading = inbound.get_reading(session, mail)
        except Unsealable:
            continue
        if reading is not None:
            readings[mail.id] = reading
    return readings


def get_sender_name(reading: MailContent) -> str:
    """Return the sender's name, or "" if it contains an address: addresses are shown only on request."""
    return "" if any(sign in reading.from_name for sign in AT_SIGNS) else reading.from_name


def list_mails_with_files(session: Session, condition: ColumnElement[bool]) -> list[tuple[Inbound, MailContent]]:
    """Return the mails matching `condition` that became letters and have attachments, each with its reading."""
    mails = session.scalars(select(Inbound).where(Inbound.is_letter, condition).order_by(Inbound.id)).all()
    readings = load_readings(session, mails) if mails else {}
    return [(mail, readings[mail.id]) for mail in mails if mail.id in readings and readings[mail.id].attachments]


@dataclass(frozen=True)
class LetterSubjects:
    """The subjects of several letters, by id: editions to which they reply, and assignments of experts' letters."""

    editions: dict[int, Edition | EditionChoice] = field(default_factory=dict)
    assignments: dict[int, Assignment] = field(default_factory=dict)

    def get_assignment(self, letter: Letter) -> Assignment | None:
        """Return the assignment of an expert's letter; None for any other letter."""
        if letter.author != "expert":
            return None
        return self.assignments.get(letter.assignment_id or 0)

    def format_reply_to(self, letter: Letter) -> str:
        """Return e.g. "Reply to 60" for a mail about edition 60, "Reply to 2 Nov" if it has no number; otherwise ""."""
        edition = self.editions.get(letter.about_edition_id or 0)
        if edition is None or letter.channel != "mail":
            return ""
        return _("Reply to %(edition)s", edition=edition.number or day(edition.runs_at, "short"))


def load_subjects(
    session: Session, letters: Sequence[Letter], loaded_editions: Mapping[int, EditionChoice] = NO_EDITIONS
) -> LetterSubjects:
    """Return what the letters are about, in at most two queries. `loaded_editions`, by id, are not queried again."""
    edition_ids = {letter.about_edition_id for letter in letters} - {None, *loaded_editions}
    assignment_ids = {letter.assignment_id for letter in letters} - {None}
    editions: dict[int, Edition | EditionChoice] = {**loaded_editions}
    if edition_ids:
        loaded = session.scalars(select(Edition).where(Edition.id.in_(edition_ids)))
        editions |= {edition.id: edition for edition in loaded}
    assignments: dict[int, Assignment] = {}
    if assignment_ids:
        loaded_assignments = session.scalars(select_with_questions().where(Assignment.id.in_(assignment_ids)))
        assignments = {assignment.id: assignment for assignment in loaded_assignments}
    return LetterSubjects(editions, assignments)


class AssignmentSuggestion(NamedTuple):
    """The assignments that an incoming mail may be about."""

    likely: Assignment | None
    others: list[Assignment]
    is_first_likely: bool  # `likely` is None, but `others` begins with assignments of the sender


def suggest_assignments(desk: RequestContext, mail: Inbound, reading: MailContent | None) -> AssignmentSuggestion:
    """Suggest the assignment that the mail is addressed to, or else the claimed sender's, if they have only one.

    A sender's address proves nothing: it never files a mail by itself.
    """
    if mail.assignment_id:
        query = select_with_questions().filter_by(id=mail.assignment_id, newsletter_id=desk.newsletter.id)
        addressed = desk.session.scalar(query)
        writable = list_writable_assignments(desk.session, desk.newsletter.id)
        others = [assignment for assignment in writable if assignment is not addressed]
        return AssignmentSuggestion(addressed, others, is_first_likely=False)
    sender = None
    if reading and reading.from_address:
        sender = directory.by_email(desk.session, reading.from_address)
    sender_id = sender.id if sender else None
    writable = list_writable_assignments(desk.session, desk.newsletter.id, include_declined_of=sender_id)
    of_sender = [assignment for assignment in writable if sender and assignment.expert.person_id == sender.id]
    others = [assignment for assignment in writable if assignment not in of_sender]
    if len(of_sender) == 1:
        return AssignmentSuggestion(of_sender[0], others, is_first_likely=False)
    return AssignmentSuggestion(None, of_sender + others, is_first_likely=bool(of_sender))


def get_filing_form(
    desk: RequestContext, letter: Letter, assignment: Assignment, return_page: str = ""
) -> dict[str, Any] | None:
    """Return the template values of the form that files an expert's letter.

    It has a button for each kind that fits the state of the assignment. Return None if the letter can't be filed, or
    has been filed as anything but a comment or spam. `return_page` is "question" to return to the question's page
    instead of the list of letters.
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
    is_on_question_page = bool(return_page)
    highlighted = () if is_on_question_page else likely[:1]  # there, declining is as likely as an answer
    can_decline = not check and "decline" in ASSIGNMENT.list_allowed_actions(desk.actor, assignment)
    return {
        "href": url_for("editor.letter_reply", slug=desk.newsletter.slug, public_id=letter.public_id),
        "seen": version_token_of(letter),
        "back": return_page,
        "id": letter.public_id,
        "name": assignment.expert.name,
        "buttons": [(kind, REPLIES[kind], "next" if kind in highlighted else "") for kind in kinds],
        "likely_count": sum(kind in likely for kind in kinds),  # the likely kinds come first
        "accepted_kinds": [*kinds, "cannot", "later"] if can_decline else kinds,
        "has_open_check": check is not None,
        "reasons": DECLINE_LABELS.items() if can_decline else (),
        "later_on": get_default_return_date(desk).isoformat(),
    }


def describe_left_out(frame: LetterFrame) -> str:
    """Return a sentence with the greeting and the closing that a mailed answer lost, or ""."""
    lines = [" / ".join(filter(None, part.split("\n"))) for part in (frame.greeting, frame.closing) if part]
    return _("Left out: “%(what)s”.", what="”, “".join(lines)) if lines else ""


def get_default_return_date(desk: RequestContext) -> date:
    """Return the day to suggest if an expert has time later: in a week, since most experts say "not this week"."""
    return now(desk.session).astimezone(ZoneInfo(desk.newsletter.zone)).date() + timedelta(days=7)


def _open_check(session: Session, assignment: Assignment) -> Check | None:
    """Return the open quote check of the assignment's answer, or None."""
    answer = assignment.answer
    return open_check(session, answer) if answer and answer.is_checking else None
