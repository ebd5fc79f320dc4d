"""The state of a letter as its receipt page shows it, without internal states or the text of the letter."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from ...editions.archive import story_path
from ...editions.models import Edition
from ...editions.queries import list_editions_to_run
from ...letters.models import Letter
from ...newsletters.models import Newsletter
from ...questions.lifecycle import AS_READERS_SEE_IT
from ...questions.models import Question
from ...questions.queries import lead_of


@dataclass(frozen=True)
class PublicState:
    """The state of a letter as its reader sees it.

    - `state`: arrived, read, kept (a comment or tip), asked, answered, coming, published, ended or withdrawn;
    - `path`: the page of the published answer, or of the answer to which an ended letter was referred;
    - `reason`: why it ended, as the key of the sentence that readers see;
    - `runs_at`: the planned time of publication;
    - `runs_unnamed`: the letter was withdrawn too late to stop its question, which runs without a name;
    - `next_dates`: the times of the next editions.
    """

    state: str
    path: str | None = None
    reason: str | None = None
    runs_at: datetime | None = None
    runs_unnamed: bool = False
    next_dates: list[datetime] = field(default_factory=list)

    @property
    def is_published(self) -> bool:
        return self.state == "published"

    @property
    def has_ended(self) -> bool:
        return self.state == "ended"

    @property
    def is_withdrawn(self) -> bool:
        return self.state == "withdrawn"

    @property
    def is_final(self) -> bool:
        """True if the letter was published, has ended or was withdrawn. A kept letter isn't final."""
        return self.is_published or self.has_ended or self.is_withdrawn

    @property
    def is_under_way(self) -> bool:
        """True if further news is expected: the letter is neither final nor kept."""
        return not self.is_final and self.state != "kept"


def get_public_state(session: Session, newsletter: Newsletter, letter: Letter, with_dates: bool = True) -> PublicState:
    """Return the public state of a letter; pass `with_dates=False` if the next dates aren't needed."""
    next_dates = [edition.runs_at for edition in list_editions_to_run(session, newsletter.id)] if with_dates else []
    question = session.get(Question, letter.question_id) if letter.question_id else None
    lead = lead_of(session, question) if question else None  # the question itself, or the one it was merged into
    edition = session.get(Edition, lead.edition_id) if lead and lead.edition_id else None
    if letter.is_withdrawn:
        runs_unnamed = edition is not None and edition.is_fixed
        return PublicState("withdrawn", runs_unnamed=runs_unnamed, next_dates=next_dates)
    if letter.is_ended and not letter.is_erased_unseen:
        referred = session.get(Question, letter.answered_by_id) if letter.answered_by_id else None
        path = story_path(newsletter, referred) if referred and referred.is_published else None
        return PublicState("ended", path=path, reason=letter.end_reason, next_dates=next_dates)
    if not letter.is_filed:  # it waits, or seems to
        return PublicState("arrived", next_dates=next_dates)
    if lead is None:
        return PublicState("kept" if letter.filed_as in ("comment", "tip") else "read", next_dates=next_dates)
    state = AS_READERS_SEE_IT[str(lead.state)]
    return PublicState(
        state,
        path=story_path(newsletter, lead) if lead.is_published else None,
        reason=lead.closed_reason,
        runs_at=edition.runs_at if edition else None,
        next_dates=next_dates,
    )
