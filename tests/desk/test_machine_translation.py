"""Letters in a language that the desk can't read: only on a press, only to the newsroom's own machine, and once."""

import logging
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

import config
from app.audit import Event
from app.core.actors import Reader
from app.core.domain_errors import InvalidTransition
from app.db.engine import Database
from app.letters import machine_translation, receipts, receive
from app.letters.machine_translation import TranslationFailed, request_translation
from app.letters.models import Letter, MachineTranslation
from app.newsletters.models import Newsletter
from app.server import worker
from app.workflows.letters import withdrawal
from tests.support.app import PRODUCTION_SETTINGS
from tests.support.database_checks import count_rows, dump_tables, get_one
from tests.support.desk import Desk, get_version
from tests.support.fake_servers import TRANSLATION_KEY, CannedResponse, LibreTranslateServer, libre_translate
from tests.support.sample_newsroom import Newsroom

WORDS, BESIDES = "چه کسی نمک باد را اندازه می‌گیرد؟", "در کارخانه کنسرو کار می‌کنم"
BUTTON = "Translate it for the desk, by the newsroom’s own machine"


@pytest.fixture(scope="module")
def machine_() -> Iterator[LibreTranslateServer]:
    with libre_translate() as server:
        yield server


@pytest.fixture
def machine(machine_: LibreTranslateServer, app: Flask) -> LibreTranslateServer:
    """The newsroom's own machine, which the settings of the app name."""
    machine_.requests.clear()
    machine_.responses.clear()
    app.config["TRANSLATION_SERVER"] = machine_.get_settings()
    return machine_


def letter(database: Database, newsroom: Newsroom, text: str = WORDS, background: str = BESIDES) -> str:
    def send(session: Session) -> str:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        return receive.send(
            session,
            Reader(0),
            newsletter,
            receive.Submission(text, background=background),
            form=receive.FormToken(text, 1),
        ).public_id

    return database.write(send)


def worked(app: Flask) -> None:
    worker.translate_letters(app, app.extensions["database"])


def press(nora: Desk, public_id: str, status: int = 303) -> None:
    page = nora.get(f"letters/{public_id}")
    nora.post(f"letters/{public_id}/translate", status, version=get_version(page))


