"""The public archive: the editions that were sent, the Q&As that ran in them, and the pages of experts."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from types import MappingProxyType
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, contains_eager

from ..answers.models import Answer, AnswerText, Assignment
from ..core.listing import Cursor, Listing
from ..newsletters.models import Newsletter, Topic
from ..people.expert_pages import ExpertPage
from ..people.expert_photos import ShownPhoto
from ..people.models import Expert
from ..questions.lifecycle import STATES
from ..questions.models import Question, QuestionText, QuestionTopic
from . import item_translations
from .models import Edition, EditionItem, ItemTranslation

MAX_PATHS_PER_YEAR = 25_000  # of Q&As, and as many of editions, in a sitemap
MAX_EXPERT_PAGES = 10_000  # in a sitemap
MAX_ITEMS_LOOKED_THROUGH = 20  # newest items of an expert's page that are searched for one with the expert's name
NEWEST = (Question.published_at, Question.id)  # the order of published Q&As
PublishedT = TypeVar("PublishedT", Question, EditionItem)


def listing(
    newsletter: Newsletter, topic: str | None = None, year: int | None = None, language: str | None = None
) -> Listing[EditionItem]:
    """Return the listing of the published Q&As, newest first, of a `year` or on the topic with the slug `topic`.

    With `language`, they are those written in it or translated into it, even if the translation isn't shown any more
    (see `item_translations.list_visible_translations`).
    """
    # SQLite should follow the index of questions by date. Adding 0 keeps it from starting at the items.
    query = _select_items(Question.newsletter_id == newsletter.id, Question.is_published, question_id=Question.id + 0)
    if language:
        translation = select(ItemTranslation.id).where(
            ItemTranslation.item_id == EditionItem.id, ItemTranslation.language == language
        )
        is_written_in_it = EditionItem.input["piece"]["language"].as_string() == language
        query = query.where(or_(is_written_in_it, translation.exists()))
    return Listing(_restrict(newsletter, query, topic, year), NEWEST)


def list_languages(session: Session, newsletter: Newsletter) -> list[str]:
    """Return the languages of the archive: the newsletter's own, and those with a translation of a published Q&A."""
    others = [language for language in newsletter.languages if language != newsletter.language]
    translated = (
        select(ItemTranslation.id)
        .join(EditionItem, EditionItem.id == ItemTranslation.item_id)
        .join(Question, Question.id == EditionItem.question_id)
        .where(Question.newsletter_id == newsletter.id, Question.is_published)
        .limit(1)
    )
    return [
        newsletter.language,
        *(
            language
            for language in others
            if session.scalar(translated.where(ItemTranslation.language == language)) is not None
        ),
    ]


def question_listing(newsletter: Newsletter, topic: str | None = None, year: int | None = None) -> Listing[Question]:
    """Return the listing of the questions that ran, also of those that were retracted since, like `listing`."""
    query = select(Question).where(Question.newsletter_id == newsletter.id, Question.has_run)
    return Listing(_restrict(newsletter, query, topic, year), NEWEST)


def _restrict(
    newsletter: Newsletter, query: Select[PublishedT], topic: str | None, year: int | None
) -> Select[PublishedT]:
    """Restrict a query for published questions to a topic, given by its slug, and to a year."""
    # Without this, PostgreSQL scans all questions that have not run before it reaches the newest.
    query = query.where(Question.published_at.is_not(None))
    if topic:
        query = query.join(QuestionTopic, QuestionTopic.question_id == Question.id)
        query = query.join(Topic, Topic.id == QuestionTopic.topic_id).where(Topic.slug == topic)
    if year:
        start, end = _year_bounds(newsletter, year)
        query = query.where(Question.published_at >= start, Question.published_at < end)
    return query


def topics(session: Session, newsletter: Newsletter) -> list[Topic]:
    """Return the topics of published questions, by name. Other topics would show what the desk works on."""
    published = select(QuestionTopic.id).join(Question, Question.id == QuestionTopic.question_id)
    published = published.where(QuestionTopic.topic_id == Topic.id, Question.is_published)
    query = select(Topic).where(Topic.newsletter_id == newsletter.id, published.exists())
    return list(session.scalars(query.order_by(Topic.name)))


