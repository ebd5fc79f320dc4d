"""The short address that stands in print, and leads to the ask page."""

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from ..newsletters.short_codes import SHORT, WHOLE, find_by_short_code
from ..web.setup import db, or_404
from .page_frame import reader


# By its length no page of a newsletter that was called "q" before is hidden.
@reader.get(f"/q/<string(length={SHORT}):code>")
@reader.get(f"/q/<string(length={WHOLE}):code>")
def short_address(code: str) -> ResponseReturnValue:
    """Lead to the ask page of the newsletter with this code; 404, as for any address that there isn't, for all else."""
    with db.read() as session:
        slug = or_404(find_by_short_code(session, code)).slug
    return redirect(url_for("reader.ask", slug=slug), code=303)
