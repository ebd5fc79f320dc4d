"""The drawn picture of a Q&A: what it shows, in which letters, and that no old one outlives its words."""

from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image, ImageChops

from app.db.engine import Database
from app.newsletters.models import Newsletter
from app.typesetting import card
from app.typesetting.card import Card
from app.workflows.publishing import after_sending, publication
from tests.support.pages import Page
from tests.support.reader_pages import get_question, publish_answer
from tests.support.required_programs import skip_without
from tests.support.sample_newsroom import Newsroom

HERE = "https://ask.newsroom.example"
NAME = "The Steppe Letter"
INK, PAPER = 100, 200  # darker and lighter than these, of 255
SAID = {
    "en": "Who built the silos along the railway?",
    "ru": "Кто построил элеваторы вдоль железной дороги?",
    "kk": "Теміржол бойындағы қоймаларды кім салды?",
    "fa": "چه کسی سیلوهای کنار راه‌آهن را ساخت؟",
    "ug": "تۆمۈر يول بويىدىكى ئامبارلارنى كىم سالغان؟",
}
LONG = "Who built the silos along the railway, and who owns them now that the ministry has sold the mill? " * 4


@pytest.fixture(autouse=True)
def machine() -> None:
    """A font for pictures, and FriBidi for scripts whose letters join."""
    if not Card("Silos", NAME, "en").can_be_drawn:
        skip_without("font for pictures (fonts-dejavu-core)")
    if not card._can_shape():
        skip_without("FriBidi (libfribidi0)")


@pytest.fixture
def silos(database: Database, newsroom: Newsroom) -> str:
    return publish_answer(database, newsroom, [])


def picture(made: bytes | None) -> Image.Image:
    assert made is not None
    return Image.open(BytesIO(made)).convert("L")


def inked(drawn: Image.Image, top: int = card.TOP, bottom: int = 630) -> tuple[int, int, int, int]:
    """The box of all ink in the stretch of a headline: left, top, right, bottom."""
    dark = drawn.crop((0, top, card.WIDTH, bottom)).point(lambda shade: 255 if shade < INK else 0)
    box = dark.getbbox()
    assert box is not None
    return box


def address_of(client: FlaskClient, key: str, lang: str = "") -> str:
    page = Page(client.get(f"/steppe/q/{key}/-{lang}", follow_redirects=True).text)
    [address] = page.attributes('meta[property="og:image"]', "content")
    return address.removeprefix(HERE)


@pytest.mark.parametrize("language", ["en", "ru", "kk", "fa", "ug"])
def test_a_headline_is_drawn_in_its_letters_and_from_the_side_on_which_it_is_read(language: str) -> None:
    drawn = picture(Card(SAID[language], NAME, language).png())
    assert drawn.size == (1200, 630)
    left, _top, right, bottom = inked(drawn)
    if language in ("fa", "ug"):
        assert right > card.WIDTH - card.MARGIN - 12
    else:
        assert left < card.MARGIN + 12
    assert card.MARGIN - 12 <= left < right <= card.WIDTH - card.MARGIN + 12
    assert card.TOP + bottom <= card.BOTTOM
    empty = picture(Card(" . ", NAME, language).png())
    assert ImageChops.difference(drawn, empty).getbbox() is not None


def test_letters_of_persian_are_joined() -> None:
    """Drawn one by one they are wider than in a word."""
    face = card._find_face("سیلو")
    assert face is not None
    word, alone = (card._SizedFont(face, 80, "fa").width(text) for text in ("سیلو", "س\u200cی\u200cل\u200cو"))
    assert word < alone * 0.9


def test_a_long_headline_is_cut_with_an_ellipsis_in_the_smallest_size() -> None:
    face = card._find_face(LONG)
    assert face is not None
    lines, made = card._fit_headline(LONG, face, "en")
    assert (lines[-1].endswith(card.ELLIPSIS), len(lines) * made.height <= card.BOTTOM - card.TOP) == (True, True)
    assert [line for line in lines if made.width(line) > card.LINE_WIDTH] == []
    _left, _top, right, bottom = inked(picture(Card(LONG, NAME, "en").png()))
    assert right <= card.WIDTH - card.MARGIN + 12
    assert card.TOP + bottom <= card.BOTTOM + 12


def test_a_newsletters_long_name_is_cut_too() -> None:
    drawn = picture(Card("Silos", LONG, "en").png())
    _left, _top, right, _bottom = inked(drawn, 40, 130)
    assert right <= card.WIDTH - card.MARGIN + 12


