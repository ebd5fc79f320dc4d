"""The list of letters with its filters, and the pane with the open letter beside it."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from itertools import accumulate, groupby
from typing import Any, NamedTuple

from flask import current_app, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import true

from ...answers.models import Assignment
from ...core.clock import utc_now
from ...core.listing import Chain, Rows, count_all
from ...db.session import now
from ...letters import contacts, crowds, machine_translation, queries
from ...letters.lifecycle import LETTER, STATES
from ...letters.models import CHANNELS as ALL_CHANNELS
from ...letters.models import Letter
from ...letters.spam_filter import SIGNS_BY_CODE
from ...mail import inbound
from ...people.models import Person
from ...questions import queries as question_queries
from ...questions.lifecycle import STATES as QUESTION_STATES
from ...questions.models import Question
from ...search.full_text import Piece
from ...text.languages import direction
from ...web.formatting import age, by_name, count, day, exact, full_date, tongue, zone
from ...workflows.letters import receipt_notes
from ...workflows.letters.endings import may_wait_again
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
from ..letter_labels import BY_MAIL, CHANNELS, END_REASONS, FILED, FILTERS, HEAR_BACK_LABELS, HELD, ONLY_HELD, ROW_LOOKS
from .letter_look_alikes import list_look_alikes

OFFERED_EDITIONS = 12  # by the filter for editions
LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
FILING_KINDS = ("comment", "tip", "unsubscribe", "spam")  # as what a letter can be filed, besides as a question


class AgeFilter(NamedTuple):
    label: Any
    days: int
    selects_younger: bool  # than `days`; otherwise those that are older


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
# By states: the query that lists the letters of a possible flood after all others.
CROWDS_LAST: dict[Sequence[str], Callable[..., Rows[Letter]]] = {
    STATES.which("is_held"): crowds.list_held_letters,
    STATES.which("waits"): crowds.list_waiting_letters,
}


def _selected_language_option(_desk: RequestContext, code: str) -> Options:
    """Return the language in the query string as an option. `get_list_values` adds those of the rows."""
    is_valid = code == "und" or LANGUAGE_TAG.fullmatch(code) and tongue(code)
    return {code: Option(tongue(code) or _("an unknown language"), code)} if is_valid else {}


def _get_default_state(params: Mapping[str, str]) -> str:
    """Return the state to show if the query string names none: waiting letters, unless a filter implies another."""
    if "kind" in params:
        return "filed"
    if "held" in params:
        return "held"
    return "all" if "q" in params else "waiting"


def _build_listing(desk: RequestContext, states: Sequence[str], filter_values: Mapping[str, Any]) -> Rows[Letter]:
    newsletter_id = desk.newsletter.id
    conditions = [
        column == getattr(filter_values[name], "id", filter_values[name])  # a row such as an edition, or a code
        for name, column in FILTER_COLUMNS.items()
        if name in filter_values
    ]
    if "alike" in filter_values:
        conditions.append(Letter.alike == true())
    if "age" in filter_values:
        age_filter = AGES[filter_values["age"]]
        bound = now(desk.session) - timedelta(days=age_filter.days)
        bound_name = "since" if age_filter.selects_younger else "until"
        return queries.listing(newsletter_id, states, *conditions, **{bound_name: bound})
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
            _l("by way of: %(channel)s"),
            static_options({channel: CHANNELS[channel] for channel in ALL_CHANNELS}),
        ),
        "language": Filter(_l("Written in"), _l("in %(language)s"), _selected_language_option),
        "edition": Filter(
            _l("About the edition"),
            _l("about the edition of %(day)s"),
            edition_options(OFFERED_EDITIONS, only_past=True),
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


MACHINE_FAULTS = {
    "unreachable": _l("The newsroom’s own machine couldn’t be reached, or broke off."),
    "slow": _l("The newsroom’s own machine took too long."),
    "refused": _l("The newsroom’s own machine doesn’t know one of the two languages, or couldn’t take the letter."),
    "key": _l("The newsroom’s own machine didn’t take the key that the settings have for it."),
    "busy": _l("The newsroom’s own machine has too much to do. Try it again in a minute."),
    "broken": _l("Something went wrong in the newsroom’s own machine."),
    "garbage": _l("What answered is no machine that we know: whoever runs the house can check the settings."),
    "lost": _l("The answer of the newsroom’s own machine never came: our worker was stopped meanwhile."),
}


def get_translation_values(desk: RequestContext, letter: Letter) -> dict[str, Any]:
    """Return the template values of the letter's machine translation, and whether one can be requested."""
    row = machine_translation.find_translation(desk.session, letter)
    translation = machine_translation.read_translation(desk.session, letter, row) if row else None
    is_foreign = letter.language.partition("-")[0] != desk.newsletter.language.partition("-")[0]
    is_enabled = current_app.config["TRANSLATION_SERVER"] is not None
    is_missing = translation is None or bool(translation.fault)
    return {
        "machine": translation,
        "machine_faults": MACHINE_FAULTS,
        "can_translate": (
            is_enabled and is_foreign and is_missing and not machine_translation.get_refusal_reason(letter)
        ),
    }


