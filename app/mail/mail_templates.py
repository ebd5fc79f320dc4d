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
from ..text.translation import get_catalogue
from . import asked_others
from .kinds import EXAMPLES, KINDS, LEYLA, RewordablePart
from .mail_values import Values
from .message import Message, Sender, compose, quote, short, shortened

Wordings = Mapping[str, str]  # a newsletter's own wordings of one kind of mail, by part

EDITOR_KINDS = ("expert.", "translator.")  # prefixes of the kinds that the editor signs, with a Reply-To
LONGEST_PASSAGE = 160  # characters shown of a changed passage; the full text follows below the list of changes
_VARIABLE = re.compile(r"%\((\w+)\)[sd]")  # "%(num)d" in a translated text
# Private-use characters that stand for the braces of placeholders, until the other braces have been doubled.
_BRACES = str.maketrans("\ue000\ue001", "{}")
# "{headline}", "{{" or "}}" for a brace, or a `brace` that is none of these and therefore a fault.
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{(?P<name>[a-z_]{1,30})\}|(?P<brace>[{}])")


def find_placeholder_fault(
    text: str, allowed: Collection[str], required: Collection[str] = ()
) -> tuple[str, str] | None:
    """Return the first fault of a wording: ("brace", "") for a lone brace, ("unknown", name) or ("needs", name)."""
    used_names = set()
    for match in _PLACEHOLDER.finditer(text):
        if match["brace"]:
            return "brace", ""
        if match["name"] and match["name"] not in allowed:
            return "unknown", match["name"]
        used_names.add(match["name"])
    for name in required:
        if name not in used_names:
            return "needs", name
    return None


def fill_placeholders(text: str, values: Mapping[str, object]) -> str:
    """Insert the values as plain text. Raises KeyError for an unknown name and ValueError for a lone brace."""

    def replace_match(match: re.Match[str]) -> str:
        if match["brace"]:
            raise ValueError("a brace stands alone")
        if match["name"]:
            return str(values[match["name"]])
        return match[0][0]  # a single brace for a doubled one

    return _PLACEHOLDER.sub(replace_match, text)


def render_mail(
    kind: str, sender: Sender, address: str, name: str, mail_values: Values, wordings: Wordings | None = None
) -> Message:
    """Render a mail to `name` at `address`, with the newsletter's own `wordings` of its parts.

    An invalid wording is replaced by the default one. Raises KeyError for an unknown kind.
    """
    template = _template(kind)
    valid_wordings = _valid_wordings(kind, wordings or {})
    values = vars(mail_values) | {
        "sender": sender,
        "newsletter": sender.newsletter,
        "name": name,
        "kind": kind,
        "in_form": False,
    }
    if "headline" in values:
        values["headline"] = short(values["headline"])
    # Each template renders the subject or the text, depending on `in_subject`.
    subject = _render(template, values | {"in_subject": True}, valid_wordings)
    text = _render(template, values | {"in_subject": False}, valid_wordings)
    signer = sender if kind.startswith(EDITOR_KINDS) else replace(sender, editor="", address=None)
    return replace(compose(kind, signer, address, name, subject, text), unsubscribe=values.get("stop"))


def parts_of(kind: str) -> Mapping[str, RewordablePart]:
    """Return the parts of a mail that a newsletter may reword, by the names of the template's blocks."""
    return KINDS[KINDS[kind].template_kind or kind].parts


def default_wording(kind: str, part: str, language: str) -> str:
    """Return the default wording of a part in a language, with placeholders as a newsletter would write them."""
    values: dict[str, Any] = {name: f"\ue000{name}\ue001" for name in parts_of(kind)[part].placeholders}
    context = _template(kind).new_context(values | {"sender": Sender(language=language), "in_form": True})
    render_block = context.blocks[part][0]
    text = "".join(render_block(context))
    return for_print(text.replace("{", "{{").replace("}", "}}").translate(_BRACES))


def find_part_fault(kind: str, part: str, text: str) -> tuple[str, str] | None:
    """Return the first fault of a newsletter's wording of a part, as `find_placeholder_fault` does."""
    return find_placeholder_fault(text, parts_of(kind)[part].placeholders, parts_of(kind)[part].required)


