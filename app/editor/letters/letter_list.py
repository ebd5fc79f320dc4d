"""The list of letters with its filters, and the pane with the open letter beside it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from itertools import accumulate, groupby
from operator import itemgetter
from typing import Any, NamedTuple

from flask import current_app, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import true

from ...answers.models import Assignment
from ...core.listing import Chain, Rows, count_all
from ...db.session import now
from ...letters import contacts, crowds, machine_translation, queries
from ...letters.blurred_time import keeps_only_day
from ...letters.lifecycle import LETTER, STATES
from ...letters.models import CHANNELS as ALL_CHANNELS
from ...letters.models import Letter
from ...letters.spam_filter import SIGNS_BY_CODE
from ...mail import inbound
from ...people.models import Person
from ...questions import queries as question_queries
from ...questions.lifecycle import STATES as QUESTION_STATES
from ...questions.models import Question
from ...search.full_text import Snippet
from ...text.languages import LANGUAGE_TAG, direction
from ...web.formatting import by_name, count, day, format_language, zone
from ...workflows.letters import receipt_notes
from ...workflows.letters.endings import may_wait_again
from ...workflows.letters.making_room import list_room_made
from .. import incoming_mails
from ..filtered_list import (
    EXPERT_LETTER_SHORTCUTS,
    SHORTCUTS,
    EditionChoice,
    Filter,
    FilteredList,
    FilteredPage,
    ListDefinition,
    Option,
    Options,
    edition_options,
    format_edition_label,
    get_expert_letter_shortcuts,
    list_topic_choices,
    static_options,
)
from ..frame import RequestContext, get_sidebar
from ..incoming_mails import LetterSubjects
from ..letter_labels import (
    BY_MAIL,
    CHANNELS,
    END_REASONS,
    FILED,
    FILTERS,
    HEAR_BACK_LABELS,
    HELD,
    ONLY_HELD,
    ROW_LOOKS,
    received_age,
    received_exact,
)
from .letter_look_alikes import list_look_alikes

MAX_EDITION_OPTIONS = 12  # in the filter by edition
FILING_KINDS = ("comment", "tip", "unsubscribe", "spam")  # a letter is filed as one of these, or becomes a question


class AgeFilter(NamedTuple):
    label: Any
    days: int
    selects_younger: bool  # otherwise it selects letters that are older than `days`


# By value of ?age=.
AGES = {
    "day": AgeFilter(_l("of the last day"), 1, selects_younger=True),
    "week": AgeFilter(_l("of the last week"), 7, selects_younger=True),
    "over-week": AgeFilter(_l("over a week old"), 7, selects_younger=False),
    "over-month": AgeFilter(_l("over a month old"), 30, selects_younger=False),
}
# The filters that compare a column, by parameter.
FILTER_COLUMNS = {
    "channel": Letter.channel,
    "language": Letter.language,
    "edition": Letter.about_edition_id,
    "kind": Letter.filed_as,
    "held": Letter.held_reason,
}
# By the states that a list shows: the query to use instead of `queries.listing`. It puts crowds of similar letters
# after all others.
CROWDS_LAST: dict[Sequence[str], Callable[..., Rows[Letter]]] = {
    STATES.which("is_held"): crowds.list_held_letters,
    STATES.which("waits"): crowds.list_waiting_letters,
}


def _selected_language_option(_desk: RequestContext, code: str) -> Options:
    """Return the language in the query string as an option. `get_list_values` adds the languages of the rows."""
    if code == "und":
        return {code: Option(_("an unknown language"), code)}
    name = format_language(code) if LANGUAGE_TAG.fullmatch(code) else ""
    return {code: Option(name, code)} if name else {}


def _get_default_state(params: Mapping[str, str]) -> str:
    """Return the state to show if the query string names none: "waiting", unless a filter or search implies another."""
    if "kind" in params:
        return "filed"
    if "held" in params:
        return "held"
    return "all" if "q" in params else "waiting"


def _build_listing(desk: RequestContext, states: Sequence[str], filter_values: Mapping[str, Any]) -> Rows[Letter]:
    newsletter_id = desk.newsletter.id
    conditions = []
    for name, column in FILTER_COLUMNS.items():
        if name in filter_values:
            value = filter_values[name]
            conditions.append(column == getattr(value, "id", value))  # a row such as an edition, or a code
    if "alike" in filter_values:
        conditions.append(Letter.alike == true())
    if "age" in filter_values:
        age_filter = AGES[filter_values["age"]]
        bound = now(desk.session) - timedelta(days=age_filter.days)
        if age_filter.selects_younger:
            return queries.listing(newsletter_id, states, *conditions, since=bound)
        return queries.listing(newsletter_id, states, *conditions, until=bound)
    if states in CROWDS_LAST:
        return CROWDS_LAST[states](newsletter_id, *conditions)
    return queries.listing(newsletter_id, states, *conditions)


LETTERS = ListDefinition(
    model=Letter,
    endpoint="editor.letters",
    states=FILTERS,
    filters={
        "channel": Filter(
            _l("Came by"),
            _l("via %(channel)s"),
            static_options({channel: CHANNELS[channel] for channel in ALL_CHANNELS}),
        ),
        "language": Filter(_l("Written in"), _l("in %(language)s"), _selected_language_option),
        "edition": Filter(
            _l("About the edition"),
            _l("about the edition of %(day)s"),
            edition_options(MAX_EDITION_OPTIONS, only_past=True),
        ),
        "kind": Filter(
            _l("Filed as"),
            _l("filed as: %(kind)s"),
            static_options({kind: FILED[kind] for kind in ("question", *FILING_KINDS)}),
        ),
        "held": Filter(_l("Held for"), _l("held for: %(why)s"), static_options(HELD)),
        "age": Filter(
            _l("Age"), "%(age)s", static_options({name: age_filter.label for name, age_filter in AGES.items()})
        ),
        "alike": Filter(_l("Look-alikes"), _l("with a look-alike"), static_options({"1": _l("has one")})),
    },
    get_default_state=_get_default_state,
    build_listing=_build_listing,
    load=queries.load,
    page_size=40,  # rows that fit a laptop's screen
)

# By `fault` of a machine translation.
MACHINE_FAULTS = {
    "unreachable": _l("The newsroom’s own machine couldn’t be reached, or broke off."),
    "slow": _l("The newsroom’s own machine took too long."),
    "refused": _l("The newsroom’s own machine doesn’t know one of the two languages, or couldn’t process the letter."),
    "key": _l("The newsroom’s own machine rejected the key in the settings."),
    "busy": _l("The newsroom’s own machine is overloaded. Try again in a minute."),
    "broken": _l("Something went wrong in the newsroom’s own machine."),
    "garbage": _l("What answered is no machine that we know: the operator can check the settings."),
    "lost": _l("The newsroom’s own machine never answered: our worker was stopped first."),
}


def get_translation_values(desk: RequestContext, letter: Letter) -> dict[str, Any]:
    """Return the template values of the letter's machine translation, and whether one can be requested."""
    letter_language, _dash, _region = letter.language.partition("-")
    own_language, _dash, _region = desk.newsletter.language.partition("-")
    row = machine_translation.find_translation(desk.session, letter)
    translation = machine_translation.read_translation(desk.session, letter, row) if row else None
    is_enabled = current_app.config["TRANSLATION_SERVER"] is not None
    is_missing = translation is None or bool(translation.fault)
    is_useful = is_missing and letter_language != own_language
    return {
        "machine": translation,
        "machine_faults": MACHINE_FAULTS,
        "can_translate": is_enabled and is_useful and not machine_translation.get_refusal_reason(letter),
    }


