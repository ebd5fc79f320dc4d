"""The photo of an expert: redrawn without its metadata, with photographer and licence, and shown to readers on her yes only."""

import io
from collections.abc import Callable

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.answers import merging_experts
from app.audit import Event
from app.core.actors import Clock, ExpertActor
from app.core.domain_errors import MissingField, PermissionDenied, VersionConflict
from app.db.engine import Database
from app.db.public_version import read_public_version
from app.mail import attached_files
from app.people import directory, expert_photos, sign_in
from app.people.expert_photos import ExpertPhoto, PhotoCredit, ShownPhoto
from app.people.models import Expert
from app.web.photo_form import REJECTIONS
from app.workflows.retention import erase_people
from tests.support.assignments import ExpertAssignment
from tests.support.database_checks import find_in_files, find_unerased
from tests.support.desk import Desk
from tests.support.pages import Browser
from tests.support.pictures import METADATA_SECRETS, build_decompression_bomb, draw_picture, draw_picture_with_metadata
from tests.support.sample_newsroom import Newsroom

CREDIT = PhotoCredit("Dinara Omarova", "cc-by", "via Wikimedia Commons")
CAPTION = "Photo: Dinara Omarova, CC BY 4.0, via Wikimedia Commons"
FIELDS = {"photographer": "Dinara Omarova", "licence": "cc-by", "terms": "via Wikimedia Commons"}
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="400" height="400"><script>alert(1)</script></svg>'
SQUARE = (400, 400)


@pytest.fixture
def leyla(app: Flask, database: Database, newsroom: Newsroom) -> Browser:
    """Leyla's browser, signed in, with her profile open."""

    def invite(session: Session) -> str:
        return sign_in.invite(session, Clock(), get_leyla(session, newsroom).person, "expert")

    link, browser = database.write(invite), Browser(app)
    browser.open(link)
    browser.press(link)
    browser.open("/expert/profile")
    return browser


def get_leyla(session: Session, newsroom: Newsroom) -> Expert:
    return session.get_one(Expert, newsroom.leyla.expert_id)


def upload(browser: Browser, data: bytes, name: str = "me.jpg", **fields: str) -> TestResponse:
    return browser.submit("/expert/photo", **{**FIELDS, **fields}, photo=(io.BytesIO(data), name))


def list_photos(database: Database) -> list[ExpertPhoto]:
    with database.read() as session:
        photos = list(session.scalars(select(ExpertPhoto)))
        return [photo for photo in photos if photo.image is not None]


def list_photo_ids(database: Database) -> str:
    return "".join(photo.public_id for photo in list_photos(database))


def store_photo(database: Database, newsroom: Newsroom, data: bytes = b"") -> None:
    """Put in a photo as Nora, past the form."""
    image, reason = attached_files.draw_portrait(data or draw_picture((600, 800)))
    assert reason == ""
    before = list_photo_ids(database)
    database.write(lambda s: expert_photos.save_photo(s, newsroom.nora, get_leyla(s, newsroom), before, CREDIT, image))


def show(database: Database, newsroom: Newsroom) -> None:
    def fn(session: Session) -> None:
        expert = get_leyla(session, newsroom)
        expert_photos.show_photo(session, newsroom.leyla, expert, get_photo_id(session), [newsroom.newsletter_id])

    database.write(fn)


def get_photo_id(session: Session) -> str:
    return session.scalars(select(ExpertPhoto.public_id)).one()


@pytest.mark.threat("erased words")
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_nothing_of_the_file_is_kept_but_its_pixels(database: Database, leyla: Browser, form: str) -> None:
    """Place, camera, author, colour profile and comments of the file are in no byte of the database."""
    data = draw_picture_with_metadata(form, (320, 240))
    assert any(secret in data for secret in METADATA_SECRETS)
    assert upload(leyla, data).status_code == 303
    leyla.follow()
    assert CAPTION in leyla.text
    [photo] = list_photos(database)
    with Image.open(io.BytesIO(photo.image)) as image:
        assert (image.format, image.size, image.mode, dict(image.getexif())) == ("JPEG", SQUARE, "RGB", {})
    assert [secret for secret in METADATA_SECRETS if secret in photo.image] == []
    assert find_in_files(database, "Gauge 7 of Orynbay", "Zarina's telephone") == []


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (SVG, "me.svg", "unreadable"),
        (b"%PDF-1.7 nothing", "me.pdf", "unreadable"),
        (draw_picture((300, 300), "GIF"), "me.gif", "unreadable"),
        (draw_picture((300, 300))[:400], "me.jpg", "unreadable"),
        (build_decompression_bomb(), "me.png", "large"),
        (draw_picture((149, 400)), "me.jpg", "small"),
    ],
    ids=["SVG", "PDF", "GIF", "half a file", "bomb", "small"],
)
def test_what_is_no_photo_is_refused_at_its_field_and_what_was_typed_stays(
    database: Database, leyla: Browser, data: bytes, name: str, message: str
) -> None:
    assert upload(leyla, data, name).status_code == 400
    assert leyla.page.error_summary == [("photo", str(REJECTIONS[message]))]
    assert leyla.value("photographer") == "Dinara Omarova"
    assert leyla.value("terms") == "via Wikimedia Commons"
    assert list_photos(database) == []


