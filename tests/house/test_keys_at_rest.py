"""Keys that people give us, or that we make for them, can be read neither in the database nor in a log, an export or a page.

Somebody copies the files of the database, reads every line of the log while everything goes wrong, and takes an export along.
"""

import re
from base64 import b32decode, b64decode, b64encode

import pyotp
import pytest
from flask import Flask

import config
from app.db.engine import Database
from app.editions import handoff
from tests.support.app import PRODUCTION_SETTINGS
from tests.support.database_checks import dump_tables, find_in_files
from tests.support.desk import FIRST_QUESTION, ComingEdition, Desk, get_version_token
from tests.support.desk_people import NORA, sign_in_directly
from tests.support.fake_servers import ALLOWED_HOSTS, CannedResponse, deliver_messages, webhook_receiver
from tests.support.newsletter_exports import export, read_all
from tests.support.sample_newsroom import Newsroom
from tests.support.sending_tools import KEYS, run_tool_server

FACTORS = "/signed-in/factors"


def set_up_ghost_that_fails(nora: Desk, newsroom: Newsroom, app: Flask) -> str:
    """Connect Ghost, which then repeats its key in what it answers. Return the key's secret part."""
    secret = KEYS["ghost"].partition(":")[2]
    edition = ComingEdition(nora, newsroom)
    [question] = edition.create_questions(FIRST_QUESTION)
    edition.press("pick", question=question)
    with run_tool_server("ghost") as server:
        page = "settings/sending-tool"
        typed = {"tool": "ghost", "address": server.origin, "key": KEYS["ghost"], "audience": ""}
        nora.press(page, **typed, seen=get_version_token(nora.get(page), "sending-tool"))
        server.responses = [CannedResponse({"errors": [{"message": f"{KEYS['ghost']} is no key"}]}, 500)] * 3
        nora.post(f"{page}/try")
        nora.press(f"{edition.page}/draft")
        handoff.process_due_handoffs(nora.database, ALLOWED_HOSTS)
        assert server.requests != []
    return secret


def set_up_program_that_fails(vera: Desk) -> str:
    """Connect a program, which then repeats its signature in what it answers. Return its secret."""
    with webhook_receiver() as site:
        page = vera.post("programs", kind="webhook", name="The site", address=site.address)
        [secret] = vera.post(f"{page}/secret", 200).texts("code")
        site.response = CannedResponse(f"{secret} is no secret".encode(), 500)
        vera.post(f"{page}/test")
        deliver_messages(vera.database)
        assert site.requests != []
    return str(secret)


def add_app(app: Flask, database: Database) -> tuple[str, list[str]]:
    """Give Nora an app, after a wrong code and with a wrong one later. Return its secret and the recovery codes."""
    nora = sign_in_directly(app, database, NORA)
    nora.open(f"{FACTORS}/app")
    nora.submit(f"{FACTORS}/app", code="000000")
    secret = nora.value("secret")
    nora.submit(f"{FACTORS}/app", code=pyotp.TOTP(secret).now())
    codes = re.findall(r"\b[a-z2-7]{4}(?:-[a-z2-7]{4}){3}\b", nora.text)
    other = sign_in_directly(app, database, NORA)
    other.open("/sign-in/second")
    other.submit("/sign-in/second", code=f"{codes[0]}x")
    other.submit("/sign-in/second", code=codes[0])
    return secret, codes


@pytest.mark.threat("stolen database", "hosting provider")
@pytest.mark.both_databases
def test_no_key_can_be_read_in_the_database_a_log_or_an_export(
    app: Flask, database: Database, newsroom: Newsroom, nora: Desk, vera: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(1)
    app.config["OWN_HOSTS"] = ALLOWED_HOSTS
    ghost_secret = set_up_ghost_that_fails(nora, newsroom, app)
    program_secret = set_up_program_that_fails(vera)
    app_secret, codes = add_app(app, database)
    texts = [ghost_secret, program_secret.removeprefix("whsec_"), app_secret, *codes]
    texts += [code.replace("-", "") for code in codes]
    keys = [bytes.fromhex(ghost_secret), b64decode(program_secret.removeprefix("whsec_")), b32decode(app_secret)]
    assert (len(texts), len(keys)) == (23, 3)

    assert find_in_files(database, "The site", *texts, *keys) == ["The site"]  # what is no key is found
    rows = repr(dump_tables(database)).casefold()
    log = "\n".join(caplog.text.splitlines()).casefold()
    exported = read_all(export(database, with_contacts=True)).casefold()
    pages = "".join(vera.open(path).text for path in ("settings/sending-tool", "programs", "settings/trail")).casefold()
    spellings = [*texts, *(key.hex() for key in keys), *(b64encode(key).decode() for key in keys)]
    for name, content in {"rows": rows, "log": log, "export": exported, "pages": pages}.items():
        assert [text for text in spellings if text.casefold() in content] == [], name


WRONG_KEYS = {
    "SECRET_KEYS": "1:planted-secret-of-the-keys",
    "MAIL_PASSWORD": "planted-password-without-encryption",
    "OIDC_CLIENT_SECRET": "planted-secret-without-an-issuer",
    "LIBRETRANSLATE_KEY": "planted-key-without-a-server",
    "MAIL_WEBHOOK_SECRET": "planted",
    "METRICS_TOKEN": "planted",
    "SENTRY_DSN": "https://planted@",
    "REDIS_URL": "redis://:planted@[",
    "DATABASE_URL": "postgresql+psycopg://desk:planted@host:port/desk",
    "MAILBOXES": "imaps://desk:planted@",
}


@pytest.mark.threat("hosting provider")
@pytest.mark.parametrize("name", WRONG_KEYS)
def test_a_key_of_the_settings_that_is_wrong_is_not_repeated(name: str) -> None:
    """What is wrong with the settings is printed, and so comes into the log of the machine."""
    with pytest.raises(config.Unsafe) as error:
        config.load({**PRODUCTION_SETTINGS, "MAIL_SERVER": "mail.example.org", name: WRONG_KEYS[name]})
    assert (name in str(error.value), "planted" in str(error.value)) == (True, False)