# The list of waiting letters has three parts: letters unlike others, which are grouped by day, letters of crowds, and
# held letters. By index of the part: the heading of the second and the third.
PART_HEADINGS = {1: _l("Like many others these days"), 2: _l("Held: a person looks first")}
OFFER_TO_HOLD = ("waiting", "new")  # the values of ?state= that offer to hold crowds of similar letters
COUNTED_STATES = ("new", "held")  # the values of ?state= to count here; "waiting" is counted for the sidebar
ID_PLACEHOLDER = "~row~"  # for the letter's id in the address of a row
EXCERPT_LENGTH = 200  # characters of a letter that its row shows


class LetterRow(NamedTuple):
    """A row of the list, as display texts. The macro `letter_rows` unpacks the fields in this order."""

    key: str  # "public_id.version", since bulk actions skip a letter that has changed
    mark_kind: str
    state: str  # the CSS class of `ROW_LOOKS`
    status: str
    is_of_reader: bool
    expert: str
    source: str  # the edition that the letter replies to, or its channel
    language: str
    language_name: str
    segments: Sequence[Snippet]  # the passages around the search words
    excerpt: str
    outcome: str
    received_at: str
    age: str
    exact: str  # the full time, or the full day if only that is stored
    is_open: bool
    href: str


class RowGroup(NamedTuple):
    """The rows below one heading."""

    heading: str
    is_part: bool  # the heading is one of `PART_HEADINGS`, otherwise a day
    rows: list[LetterRow]