def test_a_letter_is_translated_on_a_press_and_stays_with_the_desk(
    nora: Desk,
    app: Flask,
    database: Database,
    newsroom: Newsroom,
    machine: LibreTranslateServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    public_id = letter(database, newsroom)
    worked(app)
    assert machine.requests == []  # nobody has pressed
    press(nora, public_id)
    assert "is translating it" in nora.get_text(f"letters/{public_id}")
    assert BUTTON not in nora.get(f"letters/{public_id}").buttons
    worked(app)
    worked(app)
    assert machine.requests == [
        ("/translate", "application/json", {"q": [WORDS, BESIDES], "source": "fa", "target": "en", "format": "text", "api_key": TRANSLATION_KEY})
    ]  # fmt: skip
    page = nora.get(f"letters/{public_id}")
    assert page.texts("#machine") == ["In English, machine-translated"]
    assert page.texts("section[aria-labelledby=machine] .said") == [f"[{WORDS}]", f"[{BESIDES}]"]
    assert "Nobody has reviewed it" in page.main_text
    stored = get_one(database, MachineTranslation)
    assert f"[{WORDS}]".encode() not in (stored.found_sealed or b"")
    elsewhere = {name: rows_ for name, rows_ in dump_tables(database).items() if f"[{WORDS}" in str(rows_)}
    assert elsewhere == {}
    assert [word for word in (WORDS, BESIDES, TRANSLATION_KEY) if word in caplog.text] == []
    with database.read() as session:
        assert (
            session.scalars(select(Event.action).where(Event.action.startswith("letter."))).all()[-1]
            == "letter.translate"
        )


@pytest.mark.threat("silent servers")
@pytest.mark.parametrize(("answer", "fault"), [
    (CannedResponse({"error": "Invalid API key"}, 403), "key"),
    (CannedResponse({"error": "Slowdown: 20 per 1 minute"}, 429), "busy"),
    (CannedResponse({"error": "fa is not supported"}, 400), "refused"),
    (CannedResponse({"error": "Cannot translate text"}, 500), "broken"),
    (CannedResponse(b"<html>nginx", 404), "garbage"),
    (CannedResponse(b"{", 200), "garbage"),
    (CannedResponse(b"[" * 50_000, 200), "garbage"),
    (CannedResponse({"translatedText": "one for two"}, 200), "garbage"),
    (CannedResponse({"translatedText": ["one for two"]}, 200), "garbage"),
    (CannedResponse({"translatedText": ["one", 2]}, 200), "garbage"),
    (CannedResponse({"translatedText": ["x" * 70_000, ""]}, 200), "unreachable"),
    (CannedResponse(b"", 302, {"Location": "http://127.0.0.1:1/translate"}), "garbage"),
])  # fmt: skip
def test_whatever_goes_wrong_is_said_and_the_words_go_out_again_on_a_press_alone(
    nora: Desk,
    app: Flask,
    database: Database,
    newsroom: Newsroom,
    machine: LibreTranslateServer,
    answer: CannedResponse,
    fault: str,
) -> None:
    public_id = letter(database, newsroom)
    machine.responses.append(answer)
    press(nora, public_id)
    worked(app)
    worked(app)
    assert (len(machine.requests), get_one(database, MachineTranslation).fault) == (1, fault)
    assert "Try it again" in nora.get(f"letters/{public_id}").buttons
    press(nora, public_id)
    worked(app)
    assert (len(machine.requests), get_one(database, MachineTranslation).fault) == (2, None)


@pytest.mark.threat("silent servers")
def test_a_server_that_is_slow_or_gone_is_waited_for_no_longer_than_its_limit(machine_: LibreTranslateServer) -> None:
    machine_.responses.append(CannedResponse(b'{"translatedText": ["' + b"x" * 200, 200, byte_delay=0.05))
    with pytest.raises(TranslationFailed, match="slow"):
        request_translation(machine_.get_settings(), ["salt"], "und", "en", timeout=0.3)
    assert machine_.requests[-1][2]["source"] == "auto"
    with pytest.raises(TranslationFailed, match="key"):
        request_translation(machine_.get_settings("another"), ["salt"], "ru", "en")
    with libre_translate() as gone:
        nowhere = gone.get_settings()
    with pytest.raises(TranslationFailed, match="unreachable"):
        request_translation(nowhere, ["salt"], "ru", "en")


@pytest.mark.threat("hostile words")
def test_what_comes_back_is_text_whatever_stands_in_it(
    nora: Desk, app: Flask, database: Database, newsroom: Newsroom, machine: LibreTranslateServer
) -> None:
    public_id = letter(database, newsroom, background="")
    machine.responses.append(
        CannedResponse({"translatedText": ["<img src=//x onerror=alert(1)>\ud800 {{ 7*7 }}\u202e\0 salt"]})
    )
    press(nora, public_id)
    worked(app)
    page = nora.get(f"letters/{public_id}")
    assert page.parts("section[aria-labelledby=machine] img") == []
    assert page.texts("section[aria-labelledby=machine] .said") == ["<img src=//x onerror=alert(1)>? {{ 7*7 }} salt"]


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PGP MESSAGE-----\n\nhQEMA5v\n-----END PGP MESSAGE-----",
        "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl",
        "نمک " * 6_000,
    ],
)
def test_what_somebody_sealed_and_what_is_too_long_never_goes_out(
    nora: Desk, app: Flask, database: Database, newsroom: Newsroom, machine: LibreTranslateServer, text: str
) -> None:
    public_id = letter(database, newsroom)
    database.write(lambda session: session.execute(update(Letter).values(body=text)) and None)
    assert BUTTON not in nora.get(f"letters/{public_id}").buttons
    with pytest.raises(InvalidTransition):
        database.write(
            lambda s: machine_translation.queue_translation(s, newsroom.nora, s.scalars(select(Letter)).one(), "en")
        )
    worked(app)
    assert machine.requests == []


def test_without_the_setting_there_is_no_button_no_press_and_no_request(
    nora: Desk, app: Flask, database: Database, newsroom: Newsroom, machine: LibreTranslateServer
) -> None:
    public_id = letter(database, newsroom)
    press(nora, public_id)
    app.config["TRANSLATION_SERVER"] = None
    worked(app)
    assert (machine.requests, BUTTON in nora.get(f"letters/{public_id}").buttons) == ([], False)
    nora.post(f"letters/{public_id}/translate", 409, version="1")
    english = letter(database, newsroom, "Who measures the salt in the orchards and who pays for it?", "")
    app.config["TRANSLATION_SERVER"] = machine.get_settings()
    assert BUTTON not in nora.get(f"letters/{english}").buttons