def test_a_file_over_five_megabytes_is_refused(database: Database, leyla: Browser) -> None:
    data = draw_picture((200, 200)) + bytes(expert_photos.MAX_BYTES)
    assert upload(leyla, data).status_code == 400
    assert leyla.page.error_summary == [("photo", "The file is too large. Choose one of at most 5 MB.")]
    leyla.open("/expert/profile")
    assert upload(leyla, data + bytes(1 << 20)).status_code == 413
    assert "The file is too large. Choose one of at most 5 MB." in leyla.text
    assert list_photos(database) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"photographer": " "}, "Say who took the picture."),
        ({"licence": ""}, "Choose by what right it is printed."),
        ({"licence": "stolen"}, "Choose by what right it is printed."),
        ({"licence": "other", "terms": ""}, "Say by what right it is printed."),
    ],
)
def test_photographer_and_licence_are_required(
    database: Database, leyla: Browser, fields: dict[str, str], message: str
) -> None:
    assert upload(leyla, draw_picture((300, 300)), **fields).status_code == 400
    assert message in leyla.text
    assert list_photos(database) == []


def test_a_visitor_can_neither_upload_nor_look(app: Flask, database: Database, newsroom: Newsroom) -> None:
    store_photo(database, newsroom)
    [photo] = list_photos(database)
    visitor = Browser(app)
    assert visitor.press("/expert/photo", photo=(io.BytesIO(draw_picture((300, 300))), "a.jpg")).status_code == 403
    assert visitor.open(f"/expert/photo/{photo.digest}.jpg").status_code == 303
    assert visitor.open(f"/steppe/photos/{photo.digest}.jpg").status_code == 404


def test_the_desk_adds_a_photo_corrects_its_credit_and_erases_it(
    database: Database, newsroom: Newsroom, nora: Desk
) -> None:
    with database.read() as session:
        page = f"experts/{get_leyla(session, newsroom).public_id}"
    nora.post(f"{page}/photo", seen="", **FIELDS, photo=(io.BytesIO(draw_picture((300, 500))), "leyla.jpg"))
    [photo] = list_photos(database)
    assert CAPTION in nora.get_text(page)
    answer = nora.open(f"{page}/photo/{photo.digest}.jpg")
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "image/jpeg", photo.image)
    assert answer.headers["Cache-Control"] == "no-store"
    nora.post(f"{page}/photo", seen=photo.public_id, **{**FIELDS, "photographer": "Aset Bek"})
    assert "Photo: Aset Bek, CC BY 4.0" in nora.get_text(page)
    nora.post(f"{page}/photo/remove", seen=photo.public_id)
    assert list_photos(database) == []
    assert find_unerased(database, "Aset Bek", "Dinara Omarova") == []
    assert list_photo_events(database) == ["expert.photo", "expert.photo", "expert.no_photo"]


def list_photo_events(database: Database) -> list[str]:
    with database.read() as session:
        events = select(Event.action).where(Event.action.like("expert.%photo")).order_by(Event.id)
        return list(session.scalars(events))


def test_of_two_editors_at_once_the_second_is_told_and_keeps_what_was_typed(
    database: Database, newsroom: Newsroom, nora: Desk, ilya: Desk
) -> None:
    with database.read() as session:
        page = f"experts/{get_leyla(session, newsroom).public_id}"
    nora.get(page), ilya.get(page)
    nora.post(f"{page}/photo", seen="", **FIELDS, photo=(io.BytesIO(draw_picture((300, 500))), "a.jpg"))
    first = list_photo_ids(database)
    refused = ilya.post(
        f"{page}/photo",
        409,
        seen="",
        **{**FIELDS, "photographer": "Ilya's aunt"},
        photo=(io.BytesIO(draw_picture((400, 400))), "b.jpg"),
    )
    assert "The photo has changed in the meantime" in refused
    assert "Ilya's aunt" in refused
    assert list_photo_ids(database) == first
    assert "The photo has changed in the meantime" in ilya.press(f"{page}/photo/remove", 409, seen="")
    assert list_photo_ids(database) == first


