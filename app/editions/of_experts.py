"""Answers of an expert as readers find them under their name: with their yes, and only where the name under which they
gave it was printed. A Q&A in which they were described stands nowhere with their name, so not here either.
"""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from ..answers.models import Answer
from ..core.listing import Listing
from ..newsletters.models import Newsletter
from ..people.expert_pages import ExpertPage
from ..people.models import Expert
from ..questions.models import Question
from . import archive
from .models import EditionItem

MOST_PAGES = 10_000  # of a sitemap
LOOKED_THROUGH = 20  # for one that ran with their name


def _is_printed_under_page_name() -> ColumnElement[bool]:
    """Return that an answer ran under the name of a page."""
    by_name = Answer.credit["name"].as_string() == ExpertPage.name
    return and_(Answer.expert_id == ExpertPage.expert_id, Answer.is_approved, by_name)


def list_expert_names(item: EditionItem) -> list[str]:
    """Return the names under which a Q&A's experts answer, as they are printed."""
    return [voice["lead_in"]["name"] for voice in item.piece["voices"]]


def get_page(session: Session, newsletter: Newsletter, public_id: str) -> ExpertPage | None:
    return session.scalar(select(ExpertPage).filter_by(newsletter_id=newsletter.id, public_id=public_id))


def listing(newsletter: Newsletter, page: ExpertPage) -> Listing[EditionItem]:
    """Return the list of what stands on a page, newest first."""
    theirs = select(Answer.question_id).join(ExpertPage, _is_printed_under_page_name()).where(ExpertPage.id == page.id)
    ran = archive.listing(newsletter)
    return Listing(ran.query.where(Question.id.in_(theirs)), ran.order)


def printed_items(items: Iterable[EditionItem], page: ExpertPage) -> list[EditionItem]:
    """Leave out of a list what was locked before an answer of theirs was approved: it ran without it."""
    return [item for item in items if page.name in list_expert_names(item)]


def url_path(session: Session, newsletter: Newsletter, page: ExpertPage | None) -> str | None:
    """Return where readers find a page; None where there is none, or nothing stands on it yet."""
    if page is None or not printed_items(listing(newsletter, page).page(session, None, LOOKED_THROUGH), page):
        return None
    return f"/{newsletter.slug}/experts/{page.public_id}"


def pages(session: Session, newsletter: Newsletter) -> list[str]:
    """Return the public keys of the pages on which something stands."""
    ran = select(Answer.id).join(Question, Question.id == Answer.question_id)
    ran = ran.where(_is_printed_under_page_name(), Question.is_published, Question.newsletter_id == newsletter.id)
    mine = select(ExpertPage.public_id).where(ExpertPage.newsletter_id == newsletter.id, ran.exists())
    return list(session.scalars(mine.order_by(ExpertPage.id).limit(MOST_PAGES)))


def get_page_ids_by_name(session: Session, item: EditionItem) -> dict[str, str]:
    """The public ids of the pages of a Q&A's experts, by their printed names; namesakes are left out."""
    pages = select(ExpertPage.name, ExpertPage.public_id).join(Answer, _is_printed_under_page_name())
    mine = (Answer.question_id == item.question_id, ExpertPage.newsletter_id == item.question.newsletter_id)
    names = list_expert_names(item)
    return {row.name: row.public_id for row in session.execute(pages.where(*mine)) if names.count(row.name) == 1}


def newsletters_of(session: Session, expert: Expert) -> list[Newsletter]:
    """Return the newsletters for which an expert has answered something."""
    theirs = select(Answer.newsletter_id).where(Answer.expert_id == expert.id)
    return list(session.scalars(select(Newsletter).where(Newsletter.id.in_(theirs)).order_by(Newsletter.id)))
