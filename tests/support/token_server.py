"""An OAuth provider on this machine (RFC 6749, 8628 and 7662): it issues, refreshes and introspects tokens.

It is strict: a refresh token is valid once, and using it again revokes all tokens of its user.
`python -m tests.support.token_server USER CERTIFICATE KEY` serves TLS on port 443, prints a refresh token of that user,
approves device codes for them, and answers introspection requests of mail servers on port 8090.
"""

import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from secrets import token_urlsafe
from urllib.parse import parse_qs

from app.core.clock import unix_time
from app.settings.mail_accounts import OAuthAccount, Provider
from tests.support.fake_servers import CannedResponse, CannedResponseHandler, run_server

CLIENT_ID = "the desk"


def build_token_error(code: str, status: int = 400, description: str = "") -> CannedResponse:
    return CannedResponse({"error": code, "error_description": description}, status)


class TokenServer(ThreadingHTTPServer):
    """The provider. `responses` has responses for the next requests, one for each, and None for the regular response;
    `requests` has all paths with their forms. An access token is valid for `token_lifetime` seconds.
    """

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), TokenHandler)
        self.responses: list[CannedResponse | None] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.token_lifetime = 3600
        self.rotates = True
        self.poll_interval = 5
        self.approving_user = ""  # the user who approves a device code after its first poll
        self.has_polled = False
        self.delay = 0.0  # seconds before each response about a token
        self.refresh_tokens: dict[str, str] = {}  # users by refresh token
        self.access_tokens: dict[str, tuple[str, float]] = {}
        self.used_tokens: set[str] = set()
        self.stop = threading.Event()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def get_account(self, user: str, **overrides: str) -> OAuthAccount:
        settings = {
            "token_url": f"{self.url}/token",
            "device_url": f"{self.url}/device",
            "scopes": "mail",
            "client_id": CLIENT_ID,
        }
        return OAuthAccount(user, Provider(**settings | overrides))

    def get_settings(self) -> dict[str, str]:
        """Return the settings of the provider as environment variables."""
        return {
            "MAIL_OAUTH": "custom", "MAIL_OAUTH_CLIENT_ID": CLIENT_ID, "MAIL_OAUTH_SCOPES": "mail",
            "MAIL_OAUTH_TOKEN_URL": f"{self.url}/token", "MAIL_OAUTH_DEVICE_URL": f"{self.url}/device",
        }  # fmt: skip

    def create_refresh_token(self, user: str) -> str:
        """Issue a refresh token, as if the user had signed in."""
        self.refresh_tokens[token := f"refresh-{token_urlsafe(8)}"] = user
        return token

    def revoke(self, user: str) -> None:
        self.refresh_tokens = {token: owner for token, owner in self.refresh_tokens.items() if owner != user}
        self.access_tokens = {token: entry for token, entry in self.access_tokens.items() if entry[0] != user}

    def count_requests(self, path: str) -> int:
        return [requested_path for requested_path, _form in self.requests].count(path)

    def respond(self, path: str, form: dict[str, str]) -> CannedResponse:
        with self._lock:
            self.requests.append((path, form))
            if path == "/introspect":
                user, expires_at = self.access_tokens.get(form.get("token", ""), ("", 0.0))
                return CannedResponse({"active": expires_at > unix_time(), "username": user, "scope": "mail"})
            if self.responses and (response := self.responses.pop(0)) is not None:
                return response
            if "scope" in form:
                return CannedResponse({
                    "device_code": "device", "user_code": "WDJB-MJHT", "expires_in": 900, "interval": self.poll_interval,
                    "verification_uri": f"{self.url}/code",
                })  # fmt: skip
            if form["grant_type"] == "refresh_token":
                return self._refresh(form["refresh_token"])
            self.has_polled, had_polled = True, self.has_polled
            return (
                self.issue_tokens(self.approving_user)
                if had_polled and self.approving_user
                else build_token_error("authorization_pending")
            )

    def _refresh(self, token: str) -> CannedResponse:
        user = self.refresh_tokens.get(token)
        if token in self.used_tokens:
            self.revoke(user or "")
        if user is None or token in self.used_tokens:
            return build_token_error("invalid_grant", description=f"the grant of {user} was revoked")
        if self.rotates:
            self.used_tokens.add(token)
        return self.issue_tokens(user)

    def issue_tokens(self, user: str) -> CannedResponse:
        self.access_tokens[access_token := f"access-{token_urlsafe(8)}"] = (user, unix_time() + self.token_lifetime)
        extra = {"refresh_token": self.create_refresh_token(user)} if self.rotates else {}
        return CannedResponse(
            {"access_token": access_token, "token_type": "Bearer", "expires_in": self.token_lifetime, **extra}
        )


class TokenHandler(CannedResponseHandler):
    server: TokenServer

    def get_response(self) -> CannedResponse:
        form = parse_qs(self.read_body().decode())
        response = self.server.respond(self.path, {name: values[0] for name, values in form.items()})
        if self.server.delay and self.path == "/token":
            self.server.stop.wait(self.server.delay)
        return response


@contextmanager
def run_token_server() -> Iterator[TokenServer]:
    server = TokenServer()
    with run_server(server, server.stop):
        yield server


def _main(user: str, certificate: str, key: str) -> None:
    provider, introspection = TokenServer(443), TokenServer(8090)
    introspection.access_tokens = provider.access_tokens
    provider.approving_user, provider.poll_interval = user, 1
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    provider.socket = context.wrap_socket(provider.socket, server_side=True)
    print(provider.create_refresh_token(user), flush=True)
    threading.Thread(target=introspection.serve_forever, daemon=True).start()
    provider.serve_forever()


if __name__ == "__main__":
    _main(*sys.argv[1:])
