"""Edit conflicts: the second of two people is told who was first, and nothing that they typed is lost.

Each form carries in its field `seen` a token of what it showed when it was opened. A decision is refused if that has
changed since (`check_unchanged`), and answered with a page that says who did what (`save_unless_changed`). A form of
texts and checkboxes is shown again with both versions (`check_form_unchanged`, `Conflict`): fields that this person
left alone take the saved value, and fields that both changed are shown with both values.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple, NoReturn, TypeVar

from flask import abort, request
from flask_babel import gettext as _
from sqlalchemy import select

from ..audit import Event
from ..audit.events import list_actions_changing
from ..core.domain_errors import DomainError, InvalidTransition, VersionConflict
from ..db.declarative import Row
from ..db.session import lock_row, now
from ..editions.models import Edition
from ..forms.version_tokens import Facts, decode_token, encode_token, require_same_fields
from ..text.diff import ParagraphPair, compare
from ..web import errors
from ..web.formatting import ago
from ..workflows import version_facts
from ..workflows.version_facts import facts_of, get_main_fact, newest_change
from .event_sentences import ACTOR_LABELS, describe_events, get_actor_names
from .form_fields import parse_number
from .frame import RequestContext, editor, read_context, run_in_transaction

T = TypeVar("T")
R = TypeVar("R", bound=Row)
MAX_SEARCHED_SAVES = 20  # newest events that `find_last_save` searches
OVERWRITE_SHOWN = timedelta(days=7)  # how long somebody is told that another changed what they had saved
MAX_SEARCHED_EVENTS = 500  # newest events of a newsletter that `list_events_since_opened` searches


@editor.app_template_filter("token")
def version_token_of(row: Any) -> str:
    """Return the token of a form that decides something about a row."""
    return encode_token(facts_of(row))


def submitted_token() -> dict[str, Any]:
    """Return what the submitted form showed when it was opened, or {} if its token is missing or unreadable."""
    return decode_token(request.form.get("seen", ""))


def submitted_version(name: str = "version") -> int:
    """Return a number from the submitted token. Without one, return -1, which no version or event id ever is."""
    return parse_number(str(submitted_token().get(name, "")))


def check_unchanged(desk: RequestContext, row: R, *names: str) -> R:
    """Lock a row and return it. Raises `VersionConflict` if a fact about it has changed since the form was opened.

    `names` are the facts to compare, by default only the main fact (see `version_facts`).
    """
    return version_facts.check_unchanged(desk.session, row, submitted_token(), *names)


def save_unless_changed(slug: str, load: Callable[[RequestContext], Any], fn: Callable[[RequestContext], T]) -> T:
    """Run one change of a row that a page showed. Calls `abort_with_conflict` if somebody else was faster.

    `load` returns the row in a new session.
    """
    try:
        return run_in_transaction(slug, fn)
    except (VersionConflict, InvalidTransition) as error:
        abort_with_conflict(slug, load, error)


def abort_with_conflict(slug: str, load: Callable[[RequestContext], Any], error: DomainError) -> NoReturn:
    """Abort with a 409 that says who changed the row while its page was open. Raises `error` itself if nobody did."""
    with read_context(slug) as desk:
        row = load(desk)
        fact_name = get_main_fact(row)
        has_changed = submitted_token().get(fact_name) != facts_of(row)[fact_name]
        message = describe_last_change_in_full(desk, row) if has_changed else ""
    if not message:
        raise error
    abort(errors.render_error(409, happened=message))


def describe_last_change(desk: RequestContext, row: Any) -> str:
    """Return who changed the row last and how, as a clause: "Ilya Brandt filed the letter as: Tip"; "" if unknown."""
    event = newest_change(row)
    if event is None:
        return ""
    return describe_events(desk, [event], viewer_name=_("you, in another window,"))[0].rstrip(".")


def describe_last_change_in_full(desk: RequestContext, row: Any) -> str:
    """Return who changed the row last, how and how long ago, as full sentences for an error page; "" if unknown."""
    event = newest_change(row)
    if event is None:
        return ""
    clause = describe_last_change(desk, row)
    sentence = _("%(said)s, %(ago)s ago.", said=clause[:1].upper() + clause[1:], ago=ago(event.at))
    if event.actor in ACTOR_LABELS:  # a reader, a translator or the software: "what they did" would be wrong
        return f"{sentence} {_('Nothing was written over it.')}"
    return f"{sentence} {_('What they did stands, and nothing was written over it.')}"


def list_events_since_opened(desk: RequestContext, edition: Edition, omit_mine: bool = False) -> Sequence[Event]:
    """Return the events of an edition and its slots since the submitted page was opened, oldest first.

    `omit_mine` leaves out those of the actor. Empty if the form doesn't say what it showed.
    """
    newest_shown = submitted_version("newest")
    if newest_shown < 0:
        return ()
    query = select(Event).where(Event.id > newest_shown, Event.newsletter_id == edition.newsletter_id)
    newest_events = desk.session.scalars(query.order_by(Event.id.desc()).limit(MAX_SEARCHED_EVENTS)).all()
    actions = list_actions_changing("edition")
    return [
        event
        for event in reversed(newest_events)
        if event.action in actions
        and _concerns_edition(event, edition)
        and not (omit_mine and event.actor == desk.actor.ref)
    ]


def _concerns_edition(event: Event, edition: Edition) -> bool:
    if event.noun == "edition":
        return event.noun_id == edition.id
    facts = event.facts or {}
    return edition.id in (facts.get("edition"), facts.get("from"), facts.get("to"))


def check_form_unchanged(desk: RequestContext, row: Any, load_current: Callable[[], Facts], form_data: Facts) -> None:
    """Lock the row whose form was submitted.

    Raises `VersionConflict` if a current value differs from what the form showed, unless the submitted values equal the
    current ones. A form without a token isn't compared.
    """
    lock_row(desk.session, row)
    current = load_current()
    if "seen" in request.form:
        require_same_fields(type(row).__name__.lower(), current, submitted_token(), form_data)


def format_field_value(_name: str, value: Any) -> str:
    """Return the display text of a field's value: a text, or the state of a checkbox."""
    if isinstance(value, bool):
        return _("ticked") if value else _("not ticked")
    return str(value)


