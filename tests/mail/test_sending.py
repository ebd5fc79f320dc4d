"""Mails on the wire: into the demo's folder, and to an SMTP server that takes, defers, refuses or hangs up."""

import random
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import replace
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from flask import Flask

import config
from app import create_app
from app.mail.delivery import Permanent, Transient, Unreachable
from app.mail.message import Message
from app.mail.mime_message import Envelope, UnsafeHeader
from app.mail.sending import transport
from tests.support.pages import Page
from tests.support.smtp_servers import SENDER_ADDRESS, SmtpServer, create_mail_app, run_smtp_server

ID = "<k2m4p6q8r0s2.0123456789abcdef@ask.example>"
MAIL = Message(
    kind="expert.invitation",
    to="leyla@university.example",
    to_name="Leyla Hüseynli",
    subject="Readers' question",
    text="Dear Leyla,\n\nFrom readers.\nFrom Almaty: 1 = 1.\n.\nBye\n",
    language="en",
    from_name="Nora Lindqvist",
    html="<p>Dear Leyla</p>\n",
    from_address="corridor@newsroom.example",
    reply_to="corridor@newsroom.example",
)
ALPHABETS = {
    "ru": "абвгдежзийклмнопрстуфхцчшщъыьэюяАБВГДЕЖЗ",
    "fa": "آابپتثجچحخدذرزژسشصضطظعغفقکگلمنوهی\u200c،؟",
    "zh": "中国在塞尔维亚买了什么新疆发生关于报告读者问题，。？",
    "mixed": "abc XYZ ÄÖß 12% =?_ 👩🏽\u200d🚀🇰🇿é漢字ترک «»“”…",
}


def wire(message: Message) -> bytes:
    return Envelope(message, ID, SENDER_ADDRESS).as_bytes()


def parse(raw: bytes) -> EmailMessage:
    return BytesParser(policy=default).parsebytes(raw)  # type: ignore[return-value, arg-type, unused-ignore]


def body(raw: bytes, kind: str) -> str:
    part = parse(raw).get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def create_words(script: str, count: int) -> list[str]:
    chance = random.Random(script)
    letters = ALPHABETS[script]

    def create_word() -> str:
        return "".join(chance.choice(letters) for _ in range(chance.randint(1, 14)))

    return [" ".join(" ".join(create_word() for _ in range(chance.randint(1, 30))).split()) for _ in range(count)]


def decoded(value: str) -> str:
    """A header of words as RFC 2047 reads it: encoded words beside each other are one text (section 6.2)."""
    text = re.sub(r"\r\n(?=[ \t])", "", value)
    text = re.sub(r"(=\?[^?\s]+\?[bqBQ]\?[^?\s]*\?=)[ \t]+(?==\?)", r"\1", text)
    # A sign's bytes may stand in two words: they are put together before they are read.
    runs = re.split(r"((?:=\?utf-8\?[bq]\?[^?\s]*\?=)+)", text, flags=re.IGNORECASE)
    return "".join(_run(run) if run.startswith("=?") else run for run in runs)


def _run(run: str) -> str:
    found = re.findall(r"=\?utf-8\?([bq])\?([^?\s]*)\?=", run, re.IGNORECASE)
    return b"".join(
        b64decode(coded, validate=True) if how in "bB" else unquote_to_bytes(coded.replace("_", " ").replace("=", "%"))
        for how, coded in found
    ).decode()


def plain_text(raw: bytes) -> str:
    """The text part, read from the bytes by RFC 2045's rules alone."""
    boundary = re.search(rb'boundary="([^"]+)"', raw)
    assert boundary is not None
    head, _, coded = raw.split(b"--" + boundary[1])[1].partition(b"\r\n\r\n")
    coded = coded.removesuffix(b"\r\n")
    how = re.search(rb"(?i)content-transfer-encoding: (\S+)", head)
    assert how is not None
    if how[1] == b"base64":
        data = b64decode(coded.replace(b"\r\n", b""), validate=True)
    else:
        data = unquote_to_bytes(re.sub(rb"=\r\n", b"", coded).replace(b"%", b"=25").replace(b"=", b"%"))
    return data.decode().replace("\r\n", "\n")


