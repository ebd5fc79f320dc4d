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

# Takes the blocks of an edition and its title, and returns the file.
BlockWriter = Callable[[Sequence[Block], str], bytes]


class Export(NamedTuple):
    """An export format.

    - `label`: its name at the desk, which is translated;
    - `suffix`: the end of the file name, without the dot;
    - `preview`: how the desk displays it for copying: as a "page", a "mail" in a frame, "text", or "" for not at all;
    - `schema`: the static file with its JSON schema, for programs that read it, or "".
    """

    name: str
    label: str
    suffix: str
    content_type: str
    write: BlockWriter
    preview: Literal["page", "mail", "text", ""] = ""
    schema: str = ""


def _write_each(render: Callable[[Block], str]) -> BlockWriter:
    return lambda blocks, _title: "\n".join(map(render, blocks)).encode()


def _write_json(blocks: Sequence[Block], _title: str) -> bytes:
    return (json.dumps([to_json(block) for block in blocks], ensure_ascii=False, indent=2) + "\n").encode()


def _write_mail(blocks: Sequence[Block], title: str) -> bytes:
    return mail(blocks, title).encode() if blocks else b""


def _write_draft(blocks: Sequence[Block], title: str) -> bytes:
    return draft(blocks, title) if blocks else b""


WORD_CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
EXPORTS = {
    export.name: export
    for export in (
        Export("html", "HTML", "html", "text/html; charset=utf-8", _write_each(to_html), preview="page"),
        Export("mail", N_("HTML mail"), "mail.html", "text/html; charset=utf-8", _write_mail, preview="mail"),
        Export("text", N_("Text"), "txt", "text/plain; charset=utf-8", _write_each(to_text), preview="text"),
        Export("markdown", "Markdown", "md", "text/markdown; charset=utf-8", _write_each(to_markdown), preview="text"),
        Export("draft", N_("Mail draft"), "eml", "message/rfc822", _write_draft),
        Export("word", N_("Word file"), "docx", WORD_CONTENT_TYPE, word_file),
        Export("json", "JSON", "json", "application/json", _write_json, schema="edition.schema.json"),
    )
}
BY_SUFFIX = {export.suffix: export for export in EXPORTS.values()}
