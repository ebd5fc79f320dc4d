"""A style sheet without rules, whose response lets the browser forget the pages of this site that it keeps.

The pages with a receipt link it: whoever goes back from there gets a form that is loaded anew, and so is empty (ADR 3).
Chromium can take seconds to forget, during which it shows nothing of a response with this header. The sheet is for
print, so the page with the number doesn't wait for it.
"""

from flask import Response, request

from .page_frame import reader


@reader.get("/forget.css")
def forget() -> Response:
    """Return the empty sheet. Only our own pages may let a browser forget: another site could cost readers a draft."""
    response = Response(mimetype="text/css")
    if request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin":
        response.headers["Clear-Site-Data"] = '"cache"'
    return response
