"""The export formats of an edition. Downloads, previews and commands are derived from this table.

A new format is a row here and a function that writes it.
"""

import json
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from ..text.languages import N_
from .block import Block
from .mail_draft import draft
from .renderers import to_html, to_json, to_markdown, to_text
from .whole_mail import mail
from .word_file import word_file

Write = Callable[[Sequence[Block], str], bytes]


class Export(NamedTuple):
    """An export format. `label` is translated for display. `write` gets the edition's blocks and its title.

    `preview` says how the desk displays it before it is copied: as a "page", as a "mail" in a frame, as "text", or not
    at all (empty). `schema` names the static file with its JSON schema, for programs that read it.
    """

    name: str
    label: str
    suffix: str
    content_type: str
    write: Write
    preview: Literal["page", "mail", "text", ""] = ""
    schema: str = ""


def _render_each(write: Callable[[Block], str]) -> Write:
    return lambda blocks, _title: "\n".join(map(write, blocks)).encode()


def _data(blocks: Sequence[Block], _title: str) -> bytes:
    return (json.dumps([to_json(block) for block in blocks], ensure_ascii=False, indent=2) + "\n").encode()


def _mail(blocks: Sequence[Block], title: str) -> bytes:
    return mail(blocks, title).encode() if blocks else b""


def _draft(blocks: Sequence[Block], title: str) -> bytes:
    return draft(blocks, title) if blocks else b""


WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
EXPORTS = {
    row.name: row
    for row in (
        Export("html", "HTML", "html", "text/html; charset=utf-8", _render_each(to_html), "page"),
        Export("mail", N_("HTML mail"), "mail.html", "text/html; charset=utf-8", _mail, "mail"),
        Export("text", N_("Text"), "txt", "text/plain; charset=utf-8", _render_each(to_text), "text"),
        Export("markdown", "Markdown", "md", "text/markdown; charset=utf-8", _render_each(to_markdown), "text"),
        Export("draft", N_("Mail draft"), "eml", "message/rfc822", _draft),
        Export("word", N_("Word file"), "docx", WORD, word_file),
        Export("json", "JSON", "json", "application/json", _data, schema="edition.schema.json"),
    )
}
BY_SUFFIX = {export.suffix: export for export in EXPORTS.values()}
