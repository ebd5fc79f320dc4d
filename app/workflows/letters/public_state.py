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
    - `path`: the published page;
    - `reason`: the key of a sentence about the end;
    - `runs_at`: the planned time of publication;
    - `runs_unnamed`: the letter was withdrawn after its edition was locked, so its question runs without a name;
    - `coming`: the dates of the next editions.
    """

    state: str
    path: str | None = None
    reason: str | None = None
    runs_at: datetime | None = None
    runs_unnamed: bool = False
    coming: list[datetime] = field(default_factory=list)

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
        """True if no further news is expected."""
        return self.is_published or self.has_ended or self.is_withdrawn

    @property
    def is_under_way(self) -> bool:
        """True if further news is expected."""
        return not self.is_final and self.state != "kept"


def get_public_state(session: Session, newsletter: Newsletter, letter: Letter, with_dates: bool = True) -> PublicState:
    """Return the public state of a letter; pass `with_dates=False` if the next dates aren't needed."""
    coming = [edition.runs_at for edition in list_editions_to_run(session, newsletter.id)] if with_dates else []
    question = session.get(Question, letter.question_id) if letter.question_id else None
    lead = lead_of(session, question) if question else None
    edition = session.get(Edition, lead.edition_id) if lead and lead.edition_id else None
    if letter.is_withdrawn:
        runs_unnamed = edition is not None and edition.is_fixed
        return PublicState("withdrawn", runs_unnamed=runs_unnamed, coming=coming)
    if letter.is_ended:
        answer = session.get(Question, letter.answered_by_id) if letter.answered_by_id else None
        path = story_path(newsletter, answer) if answer and answer.is_published else None
        return PublicState("ended", path=path, reason=letter.end_reason, coming=coming)
    if not letter.is_filed:
        return PublicState("arrived", coming=coming)
    if lead is None:
        return PublicState("kept" if letter.filed_as in ("comment", "tip") else "read", coming=coming)
    state = AS_READERS_SEE_IT[str(lead.state)]
    return PublicState(
        state,
        path=story_path(newsletter, lead) if lead.is_published else None,
        reason=lead.closed_reason,
        runs_at=edition.runs_at if edition else None,
        coming=coming,
    )