def render_examples(
    kind: str, sender: Sender, now: datetime, link: str, wordings: Wordings | None = None
) -> list[Message]:
    """Render a mail to fictitious people at the time `now`, once for each of the kind's examples."""
    row = KINDS[kind]
    gettext = get_catalogue(sender.language).gettext
    links = {field.name: link for field in fields(row.values_class) if field.name in ("link", "stop")}
    messages = []
    for example in row.examples:
        values = _localize_example({**EXAMPLES[row.values_class], **links, **example}, now, gettext)
        messages.append(render_mail(kind, sender, "", gettext(LEYLA), row.values_class(**values), wordings))
    return messages


def _localize_example(value: Any, now: datetime, gettext: Callable[[str], str]) -> Any:
    """Return a value of an example, recursively, with texts translated and each timedelta added to `now`."""
    if isinstance(value, dict):
        return {name: _localize_example(element, now, gettext) for name, element in value.items()}
    if isinstance(value, list | tuple):
        return [_localize_example(element, now, gettext) for element in value]
    if isinstance(value, timedelta):
        return now + value
    if isinstance(value, str) and value:  # gettext("") is the header of the catalogue
        return gettext(value)
    return value


def _valid_wordings(kind: str, wordings: Wordings) -> dict[str, str]:
    return {part: text for part, text in wordings.items() if text.strip() and not find_part_fault(kind, part, text)}


def _template(kind: str) -> Template:
    return environment.get_template(f"{KINDS[kind].template_kind or kind}.txt")


def _render(template: Template, values: Mapping[str, Any], wordings: Wordings) -> str:
    context = template.new_context(dict(values))
    for part, text in wordings.items():
        context.blocks[part].insert(0, partial(_fill_block, text))  # overrides the block, as a child template would
    return "".join(template.root_render_func(context))


def _fill_block(text: str, context: Context) -> Iterator[str]:
    yield fill_placeholders(text, {name: _in_digits(context, value) for name, value in context.get_all().items()})


def _interpolate(context: Context, text: str, values: Mapping[str, Any]) -> str:
    def replace_match(match: re.Match[str]) -> str:
        name = match[1]
        return str(_in_digits(context, values[name] if name in values else context[name]))

    return _VARIABLE.sub(replace_match, text)


def _in_digits(context: Context, value: Any) -> Any:
    """Return an integer in the digits of the mail's language, and any other value as it is."""
    return translation.localize_integer(translation.locale(context["sender"].language), value)


@pass_context
def _gettext(context: Context, text: str, /, **values: Any) -> str:
    return _interpolate(context, get_catalogue(context["sender"].language).gettext(text), values)


@pass_context
def _ngettext(context: Context, one: str, many: str, num: int) -> str:
    return _interpolate(context, get_catalogue(context["sender"].language).ngettext(one, many, num), {"num": num})


@pass_context
def _asked_others_sentence(context: Context, number: int) -> str:
    return asked_others.sentence(context["sender"].language, number)


def _date_filter(long_format: Callable[..., str], short_format: Callable[..., str]) -> Callable[..., str]:
    @pass_context
    def format_date(context: Context, when: date, in_full: bool = False) -> str:
        sender: Sender = context["sender"]
        format_function = short_format if context["in_subject"] and not in_full else long_format
        return format_function(sender.language, when, sender.zone, sender.year)

    return format_date


@pass_context
def _language_name(context: Context, tag: str) -> str:
    return translation.get_language_name(context["sender"].language, tag)


@pass_context
def _hour(context: Context, when: Any) -> str:
    return translation.hour(context["sender"].language, when, context["sender"].zone)


environment = Environment(  # noqa: S701 - plain text; the HTML form is rendered from it with escaping
    loader=PackageLoader("app.mail"),
    undefined=StrictUndefined,
    lstrip_blocks=True,
    finalize=lambda value: "" if value is None else value,
)
environment.globals |= {"_": _gettext, "ngettext": _ngettext, "asking": _asked_others_sentence}
environment.filters |= {
    "day": _date_filter(translation.day, translation.short_day),
    "moment": _date_filter(translation.moment, translation.short_day),
    "hour": _hour,
    "format_language": _language_name,
    "quote": lambda text: quote(text or ""),
    "ends": lambda text: shortened(text, LONGEST_PASSAGE),
    "group_digits": group_digits,
}
