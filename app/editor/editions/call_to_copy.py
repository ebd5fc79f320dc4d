"""The standing call with the ask page's short address and QR code, to copy into a newsletter or print on paper."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from flask import current_app, make_response, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...editions.items import own_phrases
from ...newsletters.short_codes import short_code
from ...typesetting import qr_code
from ...typesetting.block import Block
from ...typesetting.house_form import typeset_call
from ...typesetting.renderers import to_html, to_text
from ..frame import RequestContext, editor, page, read_context


@dataclass(frozen=True)
class StandingCall:
    """The standing call, and the short address to which its QR code leads."""

    link: str
    block: Block


class Download(NamedTuple):
    """A file to download. `write` returns its content, given the call and the title of the QR code."""

    label: str
    content_type: str
    write: Callable[[StandingCall, str], bytes]


FILES = {
    "svg": Download(
        _l("QR code for print (SVG)"), "image/svg+xml", lambda call, title: qr_code.as_svg(call.link, title)
    ),
    "png": Download(_l("QR code as a picture (PNG)"), "image/png", lambda call, _title: qr_code.as_png(call.link)),
    "html": Download(
        _l("The call with its links (HTML)"),
        "text/html; charset=utf-8",
        lambda call, _title: to_html(call.block).encode(),
    ),
    "txt": Download(
        _l("The call as text"), "text/plain; charset=utf-8", lambda call, _title: to_text(call.block).encode()
    ),
}
ENDINGS = ", ".join(f"'{ending}'" for ending in FILES)  # as the arguments of Werkzeug's `any` converter


def build_call(desk: RequestContext) -> StandingCall:
    newsletter = desk.newsletter
    path = url_for("reader.short_address", code=short_code(desk.session, newsletter))
    link = f"{current_app.config['BASE_URL']}{path}"
    phrases = own_phrases(desk.session, newsletter, newsletter.language)
    return StandingCall(link, typeset_call(newsletter.language, newsletter.call, newsletter.address, link, phrases))


@editor.get("/<slug>/call")
def call_to_copy(slug: str) -> str:
    with read_context(slug) as desk:
        call = build_call(desk)
        return page(
            desk,
            "editor/editions/call.html",
            "edition",
            link=call.link,
            text=to_text(call.block).rstrip("\n"),
            files={ending: file.label for ending, file in FILES.items()},
        )


@editor.get(f"/<slug>/call.<any({ENDINGS}):ending>", endpoint="call_file")
def call_file(slug: str, ending: str) -> Response:
    """Return one of the files as a download.

    The QR code has no public address. If a newsletter embedded one, each opened mail would fetch it, and so tell this
    server who reads the mail.
    """
    with read_context(slug) as desk:
        call = build_call(desk)
        title = _("QR code: ask %(newsletter)s", newsletter=desk.newsletter.name)
        file = FILES[ending]
        response = make_response(file.write(call, title))
        response.headers["Content-Type"] = file.content_type
        response.headers["Content-Disposition"] = f'attachment; filename="{desk.newsletter.slug}-ask.{ending}"'
        return response
