"""The drawn picture of a Q&A, for where its address is shared.

The picture's own address changes with its words: what was reworded or withdrawn has no old picture any more.
"""

from flask import Response, url_for
from flask.typing import ResponseReturnValue

from ..db.session import absolute_url
from ..editions import archive, item_translations
from ..editions.items import headline
from ..editions.models import EditionItem, ItemTranslation
from ..newsletters.models import Newsletter
from ..typesetting.card import Card
from .page_frame import ReaderContext, or_404, public, reader


def card_of(newsletter: Newsletter, item: EditionItem | ItemTranslation) -> Card:
    return Card(headline(item), newsletter.name, item.piece["language"])


def card_address(context: ReaderContext, item: EditionItem | ItemTranslation) -> str | None:
    """Return where the picture of a Q&A is, in its own language or another; None where it can't be drawn here."""
    card, newsletter = card_of(context.newsletter, item), context.newsletter
    if not card.can_be_drawn:
        return None
    public_id, digest = item.question.public_id, card.digest
    path = url_for("reader.card", slug=newsletter.slug, public_id=public_id, digest=digest, lang=None)
    return absolute_url(context.session, path)


@reader.get("/<slug>/cards/<public_id>/<digest>.png")
@public
def card(place: ReaderContext, public_id: str, digest: str) -> ResponseReturnValue:
    session, newsletter = place.session, place.newsletter
    item, _edition = or_404(archive.story(session, newsletter, public_id))
    if item.question.is_retracted:
        return place.page("reader/retracted.html", "answers"), 410
    cards = [
        card_of(newsletter, item),
        *(card_of(newsletter, one) for one in item_translations.list_visible_translations(session, item)),
    ]
    drawn = or_404(next((one for one in cards if one.digest == digest), None)).png()
    return Response(or_404(drawn), mimetype="image/png")
