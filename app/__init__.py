"""Readers Asked: a reader question-and-answer desk for newsletters."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the process that parses mails imports this package too: Flask would triple its memory
    from flask import Flask


@contextmanager
def garbage_collection_disabled() -> Iterator[None]:
    """Disable garbage collection inside the block.

    It would take a quarter of the start-up time and find nothing, since loaded modules stay in memory.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@garbage_collection_disabled()
def create_app(config: dict[str, Any] | None = None) -> "Flask":
    """Create the Flask app, with all pages and commands. `config` defaults to the result of `config.load()`.

    If the settings can't be used, raises `Unsafe`; for a command, returns an app that only has the commands.
    """
    import click
    from flask import Flask
    from werkzeug.middleware.proxy_fix import ProxyFix

    import config as configuration

    from .cli import commands
    from .db.engine import open_database

    app = Flask(__name__, static_folder=None)  # `static_files` serves them instead
    try:
        app.config.from_mapping(config or configuration.load())
        app.extensions["database"] = open_database(app.config)
    except configuration.Unsafe as error:
        is_command = click.get_current_context(silent=True) is not None
        if not is_command:
            raise
        # Some commands need no settings, such as `editions typeset`. The others report the faults of the settings.
        return commands.without_settings(app, error)

    from .watching import each_request, logs
    from .web import body_limits, hosts, setup, static_files

    logs.begin(app.config)
    body_limits.register(app)  # first, so that no other hook runs when the page server asks for the limit of a body
    each_request.register(app)  # next, so that it measures the other hooks too
    hosts.register(app)
    from .api import api
    from .doctor.health import health
    from .editor import editor
    from .entrance import entrance
    from .expert import expert
    from .mailroom import mailroom
    from .mailroom.webhook import webhook
    from .reader import copies, reader
    from .translator import translator

    setup.prepare(app)
    static_files.register(app)
    app.register_blueprint(entrance)  # sign-in of staff and experts
    app.register_blueprint(editor, url_prefix="/desk")  # the desk
    app.register_blueprint(expert)  # assignment links and the experts' own page
    app.register_blueprint(translator)  # the page behind a translator's link
    app.register_blueprint(mailroom)  # in the demo, the folder of sent mails
    app.register_blueprint(webhook)  # incoming mail, posted by a provider
    app.register_blueprint(api)  # the desk's records for programs with a token
    app.register_blueprint(health)  # health checks for monitoring
    app.register_blueprint(reader)  # last: its URLs begin with a newsletter's slug
    commands.register(app)
    copies.install_caches(app)
    if proxies := app.config["TRUSTED_PROXIES"]:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies
        )
    return app