# Headings of the parts of `crowds.list_waiting_letters` after the first, which is grouped by day.
PART_HEADINGS = {1: _l("Like many others of these days"), 2: _l("Held: a person looks first")}
OFFER_TO_HOLD = ("waiting", "new")  # lists that offer to hold crowds of similar letters
COUNTED_STATES = ("new", "held")  # whose numbers the list shows, besides that of all waiting letters
ID_PLACEHOLDER = "~row~"  # for the letter's id in the address of a row
EXCERPT_LENGTH = 200  # characters of a letter that its row shows


class Line(NamedTuple):
    """A row of the list as display texts. Forty are rendered at once, so lookups per row would add up."""

    key: str  # public id and version, as "id.version": bulk actions skip a letter that has changed
    mark_kind: str
    state: str
    status: str
    is_of_reader: bool
    expert: str
    source: str
    language: str
    language_name: str
    segments: Sequence[Piece]
    excerpt: str
    outcome: str
    received_at: str
    age: str
    exact: str
    is_open: bool
    href: str


def list_of(desk: RequestContext, item: Letter | None = None) -> dict[str, Any]:
    """Return the template values of the list, beside which `item` is open if given."""
    listed = LETTERS.read(desk, request.args)
    shown = listed.page()
    is_whole = not (request.args.get("before") or listed.search)  # later pages show no numbers
    is_first = is_whole and not item
    editions = {one.id: one for _words, one in listed.options["edition"].values()}
    about = incoming_mails.load_subjects(desk.session, shown.rows, editions)
    held, flood = is_first and listed.state == ONLY_HELD, is_first and listed.state in UNHELD
    counted = _counts(desk) if is_whole else {}
    return listed.frame(shown, counted, language=_tongues(desk, listed, shown.rows)) | {
        "days": _days(about, listed, shown, item),
        "editions": editions,
        "crowds": crowds.list_largest_crowds(desk.session, desk.newsletter.id) if held else [],
        "crowds_to_hold": crowds.list_crowds_to_hold(desk.session, desk.newsletter.id) if flood else [],
        "topics": [] if item else list_topic_choices(desk.session, desk.newsletter.id),
        "steps": _steps(listed, shown.rows, item) if item else {},
    }


def _counts(desk: RequestContext) -> dict[str, str]:
    """Return the numbers of letters by state for the first page of a list."""
    numbers = count_all(desk.session, [queries.listing(desk.newsletter.id, FILTERS[name][1]) for name in COUNTED])
    counted = {"waiting": look_around(desk).numbers["letters"], **dict(zip(COUNTED, numbers, strict=True))}
    return {name: count(number) for name, number in counted.items()}


def _tongues(desk: RequestContext, filtered_list: Filtered[Letter], rows: Sequence[Letter]) -> Options:
    codes = {*desk.newsletter.languages, *(one.language for one in rows), *filtered_list.options["language"]}
    return {code: (words, code) for code, words in by_name(codes)} | {"und": (_("Not known"), "und")}


