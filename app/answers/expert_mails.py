"""Mails about assignments and answers: to experts, and to editors about what an expert did.

Also the rewording of held mails, and the number of other experts that a mail mentions.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Unpack

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from .. import audit
from ..audit.queries import find_latest_event
from ..core.actors import Actor, Staff
from ..core.domain_errors import InvalidTransition, MissingPrecondition
from ..core.permissions import may
from ..core.state_machine import must, require_length, require_text
from ..db.session import absolute_url, now
from ..mail import outbox
from ..mail import queries as mail_queries
from ..mail.asked_others import find_sentence
from ..mail.mail_templates import render_mail
from ..mail.mail_values import AssignmentMail, DeskMail, EditedTextMail
from ..mail.models import OutboxMail
from ..mail.reply_address import address_for
from ..newsletters import mail_texts
from ..newsletters.desk_mails import sender, to_colleague
from ..newsletters.models import Newsletter
from ..people import directory, links
from ..people.models import Person
from ..programs.program_events import queue_deliveries
from ..questions import queries as questions
from ..questions.source_protection import must_be_clear
from ..text.clean import clean
from ..text.diff import changes
from ..text.styles import drop_styles
from ..typesetting.renderers import to_styled_text
from . import unsent_mails
from .models import Answer, AnswerText, Assignment, Check

MAX_LETTER_LENGTH = 4_000  # characters of a letter from the desk


def title_of(session: Session, assignment: Assignment) -> str:
    """Return the cleared headline or wording by which a mail to the expert names the question."""
    text = questions.cleared_text(session, assignment.question_id)
    if text is None:
        return ""
    return text.headline or text.body or ""


def assignment_link(session: Session, assignment: Assignment) -> str:
    """Return a new URL of the assignment's page. Earlier URLs aren't known any more: only their hashes are stored."""
    return absolute_url(session, f"/a/{links.new_link(session, assignment_id=assignment.id)}")


def delivery_options(
    session: Session, actor: Actor, newsletter: Newsletter, kind: str, not_before: datetime | None = None
) -> outbox.Posting:
    """Return the options of `outbox.put` that say whether a mail is held for an editor, and when it is due.

    Mails are held if the newsletter holds their kind, or if an assistant causes them. Mails that the desk causes are
    due after the newsletter's `undo_seconds`, so that they can still be stopped; all other mails are due at once. No
    mail is due before `not_before`.
    """
    is_held = kind in newsletter.held_kinds
    due_at = now(session)
    if isinstance(actor, Staff):
        is_held = is_held or not may(actor, "release mails")
        due_at += timedelta(seconds=newsletter.undo_seconds)
    if not_before:
        due_at = max(due_at, not_before)
    return {"hold": is_held, "due_at": due_at}


def send_to_expert(
    session: Session,
    actor: Actor,
    assignment: Assignment,
    kind: str,
    values: AssignmentMail,
    **posting: Unpack[outbox.Posting],
) -> OutboxMail | None:
    """Queue a mail to the assignment's expert.

    All mails about one assignment form a thread, and their Reply-To address identifies the assignment. If its
    invitation is still held, so is the mail. `values.headline` defaults to `title_of`. `posting` are options of
    `outbox.put`, such as `once_key`; its `due_at` can only delay the mail. Return None if the expert has no e-mail
    address or was erased, or if a mail with the same `once_key` was queued before.

    Raises `LeakDetected` (see `source_protection`) if `values.typed` contains readers' words or names that the actor
    hasn't confirmed.
    """
    if values.typed:
        must_be_clear(session, actor, assignment.question, values.typed)
    person = assignment.expert.person
    to = directory.email_of(session, person)
    if to is None or assignment.expert.erased_at is not None:  # who works at a desk keeps an address
        return None
    if values.headline is None:
        values = replace(values, headline=title_of(session, assignment))
    newsletter = session.get_one(Newsletter, assignment.newsletter_id)
    custom_texts = mail_texts.get_custom_texts(session, newsletter, kind)
    letter = render_mail(kind, sender(session, newsletter), to, person.name, values, custom_texts)
    first_message_id = mail_queries.get_first_message_id(session, assignment.id)
    if first_message_id is not None:
        letter = replace(letter, in_reply_to=first_message_id, references=(first_message_id,))
    if newsletter.inbox:
        token = links.new_reply_token(session, assignment_id=assignment.id)
        letter = replace(letter, reply_to=address_for(newsletter.inbox, token))
    posting["newsletter_id"] = newsletter.id
    posting["question_id"] = assignment.question_id
    posting["assignment_id"] = assignment.id
    posting["person_id"] = person.id
    posting["address_no"] = person.address_no
    posting.update(delivery_options(session, actor, newsletter, kind, posting.get("due_at")))
    # No mail overtakes the invitation, which says what it is about.
    posting["hold"] = posting["hold"] or unsent_mails.is_invitation_held(session, assignment)
    return outbox.put(session, letter, **posting)


def send_to_editors(
    session: Session, newsletter: Newsletter, kind: str, values: DeskMail, **posting: Unpack[outbox.Posting]
) -> None:
    """Send a mail to each of the newsletter's editors, in their own language."""
    for person in directory.list_notice_recipients(session, newsletter.id):
        to_colleague(session, newsletter, person, kind, values, **posting)