def test_six_hundred_subjects_and_texts_are_decoded_exactly_by_another_parser() -> None:
    sent = [(script, words) for script in ("ru", "fa", "zh") for words in create_words(script, 200)]
    wrong = []
    for script, words in sent:
        raw = wire(replace(MAIL, subject=words, text=f"{words}\n\n> {words[::-1]}\n", language=script))
        head = raw.partition(b"\r\n\r\n")[0].decode("ascii")
        subject = re.search(r"(?m)^Subject: ((?:[^\r]|\r\n[ \t])*)", head)
        assert subject is not None
        read = (
            decoded(subject[1]),
            plain_text(raw),
            str(make_header(decode_header(message_from_bytes(raw)["Subject"]))),
        )
        wrong += [words] if read != (words, f"{words}\n\n> {words[::-1]}\n", words) else []
        assert max(len(line) for line in raw.split(b"\r\n")) <= 78
    assert (len(sent), wrong) == (600, [])


@pytest.mark.parametrize("script", ALPHABETS)
def test_names_and_bodies_of_any_script_are_exact(script: str) -> None:
    for words in create_words(script, 50):
        raw = wire(replace(MAIL, to_name=words, from_name=words, text=f"{words}\n\n{words * 20}\n", html=f"<p>{words}"))
        old_policy = message_from_bytes(raw)
        for header, address in (("To", MAIL.to), ("From", MAIL.from_address)):
            assert str(make_header(decode_header(old_policy[header]))) in (
                f"{words} <{address}>",
                f'"{words}" <{address}>',
            )
        assert body(raw, "plain") == f"{words}\n\n{words * 20}\n"
        assert body(raw, "html") == f"<p>{words}\n"


@pytest.mark.parametrize("text", ["x" * 5_000, "ж" * 5_000, "word " * 2_000, "=" * 999, ".\n..\n", "\n\n", "a\r\nb\rc"])
def test_lines_on_the_wire_are_short_and_end_as_they_should(text: str) -> None:
    raw = wire(replace(MAIL, text=text, html=text, subject="Readers asked " + "x" * 2_000, to_name="n" * 900))
    lines = raw.split(b"\r\n")
    assert [line for line in lines if b"\r" in line or b"\n" in line or len(line) > 998] == []
    assert raw.isascii()


def test_a_body_is_the_text_to_the_letter() -> None:
    assert body(wire(MAIL), "plain") == MAIL.text
    assert b"\r\n>From" not in wire(MAIL)


def test_the_headers_say_who_and_what() -> None:
    mail = parse(wire(MAIL))
    assert mail["From"] == "Nora Lindqvist <corridor@newsroom.example>"
    assert mail["To"] == "Leyla Hüseynli <leyla@university.example>"
    assert mail["Reply-To"] == "corridor@newsroom.example"
    assert mail["Content-Language"] == "en"
    assert mail.get_all("Message-ID") == [ID]
    assert mail["Date"].datetime is not None
    assert mail["Auto-Submitted"] is None


def test_a_mail_without_html_is_one_part_and_without_sender_comes_from_the_house() -> None:
    mail = parse(wire(replace(MAIL, html=None, from_address=None, reply_to=None, to_name="")))
    assert (mail.get_content_type(), mail["From"].addresses[0].addr_spec) == ("text/plain", SENDER_ADDRESS)
    assert (mail["To"], mail["Reply-To"]) == ("leyla@university.example", None)


STOP = "https://ask.example/stop/8Jm1xN3y_2kQ"


@pytest.mark.parametrize(
    ("kind", "headers"),
    [
        ("expert.invitation", {}),  # that she is away is good to know
        ("reader.once", {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "DR, RN, NRN, OOF, AutoReply"}),
        ("sign_in", {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "DR, RN, NRN, OOF, AutoReply"}),
        ("reader.acknowledgement", {"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All"}),
    ],
)  # fmt: skip
def test_robots_are_told_what_no_person_wrote(kind: str, headers: dict[str, str]) -> None:
    assert of_machines(replace(MAIL, kind=kind)) == headers