def get_list_values(desk: RequestContext, open_letter: Letter | None = None) -> dict[str, Any]:
    """Return the template values of the list, which is shown by itself or beside an open letter."""
    filtered_list = LETTERS.parse(desk, request.args)
    list_page = filtered_list.get_page()
    shows_counts = not (request.args.get("before") or filtered_list.search)
    shows_crowds = shows_counts and not open_letter and filtered_list.state == ONLY_HELD
    is_unfiltered = shows_counts and not open_letter and not filtered_list.active_filters
    shows_room = is_unfiltered and filtered_list.state in (*OFFER_TO_HOLD, ONLY_HELD)
    offers_to_hold = shows_counts and not open_letter and filtered_list.state in OFFER_TO_HOLD
    editions = {option.target.id: option.target for option in filtered_list.options["edition"].values()}
    subjects = incoming_mails.load_subjects(desk.session, list_page.rows, editions)
    values = filtered_list.template_values(
        list_page,
        _format_state_counts(desk) if shows_counts else {},
        language=_language_options(desk, filtered_list, list_page.rows),
    )
    return values | {
        "days": _group_rows(subjects, filtered_list, list_page, open_letter),
        "editions": editions,
        "crowds": crowds.list_largest_crowds(desk.session, desk.newsletter.id) if shows_crowds else [],
        "room_made": list_room_made(desk.session, desk.newsletter.id) if shows_room else [],
        "crowds_to_hold": crowds.list_crowds_to_hold(desk.session, desk.newsletter.id) if offers_to_hold else [],
        "topics": [] if open_letter else list_topic_choices(desk.session, desk.newsletter.id),
        "steps": _get_neighbour_urls(filtered_list, list_page.rows, open_letter) if open_letter else {},
    }


def _format_state_counts(desk: RequestContext) -> dict[str, str]:
    listings = [queries.listing(desk.newsletter.id, FILTERS[name][1]) for name in COUNTED_STATES]
    numbers = dict(zip(COUNTED_STATES, count_all(desk.session, listings), strict=True))
    numbers["waiting"] = get_sidebar(desk).numbers["letters"]
    return {name: count(number) for name, number in numbers.items()}


def _language_options(desk: RequestContext, filtered_list: FilteredList[Letter], rows: Sequence[Letter]) -> Options:
    """Return the languages of the newsletter and of the rows, and the selected one."""
    codes = {*desk.newsletter.languages, *(letter.language for letter in rows), *filtered_list.options["language"]}
    return {code: Option(name, code) for code, name in by_name(codes)} | {"und": Option(_("Not known"), "und")}


def _get_neighbour_urls(
    filtered_list: FilteredList[Letter], rows: Sequence[Letter], open_letter: Letter
) -> dict[str, str | None]:
    """Return the addresses of the letters after and before the open one, to which the keys j and k lead."""
    page_size, before = filtered_list.definition.page_size, request.args.get("before") or None
    page_ids = [letter.public_id for letter in rows]
    index = page_ids.index(open_letter.public_id) if open_letter.public_id in page_ids else None
    # The neighbours on this page, each as a list of at most one id:
    next_ids = page_ids[index + 1 : index + 2] if index is not None else []
    previous_ids = page_ids[index - 1 : index] if index else []
    next_before = previous_before = before  # the parameter ?before= of the page that lists the neighbour
    # If there is none, look on the next or previous page. Not for a search, since its hits come from another query.
    can_leave_page = not filtered_list.search
    if can_leave_page and not next_ids and (index is None or len(page_ids) == page_size):
        next_ids = _list_neighbour_ids(filtered_list, open_letter, 1)
        if not (next_ids and next_ids[0] in page_ids):
            next_before = open_letter.public_id
    if can_leave_page and not previous_ids and (index is None or before):
        previous_ids = _list_neighbour_ids(filtered_list, open_letter, page_size + 1, reverse=True)
        if not (previous_ids and previous_ids[0] in page_ids):
            previous_before = previous_ids[page_size] if len(previous_ids) > page_size else None
    letter_url = partial(filtered_list.url, "editor.letter")
    return {
        "next": letter_url(public_id=next_ids[0], before=next_before) if next_ids else None,
        "previous": letter_url(public_id=previous_ids[0], before=previous_before) if previous_ids else None,
    }


