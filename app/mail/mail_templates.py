"""Mail texts: the Jinja template of a kind, rendered in the recipient's language, and newsletters' own wordings of it.

In templates `_` and `ngettext` interpolate values by name, from their arguments, the mail's values and variables that
the template has `set`. Dates are formatted in the sender's time zone and language, shorter in a subject. A newsletter's
wording of a part overrides the template's block of that name, from which the settings page reads the default wording.

A wording has placeholders such as `{headline}`, and `{{` for a brace. A placeholder is a bare name from a fixed set,
without attributes, indexes, conversions or formats, so that no wording can reach into the program. Values are inserted
as plain text and never interpolated again.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import fields, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, pass_context
from jinja2.runtime import Context

from ..text import translation
from ..text.clean import for_print, group_digits
from ..text.translation import say
from . import asked_others
from .kinds import EXAMPLES, KINDS, LEYLA, Part
from .mail_values import Values
from .message import Message, Sender, compose, quote, short, shortened

_PIECE = re.compile(r"\{\{|\}\}|\{(?P<name>[a-z_]{1,30})\}|(?P<brace>[{}])")


def find_placeholder_fault(
    text: str, allowed: Collection[str], required: Collection[str] = ()
) -> tuple[str, str] | None:
    """Return the first fault of a wording: ("brace", "") for a lone brace, ("unknown", name) or ("needs", name)."""
    named = set()
    for piece in _PIECE.finditer(text):
        if piece["brace"]:
            return "brace", ""
        if piece["name"] and piece["name"] not in allowed:
            return "unknown", piece["name"]
        named.add(piece["name"])
    return next((("needs", name) for name in required if name not in named), None)


def fill_placeholders(text: str, values: Mapping[str, object]) -> str:
    """Insert the values as plain text. Raises KeyError for an unknown name and ValueError for a lone brace."""

    def put(piece: re.Match[str]) -> str:
        if piece["brace"]:
            raise ValueError("a brace stands alone")
        return str(values[piece["name"]]) if piece["name"] else piece[0][0]

    return _PIECE.sub(put, text)


Own = Mapping[str, str]  # a newsletter's own wordings of one kind of mail, by part

BY_NAME = ("expert.", "translator.")  # mails signed by the editor, with a Reply-To
SHOWN = 160  # characters shown of a changed passage; the full text follows below the list of changes
_PLACE = re.compile(r"%\((\w+)\)[sd]")
_MARKS = str.maketrans("\ue000\ue001", "{}")


def write(
    kind: str, sender: Sender, address: str, name: str, mail_values: Values, wordings: Own | None = None
) -> Message:
    """Render a mail to `name` at `address`, with the newsletter's own `wordings` of its parts.

    An invalid wording is replaced by the default one. Raises KeyError for an unknown kind.
    """
    template, worded = _template(kind), _valid_wordings(kind, wordings or {})
    values = vars(mail_values) | {
        "sender": sender,
        "newsletter": sender.newsletter,
        "name": name,
        "kind": kind,
        "in_form": False,
    }
    if "headline" in values:
        values["headline"] = short(values["headline"])
    subject, text = (_render(template, values | {"in_subject": first}, worded) for first in (True, False))
    signed = sender if kind.startswith(BY_NAME) else replace(sender, editor="", address=None)
    return replace(compose(kind, signed, address, name, subject, text), unsubscribe=values.get("stop"))


def parts_of(kind: str) -> Mapping[str, Part]:
    """Return the parts of a mail that a newsletter may reword, by the names of the template's blocks."""
    return KINDS[KINDS[kind].like or kind].parts


def default_wording(kind: str, part: str, language: str) -> str:
    """Return the default wording of a part in a language, with placeholders as a newsletter would write them."""
    values: dict[str, Any] = {name: f"\ue000{name}\ue001" for name in parts_of(kind)[part].places}
    context = _template(kind).new_context(values | {"sender": Sender(language=language), "in_form": True})
    text = "".join(context.blocks[part][0](context))
    return for_print(text.replace("{", "{{").replace("}", "}}").translate(_MARKS))