def list_corrected_items(
    session: Session, newsletter: Newsletter, start_time: datetime, limit: int
) -> list[EditionItem]:
    """Return the published Q&As that were corrected or reworded since `start_time`, latest first."""
    # The database should start at the corrected items, which are few. Adding 0 keeps it from starting at the questions.
    is_of_newsletter = Question.newsletter_id + 0 == newsletter.id
    query = _select_items(is_of_newsletter, Question.is_published, EditionItem.mended_at >= start_time)
    query = query.order_by(EditionItem.mended_at.desc(), EditionItem.id.desc())
    return list(session.scalars(query.limit(limit)))


def list_withdrawn_questions(
    session: Session, newsletter: Newsletter, start_time: datetime, limit: int
) -> list[Question]:
    """Return the questions whose pages were withdrawn since `start_time`, latest first."""
    query = select(Question).where(
        Question.newsletter_id == newsletter.id, Question.is_retracted, Question.state_at >= start_time
    )
    query = query.order_by(Question.state_at.desc(), Question.id.desc())
    return list(session.scalars(query.limit(limit)))


def _select_items(
    *conditions: ColumnElement[bool], question_id: ColumnElement[int] | InstrumentedAttribute[int] = Question.id
) -> Select[EditionItem]:
    """Select items with their questions; the conditions may use columns of both.

    `question_id` is the column to join questions by.
    """
    query = select(EditionItem).join(Question, EditionItem.question_id == question_id)
    return query.where(*conditions).options(contains_eager(EditionItem.question))


get_public_id = attrgetter("question.public_id")  # of an item


def find_cursor(session: Session, newsletter: Newsletter, public_id: str) -> Cursor | None:
    """Return the cursor of a Q&A in `listing`, or None if it hasn't run."""
    query = select(Question.published_at, Question.id).where(
        Question.public_id == public_id, Question.newsletter_id == newsletter.id, Question.published_at.is_not(None)
    )
    return session.execute(query).first()


def years(session: Session, newsletter: Newsletter) -> list[int]:
    """Return all years from the first sent edition or Q&A that ran to the last, newest first.

    An edition that is sent late may belong to another year than its Q&As. Four index lookups find the limits.
    """
    editions = select(Edition.runs_at).where(Edition.newsletter_id == newsletter.id, Edition.is_sent)
    questions = select(Question.published_at)
    questions = questions.where(Question.newsletter_id == newsletter.id, Question.published_at.is_not(None))
    ends = [
        query.order_by(*order).limit(1).scalar_subquery()
        for query, columns in ((editions, (Edition.runs_at, Edition.id)), (questions, NEWEST))
        for order in (columns, [column.desc() for column in columns])
    ]
    zone = ZoneInfo(newsletter.zone)
    found = [time.astimezone(zone).year for time in session.execute(select(*ends)).one() if time]
    return list(range(max(found), min(found) - 1, -1)) if found else []


class SitemapPage(NamedTuple):
    """A page of a sitemap: its path, when it ran or was corrected, and the paths of its languages by their tags."""

    path: str
    changed_at: datetime
    alternates: Mapping[str, str] = MappingProxyType({})