def notify_desk(session: Session, assignment: Assignment, event: str, message: str = "", **details: Any) -> None:
    """Mail the editors, and whoever invited an expert, what they did. Notify the chats, without names or details.

    The kind of the mail is "desk." followed by `event`. `message` is the expert's own comment; `details` are further
    fields of `DeskMail`.
    """
    newsletter = session.get_one(Newsletter, assignment.newsletter_id)
    question = assignment.question
    values = DeskMail(
        who=assignment.expert.name,
        headline=question.title,
        said=message,
        link=absolute_url(session, f"/desk/{newsletter.slug}/questions/{question.public_id}"),
        **details,
    )
    posting = outbox.Posting(question_id=assignment.question_id, assignment_id=assignment.id)
    for person in _list_recipients(session, assignment):
        to_colleague(session, newsletter, person, f"desk.{event}", values, **posting)
    queue_deliveries(session, newsletter.id, f"desk.{event}")


def _list_recipients(session: Session, assignment: Assignment) -> list[Person]:
    """Return the editors, and whoever invited the expert last if they still work at the desk."""
    editors = directory.list_notice_recipients(session, assignment.newsletter_id)
    invitation = find_latest_event(session, "assignment", assignment.id, "assignment.invite")
    others = [person for person in directory.list_staff(session, assignment.newsletter_id) if person not in editors]
    return [*editors, *(person for person in others if invitation and invitation.actor == f"staff:{person.id}")]


def notify_of_edits(session: Session, actor: Actor, answer: Answer) -> None:
    """Mail the expert the changes in the approved text since they last saw it, if there are any."""
    text = session.get_one(AnswerText, answer.approved_text_id)
    last_seen = _get_last_seen_text(session, answer)
    if last_seen is None:
        return
    values = build_edited_text_mail(last_seen, text)
    if not values.edits:
        return
    assignment = session.get_one(Assignment, answer.assignment_id)
    send_to_expert(session, actor, assignment, "expert.shortened", values, once_key=f"shortened:{text.id}")


def build_edited_text_mail(previous_text: AnswerText, text: AnswerText, **values: Any) -> EditedTextMail:
    """Return the values for a mail about the edits since `previous_text`. `values` are the other fields of the mail."""
    old_text, new_text = to_styled_text(previous_text.body), to_styled_text(text.body)
    return EditedTextMail(
        edits=[(drop_styles(change.before), drop_styles(change.after)) for change in changes(old_text, new_text)],
        full_text=drop_styles(new_text),
        words_before=previous_text.words,
        words_after=text.words,
        **values,
    )


