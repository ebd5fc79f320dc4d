"""Files that hang on mails, at the desk: listed beside the letter, looked at drawn anew, downloaded by staff and nobody else."""

import io
import json
from datetime import timedelta
from urllib.parse import unquote

import pytest
from PIL import Image
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.audit import Event
from app.core.actors import Clock, Reader
from app.core.permissions import ROLES, Role
from app.letters import contacts
from app.letters.models import Letter
from app.mail import attached_files, erasing, inbound
from app.mail.models import Inbound
from app.mailroom import retention
from app.mailtext.parsing.mime import MOST_PARTS
from app.people import sign_in
from app.people.models import Expert, Membership
from app.questions.models import Question
from app.workflows.letters.withdrawal import withdraw
from tests.support.app import BASE_URL
from tests.support.desk import LOCALHOST, Desk
from tests.support.incoming_mails import dmarc_pass, mail
from tests.support.mailroom import LEYLAS_ADDRESS, NewsletterMailroom, place_mail
from tests.support.mailroom import LEYLAS_REPLY as MAILED
from tests.support.pages import Browser
from tests.support.pictures import METADATA_SECRETS, build_decompression_bomb, draw_picture, draw_picture_with_metadata
from tests.support.sample_newsroom import create_coast_newsletter

PHOTO = draw_picture_with_metadata("JPEG")
PLATES = b"%PDF-1.7 The plates of 2009"
HUNG = [
    ("Zarina at gauge 7.jpg", PHOTO),
    ("plates.pdf", PLATES),
    ("cat.jpg", b"<html><script>alert(1)</script>"),
    ("far.png", build_decompression_bomb()),
]
GIVEN_OUT = {
    "Content-Type": "application/octet-stream",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@pytest.fixture
def room(database, newsroom):
    return NewsletterMailroom(database, newsroom)


def address(row: Inbound, number: int = 1) -> str:
    return f"/pen/{row.public_id}/files/{number}"


def letter_of(room: NewsletterMailroom, row: Inbound) -> Letter:
    with room.database.read() as session:
        return session.get_one(Letter, row.letter_id)


def headers(response: TestResponse) -> dict[str, str | None]:
    return {name: response.headers.get(name) for name in GIVEN_OUT}


def trail(room: NewsletterMailroom) -> list[tuple[str, object]]:
    with room.database.read() as session:
        return [(one.actor, one.facts) for one in session.scalars(select(Event).filter_by(action="inbound.download"))]


def test_the_list_stands_beside_the_letter_with_what_each_file_is(nora, room):
    row = room.receive(mail(attachments=HUNG))
    page = nora.get(f"/letters/{letter_of(room, row).public_id}")
    assert [" ".join(one.split()) for one in page.texts(".files li")] == [
        f"Zarina at gauge 7.jpg JPEG picture, {len(PHOTO)} Bytes",
        "plates.pdf PDF document, 27 Bytes",
        "cat.jpg web page, despite its name, 31 Bytes",
        f"far.png PNG picture, {len(build_decompression_bomb()) / 1000:.1f} kB",
    ]
    assert page.attributes(".files a", "href") == [f"{nora.base_path}{address(row, number)}" for number in (1, 2, 3, 4)]
    assert "Kept with the mail, for 14 days after it is filed at the latest." in page.main_text
    assert nora.get(f"/pen/{row.public_id}").attributes(".files a", "href") == page.attributes(".files a", "href")


@pytest.mark.threat("hostile mail")
@pytest.mark.parametrize("who", ["ilya", "nora", "vera"])
def test_a_file_is_downloaded_as_bytes_that_no_browser_opens(request, room, who):
    staff: Desk = request.getfixturevalue(who)
    row = room.receive(mail(attachments=HUNG))
    for number, (name, data) in enumerate(HUNG, 1):
        [form] = [one for one in staff.get(address(row, number)).attributes("form", "action") if "/files/" in one]
        given = staff.send(form, {})
        assert (given.status_code, given.data, headers(given)) == (200, data, GIVEN_OUT)
        assert (
            given.headers["Content-Disposition"]
            == f"attachment; filename=\"{name}\"; filename*=UTF-8''{name.replace(' ', '%20')}"
        )
        assert given.headers["Content-Length"] == str(len(data))
    with room.database.read() as session:
        role = {"ilya": "assistant", "nora": "editor", "vera": "admin"}[who]
        person = session.scalars(
            select(Membership.person_id).filter_by(newsletter_id=row.newsletter_id, role=role)
        ).one()
    assert trail(room) == [(f"staff:{person}", {"file": number}) for number in (1, 2, 3, 4)]


def test_the_trail_names_who_downloaded_and_never_the_file(nora, room):
    row = room.receive(mail(attachments=HUNG))
    nora.send(address(row), {})
    nora.send(address(row), {})
    page = nora.get("/trail")
    assert page.main_text.count("Nora Lind downloaded a mail’s attachment.") == 2
    with room.database.read() as session:
        rows = json.dumps([[one.facts, one.old, one.new] for one in session.scalars(select(Event))])
    assert [words for words in ("gauge", "Zarina", "plates") if words in page.main_text + rows] == []


NAMES = {
    "../../../etc/passwd": ("passwd", "passwd"),
    'a"; filename=evil.exe\r\nSet-Cookie: desk=1.jpg': ("a_; filename=evil.exe Set-Cookie_ desk=1.jpg", None),
    "photo\u202egpj.exe": ("photogpj.exe", "photogpj.exe"),
    "сурет 1.jpg": ("сурет 1.jpg", "1.jpg"),
    "x" * 10_000 + ".jpg": ("x" * 116 + ".jpg", "x" * 116 + ".jpg"),
    "": ("file-1.jpg", "file-1.jpg"),
}


@pytest.mark.threat("hostile mail")
@pytest.mark.parametrize("name", NAMES, ids=["path", "header", "bidi", "Kazakh", "long", "none"])
def test_a_hostile_name_does_nothing(nora, room, name):
    row = room.receive(mail(attachments=[(name, draw_picture())]))
    shown, plain = NAMES[name]
    assert nora.get(address(row)).texts("h1") == [shown if name else "a file without a name"]
    given = nora.send(address(row), {})
    said = given.headers["Content-Disposition"]
    assert given.headers.getlist("Set-Cookie") == []
    first, _, whole = said.removeprefix('attachment; filename="').partition("\"; filename*=UTF-8''")
    assert unquote(whole) == shown
    assert [sign for sign in first + whole if not (sign.isascii() and sign.isprintable()) or sign == '"'] == []
    assert plain is None or first == plain


@pytest.mark.threat("hostile mail")
def test_a_picture_is_shown_drawn_anew_and_nothing_of_its_metadata_with_it(nora, room):
    row = room.receive(mail(attachments=HUNG))
    [shown] = nora.get(address(row)).attributes(".drawn img", "src")
    given = nora.open(shown)
    assert (given.status_code, headers(given)) == (200, {**GIVEN_OUT, "Content-Type": "image/jpeg"})
    assert [one for one in METADATA_SECRETS if one in PHOTO] != []
    assert [one for one in METADATA_SECRETS if one in given.data] == []
    with Image.open(io.BytesIO(given.data)) as image:
        assert image.size == (24, 32)  # upright
    assert trail(room) == []


@pytest.mark.threat("hostile mail")
def test_what_is_no_picture_is_not_shown(nora, room):
    row = room.receive(mail(attachments=HUNG))
    assert [nora.get(address(row, number)).attributes("img", "src") for number in (2, 3)] == [[], []]
    assert "It is too large to be shown here." in nora.get_text(f"{address(row, 4)}/picture", 422)
    assert "It is damaged, or not the kind of picture it claims to be." in nora.get_text(
        f"{address(row, 3)}/picture", 422
    )


@pytest.mark.threat("hostile mail")
def test_a_mail_that_hangs_on_a_mail_is_never_given_out(nora, room):
    inner = mail("Zarina <zarina@post.example>", subject="Salt", attachments=[("well.png", draw_picture(form="PNG"))])
    hung = b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--b--\r\n"
    words = b"--b\r\nContent-Type: text/plain\r\n\r\nWho measures the salt in the wind?\r\n"
    head = b"From: Timur <timur@post.example>\r\nTo: ask@steppe.example\r\nSubject: Fwd\r\nMIME-Version: 1.0\r\n"
    row = room.receive(head + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + words + hung)
    page = nora.get(address(row, 1))
    assert "An attached mail stays closed" in page.main_text
    assert "zarina@post.example" not in page
    assert [one for one in page.attributes("form", "action") if "/files/" in one] == []
    assert nora.send(address(row, 1), {}).status_code == 404
    assert nora.send(address(row, 2), {}).data == draw_picture(form="PNG")
    assert trail(room) == [(room.newsroom.nora.ref, {"file": 2})]


@pytest.mark.threat("stranger at the door")
def test_nobody_else_gets_a_file(app, nora, room, newsroom, monkeypatch):
    row = room.receive(mail(attachments=HUNG))
    pages = [address(row), f"{address(row)}/picture"]
    stranger = app.test_client()
    expert = Browser(app)
    leyla = newsroom.leyla.expert_id
    link = room.database.write(lambda s: sign_in.invite(s, Clock(), s.get_one(Expert, leyla).person, "expert"))
    expert.open(link)
    assert expert.press(link).status_code == 303
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)  # so that it is the gate that answers
    for client in (stranger, expert.client):
        for path in pages:
            answer = client.get(nora.address(path), base_url=BASE_URL)
            assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (303, "/sign-in")
        assert client.post(nora.address(address(row)), base_url=BASE_URL).status_code == 403
    monkeypatch.setitem(ROLES, "editor", Role("few", frozenset({"word"})))
    assert [nora.open(path).status_code for path in pages] == [404, 404]
    assert nora.send(address(row), {}).status_code == 404
    assert trail(room) == []