def _list_neighbour_ids(
    filtered_list: FilteredList[Letter], letter: Letter, limit: int, *, reverse: bool = False
) -> list[str]:
    """Return the public ids of up to `limit` letters after this one, or with `reverse` before it, nearest first."""
    return filtered_list.listing.column(filtered_list.desk.session, Letter.public_id, letter, limit, reverse)


def _group_rows(
    subjects: LetterSubjects,
    filtered_list: FilteredList[Letter],
    list_page: FilteredPage[Letter],
    open_letter: Letter | None,
) -> list[RowGroup]:
    # A page has forty rows, so labels are translated and the URL is built once, not for every row.
    looks = {state: (mark, css_class, str(label)) for state, (mark, css_class, label) in ROW_LOOKS.items()}
    channel_labels = {channel: str(label) for channel, label in CHANNELS.items()}
    kind_labels = {kind: str(label) for kind, label in FILED.items()}
    url = filtered_list.url("editor.letter", public_id=ID_PLACEHOLDER, before=request.args.get("before") or None)
    url_start, url_end = url.split(ID_PLACEHOLDER, 1)

    def build_row(letter: Letter) -> LetterRow:
        assignment = subjects.get_assignment(letter)
        mark_kind, css_class, status = looks[str(letter.state)]
        return LetterRow(
            key=f"{letter.public_id}.{letter.version}",
            mark_kind=mark_kind,
            state=css_class,
            status=status,
            is_of_reader=letter.author == "reader",
            expert=assignment.expert.name if assignment else "",
            source=subjects.format_reply_to(letter) or channel_labels[letter.channel],
            language=letter.language,
            language_name=format_language(letter.language),
            segments=list_page.snippets.get(letter.id, ()),
            excerpt=(letter.body or "")[:EXCERPT_LENGTH],
            outcome=_format_row_outcome(letter, assignment, kind_labels),
            received_at=letter.received_at.isoformat(),
            age=received_age(letter.received_at),
            exact=received_exact(letter.received_at),
            is_open=open_letter is not None and open_letter.id == letter.id,
            href=f"{url_start}{letter.public_id}{url_end}",
        )

    groups = []
    parts_and_days = _get_parts_and_days(filtered_list, list_page.rows)
    for (part, date_), pairs in groupby(zip(parts_and_days, list_page.rows, strict=True), key=itemgetter(0)):
        rows = [build_row(letter) for _part_and_day, letter in pairs]
        groups.append(RowGroup(PART_HEADINGS.get(part) or day(date_), part in PART_HEADINGS, rows))
    return groups


def _get_parts_and_days(
    filtered_list: FilteredList[Letter], letters: Sequence[Letter]
) -> list[tuple[int, date | None]]:
    """Return for each letter the index of its part of the list, and the day under which it is listed.

    Only the list of waiting letters has several parts; the list of held ones is its third. Letters in the second and
    third part have no day (None). The first part is sorted by arrival. A letter whose own day breaks that order,
    because it waited in the holding pen or its day is stored in UTC, is listed under the day of its neighbours.
    """
    has_parts = isinstance(filtered_list.listing, Chain) or filtered_list.state == ONLY_HELD
    parts = [crowds.part_index(letter) if has_parts else 0 for letter in letters]
    own_days = [_get_day(letter) for letter, part in zip(letters, parts, strict=True) if part == 0]
    # From the last letter upwards, no day is earlier than the one below it (or later, if the list is ascending).
    pick_day = min if filtered_list.listing.rising else max
    upward_days = list(accumulate(reversed(own_days), pick_day))
    days: list[date | None] = [*reversed(upward_days)]
    days += [None] * (len(letters) - len(days))
    return list(zip(parts, days, strict=True))


def _get_day(letter: Letter) -> date:
    received_at = letter.received_at
    return received_at.date() if keeps_only_day(received_at) else received_at.astimezone(zone()).date()


