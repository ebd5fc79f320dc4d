"""The command `readers-asked`: the app's commands, with an option for the settings file.

`python FOLDER` does the same, for the folder of a clone or an installation.
"""

import os
import sys
from pathlib import Path
from typing import Any

# This folder comes first in the path: elsewhere, an installation may have other modules named app, config or wsgi.
sys.path.insert(0, str(Path(__file__).resolve().parent))

import click
from flask import Flask
from flask.cli import FlaskGroup

from app import garbage_collection_disabled
from app.settings.settings_file import ENV_FILE_VARIABLE


@garbage_collection_disabled()
def load_app() -> Flask:
    from wsgi import app

    return app


def set_env_file(_context: click.Context, _option: click.Parameter, path: str | None) -> None:
    """Put the absolute path of the settings file into the environment, for the app and all subprocesses."""
    if path:
        os.environ[ENV_FILE_VARIABLE] = str(Path(path).absolute())


def print_version(context: click.Context, _option: click.Parameter, is_requested: bool) -> None:
    if is_requested:
        from app.version import VERSION

        click.echo(VERSION)
        context.exit()


class Commands(FlaskGroup):
    """The app's commands, without Flask's own for developers, such as `run` and `shell`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(create_app=load_app, add_default_commands=False, load_dotenv=False, **options)
        self.params = [
            click.Option(
                ["--env-file"],
                envvar=ENV_FILE_VARIABLE,
                is_eager=True,
                expose_value=False,
                callback=set_env_file,
                type=click.Path(dir_okay=False),
                help="The settings file; environment variables override it.",
            ),
            click.Option(
                ["--version"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=print_version,
                help="Print the version.",
            ),
        ]


commands = Commands(
    help="A reader question-and-answer desk for newsletters. Start with: readers-asked init",
    context_settings={"auto_envvar_prefix": None},
)


def main() -> None:
    commands(prog_name="readers-asked")


if __name__ == "__main__":
    main()