def test_a_word_longer_than_a_line_is_broken_and_nothing_is_lost_of_it() -> None:
    face = card._find_face("W")
    assert face is not None
    lines, _made = card._fit_headline("W" * 40, face, "en")
    assert ("".join(lines), len(lines) > 1) == ("W" * 40, True)


@pytest.mark.parametrize("headline", ["रेलवे के किनारे", "The \U00013000 of Osh", "中国买了什么？"])
def test_what_no_font_here_can_show_has_no_picture_rather_than_boxes(
    headline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = tuple(face for face in card._faces() if "DejaVu" in face[0])
    monkeypatch.setattr(card, "_faces", lambda: only)
    made = Card(headline, NAME, "en")
    assert (made.can_be_drawn, made.png()) == (False, None)


@pytest.fixture
def _no_shaping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card, "_can_shape", lambda: False)


@pytest.mark.usefixtures("_no_shaping")
def test_without_fribidi_what_joins_has_no_picture_and_the_rest_has() -> None:
    can = {language: Card(said, "The Steppe Letter", language).can_be_drawn for language, said in SAID.items()}
    assert can == {"en": True, "ru": True, "kk": True, "fa": False, "ug": False}


def test_a_page_names_its_picture_with_size_and_words(client: FlaskClient, silos: str) -> None:
    page = Page(client.get(f"/steppe/q/{silos}/the-silos").text)
    properties = dict(
        zip(page.attributes("meta[property]", "property"), page.attributes("meta[property]", "content"), strict=True)
    )
    assert {name: properties[name] for name in properties if name.startswith("og:image:")} == {
        "og:image:type": "image/png",
        "og:image:width": "1200",
        "og:image:height": "630",
        "og:image:alt": "The Silos: The Steppe Letter",
    }
    assert page.attributes('meta[name="twitter:card"]', "content") == ["summary_large_image"]
    got = client.get(properties["og:image"].removeprefix(HERE))
    assert (got.status_code, got.mimetype, Image.open(BytesIO(got.data)).size) == (200, "image/png", (1200, 630))
    assert got.headers["Cache-Control"] == "public, max-age=60"
    assert got.data == Card("The Silos", NAME, "en").png()
    assert len(got.data) < 40_000
    assert address_of(client, silos, "?lang=fa") == properties["og:image"].removeprefix(HERE)


@pytest.mark.threat("erased words")
def test_no_picture_outlives_its_words(client: FlaskClient, database: Database, newsroom: Newsroom, silos: str) -> None:
    old = address_of(client, silos)
    assert client.get(old).status_code == 200

    def reword(session: object, headline: str = "The Mill") -> None:
        question = get_question(session, silos)  # type: ignore[arg-type]
        words = after_sending.PublishedText(headline, "Who built the mill?", ("Nobody knows.",))
        after_sending.reword_for_safety(session, newsroom.nora, question, words)  # type: ignore[arg-type]

    database.write(reword)
    new = address_of(client, silos)
    gone, made = client.get(old), client.get(new)
    assert (new != old, gone.status_code, gone.mimetype, made.status_code) == (True, 404, "text/html", 200)
    assert made.data == Card("The Mill", NAME, "en").png() != Card("The Silos", NAME, "en").png()
    database.write(lambda s: setattr(s.get_one(Newsletter, newsroom.newsletter_id), "name", "The Plain Letter"))
    assert (client.get(new).status_code, client.get(address_of(client, silos)).status_code) == (404, 200)
    last = address_of(client, silos)
    database.write(lambda s: publication.retract(s, newsroom.nora, get_question(s, silos), "for somebody's safety"))
    assert [client.get(one).status_code for one in (last, new, old)] == [410, 410, 410]
    assert client.get(last, headers={"If-None-Match": "*"}).status_code == 410


@pytest.mark.threat("flood")
def test_a_picture_is_drawn_once_whatever_is_asked_beside_its_address(
    client: FlaskClient, silos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, drawn = address_of(client, silos), []
    draws = Card.png

    def count_drawing(self: Card, *given: Any) -> bytes | None:
        drawn.append(self.headline)
        return draws(self, *given)

    monkeypatch.setattr(Card, "png", count_drawing)
    heads = [client.head(f"{address}{beside}") for beside in ("", "?lang=fa", "?lang=x1", f"?{'z' * 500}")]
    gets = [client.get(f"{address}{beside}") for beside in ("", "?lang=fa", "?lang=x2", f"?{'z' * 500}", "?z=1")]
    assert {one.status_code for one in (*heads, *gets)} == {200}
    assert (len({one.data for one in gets}), {one.data for one in heads}) == (1, {b""})
    assert len(drawn) == 1