def find_part_fault(kind: str, part: str, text: str) -> tuple[str, str] | None:
    """Return the first fault of a newsletter's wording of a part, as `find_placeholder_fault` does."""
    return find_placeholder_fault(text, parts_of(kind)[part].places, parts_of(kind)[part].needed)


def render_examples(kind: str, sender: Sender, now: datetime, link: str, wordings: Own | None = None) -> list[Message]:
    """Render a mail to fictitious people at the time `now`, once for each of the kind's examples."""
    row, gettext = KINDS[kind], say(sender.language).gettext
    links = {each.name: link for each in fields(row.about) if each.name in ("link", "stop")}
    made = [_localize_example({**EXAMPLES[row.about], **links, **values}, now, gettext) for values in row.examples]
    return [write(kind, sender, "", gettext(LEYLA), row.about(**values), wordings) for values in made]


def _localize_example(values: Any, now: datetime, gettext: Callable[[str], str]) -> Any:
    """Return an example's values with texts translated and each timedelta added to `now`."""
    if isinstance(values, dict):
        return {name: _localize_example(value, now, gettext) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [_localize_example(value, now, gettext) for value in values]
    if isinstance(values, timedelta):
        return now + values
    return gettext(values) if isinstance(values, str) and values else values


def _valid_wordings(kind: str, wordings: Own) -> dict[str, str]:
    return {part: text for part, text in wordings.items() if text.strip() and not find_part_fault(kind, part, text)}


def _template(kind: str) -> Template:
    return texts.get_template(f"{KINDS[kind].like or kind}.txt")


def _render(template: Template, values: Mapping[str, Any], wordings: Own) -> str:
    context = template.new_context(dict(values))
    for part, text in wordings.items():
        context.blocks[part].insert(0, partial(_fill_block, text))
    return "".join(template.root_render_func(context))


def _fill_block(text: str, context: Context) -> Iterator[str]:
    yield fill_placeholders(text, context.get_all())


def _interpolate(context: Context, text: str, values: Mapping[str, Any]) -> str:
    return _PLACE.sub(lambda place: str(values[place[1]] if place[1] in values else context[place[1]]), text)


@pass_context
def _gettext(context: Context, text: str, /, **values: Any) -> str:
    return _interpolate(context, say(context["sender"].language).gettext(text), values)


@pass_context
def _ngettext(context: Context, one: str, many: str, num: int) -> str:
    return _interpolate(context, say(context["sender"].language).ngettext(one, many, num), {"num": num})


@pass_context
def _asking(context: Context, number: int) -> str:
    return asked_others.sentence(context["sender"].language, number)


def _date_filter(long: Callable[..., str], brief: Callable[..., str]) -> Callable[..., str]:
    @pass_context
    def in_words(context: Context, when: date, in_full: bool = False) -> str:
        sender: Sender = context["sender"]
        say_it = brief if context["in_subject"] and not in_full else long
        return say_it(sender.language, when, sender.zone, sender.year)

    return in_words


@pass_context
def _tongue(context: Context, tag: str) -> str:
    return translation.tongue(context["sender"].language, tag)


@pass_context
def _hour(context: Context, when: Any) -> str:
    return translation.hour(context["sender"].language, when, context["sender"].zone)


texts = Environment(  # noqa: S701 - plain text; the HTML form is rendered from it with escaping
    loader=PackageLoader("app.mail"),
    undefined=StrictUndefined,
    lstrip_blocks=True,
    finalize=lambda value: "" if value is None else value,
)
texts.globals |= {"_": _gettext, "ngettext": _ngettext, "asking": _asking}
texts.filters |= {
    "day": _date_filter(translation.day, translation.short_day),
    "moment": _date_filter(translation.moment, translation.short_day),
    "hour": _hour,
    "tongue": _tongue,
    "quote": lambda text: quote(text or ""),
    "ends": lambda text: shortened(text, SHOWN),
    "group_digits": group_digits,
}