@dataclass(frozen=True)
class ConflictingField:
    """A field in which the submitted form differs from the saved row, with its values as texts."""

    name: str
    label: str
    before: str | None  # the value when the form was opened; None if the form doesn't say what it showed
    theirs: str  # the saved value
    mine: str  # the submitted value
    is_theirs: bool  # the other person changed it since the form was opened
    is_mine: bool  # this person changed it; otherwise the field now shows the saved value

    @property
    def note(self) -> str:
        """The hint at a field: the saved value, or if the field already shows that, the value before."""
        if self.is_mine:
            return _("Now it says: %(text)s", text=self.theirs or _("nothing"))
        return _("Changed in the meantime. Before that it said: %(text)s", text=self.before or _("nothing"))

    @property
    def their_changes(self) -> list[ParagraphPair]:
        """The differences between the value when the form was opened and the saved one."""
        if not self.is_theirs or self.before is None:
            return []
        return compare(self.before, self.theirs)

    @property
    def differences(self) -> list[ParagraphPair]:
        """The differences between the saved value and the submitted one."""
        return compare(self.theirs, self.mine)


@dataclass(frozen=True)
class Conflict:
    """An edit conflict: who saved first and when, and the fields that differ."""

    name: str  # who saved first
    by_me: bool  # this person saved it in another window
    when: datetime | None
    different: list[ConflictingField]
    of_several: bool  # the form has several fields; with a single one, the page doesn't name the field

    @property
    def who(self) -> str:
        """The sentence about who saved first."""
        return _("You saved it in another window") if self.by_me else _("%(name)s was faster", name=self.name)

    @property
    def changed_by_both(self) -> list[ConflictingField]:
        """The fields that both people changed."""
        return [field for field in self.different if field.is_mine and field.is_theirs]

    @property
    def notes(self) -> dict[str, str]:
        """The notes of the fields that the other person changed, by field."""
        return {field.name: field.note for field in self.different if field.is_theirs}


class LastSave(NamedTuple):
    """The author of the last save, as an actor reference such as "staff:5", and its time."""

    ref: str = ""
    at: datetime | None = None


def find_last_save(
    desk: RequestContext, row: Any, action: str, matches: Callable[[Facts], bool] = lambda facts: True
) -> LastSave:
    """Return the last event of the kind `action` on the row, as an author and a time.

    Only events whose facts match count, among the newest `MAX_SEARCHED_SAVES`. If there is none, both are empty.
    """
    query = select(Event).filter_by(noun=type(row).__name__.lower(), noun_id=row.id, action=action)
    events = desk.session.scalars(query.order_by(Event.id.desc()).limit(MAX_SEARCHED_SAVES))
    for event in events:
        if matches(event.facts or {}):
            return LastSave(event.actor, event.at)
    return LastSave()


