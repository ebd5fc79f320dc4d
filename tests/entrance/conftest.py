from collections.abc import Iterator

import pytest
from flask import Flask

from app.people import oidc
from tests.support.oidc_provider import OidcProvider, run_oidc_provider


@pytest.fixture
def provider(app: Flask) -> Iterator[OidcProvider]:
    oidc._metadata_cache.clear()  # a port may come again
    with run_oidc_provider(app.config["BASE_URL"]) as server:
        app.config["OIDC"] = server.get_account()
        yield server