def test_what_can_be_stopped_says_how() -> None:
    news = replace(MAIL, kind="reader.news", unsubscribe=STOP, list_id="reader-news.n1.ask.example")
    robots = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "DR, RN, NRN, OOF, AutoReply"}
    lists = {
        "List-Id": "<reader-news.n1.ask.example>", "List-Unsubscribe": f"<{STOP}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click", "Precedence": "bulk",
    }  # fmt: skip
    assert of_machines(news) == robots | lists
    # RFC 8058, section 3.1: one click needs https, which an onion address does without.
    onion = replace(news, unsubscribe=STOP.replace("https", "http"))
    assert "List-Unsubscribe-Post" not in of_machines(onion)


def of_machines(message: Message) -> dict[str, str]:
    """The headers that speak to machines about what a mail is."""
    names = (
        "Auto-Submitted",
        "X-Auto-Response-Suppress",
        "Precedence",
        "List-Id",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
    )
    mail = message_from_bytes(wire(message))
    return {name: str(mail[name]) for name in names if mail[name] is not None}


def test_a_thread_names_its_first_mail() -> None:
    first = "<7h3j5k.fedcba9876543210@ask.example>"
    mail = message_from_bytes(wire(replace(MAIL, in_reply_to=first, references=(first, ID))))
    assert (mail["In-Reply-To"], "".join(str(mail["References"]).split())) == (first, first + ID)


@pytest.mark.threat("hostile words")
@pytest.mark.parametrize("control", ["\r\n", "\n", "\r", "\x00", "\n "])
@pytest.mark.parametrize(
    "field",
    [
        "subject", "to", "to_name", "from_name", "from_address", "reply_to", "language", "message_id", "in_reply_to",
        "unsubscribe", "list_id", "references",
    ],
)  # fmt: skip
def test_no_value_can_begin_a_header_of_its_own(field: str, control: str) -> None:
    poison = f"x{control}Bcc: everybody@newsroom.example"
    value = (poison,) if field == "references" else poison
    mail = MAIL if field == "message_id" else replace(MAIL, **{field: value})
    with pytest.raises(UnsafeHeader):
        Envelope(mail, poison if field == "message_id" else ID, SENDER_ADDRESS)


@pytest.mark.threat("hostile words")
@pytest.mark.parametrize(
    "values",
    [
        {"unsubscribe": "https://ask.example/stop/x> <mailto:all@newsroom.example"}, {"unsubscribe": "javascript:alert(1)"},
        {"unsubscribe": "https://ask.example/стоп"}, {"list_id": "news"}, {"list_id": "a.b> <c.d"},
        {"in_reply_to": "no angle brackets@ask.example"}, {"references": ("<a@b.example>", "<c>")},
    ],
    ids=str,
)  # fmt: skip
def test_what_does_not_have_the_form_of_its_header_is_refused_for_good(values: dict[str, Any]) -> None:
    with pytest.raises(Permanent):
        wire(replace(MAIL, **values))


@pytest.mark.parametrize(
    "address", ["", "leyla", "a@b@c.example", "a b@c.example", "лейла@c.example", "a@c.example,d@e.f"]
)
def test_what_is_no_address_is_refused_for_good(address: str) -> None:
    with pytest.raises(Permanent):
        wire(replace(MAIL, to=address))


def test_a_domain_of_another_script_is_written_in_ascii() -> None:
    assert parse(wire(replace(MAIL, to="leyla@почта.example", to_name="")))["To"] == "leyla@xn--80a1acny.example"


def test_an_unknown_transport_is_refused() -> None:
    with pytest.raises(ValueError, match="folder, smtp"):
        transport(_configure(create_mail_app(), MAIL_TRANSPORT="pigeon"))


def _configure(app: Flask, **settings: Any) -> Flask:
    app.config.update(settings)
    return app