def _steps(filtered_list: Filtered[Letter], rows: Sequence[Letter], item: Letter) -> dict[str, str | None]:
    """Return where the keys j and k lead from the open letter: to its neighbours in the list, across pages."""
    size, before = filtered_list.declared.size, request.args.get("before") or None
    ids = [one.public_id for one in rows]
    at = ids.index(item.public_id) if item.public_id in ids else None
    following = ids[at + 1 : at + 2] if at is not None else []
    previous = ids[at - 1 : at] if at else []
    behind = ahead = before
    if not following and (at is None or len(ids) == size) and not filtered_list.search:
        following = _neighbour_ids(filtered_list, item, 1)
        behind = before if following and following[0] in ids else item.public_id
    if not previous and (at is None or before) and not filtered_list.search:
        previous = _neighbour_ids(filtered_list, item, size + 1, reverse=True)
        ahead = before if previous and previous[0] in ids else previous[size] if previous[size:] else None
    place = partial(filtered_list.address, "editor.letter")
    return {
        "next": place(public_id=following[0], before=behind) if following else None,
        "previous": place(public_id=previous[0], before=ahead) if previous else None,
    }


def _neighbour_ids(filtered_list: Filtered[Letter], item: Letter, limit: int, reverse: bool = False) -> list[str]:
    """Return the public ids of the letters after a letter in the list, or with `reverse` before it, nearest first."""
    return filtered_list.listing.column(filtered_list.desk.session, Letter.public_id, item, limit, reverse)


def _days(
    subjects: About, filtered_list: Filtered[Letter], hits: Hits[Letter], item: Letter | None
) -> list[tuple[str, bool, list[Line]]]:
    """Return the rows under their headings, each as (heading, whether it is a part of the list and no day, rows)."""
    place = filtered_list.address("editor.letter", public_id=HERE, before=request.args.get("before") or None)
    # Translate labels once, not for every row.
    looks = {state: (kind, is_seen, str(label)) for state, (kind, is_seen, label) in LOOKS.items()}
    channels = {channel: str(label) for channel, label in CHANNELS.items()}
    filed = {kind: str(label) for kind, label in FILED.items()}
    begins, ends = place.split(HERE, 1)

    def row(one: Letter) -> Line:
        expert, opened = subjects.expert(one), item is not None and item.id == one.id
        return Line(
            f"{one.public_id}.{one.version}",
            *looks[str(one.state)],
            one.author == "reader",
            expert.expert.name if expert else "",
            subjects.replies_to(one) or channels[one.channel],
            one.language,
            tongue(one.language),
            hits.pieces.get(one.id, ()),
            (one.body or "")[:OPENS],
            _says(one, expert, filed),
            one.received_at.isoformat(),
            _age(one),
            full_date(_day_of(one)) if _keeps_the_day(one) else exact(one.received_at),
            opened,
            f"{begins}{one.public_id}{ends}",
        )

    return [
        (PARTS.get(part) or day(when), part in PARTS, [row(one) for one, *_when in some])
        for (part, when), some in groupby(
            zip(hits.rows, *_headings(filtered_list, hits.rows), strict=True), key=_heading
        )
    ]


def _headings(filtered_list: Filtered[Letter], rows: Sequence[Letter]) -> tuple[list[int], list[date | None]]:
    """Return the index of each row's part of the list, and its day, which is None outside the first part.

    The first part is sorted by arrival. A letter whose own day breaks that order, because it waited in the holding pen
    or keeps its day in UTC, is shown under the day of its neighbours.
    """
    parts = [crowds.part_index(one) if isinstance(filtered_list.listing, Chain) else 0 for one in rows]
    latest = min if filtered_list.listing.rising else max
    arrived = [_day_of(one) for one, part in zip(rows, parts, strict=True) if part == 0]
    days = [*accumulate(reversed(arrived), latest)][::-1]
    return parts, [*days, *[None] * (len(rows) - len(days))]


def _keeps_the_day(letter: Letter) -> bool:
    """Return whether only the day of a letter is stored: that of a web letter without an address."""
    return letter.channel == "web" and letter.hear_back == "number"


def _day_of(letter: Letter) -> date:
    return letter.received_at.date() if _keeps_the_day(letter) else letter.received_at.astimezone(zone()).date()


