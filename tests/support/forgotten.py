"""Letters that lose their words, each on another day."""

from sqlalchemy.orm import Session

from app.core.actors import Reader
from app.db.engine import Database
from app.letters import filing, receive
from app.letters.receive import Submission
from app.newsletters.models import Newsletter
from app.questions import actions
from app.questions.notes import note
from app.workflows.letters import endings
from tests.support.at_the_form import published
from tests.support.cast import Newsroom
from tests.support.letters import asked

# What Timur wrote, by what became of it.
WROTE = {
    "held": "Buy the kettles of Osh at the well",
    "spam": "Buy the silver kettles of Osh today",
    "unfiled": "Nobody has looked at the tannery yet",
    "ended": "Why is the ferry never on time?",
    "comment": "The pears were good this year",
    "closed": "Who locked the reading room?",
    "running": "Who weighs the salt at the cannery?",
    "ran": "Who owns the silos along the line?",
}


def wrote(database: Database, newsroom: Newsroom) -> dict[str, int]:
    """Each letter, as the desk has dealt with it; gives their keys."""

    def fn(session: Session) -> dict[str, int]:
        first, *others = WROTE
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        held = receive.send(
            session, Reader(), newsletter, Submission(WROTE[first]), form=receive.FormToken("robot", 1), signs=["trap"]
        )
        letters = {first: held, **dict(zip(others, asked(session, newsroom, *map(WROTE.get, others)), strict=True))}
        filing.file(session, newsroom.nora, letters["spam"], "spam")
        filing.file(session, newsroom.nora, letters["comment"], "comment")
        filing.end(session, newsroom.nora, letters["ended"], "later")
        closed = actions.open_question(session, newsroom.nora, [letters["closed"]], headline="The Reading Room")
        note(session, newsroom.nora, closed, "Is it the one behind the mill?")
        endings.close_question(session, newsroom.nora, closed, "nobody")
        actions.open_question(session, newsroom.nora, [letters["running"]], headline="The Salt")
        return {name: letter.id for name, letter in letters.items()}

    letters = database.write(fn)
    published(database, newsroom, [letters["ran"]], body="Who built the silos, and whose are they?")
    return letters
