"""The forms in which an edition is written down: what its preview shows, and what can be copied or saved as a file."""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from flask import request
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from ...editions.models import Edition
from ...typesetting import whole_mail
from ...typesetting.block import Block
from ...typesetting.renderers import to_html, to_json, to_markdown, to_text
from ..frame import Desk


class Form(NamedTuple):
    label: str
    ending: str
    kind: str
    write: Callable[[Sequence[Block], str], str]


def _each(write: Callable[[Block], str]) -> Callable[[Sequence[Block], str], str]:
    return lambda blocks, _title: "\n".join(map(write, blocks))


def _data(blocks: Sequence[Block], _title: str) -> str:
    return json.dumps([to_json(block) for block in blocks], ensure_ascii=False, indent=2) + "\n"


FORMS = {
    "html": Form("HTML", "html", "text/html; charset=utf-8", _each(to_html)),
    "mail": Form(_l("HTML mail"), "mail.html", "text/html; charset=utf-8", whole_mail.mail),
    "text": Form(_l("Text"), "txt", "text/plain; charset=utf-8", _each(to_text)),
    "markdown": Form("Markdown", "md", "text/markdown; charset=utf-8", _each(to_markdown)),
    "json": Form("JSON", "json", "application/json", _data),
}
SHOWN = ("html", "mail", "text", "markdown")
BY_ENDING = {form.ending: form for form in FORMS.values()}


def title_of(desk: Desk, edition: Edition) -> str:
    return f"{desk.newsletter.name}, {edition.local_at[:10]}"


def preview(desk: Desk, edition: Edition, blocks: Sequence[Block]) -> dict[str, Any]:
    """What the page says of its preview, in the form that the address asks for. A mail is shown in a frame, from its own address."""
    asked = request.args.get("form", "")
    form = asked if asked in SHOWN else SHOWN[0]
    written = FORMS[form].write(blocks, title_of(desk, edition)) if blocks and form != "mail" else ""
    return {
        "form": form,
        "shown": SHOWN,
        "forms": FORMS,
        "written": bool(blocks),
        # The renderer escapes every text and lets no address through but http, https and mailto.
        "preview": Markup(written) if form == "html" else written,  # noqa: S704
        "size": len(whole_mail.mail(blocks, title_of(desk, edition)).encode()) / 1_000 if blocks else 0,
        "room": whole_mail.ROOM,
    }
