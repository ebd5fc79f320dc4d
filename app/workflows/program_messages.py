"""Messages to other programs and chats about events, with public data only (see docs/webhooks.md).

A message is built when it is delivered, so an answer that was withdrawn in the meantime is no longer announced. It has
links but no texts: programs fetch the current text.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..db.engine import Database
from ..db.session import absolute_url, now
from ..editions import archive
from ..editions.items import headline
from ..editions.models import Edition, EditionItem
from ..letters import queries as letters
from ..letters.lifecycle import STATES as LETTER_STATES
from ..newsletters.models import Newsletter
from ..newsletters.queries import all_newsletters
from ..programs.chats import CHATS
from ..programs.models import Delivery, Program
from ..programs.program_events import LETTERS, NAMES, TEST, list_subscribers, queue_deliveries
from ..questions.models import Question
from ..text.translation import DESK_LANGUAGES, get_catalogue
from .overview.digest import GRACE, get_digest_time

DEFAULT_HOUR = "09:00"  # local time, for a newsletter without an hour for the digest
NOTICE_INTERVAL = timedelta(hours=20)  # at least, between two notices about waiting letters

EventData = dict[str, Any] | None  # of a webhook, None if the event is no longer true


def build_message(session: Session, program: Program, delivery: Delivery) -> dict[str, Any] | None:
    """Return the message about an event; for a webhook, None if the event is no longer true."""
    newsletter = session.get_one(Newsletter, program.newsletter_id)
    if program.kind in CHATS:
        return _build_chat_message(session, program, newsletter, delivery.event)
    data = BUILDERS[delivery.event](session, newsletter, delivery)
    if data is None:
        return None
    return build_payload(session, newsletter, delivery.event, delivery.happened_at, data)


def build_test_message(session: Session, program: Program) -> dict[str, Any]:
    """Return the message with which the desk tests a program."""
    newsletter = session.get_one(Newsletter, program.newsletter_id)
    if program.kind in CHATS:
        return _build_chat_message(session, program, newsletter, TEST)
    return build_payload(session, newsletter, TEST, now(session), {})


def build_payload(
    session: Session, newsletter: Newsletter, event: str, happened_at: datetime, data: dict[str, Any]
) -> dict[str, Any]:
    """Return the payload of a webhook in the format of Standard Webhooks: type, timestamp, data."""
    home = {"id": newsletter.slug, "name": newsletter.name, "url": absolute_url(session, f"/{newsletter.slug}/")}
    return {"type": event, "timestamp": happened_at.isoformat(), "data": {"newsletter": home, **data}}


def _build_chat_message(session: Session, program: Program, newsletter: Newsletter, event: str) -> dict[str, Any]:
    """Return the message for a chat: the newsletter, the event and a link to the desk, without persons and texts."""
    translations = get_catalogue(DESK_LANGUAGES[0])
    sentence = f"{newsletter.name}: {translations.gettext(NAMES[event])}."
    link = absolute_url(session, f"/desk/{newsletter.slug}/")
    return CHATS[program.kind].build_payload(sentence, link, translations.gettext("To the desk"))


def _edition_data(session: Session, delivery: Delivery) -> tuple[Edition, dict[str, Any]]:
    edition = session.get_one(Edition, delivery.edition_id)
    count = session.scalar(select(func.count()).select_from(EditionItem).filter_by(edition_id=edition.id))
    data = {"id": edition.public_id, "number": edition.number, "runs_at": edition.runs_at.isoformat(), "answers": count}
    return edition, data


def _edition_locked_data(session: Session, _newsletter: Newsletter, delivery: Delivery) -> EventData:
    edition, data = _edition_data(session, delivery)
    return {"edition": data} if edition.is_fixed else None


def _edition_sent_data(session: Session, newsletter: Newsletter, delivery: Delivery) -> EventData:
    edition, data = _edition_data(session, delivery)
    url = absolute_url(session, f"/{newsletter.slug}/editions/{edition.public_id}")
    return {"edition": {**data, "url": url}} if edition.is_sent else None


def _answer_published_data(session: Session, newsletter: Newsletter, delivery: Delivery) -> EventData:
    question_id = delivery.question_id or 0
    item = archive.get_published_items(session, newsletter, [question_id]).get(question_id)
    if item is None:
        return None
    answer = {
        "id": item.question.public_id,
        "url": absolute_url(session, archive.story_path(newsletter, item.question)),
        "headline": headline(item),
        "language": item.input["piece"]["language"],
    }
    return {"answer": answer}


def _answer_withdrawn_data(session: Session, newsletter: Newsletter, delivery: Delivery) -> EventData:
    """Return the data with a URL without the slug, which may contain the very words that had to be withdrawn."""
    question = session.get_one(Question, delivery.question_id)
    if question.is_published:
        return None
    url = absolute_url(session, archive.path_of(newsletter, question.public_id, None))
    return {"answer": {"id": question.public_id, "url": url}}


# The function that builds the data for each event of webhooks (`programs.program_events.EVENTS`). Chats get a sentence
# about an event instead, see `_build_chat_message`.
BUILDERS: dict[str, Callable[[Session, Newsletter, Delivery], EventData]] = {
    "edition.locked": _edition_locked_data,
    "edition.sent": _edition_sent_data,
    "answer.published": _answer_published_data,
    "answer.corrected": _answer_published_data,
    "answer.withdrawn": _answer_withdrawn_data,
}


def notify_waiting_letters(database: Database, current_time: datetime | None = None) -> int:
    """Tell chats in the morning that letters are waiting, and return the number of newsletters whose chats were told.

    A message on arrival would reveal the minute in which somebody wrote. So only letters of days that are over count.
    """
    with database.read(current_time) as session:
        newsletters = all_newsletters(session, Newsletter.is_going)
        due_ids = [newsletter.id for newsletter in newsletters if _is_notice_due(session, newsletter)]
    count = 0
    for newsletter_id in due_ids:
        count += database.write(partial(_queue_notice_if_due, newsletter_id=newsletter_id), current_time)
    return count


def _queue_notice_if_due(session: Session, newsletter_id: int) -> bool:
    if not _is_notice_due(session, session.get_one(Newsletter, newsletter_id)):
        return False
    queue_deliveries(session, newsletter_id, LETTERS)
    return True


def _is_notice_due(session: Session, newsletter: Newsletter) -> bool:
    """Return whether it is morning, letters wait, and no chat has got the notice within the last NOTICE_INTERVAL.

    Held letters don't count: they may be spam. Letters of today don't count either: within GRACE, the notice would come
    minutes after the letter.
    """
    chat_ids = [program.id for program in list_subscribers(session, newsletter.id, LETTERS)]
    if not chat_ids:
        return False
    digest_time = get_digest_time(newsletter, now(session), DEFAULT_HOUR)
    is_morning = digest_time <= now(session) < digest_time + GRACE  # within GRACE, if the worker was down
    if not is_morning:
        return False
    notices = select(Delivery.id).where(Delivery.program_id.in_(chat_ids), Delivery.event == LETTERS)
    recent_notice = session.scalar(notices.where(Delivery.happened_at > now(session) - NOTICE_INTERVAL).limit(1))
    if recent_notice is not None:
        return False
    return letters.count_waiting_of_past_days(session, newsletter.id, LETTER_STATES.which("is_received")) > 0