def test_the_folder_gets_whole_files_that_only_the_house_can_read(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "mail"
    send = transport(_configure(create_mail_app(), MAIL_TRANSPORT="folder", MAIL_FOLDER=str(folder)))
    send(MAIL, ID)
    send(replace(MAIL, subject="Second"), ID)
    first, second = sorted(folder.iterdir())
    assert re.fullmatch(r"\d{8}T\d{6}\.\d{6}Z-k2m4p6q8r0s2\.eml", first.name)
    assert [parse(path.read_bytes())["Subject"] for path in (first, second)] == ["Readers' question", "Second"]
    assert {path.stat().st_mode & 0o777 for path in (first, second)} == {0o600}


def test_a_folder_that_can_not_be_written_is_tried_again_later(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file stands where the folder should be")
    send = transport(_configure(create_mail_app(), MAIL_TRANSPORT="folder", MAIL_FOLDER=str(tmp_path / "mail")))
    with pytest.raises(Transient, match="the mail folder can't be written"):
        send(MAIL, ID)


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with run_smtp_server() as server:
        yield server


@pytest.fixture
def send(server: SmtpServer) -> Callable[[Message, str], None]:
    return transport(create_mail_app(MAIL_PORT=server.port))


def test_a_server_gets_the_mail_to_the_letter(server: SmtpServer, send: Callable[[Message, str], None]) -> None:
    send(MAIL, ID)
    [(sender, recipient, raw)] = server.mails
    assert (sender, recipient) == (SENDER_ADDRESS, "leyla@university.example")
    assert parse(raw)["Message-ID"] == ID
    assert body(raw, "plain") == MAIL.text


@pytest.mark.parametrize(
    ("step", "answer", "kind", "message"),
    [
        ("GREETING", b"421 too busy", Unreachable, "421 too busy"),
        ("GREETING", b"554 go away", Unreachable, "554 go away"),
        ("MAIL", b"451 local error", Transient, "451 local error"),
        ("MAIL", b"530 authentication required", Unreachable, "530 authentication required"),
        ("MAIL", b"550 no such sender", Permanent, "550 no such sender"),
        ("RCPT", b"450 greylisted", Transient, "450 greylisted"),
        ("RCPT", b"452 too many", Transient, "452 too many"),
        ("RCPT", b"550 5.1.1 <leyla@university.example>: no Leyla here", Permanent, "550 5.1.1 <…>: no … here"),
        ("RCPT", b"552-5.2.2 The mailbox of\r\n552 leyla@university.example is full", Permanent,
         "552 5.2.2 The mailbox of … is full"),
        ("DATA", b"451 wait", Transient, "451 wait"),
        ("END", b"451 try later", Transient, "451 try later"),
        ("END", b"554 looks like spam", Permanent, "554 looks like spam"),
        ("RCPT", None, Unreachable, "the server ended the connection"),
    ],
)  # fmt: skip
def test_what_the_server_says_becomes_a_fault_without_addresses(
    server: SmtpServer, send: Callable[[Message, str], None], step: str, answer: bytes | None, kind: type, message: str
) -> None:
    server.replies[step] = answer
    with pytest.raises((Transient, Permanent)) as fault:
        send(MAIL, ID)
    assert (type(fault.value), fault.value.reason) == (kind, message)
    assert server.mails == []


@pytest.mark.parametrize("goodbye", [None, b"421 gone", b"500 what"])
def test_a_goodbye_that_fails_does_not_undo_a_delivery(
    server: SmtpServer, send: Callable[[Message, str], None], goodbye: bytes | None
) -> None:
    server.replies["QUIT"] = goodbye
    send(MAIL, ID)
    assert [recipient for _, recipient, _ in server.mails] == ["leyla@university.example"]


def test_no_server_is_a_reason_to_wait() -> None:
    with run_smtp_server() as gone:
        port = gone.port
    with pytest.raises(Transient, match="Connection refused"):
        transport(create_mail_app(MAIL_PORT=port))(MAIL, ID)


def test_a_return_path_of_its_own_stands_on_the_envelope_only(server: SmtpServer) -> None:
    token = "abcdefghij234567"
    for pattern in ("bounces@steppe.example", "*@back.steppe.example"):
        send = transport(create_mail_app(MAIL_PORT=server.port, MAIL_RETURN_PATH=pattern))
        send(replace(MAIL, return_token=token), ID)
    transport(create_mail_app(MAIL_PORT=server.port, MAIL_RETURN_PATH=""))(replace(MAIL, return_token=token), ID)
    assert [sender for sender, _, _ in server.mails] == [
        f"bounces+b-{token}@steppe.example", f"b-{token}@back.steppe.example", SENDER_ADDRESS,
    ]  # fmt: skip
    assert [token.encode() in raw for _, _, raw in server.mails] == [False] * 3


def test_an_unsafe_mail_never_reaches_the_server(server: SmtpServer, send: Callable[[Message, str], None]) -> None:
    with pytest.raises(UnsafeHeader):
        send(replace(MAIL, subject="x\r\nBcc: a@b.example"), ID)
    assert server.commands == []


@pytest.mark.threat("network observer")
def test_a_server_that_knows_no_encryption_gets_nothing(server: SmtpServer) -> None:
    with pytest.raises(Transient, match="knows no encryption"):
        transport(create_mail_app(MAIL_PORT=server.port, MAIL_USE_TLS=True))(MAIL, ID)
    assert server.mails == []


def a_demo(tmp_path: Path, **settings: str) -> Flask:
    environ = {
        "READERS_ASKED_ENV": "demo",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'newsroom.db'}",
        "MAIL_FOLDER": str(tmp_path / "mail"),
    }
    return create_app(config.load(environ | settings))


def test_the_demo_shows_its_mails_newest_first_with_links_to_press(tmp_path: Path) -> None:
    app = a_demo(tmp_path)
    send, browser = transport(app), app.test_client()
    assert "No mail yet" in browser.get("/mails/").text
    send(replace(MAIL, subject="خبری از دالان", language="fa"), "<first.1@ask.example>")
    send(replace(MAIL, text="Come in:\nhttps://ask.example/s/x?a=1&b=2\n\n> <b>bold</b>\n"), "<second.2@ask.example>")
    page, links = Page(browser.get("/mails/").text), 'a[href^="/mails/"][dir=auto]'
    assert page.texts(links) == ["Readers' question", "خبری از دالان"]
    assert page.attributes(links, "lang") == ["en", "fa"]
    mail = browser.get(page.attributes(links, "href")[0]).text
    assert '<a href="https://ask.example/s/x?a=1&amp;b=2">https://ask.example/s/x?a=1&amp;b=2</a>' in mail
    assert '<blockquote class="aside-note" dir="auto">&lt;b&gt;bold&lt;/b&gt;</blockquote>' in mail
    assert "Leyla Hüseynli &lt;leyla@university.example&gt;" in mail


@pytest.mark.parametrize("name", ["..%2Fnewsroom.db", "newsroom", "20261116T090000.000000Z-none", ".env", "x%00"])
def test_the_folder_shows_nothing_but_its_mails(tmp_path: Path, name: str) -> None:
    app = a_demo(tmp_path)
    transport(app)(MAIL, ID)
    (tmp_path / "mail" / "newsroom.eml").write_text("Subject: not ours\n\n")
    assert app.test_client().get(f"/mails/{name}").status_code == 404


def test_outside_the_demo_nobody_finds_the_folder(tmp_path: Path) -> None:
    app = a_demo(tmp_path)
    transport(app)(MAIL, ID)
    name = next((tmp_path / "mail").iterdir()).stem
    for settings in ({"DEMO": False}, {"MAIL_TRANSPORT": "smtp"}):
        before = {key: app.config[key] for key in settings}
        app.config.update(settings)
        assert [app.test_client().get(path).status_code for path in ("/mails/", f"/mails/{name}")] == [404, 404]
        app.config.update(before)
    assert app.test_client().get(f"/mails/{name}").status_code == 200