def list_sitemap_pages(session: Session, newsletter: Newsletter, year: int) -> list[SitemapPage]:
    """Return the pages of a year's published Q&As, each in all its languages, and of its editions.

    Q&As come before editions, newest first. A sitemap holds at most 50,000 URLs (sitemaps.org, protocol 0.9), so only
    the newest MAX_PATHS_PER_YEAR of each are returned.
    """
    start, end = _year_bounds(newsletter, year)
    own_language = EditionItem.input["piece"]["language"].as_string()
    changed_at = func.coalesce(EditionItem.mended_at, Question.published_at)
    story_query = select(EditionItem.id, own_language, Question.public_id, QuestionText.slug, changed_at)
    story_query = story_query.outerjoin(QuestionText, QuestionText.id == Question.text_id)
    story_query = story_query.join(EditionItem, EditionItem.question_id == Question.id)
    story_query = story_query.where(Question.newsletter_id == newsletter.id, Question.is_published)
    story_query = story_query.where(Question.published_at >= start, Question.published_at < end)
    story_query = story_query.order_by(*(column.desc() for column in NEWEST)).limit(MAX_PATHS_PER_YEAR)
    edition_query = select(Edition.public_id, Edition.runs_at)
    edition_query = edition_query.where(Edition.newsletter_id == newsletter.id, Edition.is_sent)
    edition_query = edition_query.where(Edition.runs_at >= start, Edition.runs_at < end)
    edition_query = edition_query.order_by(Edition.runs_at.desc(), Edition.id.desc()).limit(MAX_PATHS_PER_YEAR)
    rows = session.execute(story_query).all()
    translated = item_translations.list_visible_languages(session, select(story_query.subquery().c[0]))
    pages: list[SitemapPage] = []
    for item_id, language, public_id, slug, time in rows:
        path = path_of(newsletter, public_id, slug)
        versions = {language: path, **{other: f"{path}?lang={other}" for other in translated.get(item_id, ())}}
        alternates = {**versions, "x-default": path} if len(versions) > 1 else {}
        pages += [SitemapPage(version, time, alternates) for version in versions.values()]
    return [
        *pages[:MAX_PATHS_PER_YEAR],
        *(
            SitemapPage(f"/{newsletter.slug}/editions/{public_id}", time)
            for public_id, time in session.execute(edition_query)
        ),
    ]


def _year_bounds(newsletter: Newsletter, year: int) -> tuple[datetime, datetime]:
    """Return the first moment of a year and of the next, in the newsletter's time zone."""
    zone = ZoneInfo(newsletter.zone)
    return datetime(year, 1, 1, tzinfo=zone), datetime(year + 1, 1, 1, tzinfo=zone)


def neighbours(
    session: Session, newsletter: Newsletter, item: EditionItem
) -> tuple[EditionItem | None, EditionItem | None]:
    """Return the Q&As that ran before and after this one, each None if there is none."""
    cursor = (item.question.published_at, item.question.id)
    items = listing(newsletter)  # newest first
    older = items.page(session, cursor, 1)
    newer = items.page(session, cursor, 1, reverse=True)
    return next(iter(older), None), next(iter(newer), None)


def story(session: Session, newsletter: Newsletter, public_id: str) -> tuple[EditionItem, Edition] | None:
    """Return a Q&A that ran and its edition, or None. It may have been retracted since: see its question's state."""
    query = _select_items(
        Question.public_id == public_id, Question.newsletter_id == newsletter.id, Question.has_run
    ).add_columns(Edition)
    row = session.execute(query.join(Edition, Edition.id == EditionItem.edition_id)).first()
    return (row[0], row[1]) if row else None


def get_published_items(
    session: Session, newsletter: Newsletter, question_ids: Sequence[int]
) -> dict[int, EditionItem]:
    """Return the published items of several questions, keyed by question ID and in that order, in one query."""
    query = _select_items(
        EditionItem.question_id.in_(question_ids), Question.newsletter_id == newsletter.id, Question.is_published
    )
    items = {item.question_id: item for item in session.scalars(query)}
    return {question_id: items[question_id] for question_id in question_ids if question_id in items}


def items_of_questions(session: Session, question_ids: Sequence[int]) -> dict[int, EditionItem]:
    """Return the items of several questions that ran, keyed by question ID, also if they were retracted since."""
    query = select(EditionItem).where(EditionItem.question_id.in_(question_ids))
    return {item.question_id: item for item in session.scalars(query)}


