"""The preview on an edition's page, in one of the forms in which it can be copied or saved as a file."""

from collections.abc import Sequence
from typing import Any

from flask import request
from markupsafe import Markup

from ...editions.models import Edition
from ...editions.queries import title_of
from ...typesetting import whole_mail
from ...typesetting.block import Block
from ...typesetting.exports import EXPORTS
from ..frame import RequestContext


def preview(desk: RequestContext, edition: Edition, blocks: Sequence[Block]) -> dict[str, Any]:
    """Return what the page says of its preview, in the form that the address asks for. A mail stands in a frame, from
    its own address.
    """
    shown = {name: export for name, export in EXPORTS.items() if export.preview}
    export = shown.get(request.args.get("form", "")) or next(iter(shown.values()))
    title = title_of(desk.session, edition)
    written = export.write(blocks, title).decode() if blocks and export.preview != "mail" else ""
    return {
        "form": export,
        "preview_forms": shown.values(),
        "exports": EXPORTS.values(),
        "has_content": bool(blocks),
        # The renderer escapes every text and lets no address through but http, https and mailto.
        "preview": Markup(written) if export.preview == "page" else written,  # noqa: S704
        "size": len(EXPORTS["mail"].write(blocks, title)) / 1_000,
        "size_limit": whole_mail.ROOM,
    }
