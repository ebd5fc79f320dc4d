"""Public pages are sent packed (gzip, RFC 1952), and no other page of the house is.

Packing makes lengths tell: what stands in a page twice makes it shorter. Whoever can put words into a page beside a
secret, and sees how long it comes out, can guess the secret sign by sign (BREACH, 2013). So nothing is packed but what
`PACKED` names, each with why it holds no secret; and a form's token, though it is nobody's secret, is left out of the
packing: it stands between two packed pieces as it is, so that no length tells of it.
"""

from flask import Response, request

from ..web.static_files import takes_gzip
from .gzip_page import LEAST, compress_page
from .page_frame import reader

PUBLISHED = "what was published, the same for everybody who asks"
A_FORM = "an empty form, the same for everybody but for its token, which is drawn anew each time and stays unpacked"
# GET alone: an answer to a POST has a reader's words in it, or their number.
PACKED = {
    "home": A_FORM,
    "ask": A_FORM,
    "framed_ask": "an empty form without a token",
    "protection": PUBLISHED,
    "answers": PUBLISHED,
    "topic": PUBLISHED,
    "expert": PUBLISHED,
    "story": PUBLISHED,
    "corrections": PUBLISHED,
    "editions": PUBLISHED,
    "edition": PUBLISHED,
    "framed_answers": PUBLISHED,
    "feed": PUBLISHED,
    "json_feed": PUBLISHED,
    "calendar": PUBLISHED,
    "sitemap": PUBLISHED,
    "sitemap_of_pages": PUBLISHED,
    "sitemap_of_year": PUBLISHED,
    "handbook": "a text of the program",
}


@reader.after_request
def _pack(response: Response) -> Response:
    is_read = request.method in ("GET", "HEAD") and response.status_code in (200, 304)
    if not is_read or (request.endpoint or "").removeprefix(f"{reader.name}.") not in PACKED:
        return response
    response.vary.add("Accept-Encoding")
    if tag := response.get_etag()[0]:
        response.set_etag(tag, weak=True)  # both ways to send it have this one (RFC 9110, section 8.8.3)
    takes = takes_gzip(request.headers.get("Accept-Encoding", ""))
    if response.status_code == 200 and takes and len(response.get_data()) >= LEAST:
        response.set_data(compress_page(response.get_data()))
        response.headers["Content-Encoding"] = "gzip"
    return response
