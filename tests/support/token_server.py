"""An OAuth provider on this machine (RFC 6749, 8628 and 7662): it gives tokens, renews them, and tells whose they are.

It is as strict as any: a refresh token counts once, and one that comes a second time ends the whole sign-in.
`python -m tests.support.token_server USER CERTIFICATE KEY` serves by TLS at port 443, prints a refresh token of that user, who
types a code as soon as there is one, and tells mail servers at port 8090 whose a token is.
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
from tests.support.fake_servers import AnswerHandler, CannedAnswer, run_server

CLIENT = "the desk"


def token_error(code: str, status: int = 400, description: str = "") -> CannedAnswer:
    return CannedAnswer({"error": code, "error_description": description}, status)


class TokenServer(ThreadingHTTPServer):
    """`answers` are given first, one a request, and None in it lets a request be answered as usual; `asked` are all forms
    that came, with their paths. An access token lives for `life` seconds."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), TokenHandler)
        self.answers: list[CannedAnswer | None] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.life = 3600
        self.rotates = True
        self.pace = 5
        self.types_code = ""  # who does so, after the first question
        self.typed = False
        self.thinks = 0.0  # seconds before each answer about a token
        self.refresh: dict[str, str] = {}  # a token, and whose it is
        self.access: dict[str, tuple[str, float]] = {}
        self.used: set[str] = set()
        self.over = threading.Event()
        self._one = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def account(self, user: str, **more: str) -> OAuthAccount:
        settings = {
            "token_url": f"{self.url}/token",
            "device_url": f"{self.url}/device",
            "scopes": "mail",
            "client_id": CLIENT,
        }
        return OAuthAccount(user, Provider(**settings | more))

    def settings(self) -> dict[str, str]:
        """The same as environment variables."""
        return {
            "MAIL_OAUTH": "custom", "MAIL_OAUTH_CLIENT_ID": CLIENT, "MAIL_OAUTH_SCOPES": "mail",
            "MAIL_OAUTH_TOKEN_URL": f"{self.url}/token", "MAIL_OAUTH_DEVICE_URL": f"{self.url}/device",
        }  # fmt: skip

    def allows(self, user: str) -> str:
        """A refresh token of somebody who has signed in."""
        self.refresh[token := f"refresh-{token_urlsafe(8)}"] = user
        return token

    def revoke(self, user: str) -> None:
        self.refresh = {token: whose for token, whose in self.refresh.items() if whose != user}
        self.access = {token: about for token, about in self.access.items() if about[0] != user}

    def count(self, path: str) -> int:
        return [asked for asked, _form in self.asked].count(path)

    def answer(self, path: str, form: dict[str, str]) -> CannedAnswer:
        with self._one:
            self.asked.append((path, form))
            if path == "/introspect":
                user, until = self.access.get(form.get("token", ""), ("", 0.0))
                return CannedAnswer({"active": until > unix_time(), "username": user, "scope": "mail"})
            if self.answers and (answer := self.answers.pop(0)) is not None:
                return answer
            if "scope" in form:
                return CannedAnswer({
                    "device_code": "device", "user_code": "WDJB-MJHT", "expires_in": 900, "interval": self.pace,
                    "verification_uri": f"{self.url}/code",
                })  # fmt: skip
            if form["grant_type"] == "refresh_token":
                return self._renewed(form["refresh_token"])
            self.typed, typed = True, self.typed
            return self.tokens(self.types_code) if typed and self.types_code else token_error("authorization_pending")

    def _renewed(self, token: str) -> CannedAnswer:
        user = self.refresh.get(token)
        if token in self.used:
            self.revoke(user or "")
        if user is None or token in self.used:
            return token_error("invalid_grant", description=f"the grant of {user} was revoked")
        if self.rotates:
            self.used.add(token)
        return self.tokens(user)

    def tokens(self, user: str) -> CannedAnswer:
        self.access[access := f"access-{token_urlsafe(8)}"] = (user, unix_time() + self.life)
        more = {"refresh_token": self.allows(user)} if self.rotates else {}
        return CannedAnswer({"access_token": access, "token_type": "Bearer", "expires_in": self.life, **more})


class TokenHandler(AnswerHandler):
    server: TokenServer

    def answer(self) -> CannedAnswer:
        form = parse_qs(self.sent().decode())
        answer = self.server.answer(self.path, {name: values[0] for name, values in form.items()})
        if self.server.thinks and self.path == "/token":
            self.server.over.wait(self.server.thinks)
        return answer


@contextmanager
def token_server() -> Iterator[TokenServer]:
    server = TokenServer()
    with run_server(server, server.over):
        yield server


def _main(user: str, certificate: str, key: str) -> None:
    provider, for_servers = TokenServer(443), TokenServer(8090)
    for_servers.access = provider.access
    provider.types_code, provider.pace = user, 1
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    provider.socket = context.wrap_socket(provider.socket, server_side=True)
    print(provider.allows(user), flush=True)
    threading.Thread(target=for_servers.serve_forever, daemon=True).start()
    provider.serve_forever()


if __name__ == "__main__":
    _main(*sys.argv[1:])