def ties(session: Session, item: EditionItem) -> list[tuple[str, str]]:
    """Return the experts' own interests in the matter of a Q&A, each with the printed name of the expert."""
    rows = session.execute(
        select(Answer.credit, AnswerText.ties)
        .join(AnswerText, AnswerText.id == Answer.approved_text_id)
        .where(Answer.question_id == item.question_id, Answer.is_approved, AnswerText.ties != "")
        .order_by(Answer.run_position, Answer.id)
    )
    printed_names = set(list_expert_names(item))  # without those of answers approved after the lock
    return [(credit["name"], text) for credit, text in rows if credit["name"] in printed_names]


def sent_editions(newsletter: Newsletter) -> Listing[Edition]:
    """Return the listing of the editions that were sent, newest first."""
    query = select(Edition).where(Edition.newsletter_id == newsletter.id, Edition.is_sent)
    return Listing(query, (Edition.runs_at, Edition.id))


def sent_edition(session: Session, newsletter: Newsletter, public_id: str) -> Edition | None:
    return session.scalar(
        select(Edition).where(Edition.newsletter_id == newsletter.id, Edition.is_sent, Edition.public_id == public_id)
    )


def items(session: Session, editions: Sequence[Edition]) -> dict[int, list[EditionItem]]:
    """Return the published Q&As of several editions, keyed by edition ID, in order, in one query."""
    items_by_edition: dict[int, list[EditionItem]] = {edition.id: [] for edition in editions}
    query = _select_items(EditionItem.edition_id.in_(items_by_edition), Question.is_published)
    for item in session.scalars(query.order_by(EditionItem.edition_id, EditionItem.position)):
        items_by_edition[item.edition_id].append(item)
    return items_by_edition


def count(session: Session, newsletter: Newsletter) -> int:
    """Count the published Q&As, up to `COUNT_LIMIT` + 1 of `core.listing`."""
    query = select(Question).where(Question.newsletter_id == newsletter.id, Question.published_at.is_not(None))
    return Listing(query, (Question.id,), split_by=(Question.state, STATES.which("is_published"))).count(session)


def published_by(
    session: Session, expert_id: int, newsletter_id: int | None = None, limit: int = 20
) -> list[EditionItem]:
    """Return the published Q&As that an expert answered, newest first, in all newsletters or in one."""
    question_ids = select(Question.id).join(Answer, Answer.question_id == Question.id)
    question_ids = question_ids.where(Answer.expert_id == expert_id, Answer.is_approved, Question.is_published)
    if newsletter_id is not None:
        question_ids = question_ids.where(Question.newsletter_id == newsletter_id)
    # Select the IDs first: rows are long, and a busy expert has a thousand of them to sort.
    newest = Listing[Question](question_ids, NEWEST).select(None, limit).subquery()
    return Listing[EditionItem](_select_items(Question.id.in_(newest.select())), NEWEST).page(session, None, limit)


def runs_of(session: Session, assignments: Sequence[Assignment]) -> dict[int, datetime]:
    """Return when the questions of several assignments run or ran, keyed by assignment ID, in one query.

    Assignments whose question has no slot are left out.
    """
    query = select(Assignment.id, Edition).join(Question, Question.id == Assignment.question_id)
    query = query.join(Edition, Edition.id == Question.edition_id)
    assignment_ids = [assignment.id for assignment in assignments]
    rows = session.execute(query.where(Assignment.id.in_(assignment_ids)))
    return {assignment_id: edition.ran_at for assignment_id, edition in rows}


def story_path(newsletter: Newsletter, question: Question) -> str:
    """Return the permanent path of a Q&A."""
    return path_of(newsletter, question.public_id, question.text.slug if question.text else None)


def fixed_path(newsletter: Newsletter, question: Question) -> str:
    """Return a path without words of the Q&A. It redirects to the permanent path, even after the headline changes."""
    return path_of(newsletter, question.public_id, "-")


def path_of(newsletter: Newsletter, public_id: str, slug: str | None) -> str:
    return f"/{newsletter.slug}/q/{public_id}/{slug or 'q'}"


def _is_printed_under_page_name() -> ColumnElement[bool]:
    """Return the condition that an answer is credited with the name of an expert's page."""
    by_name = Answer.credit["name"].as_string() == ExpertPage.name
    return and_(Answer.expert_id == ExpertPage.expert_id, Answer.is_approved, by_name)