def notify_of_end(session: Session, actor: Actor, assignment: Assignment, sentence: str) -> OutboxMail | None:
    """Tell the expert that no answer is needed any more, or that theirs will not be used; `sentence` says why.

    Recall unsent mails that ask something of the expert. Return the mail about the end, or None if the expert never
    heard of the question or has no e-mail address. Raises `LeakDetected` (see `source_protection`).
    """
    may_have_heard = unsent_mails.stop_asking(session, actor, assignment)
    values = AssignmentMail(typed=clean(sentence))
    answer = session.scalar(select(Answer).filter_by(assignment_id=assignment.id))
    if answer is not None and answer.text_id is not None:
        return send_to_expert(session, actor, assignment, "expert.not_used", values)
    if not may_have_heard:
        return None
    return send_to_expert(session, actor, assignment, "expert.cancelled", values)


def _get_last_seen_text(session: Session, answer: Answer) -> AnswerText | None:
    """Return the newest version that the expert handed in or was sent for a quote check."""
    checked_ids = select(Check.text_id).where(Check.answer_id == answer.id)
    versions = select(AnswerText).where(
        AnswerText.answer_id == answer.id, (AnswerText.kind == "submitted") | AnswerText.id.in_(checked_ids)
    )
    return session.scalar(versions.order_by(AnswerText.id.desc()).limit(1))


def send_desk_letter(session: Session, actor: Staff, assignment: Assignment, body: str) -> None:
    """Send the expert a letter from the desk and record it in the trail. An assistant's letter is held for an editor.

    Raises `PermissionDenied`, `MissingField` if `body` is empty, `MissingPrecondition` if the expert has no address,
    `TooLong`, `LeakDetected` (see `source_protection`), and `InvalidTransition` before the invitation, which must be
    the first mail.
    """
    must(actor, "prepare")
    body = require_text("text", require_length("text", clean(body), MAX_LETTER_LENGTH))
    if assignment.is_drafted:
        raise InvalidTransition("assignment", "write to the expert of", assignment.state)
    if assignment.expert.person.email_sealed is None:
        raise MissingPrecondition("no_email_address")
    send_to_expert(session, actor, assignment, "expert.letter", AssignmentMail(typed=body))
    audit.record(session, actor, "assignment.write", assignment)


def reword_mail(
    session: Session, actor: Staff, mail: OutboxMail, subject: str, text: str, version: int | None = None
) -> None:
    """Change the subject and text of a held mail. In a mail to an expert, the changes are checked for leaks.

    Raises `LeakDetected` (see `source_protection`) and what `outbox.rewrite` raises.
    """
    old_letter = outbox.read(session, mail)
    outbox.rewrite(session, actor, mail, subject, text, version)
    if mail.assignment_id is None or not mail.kind.startswith("expert."):
        return
    question = session.get_one(Assignment, mail.assignment_id).question
    must_be_clear(session, actor, question, f"{subject}\n{text}", f"{old_letter.subject}\n{old_letter.text}")


def count_other_experts(session: Session, assignment: Assignment) -> int:
    """Count the other experts who have been asked this question; declined and cancelled assignments don't count."""
    others = select(func.count()).where(
        Assignment.question_id == assignment.question_id, Assignment.id != assignment.id, Assignment.was_asked
    )
    return session.scalar(others) or 0


def set_asked_others(session: Session, mail: OutboxMail) -> None:
    """Set the number of other experts that a mail mentions, just before it is sent.

    An invitation always mentions the number. A later mail mentions it only if the number has grown since the expert was
    last told. Raises what `outbox.read` raises.
    """
    if mail.assignment_id is None or not mail.kind.startswith("expert."):
        return
    number = count_other_experts(session, session.get_one(Assignment, mail.assignment_id))
    if find_sentence(outbox.read(session, mail)):  # the text mentions a number, like that of an invitation
        mail.asked_others = number
    else:
        last_number = _get_last_sent_count(session, mail)
        has_grown = last_number is not None and number > last_number
        mail.asked_others = number if has_grown else None
    session.flush()


def _get_last_sent_count(session: Session, mail: OutboxMail) -> int | None:
    """Return the number of other experts that the expert was last told, or None."""
    earlier = select(OutboxMail.asked_others).where(
        OutboxMail.assignment_id == mail.assignment_id, OutboxMail.asked_others.is_not(None), OutboxMail.is_sent
    )
    return session.scalar(earlier.order_by(OutboxMail.sent_at.desc(), OutboxMail.id.desc()).limit(1))