@pytest.mark.threat("another desk")
def test_another_newsletter_has_no_file_of_ours_and_we_have_none_of_theirs(nora, room):
    row = room.receive(mail(attachments=HUNG))

    coast = room.database.write(lambda session: create_coast_newsletter(session).id)
    theirs = room.get_mail(room.store_mail(mail(attachments=HUNG)))
    room.place_mails()

    def give_away(session) -> None:
        session.get_one(Inbound, theirs.id).newsletter_id = coast

    room.database.write(give_away)
    for there in (f"/desk/coast{address(row)}", address(theirs)):
        assert [nora.open(there).status_code, nora.open(f"{there}/picture").status_code] == [404, 404]
        assert nora.send(there, {}).status_code == 404
    for number in ("0", "5", "199", "-1", "x"):
        assert nora.send(address(row).removesuffix("1") + number, {}).status_code == 404
    assert trail(room) == []


def is_deleted(nora: Desk, row: Inbound) -> bool:
    answers = [nora.open(address(row)), nora.open(f"{address(row)}/picture"), nora.send(address(row), {})]
    return [one.status_code for one in answers] == [404, 404, 404]


@pytest.mark.threat("erased words")
def test_files_go_with_the_mail(nora, room, newsroom):
    rows = [room.receive(mail(attachments=[("road.jpg", draw_picture((32, 20 + number)))])) for number in range(4)]
    assert [is_deleted(nora, row) for row in rows] == [False] * 4
    letters = [letter_of(room, row).public_id for row in rows]
    assert [nora.get(f"/letters/{one}").texts(".files a") for one in letters] == [["road.jpg"]] * 4
    room.database.write(lambda s: withdraw(s, Reader(rows[0].letter_id), s.get_one(Letter, rows[0].letter_id)))
    room.database.write(lambda s: contacts.forget(s, newsroom.nora, rows[1].letter_id))  # from now on just a number
    room.database.write(lambda s: erasing.destroy(s, [rows[2].id]))
    nora.post(f"/letters/{letters[3]}/file", kind="tip", version=str(letter_of(room, rows[3]).version))
    filed = letter_of(room, rows[3]).state_at
    assert [room.database.write(retention.destroy_old, filed + timedelta(days=days)) for days in (13, 15)] == [0, 1]
    assert [is_deleted(nora, row) for row in rows] == [True] * 4
    assert [nora.get(f"/letters/{one}").texts(".files a") for one in letters] == [[]] * 4