def _says(letter: Letter, expert: Assignment | None, kind_labels: Mapping[str, Any]) -> str:
    """Return the last text of a row: the letter's outcome, an expert's question, or that it has a look-alike."""
    if settled := _format_outcome(letter, kind_labels):
        return settled
    if expert:
        return expert.question.short_title
    return _("Has a look-alike") if letter.alike and letter.is_received else ""


def _age(letter: Letter) -> str:
    if not _keeps_the_day(letter):
        return age(letter.received_at)
    days = (utc_now().date() - _day_of(letter)).days  # calendar days, since no hour is stored
    return age(utc_now() - timedelta(days=days)) if days else _("today")


def _format_outcome(letter: Letter, kind_labels: Mapping[str, Any] = FILED) -> str:
    """Return what has become of a letter, or "" while it waits. `kind_labels` are the labels of filed ones."""
    if letter.is_received:
        return ""
    if letter.is_held:
        return _("Held: %(why)s", why=HELD.get(letter.held_reason or "", letter.held_reason))
    if letter.is_filed:
        return str(kind_labels[letter.filed_as or "comment"])
    return _("Ended") if letter.is_ended else _("Withdrawn") if letter.is_withdrawn else ""


def pane_of(desk: RequestContext, item: Letter, editions: dict[int, EditionChoice]) -> dict[str, Any]:
    session, key = desk.session, desk.newsletter.id
    by_mail = item.channel == "mail"
    mail = inbound.find_by_letter(session, item.id) if by_mail else None
    about = incoming_mails.load_subjects(session, [item], editions)
    expert, edition = about.expert(item), about.editions.get(item.about_edition_id or 0)
    added, credits = (
        queries.get_additions_by_letter(session, [item.id])[item.id],
        contacts.credits_of(session, [item.id]),
    )
    question = session.get(Question, item.question_id) if item.question_id else None
    hear_back = item.hear_back if item.channel == "web" or item.hear_back != "number" else "nothing"
    reading = incoming_mails.readings(session, [mail]).get(mail.id) if mail else None
    filings = incoming_mails.filings(desk, item, expert) if expert else None
    return {
        "item": item,
        "moves": LETTER.list_allowed_actions(desk.actor, item) if item.erased_at is None else [],
        "outcome": _format_outcome(item),
        "signs": [SIGNS_BY_CODE[code].sentence for code in item.signs if code in SIGNS_BY_CODE] if item.is_held else [],
        "source": CHANNELS[item.channel],
        "forwarder": session.get_one(Person, item.forwarded_by_id).name if item.forwarded_by_id else "",
        "writing_direction": _("from right to left") if direction(item.language) == "rtl" else _("from left to right"),
        "day": day(_day_of(item)),
        "replies_to": format_edition_label(edition) if edition else None,
        "credit": credits.get(item.id),
        "credit_name": contacts.names_of(session, [item], credits).get(item.id),
        "hears_back": HEARS_BACK[hear_back],
        "question": question_queries.lead_of(session, question) if question else None,
        "open_questions": question_queries.list_newest_summaries(session, key, QUESTION_STATES.which("is_in_work"), 50),
        "end_reason": ENDS.get(item.end_reason or ""),
        "files": [(kind, (BY_MAIL if by_mail else FILED)[kind]) for kind in KINDS],
        "reading": reading,
        "mail": mail,
        "spam_score": reading.spam_score if reading else "",
        "expert": expert,
        "filings": filings,
        # A mail has reasons only if it was held in the pen, from where somebody made it a letter.
        "from_pen": bool(expert and mail and mail.reasons and item.waits),
        "can_wait_again": may_wait_again(session, item) if expert and not filings else not expert,
        "expert_keys": EXPERT_LETTER_SHORTCUTS,
        "help_keys": on_letter_of_expert(filings["kinds"] if filings else ()) if expert else SHORTCUTS,
        "additions": added,
        "can_ask_reader": receipt_notes.can_be_asked(session, item, [one.note for one in added if one.note]),
        "look_alikes": alikes_of(desk, item, question) if not expert else [],
        **of_machine(desk, item),
    }
