"""Whoever asks for another host than ours is told nothing, and its name is repeated nowhere."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

import config
from app import create_app
from app.web.hosts import MISDIRECTED
from tests.support.app import PRODUCTION_SETTINGS, TEST_SETTINGS
from tests.support.sample_newsroom import Newsroom

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

EVIL = (
    "evil.example",
    "evil.example:443",
    "ask.newsroom.example.evil.example",
    "EVIL.example",
    "[",
    "ask.newsroom.example@evil.example",
    "",
)


@pytest.mark.threat("stranger at the door")
@pytest.mark.parametrize("host", EVIL)
@pytest.mark.parametrize("path", ["/", "/steppe/", "/steppe", "/desk", "/sign-in", "/no/such/page", "/static/desk.css"])
def test_another_host_is_refused_and_not_repeated(
    client: FlaskClient, newsroom: Newsroom, host: str, path: str
) -> None:
    page = client.get(path, headers={"Host": host})
    assert (page.status_code, page.text, page.location) == (421, MISDIRECTED, None)
    assert "evil" not in str(page.headers).lower()


def test_our_own_hosts_are_answered_with_any_port(client: FlaskClient, newsroom: Newsroom) -> None:
    for host in ("ask.newsroom.example", "ASK.newsroom.example:8443", "localhost", "127.0.0.1:8000", "[::1]:8000"):
        assert client.get("/steppe/", headers={"Host": host}).status_code == 200, host
        slash = client.get("/steppe", headers={"Host": host})
        assert (slash.status_code, slash.location) == (308, "/steppe/"), host


def test_a_second_host_is_a_setting(app: Flask) -> None:
    made = create_app({**app.config, **TEST_SETTINGS, "HOSTS": ("second.example",)})
    asked = {
        host: made.test_client().get("/sign-in", headers={"Host": host}).status_code
        for host in ("second.example", "third.example")
    }
    assert asked == {"second.example": 200, "third.example": 421}
    made.extensions["database"].close()
    with pytest.raises(config.Unsafe, match="HOSTS must be names like"):
        config.load({**PRODUCTION_SETTINGS, "HOSTS": "https://second.example"})


def test_health_is_told_to_whoever_asks_by_an_address_of_the_machine(client: FlaskClient) -> None:
    assert client.get("/healthz", headers={"Host": "10.0.0.5:8000"}).text == "up\n"
