"""Find or create the topics of a newsletter by name."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Staff
from ..core.state_machine import must, require_length
from ..text.clean import single_line, slug
from .models import Newsletter, Topic
from .queries import topics_of

MAX_NAME_LENGTH = 120  # the length of the column `Topic.name`


def get_or_create_topics(session: Session, actor: Staff, newsletter: Newsletter, names: Sequence[str]) -> list[Topic]:
    """Return the topics with these names, in their order, each once, creating those that are missing.

    Names are compared by slug: "ferries" is the same as "Ferries". Raises `TooLong` and `PermissionDenied`.
    """
    must(actor, "word")
    existing_topics = {topic.slug: topic for topic in topics_of(session, newsletter.id)}
    topics: dict[str, Topic] = {}
    for raw_name in names:
        name = require_length("topic", single_line(raw_name), MAX_NAME_LENGTH)
        if not name:
            continue
        key = slug(name)
        if key not in topics:
            topics[key] = existing_topics.get(key) or _create_topic(session, actor, newsletter, name, key)
    return list(topics.values())


def _create_topic(session: Session, actor: Staff, newsletter: Newsletter, name: str, key: str) -> Topic:
    topic = Topic(newsletter_id=newsletter.id, slug=key, name=name)
    session.add(topic)
    audit.record(session, actor, "topic.add", topic)
    return topic