def find_last_text_save(desk: RequestContext, language: str, kinds: set[str]) -> LastSave:
    """Return the last change of the newsletter's texts of these kinds in a language."""

    def matches(facts: Facts) -> bool:
        return facts.get("language") == language and not kinds.isdisjoint(facts.get("kinds", ()))

    return find_last_save(desk, desk.newsletter, "newsletter.word", matches)


class FieldSave(NamedTuple):
    """One save of a form: the author as an actor reference, the time, and the names of the changed fields."""

    ref: str
    at: datetime
    fields: Collection[str]


def list_column_saves(desk: RequestContext, row: Any, action: str) -> list[FieldSave]:
    """Return the newest saves of a row whose events of the kind `action` name its changed columns, newest first."""
    query = select(Event).filter_by(noun=type(row).__name__.lower(), noun_id=row.id, action=action)
    events = desk.session.scalars(query.order_by(Event.id.desc()).limit(MAX_SEARCHED_SAVES))
    return [FieldSave(event.actor, event.at, (event.facts or {}).get("columns", ())) for event in events]


def list_version_saves(versions: Sequence[tuple[str, datetime, Facts]]) -> list[FieldSave]:
    """Return the saves of a text, newest first, from its versions, oldest first: author, time and fields of each."""
    return [
        FieldSave(ref, at, [name for name, value in fields.items() if value != before[name]])
        for (_ref, _at, before), (ref, at, fields) in reversed(list(pairwise(versions)))
    ]


def note_overwritten_fields(desk: RequestContext, saves: Sequence[FieldSave]) -> dict[str, str]:
    """Return a note for each field that this person saved, and somebody else has saved since, by the field's name.

    `saves` are newest first. So the first of two people is told too: on the form, for `OVERWRITE_SHOWN` or until they
    save the field again.
    """
    later_saves: dict[str, FieldSave] = {}
    overwritten: dict[str, FieldSave] = {}
    seen: set[str] = set()
    for save in saves:
        for name in set(save.fields) - seen:
            if save.ref != desk.actor.ref:
                later_saves.setdefault(name, save)
                continue
            seen.add(name)
            if name in later_saves and later_saves[name].at > now(desk.session) - OVERWRITE_SHOWN:
                overwritten[name] = later_saves[name]
    names = get_actor_names(desk, [save.ref for save in overwritten.values()])
    return {
        field: _(
            "%(name)s has changed this since you saved it, %(ago)s ago.",
            name=names.get(save.ref) or _("Somebody"),
            ago=ago(save.at),
        )
        for field, save in overwritten.items()
    }


class MergedForm(NamedTuple):
    """A form of texts and checkboxes, for a template: the values of its fields, its token, and any edit conflict."""

    values: dict[str, Any]
    version_token: str
    conflict: Conflict | None = None


def merge_form(
    desk: RequestContext,
    current: Facts,
    form_data: Facts | None,
    labels: Facts,
    other_save: LastSave | None = None,
    format_value: Callable[[str, Any], str] = format_field_value,
) -> MergedForm:
    """Return the form with the `current` values of the row, or with the submitted `form_data` in their place.

    `other_save` is a save since the form was opened, by somebody else or in another window. With it, the form shows an
    edit conflict: fields that this person left alone get the current value, all others keep what was submitted.
    """
    if not form_data:
        return MergedForm({**current}, encode_token(current))
    if other_save is None:
        return MergedForm({**current, **form_data}, request.form.get("seen") or encode_token(current))
    shown = submitted_token()
    unchanged_by_me = {name for name, value in form_data.items() if name in shown and value == shown[name]}
    different = [
        ConflictingField(
            name=name,
            label=str(labels[name]),
            before=format_value(name, shown[name]) if name in shown else None,
            theirs=format_value(name, saved_value),
            mine=format_value(name, form_data[name]),
            is_theirs=name not in shown or saved_value != shown[name],
            is_mine=name not in unchanged_by_me,
        )
        for name, saved_value in current.items()
        if name in form_data and saved_value != form_data[name]
    ]
    values = {name: current[name] if name in unchanged_by_me else value for name, value in form_data.items()}
    conflict = Conflict(
        name=get_actor_names(desk, [other_save.ref]).get(other_save.ref) or _("Somebody"),
        by_me=other_save.ref == desk.actor.ref,
        when=other_save.at,
        different=different,
        of_several=len(form_data) > 1,
    )
    return MergedForm(values, encode_token(current), conflict)