def test_readers_see_it_only_after_her_yes_with_its_caption_and_no_cookie(
    app: Flask, database: Database, newsroom: Newsroom, salt: ExpertAssignment, leyla: Browser
) -> None:
    store_photo(database, newsroom)
    run(salt)
    reader = Browser(app)
    story = story_of(reader)
    assert "<figure" not in reader.page.html
    leyla.open("/expert/profile")
    leyla.submit("/expert/photo/show")
    reader.open(story)
    [address] = [source for source in reader.page.attributes("img", "src") if "/photos/" in source]
    assert reader.page.attributes("figure img", "alt") == ["Photo of Leyla Aydın"]
    assert reader.page.texts("figcaption") == [CAPTION]
    reader.open(f"{story}?lang=fa")
    assert reader.page.texts("figcaption") == ["عکس: Dinara Omarova، CC BY 4.0، via Wikimedia Commons"]
    reader.open(story)
    picture = reader.open(address)
    [photo] = list_photos(database)
    assert (picture.status_code, picture.data) == (200, photo.image)
    headers = {name: picture.headers.get(name) for name in ("Content-Type", "X-Content-Type-Options", "Set-Cookie")}
    assert headers == {"Content-Type": "image/jpeg", "X-Content-Type-Options": "nosniff", "Set-Cookie": None}
    assert picture.headers["Cache-Control"] == "public, max-age=60"
    leyla.open("/expert/profile")
    leyla.submit("/expert/photo/hide")
    assert reader.open(address).status_code == 404
    reader.open(story)
    assert "/photos/" not in reader.page.html


def test_a_second_press_on_save_or_erase_does_no_more_and_is_no_failure(
    database: Database, newsroom: Newsroom, leyla: Browser
) -> None:
    picture = draw_picture((300, 300))
    form = leyla.page.form("/expert/photo").fields | FIELDS
    form.pop("photo")
    for _press in range(2):
        assert leyla.press("/expert/photo", **form, photo=(io.BytesIO(picture), "me.jpg")).status_code == 303
    show(database, newsroom)
    assert leyla.press("/expert/photo", **form, photo=(io.BytesIO(picture), "me.jpg")).status_code == 303
    with database.read() as session:
        assert len(session.scalars(select(ShownPhoto)).all()) == 1
    leyla.open("/expert/profile")
    form = leyla.page.form("/expert/photo/remove").fields
    for _press in range(2):
        assert leyla.press("/expert/photo/remove", **form).status_code == 303
    assert list_photos(database) == []
    assert list_photo_events(database) == ["expert.photo", "expert.show_photo", "expert.no_photo"]


@pytest.mark.parametrize("act", ["show", "remove"])
def test_a_press_about_a_picture_that_was_replaced_meanwhile_keeps_the_credit_and_says_so(
    database: Database, newsroom: Newsroom, leyla: Browser, act: str
) -> None:
    store_photo(database, newsroom)
    leyla.open("/expert/profile")
    store_photo(database, newsroom, draw_picture((700, 700), mode="L"))
    after = list_photo_ids(database)
    assert leyla.submit(f"/expert/photo/{act}").status_code == 409
    changed = "The photo has changed in the meantime: look at the one above, then press again."
    assert leyla.page.error_summary == [("photo", changed)]
    assert "changed your profile" not in leyla.text
    assert "Choose the picture again" not in leyla.text
    assert [leyla.value(name) for name in FIELDS] == list(FIELDS.values())
    assert list_photo_ids(database) == after


def test_the_desk_of_another_newsletter_reads_that_its_readers_see_no_photo(
    database: Database, newsroom: Newsroom
) -> None:
    store_photo(database, newsroom)
    show(database, newsroom)
    with database.read() as session:
        expert = get_leyla(session, newsroom)
        ids = (newsroom.newsletter_id, newsroom.newsletter_id + 1, None)
        assert [expert_photos.has_shown_photo(session, expert, newsletter_id) for newsletter_id in ids] == [
            True,
            False,
            True,
        ]