def list_expert_names(item: EditionItem) -> list[str]:
    """Return the names of a Q&A's experts as they are printed."""
    return [voice["lead_in"]["name"] for voice in item.piece["voices"]]


def get_expert_page(session: Session, newsletter: Newsletter, public_id: str) -> ExpertPage | None:
    return session.scalar(select(ExpertPage).filter_by(newsletter_id=newsletter.id, public_id=public_id))


def expert_page_listing(newsletter: Newsletter, page: ExpertPage) -> Listing[EditionItem]:
    """Return the listing of the Q&As on an expert's page, newest first."""
    question_ids = select(Answer.question_id).join(ExpertPage, _is_printed_under_page_name())
    question_ids = question_ids.where(ExpertPage.id == page.id)
    all_items = listing(newsletter)
    return Listing(all_items.query.where(Question.id.in_(question_ids)), all_items.order)


def filter_printed_items(items: Iterable[EditionItem], page: ExpertPage) -> list[EditionItem]:
    """Return the items that ran with the expert's name, without those whose answer was approved after the lock."""
    return [item for item in items if page.name in list_expert_names(item)]


def expert_page_path(session: Session, newsletter: Newsletter, page: ExpertPage | None) -> str | None:
    """Return the path of an expert's page, or None if there is no page or no Q&A on it yet."""
    if page is None:
        return None
    newest = expert_page_listing(newsletter, page).page(session, None, MAX_ITEMS_LOOKED_THROUGH)
    if not filter_printed_items(newest, page):
        return None
    return f"/{newsletter.slug}/experts/{page.public_id}"


def list_expert_page_ids(session: Session, newsletter: Newsletter) -> list[str]:
    """Return the public IDs of the experts' pages that have a published Q&A."""
    answers = select(Answer.id).join(Question, Question.id == Answer.question_id)
    answers = answers.where(
        _is_printed_under_page_name(), Question.is_published, Question.newsletter_id == newsletter.id
    )
    query = select(ExpertPage.public_id).where(ExpertPage.newsletter_id == newsletter.id, answers.exists())
    return list(session.scalars(query.order_by(ExpertPage.id).limit(MAX_EXPERT_PAGES)))


def get_expert_page_ids_by_name(session: Session, item: EditionItem) -> dict[str, str]:
    """Return the public IDs of the pages of a Q&A's experts, keyed by printed name.

    Experts of the Q&A with the same name are left out.
    """
    query = select(ExpertPage.name, ExpertPage.public_id).join(Answer, _is_printed_under_page_name())
    query = query.where(Answer.question_id == item.question_id, ExpertPage.newsletter_id == item.question.newsletter_id)
    names = list_expert_names(item)
    return {name: public_id for name, public_id in session.execute(query) if names.count(name) == 1}


def list_shown_photos(session: Session, item: EditionItem) -> list[ShownPhoto | None]:
    """Return the photo that readers may see beside each answer of a Q&A, in order, or None for an answer without one.

    Experts of the Q&A with the same name have none.
    """
    is_printed = and_(Answer.is_approved, Answer.credit["name"].as_string() == ShownPhoto.name)
    query = select(ShownPhoto).join(Answer, and_(Answer.expert_id == ShownPhoto.expert_id, is_printed))
    query = query.where(Answer.question_id == item.question_id, ShownPhoto.newsletter_id == item.question.newsletter_id)
    photos = {photo.name: photo for photo in session.scalars(query)}
    names = list_expert_names(item)
    return [photos.get(name) if names.count(name) == 1 else None for name in names]


def list_newsletters_of_expert(session: Session, expert: Expert) -> list[Newsletter]:
    """Return the newsletters that an expert has an answer for, even an unpublished one."""
    newsletter_ids = select(Answer.newsletter_id).where(Answer.expert_id == expert.id)
    return list(session.scalars(select(Newsletter).where(Newsletter.id.in_(newsletter_ids)).order_by(Newsletter.id)))
