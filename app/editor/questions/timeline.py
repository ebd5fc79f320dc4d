"""The timeline of a question: changes, notes, mails and letters as one list, newest first.

The entries come from four tables. A cursor consists of the time, the table and the key of the last entry shown. Each
table is read from there, so that all pages have the same length, and no entry is repeated or missed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from ...audit import queries as audit
from ...audit.events import list_actions_shown_in
from ...core.listing import HIGHEST_KEY, format_cursor, parse_cursor
from ...db.session import now
from ...letters.models import Letter
from ...mail import queries as mail_queries
from ...mail.message import Message, shortened
from ...mail.models import OutboxMail
from ...mail.secret_links import without_secrets
from ...people.directory import names_of
from ...questions import queries
from ...questions.notes import find_mentions, split_at_mentions
from ...web.formatting import clock_time, day, exact, format_language, zone
from ..event_sentences import PreloadedNames, add_question_title, describe_events
from ..frame import RequestContext
from ..letter_labels import CHANNELS
from ..mail_labels import STATES, format_mail_status, kind_label
from .originals import MAX_TITLE_LENGTH
from .question_detail import QuestionDetail

PAGE_SIZE = 30
NEWEST_CURSOR = (datetime(9999, 1, 1, tzinfo=UTC), 0, 0)  # newer than any entry
KEY_ABOVE_ALL, KEY_BELOW_ALL = HIGHEST_KEY, 0  # keys above and below all others
FILTERS = {"changes": _l("Changes"), "notes": _l("Notes"), "mails": _l("Mails"), "letters": _l("Letters")}
# The ranks of the tables, in the order of `FILTERS`. Of entries with the same time, the highest rank is shown first.
CHANGES, NOTES, MAILS, LETTERS = range(len(FILTERS))

Cursor = tuple[datetime, int, int]
TableCursor = tuple[datetime, int]  # the cursor of a single table


@dataclass(frozen=True)
class TimelineEntry:
    """An entry of the timeline."""

    time: datetime
    rank: int  # of the table that it comes from
    key: int  # the id of its row in that table
    text: str
    kind: str = ""  # "step" for a change of state, "late" for a mail that failed
    pieces: Sequence[tuple[str, bool]] = ()  # the parts of a note, each with whether it is a mention
    quote: str = ""  # the text of a mail
    href: str = ""  # the address that `text` links to
    mark: str = ""  # the tone of a mail's state
    has_hour: bool = True  # otherwise only the day is stored

    @property
    def cursor(self) -> Cursor:
        return self.time, self.rank, self.key

    @property
    def label(self) -> str:
        return clock_time(self.time) if self.has_hour else "–"

    @property
    def exact(self) -> str:
        return exact(self.time) if self.has_hour else _("The hour of a letter without an address isn’t kept.")

    @property
    def date(self) -> object:
        return self.time.astimezone(zone()).date() if self.has_hour else self.time.date()


@dataclass(frozen=True)
class TimelinePage:
    """A page of the timeline."""

    days: list[tuple[str, list[TimelineEntry]]]  # the entries by day, each day with its heading
    show: str  # the selected kind, or "" for all
    earlier: str | None  # the cursor of the next page
    is_first: bool


def build_timeline(detail: QuestionDetail, show: str, cursor: str) -> TimelinePage:
    """Return a page of the timeline of a question, including the questions merged into it."""
    start = parse_cursor(cursor, 3) or NEWEST_CURSOR
    titles = {merged.id: shortened(merged.title, MAX_TITLE_LENGTH) for merged in detail.merged}
    sources = {
        "changes": lambda table_cursor: _change_entries(detail, titles, table_cursor),
        "notes": lambda table_cursor: _note_entries(detail, table_cursor),
        "mails": lambda table_cursor: _mail_entries(detail, table_cursor),
        "letters": lambda table_cursor: _letter_entries(detail, titles, table_cursor),
    }
    show = show if show in FILTERS else ""
    entries: list[TimelineEntry] = []
    for rank, kind in enumerate(FILTERS):
        if show in ("", kind):
            entries += sources[kind](_cursor_for_rank(start, rank))
    entries.sort(key=lambda entry: entry.cursor, reverse=True)
    has_more = len(entries) > PAGE_SIZE
    return TimelinePage(
        days=_group_by_day(detail.desk, entries[:PAGE_SIZE]),
        show=show,
        earlier=format_cursor(entries[PAGE_SIZE - 1].cursor) if has_more else None,
        is_first=start == NEWEST_CURSOR,
    )


def _cursor_for_rank(cursor: Cursor, rank: int) -> TableCursor:
    """Return the cursor of the table of this rank, such that no entry is repeated or missed."""
    time, last_rank, last_key = cursor
    if rank == last_rank:
        return time, last_key
    # Of entries with the same time, those of lower ranks are still to come, those of higher ranks have been shown.
    return time, KEY_ABOVE_ALL if rank < last_rank else KEY_BELOW_ALL


def _group_by_day(desk: RequestContext, entries: list[TimelineEntry]) -> list[tuple[str, list[TimelineEntry]]]:
    today = now(desk.session).astimezone(zone()).date()
    headings = {today: _("Today"), today - timedelta(days=1): _("Yesterday")}
    entries_by_date = groupby(entries, key=lambda entry: entry.date)
    return [(headings.get(date) or day(date), list(_collapse_repeats(group))) for date, group in entries_by_date]


def _collapse_repeats(entries: Iterable[TimelineEntry]) -> Iterable[TimelineEntry]:
    """Yield the entries, with repeats of a change in a row as one, e.g. for thirty letters that were filed at once."""
    for _key, run in groupby(entries, key=_collapse_key):
        first, *others = run
        if not others:
            yield first
            continue
        times = ngettext("%(num)s time", "%(num)s times", len(others) + 1)
        yield replace(first, text=f"{first.text} ({times})")


def _collapse_key(entry: TimelineEntry) -> object:
    """Return a key that neighbouring entries share if they are shown as one: changes with the same sentence."""
    return entry.text if entry.rank == CHANGES else entry.cursor


def _change_entries(detail: QuestionDetail, titles: Mapping[int, str], cursor: TableCursor) -> Iterable[TimelineEntry]:
    changes = audit.of_questions([detail.question.id, *titles], list_actions_shown_in("step", "line"))
    events = changes.page(detail.desk.session, cursor, PAGE_SIZE + 1)
    experts = {("assignment", part.assignment.id): part.name for part in detail.parts}
    experts |= {("answer", part.answer.id): part.name for part in detail.parts if part.answer}
    version_numbers = {text.id: text.number for part in detail.parts for text in part.texts}
    preloaded = PreloadedNames(_get_people_names(detail), _get_expert_names(detail), version_numbers)
    sentences = describe_events(detail.desk, events, experts, detail.question, preloaded=preloaded)
    steps = list_actions_shown_in("step")
    for event, text in zip(events, sentences, strict=True):
        kind = "step" if event.action in steps else ""
        yield TimelineEntry(
            event.at, CHANGES, event.id, add_question_title(titles.get(event.question_id or 0), text), kind
        )


def _get_expert_names(detail: QuestionDetail) -> dict[int, str]:
    """Return the names of the question's experts by expert id."""
    return {part.assignment.expert_id: part.name for part in detail.parts}