def _format_row_outcome(letter: Letter, assignment: Assignment | None, kind_labels: Mapping[str, Any]) -> str:
    """Return the outcome of a letter and when its words are erased, or else its expert's question or a hint."""
    if outcome := _format_outcome(letter, kind_labels):
        if letter.is_filed and letter.body and letter.erase_on:
            return _("%(outcome)s, words erased on %(day)s", outcome=outcome, day=day(letter.erase_on))
        return outcome
    if assignment:
        return assignment.question.short_title
    return _("Has a look-alike") if letter.alike and letter.is_received else ""


def _format_outcome(letter: Letter, kind_labels: Mapping[str, Any] = FILED) -> str:
    """Return what has become of a letter, or "" if it is new. `kind_labels` are the labels of filed letters."""
    if letter.is_received:
        return ""
    if letter.is_held:
        return _("Held: %(why)s", why=HELD.get(letter.held_reason or "", letter.held_reason))
    if letter.is_filed:
        return str(kind_labels[letter.filed_as or "comment"])
    if letter.is_ended:
        return _("Ended")
    return _("Withdrawn") if letter.is_withdrawn else ""


def get_pane_values(desk: RequestContext, letter: Letter, editions: dict[int, EditionChoice]) -> dict[str, Any]:
    """Return the template values of the pane with an open letter. `editions`, by id, are loaded already."""
    session = desk.session
    is_mail = letter.channel == "mail"
    mail = inbound.find_by_letter(session, letter.id) if is_mail else None
    reading = incoming_mails.load_readings(session, [mail]).get(mail.id) if mail else None
    subjects = incoming_mails.load_subjects(session, [letter], editions)
    assignment = subjects.get_assignment(letter)
    edition = subjects.editions.get(letter.about_edition_id or 0)
    additions = queries.get_additions_by_letter(session, [letter.id])[letter.id]
    credits = contacts.credits_of(session, [letter.id])
    question = session.get(Question, letter.question_id) if letter.question_id else None
    # "number" means by the receipt alone, and only a web letter has a receipt.
    has_no_way_back = letter.hear_back == "number" and letter.channel != "web"
    hear_back = "nothing" if has_no_way_back else letter.hear_back
    filings = incoming_mails.get_filing_form(desk, letter, assignment) if assignment else None
    accepted_kinds = filings["accepted_kinds"] if filings else ()
    kind_labels = BY_MAIL if is_mail else FILED
    signs = [SIGNS_BY_CODE[code] for code in letter.signs if code in SIGNS_BY_CODE] if letter.is_held else []
    return {
        "item": letter,
        "moves": LETTER.list_allowed_actions(desk.actor, letter) if letter.body else [],
        "outcome": _format_outcome(letter),
        "signs": [sign.sentence for sign in signs],
        "source": CHANNELS[letter.channel],
        "forwarder": session.get_one(Person, letter.forwarded_by_id).name if letter.forwarded_by_id else "",
        "writing_direction": (
            _("from right to left") if direction(letter.language) == "rtl" else _("from left to right")
        ),
        "day": day(_get_day(letter)),
        "replies_to": format_edition_label(edition) if edition else None,
        "credit": credits.get(letter.id),
        "credit_name": contacts.names_of(session, [letter], credits).get(letter.id),
        "hears_back": HEAR_BACK_LABELS[hear_back],
        "question": question_queries.lead_of(session, question) if question else None,
        "open_questions": question_queries.list_newest_summaries(
            session, desk.newsletter.id, QUESTION_STATES.which("is_in_work"), 50
        ),
        "end_reason": END_REASONS.get(letter.end_reason or ""),
        "files": [(kind, kind_labels[kind]) for kind in FILING_KINDS],
        "reading": reading,
        "mail": mail,
        "spam_score": reading.spam_score if reading else "",
        "expert": assignment,
        "filings": filings,
        # A mail that became a letter has reasons only if it was held in the pen first.
        "from_pen": bool(assignment and mail and mail.reasons and letter.waits),
        "can_wait_again": not assignment or (not filings and may_wait_again(session, letter)),
        "expert_keys": EXPERT_LETTER_SHORTCUTS,
        "help_keys": get_expert_letter_shortcuts(accepted_kinds) if assignment else SHORTCUTS,
        "additions": additions,
        "can_ask_reader": receipt_notes.can_be_asked(
            session, letter, [addition.note for addition in additions if addition.note]
        ),
        "look_alikes": list_look_alikes(desk, letter, question) if not assignment else [],
        **get_translation_values(desk, letter),
    }