def test_the_files_of_an_expert_stand_beside_their_letter_and_their_answer(nora, room):
    asked, reply_to = room.invite_expert()
    words = "We put up salt plates in 2009 and count what falls on them."
    row = room.receive(
        mail(
            LEYLAS_ADDRESS,
            reply_to,
            body=words,
            attachments=[("answer.pdf", PLATES)],
            Authentication_Results=dmarc_pass(LEYLAS_ADDRESS),
        )
    )
    letter = letter_of(room, row)
    with room.database.read() as session:
        question = session.get_one(Question, asked.question_id).public_id
    assert nora.get(f"/questions/{question}").texts(".files a") == ["answer.pdf"]
    assert nora.get(f"/letters/{letter.public_id}").texts(".files a") == ["answer.pdf"]
    led = nora.post(f"/letters/{letter.public_id}/reply", kind="answer", version=str(letter.version))
    assert nora.get(led).attributes(".files a", "href") == [f"{nora.base_path}{address(row)}"]
    assert nora.send(address(row), {}).data == PLATES


def test_a_list_of_former_days_is_shown_and_what_is_not_in_the_mail_is_not_there(nora, room):
    public_id = place_mail(room.database, room.newsroom, reading=MAILED)  # its mail has no files
    page = nora.get(f"/pen/{public_id}")
    assert [" ".join(one.split()) for one in page.texts(".files li")] == ["plates 2009.pdf not looked at, 48.2 kB"]
    assert nora.send(f"/pen/{public_id}/files/1", {}).status_code == 404