def test_a_photo_with_a_palette_and_48_megapixels_is_redrawn() -> None:
    """Converted at full size, it would need more memory than the process for pictures has."""
    image, reason = attached_files.draw_portrait(draw_picture((8000, 6000), "PNG", "P"))
    assert reason == ""
    with Image.open(io.BytesIO(image)) as portrait:
        assert portrait.size == SQUARE


def run(salt: ExpertAssignment) -> None:
    salt.send()
    salt.edit()
    salt.approve()
    salt.publish()


def story_of(reader: Browser) -> str:
    reader.open("/steppe/answers")
    path = next(url for url in reader.page.urls if "/q/" in url)
    reader.open(path)
    return path


def described(session: Session, newsroom: Newsroom) -> None:
    directory.change_profile(
        session, newsroom.nora, get_leyla(session, newsroom), None, described_as="a soil scientist"
    )


def renamed(session: Session, newsroom: Newsroom) -> None:
    directory.change_profile(session, newsroom.nora, get_leyla(session, newsroom), None, name="Leyla Demir")


def replaced(session: Session, newsroom: Newsroom) -> None:
    image, _reason = attached_files.draw_portrait(draw_picture((500, 400), mode="L"))
    expert_photos.save_photo(session, newsroom.nora, get_leyla(session, newsroom), get_photo_id(session), CREDIT, image)


def removed(session: Session, newsroom: Newsroom) -> None:
    expert_photos.remove_photo(session, newsroom.nora, get_leyla(session, newsroom), get_photo_id(session))


def erased(session: Session, newsroom: Newsroom) -> None:
    erase_people.forget_expert(session, get_leyla(session, newsroom))


def merge_experts(session: Session, newsroom: Newsroom) -> None:
    marek = session.get_one(Expert, newsroom.marek.expert_id)
    merging_experts.merge(session, newsroom.nora, get_leyla(session, newsroom), marek)


def joined_by_marek(session: Session, newsroom: Newsroom) -> None:
    marek = session.get_one(Expert, newsroom.marek.expert_id)
    marek.described_as = "a soil scientist"
    merging_experts.merge(session, newsroom.nora, marek, get_leyla(session, newsroom))


@pytest.mark.both_databases
@pytest.mark.parametrize("change", [described, renamed, replaced, removed, erased, merge_experts, joined_by_marek])
def test_the_yes_ends_with_the_picture_the_name_or_the_expert_and_cached_pages_with_it(
    app: Flask,
    database: Database,
    newsroom: Newsroom,
    salt: ExpertAssignment,
    change: Callable[[Session, Newsroom], None],
) -> None:
    store_photo(database, newsroom)
    run(salt)
    show(database, newsroom)
    reader = Browser(app)
    story = story_of(reader)
    assert "/photos/" in reader.page.html
    before = read_public_version(database, "steppe")
    database.write(lambda session: change(session, newsroom))
    assert read_public_version(database, "steppe") != before
    reader.open(story)
    assert "/photos/" not in reader.page.html
    with database.read() as session:
        assert session.scalars(select(ShownPhoto)).all() == []
        assert len(session.scalars(select(ExpertPhoto.id)).all()) == (0 if change in (removed, erased) else 1)


def test_nobody_but_the_expert_says_yes(database: Database, newsroom: Newsroom) -> None:
    store_photo(database, newsroom)
    with pytest.raises(PermissionDenied):
        database.write(
            lambda s: expert_photos.show_photo(
                s,
                newsroom.nora,
                get_leyla(s, newsroom),
                get_photo_id(s),
                [newsroom.newsletter_id],  # type: ignore[arg-type]
            )
        )


def test_a_yes_to_a_picture_that_was_replaced_meanwhile_shows_nothing(database: Database, newsroom: Newsroom) -> None:
    store_photo(database, newsroom)
    old = list_photo_ids(database)
    store_photo(database, newsroom, draw_picture((700, 700), mode="L"))
    actor: ExpertActor = newsroom.leyla
    with pytest.raises(VersionConflict):
        database.write(
            lambda s: expert_photos.show_photo(s, actor, get_leyla(s, newsroom), old, [newsroom.newsletter_id])
        )


def test_a_credit_in_ones_own_words_needs_them() -> None:
    with pytest.raises(MissingField):
        PhotoCredit("Dinara Omarova", "other").get_clean_credit()
    assert PhotoCredit(" Dinara  Omarova ", "other", "by contract ").get_clean_credit() == PhotoCredit(
        "Dinara Omarova", "other", "by contract"
    )
