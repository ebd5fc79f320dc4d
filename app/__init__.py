"""Readers Asked: a reader question-and-answer desk for newsletters."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the process that reads mails needs nothing of this, and would be three times as large
    from flask import Flask


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Collect nothing: what is loaded stays, and looking through all of it would take a quarter of the start."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_nothing_collected()
def create_app(config: dict[str, Any] | None = None) -> "Flask":
    """The table of contents of the product. `config` is what `config.load()` returns, which is also the default."""
    import click
    from flask import Flask
    from werkzeug.middleware.proxy_fix import ProxyFix

    import config as configuration

    from .cli import commands
    from .db.engine import open_database

    app = Flask(__name__, static_folder=None)  # `static_files` serves it
    try:
        app.config.from_mapping(config or configuration.load())
        app.extensions["database"] = open_database(app.config)
    except configuration.Unsafe as unsafe:
        if click.get_current_context(silent=True) is None:
            raise
        # Commands that set a block or print a table need no settings; whatever needs them says what is missing.
        return commands.without_settings(app, unsafe)

    from .watching import each_request, logs
    from .web import hosts, setup, static_files

    logs.begin(app.config)
    each_request.register(app)  # first: what the others take is counted
    hosts.register(app)
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
    app.register_blueprint(entrance)  # the way in for staff and experts
    app.register_blueprint(editor, url_prefix="/desk")  # the desk
    app.register_blueprint(expert)  # assignment links and the experts' own page
    app.register_blueprint(translator)  # the page behind a translator's link
    app.register_blueprint(mailroom)  # mail as a door; in the demo the folder of sent mails
    app.register_blueprint(webhook)  # mail that a provider posts
    app.register_blueprint(health)  # for whoever watches over the machines
    app.register_blueprint(reader)  # last: its addresses begin with a newsletter's name
    commands.register(app)
    copies.serve(app)
    if hops := app.config["TRUSTED_PROXIES"]:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app
