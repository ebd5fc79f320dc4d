"""Styles and scripts are kept by browsers for good, and never an old one with a new page."""

import gzip

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.core.security_headers import SECURITY_HEADERS
from app.web.static_files import FOLDER, JOINED, MEDIA_TYPES, current_version, files, icon
from tests.support.desk import LOCALHOST
from tests.support.pages import Page

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

GOOD, ASKED = "public, max-age=31536000, immutable", "no-cache"
PACKED, PLAIN = "gzip", None
TAKES = {
    "gzip, deflate, br": PACKED, "GZIP;q=0.1": PACKED, "*": PACKED, "br;q=1, *;q=0.5": PACKED,
    "": PLAIN, "br": PLAIN, "gzip;q=0": PLAIN, "gzip;q=0, *": PLAIN, "identity, *;q=0": PLAIN, "gzipped": PLAIN, ";": PLAIN,
}  # fmt: skip


def get_headers(answer: TestResponse) -> dict[str, str]:
    return {name: value for name, value in answer.headers if name not in ("Date", "X-Request-ID")}


@on_sqlite
def test_every_file_is_kept_for_good_under_the_address_of_its_version(client: FlaskClient) -> None:
    page = Page(client.get("/sign-in", base_url=LOCALHOST).text)
    named = [*page.attributes("link", "href"), *page.attributes("script", "src")]
    assert named == [icon(), f"/static/{current_version()}/expert-page.css"]
    for name in {*files()}:
        answer = client.get(f"/static/{current_version()}/{name}")
        assert (answer.status_code, answer.headers["Cache-Control"], answer.data) == (200, GOOD, files()[name].body)
        assert answer.headers["Content-Type"] == f"{MEDIA_TYPES[name[name.rindex('.') :]]}; charset=utf-8"
        assert (answer.headers["Vary"], answer.headers.getlist("Set-Cookie")) == ("Accept-Encoding", [])


@on_sqlite
def test_a_page_from_before_an_upgrade_finds_what_it_names_and_nobody_keeps_that(client: FlaskClient) -> None:
    """Scripts find each other beside them, so all that such a page loads is of today."""
    for name in {*files()}:
        for address in (f"/static/{name}", f"/static/0123456789ab/{name}"):
            answer = client.get(address)
            assert (answer.status_code, answer.headers["Cache-Control"], answer.data) == (
                200,
                ASKED,
                files()[name].body,
            )
            again = client.get(address, headers={"If-None-Match": answer.headers["ETag"]})
            assert (again.status_code, again.data) == (304, b"")
    for address in (
        "/static/nothing.css",
        f"/static/{current_version()}/nothing.css",
        f"/static/{current_version()}/",
        "/static/a/b/reader.css",
    ):
        assert client.get(address).status_code == 404, address


def test_the_version_changes_with_any_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is what `current_version` is made of: names and tags."""
    tags = [kept.digest for kept in files().values()]
    assert len(set(tags)) == len(tags)
    whole = files()
    monkeypatch.setattr("app.web.static_files.files", lambda: dict(list(whole.items())[1:]))
    assert current_version.__wrapped__() != current_version()


@on_sqlite
def test_whoever_can_unpack_gets_it_packed_under_a_tag_of_its_own(client: FlaskClient) -> None:
    address, kept = f"/static/{current_version()}/reader.css", files()["reader.css"]
    for takes, coding in TAKES.items():
        headers = {"Accept-Encoding": takes}
        got = client.get(address, headers=headers)
        sent, tag = (kept.gzipped, f'"{kept.digest}-gzip"') if coding else (kept.body, f'"{kept.digest}"')
        assert (got.status_code, got.headers.get("Content-Encoding"), got.data) == (200, coding, sent), takes
        assert (got.headers["ETag"], got.headers["Vary"]) == (tag, "Accept-Encoding")
        head = client.head(address, headers=headers)
        assert (head.status_code, head.data, get_headers(head)) == (200, b"", get_headers(got))
        assert head.headers["Content-Length"] == str(len(sent))
        same, other = (client.get(address, headers=headers | {"If-None-Match": one}) for one in (tag, '"other"'))
        assert (same.status_code, same.data, same.headers["ETag"], same.headers["Vary"]) == (
            304,
            b"",
            tag,
            "Accept-Encoding",
        )
        assert (other.status_code, other.data) == (200, sent)
    assert gzip.decompress(kept.gzipped) == kept.body


@on_sqlite
def test_a_part_is_one_of_what_is_not_packed(client: FlaskClient) -> None:
    address, kept = f"/static/{current_version()}/reader.css", files()["reader.css"]
    some = {"Range": "bytes=5-9", "Accept-Encoding": "gzip"}
    for more, status, sent in (
        ({}, 206, kept.body[5:10]),
        ({"If-Range": f'"{kept.digest}"'}, 206, kept.body[5:10]),
        ({"If-Range": f'"{kept.digest}-gzip"'}, 200, kept.body),  # two parts that don't fit are never put together
        ({"Range": "bytes=900000-"}, 416, None),
    ):  # fmt: skip
        part = client.get(address, headers=some | more)
        assert (part.status_code, part.headers.get("Content-Encoding")) == (status, None), more
        assert sent in (part.data, None)


def test_each_file_is_sent_as_it_is_written_and_joined_sheets_hold_all_of_their_parts() -> None:
    written = {path.name: path.read_text("utf-8") for path in FOLDER.iterdir()}
    written |= {name: "\n".join(written[part] for part in parts) for name, parts in JOINED.items()}
    assert {name: kept.body.decode() for name, kept in files().items()} == written


@pytest.mark.threat("hostile words")
def test_static_files_and_errors_carry_the_headers_of_pages(client: FlaskClient) -> None:
    for address, status in (
        *((f"/static/{name}", 200) for name in ("reader.css", "proof.js")),
        ("/static/nothing.css", 404),
        ("/no/page", 404),
    ):
        answer = client.get(address)
        assert answer.status_code == status
        assert {name: answer.headers.get_all(name) for name in SECURITY_HEADERS} == {
            name: [value] for name, value in SECURITY_HEADERS.items()
        }
        assert answer.headers.get_all("Strict-Transport-Security") == ["max-age=31536000"]