@pytest.mark.threat("erased words")
def test_it_goes_with_the_letter_also_while_the_answer_is_on_its_way(
    nora: Desk,
    app: Flask,
    database: Database,
    newsroom: Newsroom,
    machine: LibreTranslateServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def take_back(session: Session, public_id: str) -> None:
        found = session.scalars(select(Letter).filter_by(public_id=public_id)).one()
        withdrawal.withdraw(session, receipts.reader_of(found), found)

    first, second = letter(database, newsroom), letter(database, newsroom, WORDS + " کی؟")
    press(nora, first)
    worked(app)
    database.write(lambda session: take_back(session, first))
    assert count_rows(database)["machine_translations"] == 0
    press(nora, second)
    asked = machine_translation.request_translation

    def meanwhile(*arguments: object) -> list[str]:
        came = asked(*arguments)  # type: ignore[arg-type]
        database.write(lambda session: take_back(session, second))
        return came

    monkeypatch.setattr(machine_translation, "request_translation", meanwhile)
    worked(app)
    assert count_rows(database)["machine_translations"] == 0


def test_what_a_worker_had_sent_that_was_ended_is_not_sent_again_by_itself(
    nora: Desk,
    app: Flask,
    database: Database,
    newsroom: Newsroom,
    machine: LibreTranslateServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    public_id = letter(database, newsroom)
    press(nora, public_id)

    def exit_process(*_arguments: object) -> list[str]:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(machine_translation, "request_translation", exit_process)
        with pytest.raises(SystemExit):
            worked(app)
    worked(app)
    assert machine.requests == []
    database.write(lambda s: s.execute(update(MachineTranslation).values(sent_at=MachineTranslation.asked_at)) and None)
    monkeypatch.setattr(machine_translation, "WORKER_TIMEOUT", machine_translation.WORKER_TIMEOUT * 0)
    assert "our worker was stopped first" in nora.get_text(f"letters/{public_id}")
    press(nora, public_id)
    worked(app)
    assert len(machine.requests) == 1


@pytest.mark.parametrize(("url", "fault"), [
    ("http://127.0.0.1:5000", ""), ("http://10.0.0.7:5000/", ""), ("http://translate:5000", ""), ("http://[fd00::7]:5000", ""),
    ("https://translate.example.org", ""), ("http://translate.example.org", "must begin with https://"), ("http://203.0.114.7", "must begin with https://"),
    ("http://desk:word@translate", "must be a URL such as"), ("ftp://translate", "must be a URL such as"), ("translate:5000", "must be a URL such as"),
    ("http://translate:99999", "must be a URL such as"), ("https://translate.example.org/?q=", "must be a URL such as"),
])  # fmt: skip
def test_the_setting_takes_a_server_near_by_or_one_over_tls(url: str, fault: str) -> None:
    if not fault:
        assert (
            config.load(PRODUCTION_SETTINGS | {"LIBRETRANSLATE_URL": url, "LIBRETRANSLATE_KEY": TRANSLATION_KEY})[
                "TRANSLATION_SERVER"
            ].key
            == TRANSLATION_KEY
        )
        return
    with pytest.raises(config.Unsafe, match=fault):
        config.load(PRODUCTION_SETTINGS | {"LIBRETRANSLATE_URL": url})


def test_it_is_off_unless_it_is_set_and_a_key_alone_is_a_fault() -> None:
    assert config.load(PRODUCTION_SETTINGS)["TRANSLATION_SERVER"] is None
    with pytest.raises(config.Unsafe, match="LIBRETRANSLATE_URL is empty"):
        config.load(PRODUCTION_SETTINGS | {"LIBRETRANSLATE_KEY": TRANSLATION_KEY})
    assert TRANSLATION_KEY not in repr(
        config.load(PRODUCTION_SETTINGS | {"LIBRETRANSLATE_URL": "http://t", "LIBRETRANSLATE_KEY": TRANSLATION_KEY})[
            "TRANSLATION_SERVER"
        ]
    )