def _get_people_names(detail: QuestionDetail) -> dict[int, str]:
    """Return the names of the desk's people and the experts, by person id. The page has loaded them anyway."""
    experts = (part.assignment.expert for part in detail.parts)
    return detail.colleagues | {expert.person_id: expert.name for expert in experts}


def _note_entries(detail: QuestionDetail, cursor: TableCursor) -> Iterable[TimelineEntry]:
    desk = detail.desk
    notes = queries.notes_of(detail.question).page(desk.session, cursor, PAGE_SIZE + 1)
    names = names_of(desk.session, [note.person_id for note in notes], _get_people_names(detail))
    for note in notes:
        heading = _("%(who)s noted:", who=names.get(note.person_id, _("Somebody")))
        pieces = split_at_mentions(note.body, find_mentions(note.body, detail.colleagues))
        yield TimelineEntry(note.written_at, NOTES, note.id, heading, pieces=pieces)


def _mail_entries(detail: QuestionDetail, cursor: TableCursor) -> Iterable[TimelineEntry]:
    desk = detail.desk
    mails = mail_queries.list_question_mails(desk.session, detail.family, PAGE_SIZE + 1, cursor)
    names = names_of(
        desk.session, [mail.person_id for mail, _message in mails if mail.person_id], _get_people_names(detail)
    )
    for mail, message in mails:
        recipient = _("a reader") if mail.letter_id else names.get(mail.person_id or 0, _("somebody"))
        yield TimelineEntry(
            mail.sent_at or mail.created_at,
            MAILS,
            mail.id,
            _format_mail(desk, mail, message, recipient),
            kind="late" if mail.is_failed else "",
            # Without the secret link: anybody who has it can write in the expert's name.
            quote=without_secrets(message.text) if message else "",
            href=url_for("editor.mail", slug=desk.newsletter.slug, public_id=mail.public_id),
            mark=STATES[str(mail.state)].mark,
        )


def _format_mail(desk: RequestContext, mail: OutboxMail, message: Message | None, recipient: str) -> str:
    status = ": ".join(filter(None, (format_mail_status(mail, now(desk.session)), mail.said)))
    title = _("“%(subject)s”", subject=message.subject) if message else kind_label(mail.kind)
    return _("Mail to %(name)s: %(what)s. %(stands)s.", name=recipient, what=title, stands=status)


def _letter_entries(detail: QuestionDetail, titles: Mapping[int, str], cursor: TableCursor) -> Iterable[TimelineEntry]:
    desk = detail.desk
    if detail.letters is None:  # there are too many, so they aren't loaded yet
        all_letters = queries.letters_behind(detail.family, Letter.received_at, Letter.id)
        letters = all_letters.page(desk.session, cursor, PAGE_SIZE + 1)
    else:
        letters = [letter for letter in reversed(detail.letters) if (letter.received_at, letter.id) < cursor]
    for letter in letters:
        yield TimelineEntry(
            letter.received_at,
            LETTERS,
            letter.id,
            add_question_title(titles.get(letter.question_id or 0), _format_letter(letter)),
            href=url_for("editor.letter", slug=desk.newsletter.slug, public_id=letter.public_id),
            has_hour=letter.hear_back != "number" or letter.channel != "web",
        )


def _format_letter(letter: Letter) -> str:
    source = ", ".join(filter(None, (str(CHANNELS[letter.channel]), format_language(letter.language))))
    return _("A reader’s letter came: %(where)s.", where=source)
