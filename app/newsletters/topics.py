"""Find or create the topics of a newsletter by name."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Staff
from ..core.state_machine import must, require_length
from ..text.clean import single_line, slug
from .models import Newsletter, Topic
from .queries import topics_of

LONGEST = 120  # characters of a name


def get_or_create_topics(session: Session, actor: Staff, newsletter: Newsletter, names: Sequence[str]) -> list[Topic]:
    """Return the topics with these names, in their order, each once, creating those that are missing.

    Names are compared by slug: "ferries" is "Ferries". Raises `TooLong`, `PermissionDenied`.
    """
    must(actor, "word")
    known = {topic.slug: topic for topic in topics_of(session, newsletter.id)}
    found: dict[str, Topic] = {}
    for name in filter(None, (require_length("topic", single_line(name), LONGEST) for name in names)):
        key = slug(name)
        if key not in known:
            known[key] = _add(session, actor, newsletter, name, key)
        found[key] = known[key]
    return list(found.values())


def _add(session: Session, actor: Staff, newsletter: Newsletter, name: str, key: str) -> Topic:
    topic = Topic(newsletter_id=newsletter.id, slug=key, name=name)
    session.add(topic)
    audit.record(session, actor, "topic.add", topic)
    return topic