def test_the_largest_mail_is_given_out_whole_and_the_next_press_gives_it_again(nora, room):
    large = draw_picture() + bytes(range(256)) * 71_000  # 18 MB, 25 as a mail carries it
    row = room.receive(mail(attachments=[("road.jpg", large)]))
    [form] = [one for one in nora.get(address(row)).tree.css("form") if "/files/" in (one.attributes["action"] or "")]
    once = {one.attributes["name"]: one.attributes["value"] for one in form.css("input")}
    assert [
        nora.client.post(nora.address(address(row)), base_url=LOCALHOST, data=once).data == large for _ in range(2)
    ] == [True, True]


def test_of_a_thousand_files_the_desk_is_told_that_there_are_more(nora, room):
    row = room.receive(mail(attachments=[(f"{number}.jpg", draw_picture()) for number in range(1_000)]))
    assert (row.state, row.reasons) == ("failed", ["parts"])
    page = nora.get(f"/pen/{row.public_id}")
    assert len(page.texts(".files li")) == MOST_PARTS - 2  # beside the whole and its words
    assert "There are more, which aren’t listed" in page.main_text


@pytest.mark.threat("hostile mail")
def test_one_waits_for_the_other_and_hears_so(nora, room, monkeypatch):
    row = room.receive(mail(attachments=HUNG))
    monkeypatch.setattr(attached_files, "SEMAPHORE_TIMEOUT", 0.05)
    with attached_files._semaphore:
        assert nora.open(f"{address(row)}/picture").status_code == 503
    assert nora.open(f"{address(row)}/picture").status_code == 200
    with room.database.read() as session:
        assert inbound.has_bytes(session, row.id)
