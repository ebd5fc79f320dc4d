"""The export of the newsletter: what is in the file, and the buttons that send it."""

from collections.abc import Iterator

from flask import Response, stream_with_context
from werkzeug.wrappers import Response as BaseResponse

from ...newsletters.models import Newsletter
from ...web.setup import db
from ...workflows.transfer import export_archive
from ..frame import RequestContext, editor, page, read_context, run_in_transaction


@editor.restricted_page("/<slug>/export", permission="export")
def export_page(slug: str) -> str:
    with read_context(slug) as desk:
        return page(desk, "editor/settings/export.html", "settings")


@editor.action("/<slug>/export", permission="export")
def export_newsletter(slug: str) -> BaseResponse:
    """Return the newsletter as a ZIP file. The trail records each export, so it is a POST."""
    return _send_archive(slug, with_contacts=False)


@editor.action("/<slug>/export/contacts", permission="contacts")
def export_contacts(slug: str) -> BaseResponse:
    """Return the newsletter as a ZIP file, with readers' addresses and names."""
    return _send_archive(slug, with_contacts=True)


def _send_archive(slug: str, *, with_contacts: bool) -> BaseResponse:
    def begin(desk: RequestContext) -> int:
        export_archive.begin_export(desk.session, desk.actor, with_contacts=with_contacts)
        return desk.newsletter.id

    newsletter_id = run_in_transaction(slug, begin)

    def chunks() -> Iterator[bytes]:
        with db.read() as session:
            export_archive.begin_snapshot(session)
            newsletter = session.get_one(Newsletter, newsletter_id)
            yield from export_archive.stream_archive(session, newsletter, with_contacts=with_contacts)

    headers = {"Content-Disposition": f'attachment; filename="{slug}.zip"', "X-Content-Type-Options": "nosniff"}
    return Response(stream_with_context(chunks()), mimetype="application/zip", headers=headers)
