"""`readers-asked init`: creates the settings file, the database, the first newsletter, and its admin's sign-in link.

What already exists is left alone, so an interrupted run can be repeated. If there is no settings file yet, nothing is
written before all prompts are answered.
"""

import base64
import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from sqlalchemy import make_url, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

import config as configuration
from app.settings import settings_file
from app.settings.settings_table import SETTINGS

from ..core.actors import Clock
from ..core.fields import FieldError, parse, shorten_value
from ..core.permissions import roles_for
from ..db.engine import Database, open_database
from ..db.migrate import migrate
from ..db.session import absolute_url
from ..db.sqlite import database_file
from ..editions.calendar import zone_of
from ..editions.rhythm import Choices
from ..newsletters.models import DEFAULT_SECTION, Newsletter
from ..newsletters.queries import by_slug
from ..people import directory, sign_in
from ..people.models import Membership, Person
from ..server.startup_checks import check_and_record_keys, describe_no_response, find_schema_faults
from ..workflows.newsletters import founding

DEFAULT_ENV_FILE = "readers-asked.env"
RHYTHM = "FREQ=MONTHLY;BYDAY=1WE,3WE"  # the recurrence rule of the first newsletter's editions


@dataclass(frozen=True)
class Prompt:
    """A question that `init` asks, unless the option of that name answers it.

    `validate` returns the answer to store, or raises `FieldError`, `BadAddress`, ValueError or LookupError. `setting`
    is the name of the setting that gets the answer, if any. The default answer is the value of this setting in the
    environment, else `default`, else what `suggest` makes of the answers so far. A site for this machine alone is not
    asked for what is `only_public`.
    """

    name: str
    label: str
    validate: Callable[[str], Any]
    setting: str = ""
    default: str = ""
    suggest: Callable[[Mapping[str, str]], str] | None = None
    only_public: bool = False

    @property
    def option(self) -> str:
        return f"--{self.name.replace('_', '-')}"

    def get_default(self, answers: Mapping[str, str]) -> str:
        """Return the default answer, given the answers so far; "" if there is none."""
        return os.environ.get(self.setting) or self.default or (self.suggest(answers) if self.suggest else "")

    @property
    def has_default(self) -> bool:
        return bool(os.environ.get(self.setting) or self.default or self.suggest)


def _setting_validator(name: str) -> Callable[[str], str]:
    """Return a function that validates an answer as config.py validates the setting."""

    def validate(answer: str) -> str:
        answer = answer.strip()
        if faults := configuration.find_setting_faults(name, answer):
            raise ValueError(faults[0])
        return answer

    return validate


def _validate_database_url(answer: str) -> str:
    """Validate DATABASE_URL, and make the path of an SQLite file absolute, since later commands may run elsewhere."""
    url = _setting_validator("DATABASE_URL")(answer)
    file = database_file(url)
    return url if file is None else f"sqlite:///{file.absolute()}"


def _field_validator(name: str) -> Callable[[str], str]:
    """Return a function that validates an answer as a field of a new newsletter, and returns it unparsed."""

    def validate(answer: str) -> str:
        parse(founding.BASIC_SETTINGS[name], answer)
        return answer.strip()

    return validate


def _suggest_name(answers: Mapping[str, str]) -> str:
    """Return the name that an admin's address suggests: Nora Lind for nora.lind+desk@example.org."""
    local_part = answers["admin"].partition("@")[0].partition("+")[0]
    return " ".join(re.split(r"[._-]+", local_part)).strip().title()


NEWSLETTER_PROMPTS = (
    Prompt("name", "The name of the newsletter, as readers know it", _field_validator("name")),
    Prompt("newsletter", "A short name for the newsletter, used in its URL", founding.validate_slug),
    Prompt(
        "publisher",
        "The publisher of the newsletter",
        _field_validator("publisher"),
        suggest=lambda given: given["name"],
    ),
    Prompt("language", "Its language, as a code such as en", _field_validator("languages"), default="en"),
    Prompt("zone", "Its time zone, such as Europe/Prague", lambda answer: zone_of(answer.strip()).key, default="UTC"),
    Prompt("address", "The address that its mails come from and replies go to", _field_validator("address")),
    Prompt("admin", "Your own address; you become its admin", directory.checked_address),
    Prompt(
        "admin_name",
        "Your name, with which mails to experts are signed",
        _field_validator("editor"),
        suggest=_suggest_name,
    ),
)
SETTING_PROMPTS = (
    Prompt(
        "base_url",
        "The URL of the site, as readers will type it (https://...), or http://127.0.0.1:8000 for this machine alone",
        _setting_validator("BASE_URL"),
        setting="BASE_URL",
    ),
    Prompt(
        "database",
        "The URL of the database",
        _validate_database_url,
        setting="DATABASE_URL",
        default=SETTINGS["DATABASE_URL"].value,
    ),
    Prompt(
        "mail_from",
        "The address that mails come from",
        _setting_validator("MAIL_FROM"),
        setting="MAIL_FROM",
        suggest=lambda given: given["address"],
    ),
    Prompt(
        "mail_server",
        "The SMTP server",
        _setting_validator("MAIL_SERVER"),
        setting="MAIL_SERVER",
        default=SETTINGS["MAIL_SERVER"].value,
        only_public=True,
    ),
    Prompt(
        "proxies",
        "The number of proxies in front (the one that ends TLS counts)",
        _setting_validator("TRUSTED_PROXIES"),
        setting="TRUSTED_PROXIES",
        default="1",
        only_public=True,
    ),
)
PROMPTS = (*NEWSLETTER_PROMPTS, *SETTING_PROMPTS)


def _add_prompt_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for prompt in reversed(PROMPTS):  # the option that is added last is the first in the help
        command = click.option(prompt.option, prompt.name, help=f"{prompt.label}.")(command)
    return command


@click.command("init")
@click.option(
    "--env-file",
    envvar=settings_file.ENV_FILE_VARIABLE,
    help=f"The settings file to create; by default {DEFAULT_ENV_FILE} in this folder.",
)
@_add_prompt_options
def init(env_file: str | None, **prompt_options: str | None) -> None:
    """Create the settings file, the database, the first newsletter and its admin; prompt for what no option gives.

    What already exists is left alone: run again, it completes what is missing, or does nothing.
    """
    path = Path(env_file or DEFAULT_ENV_FILE).absolute()
    answers = {name: answer for name, answer in prompt_options.items() if answer is not None}
    is_new = not path.exists()
    if is_new:
        answers = ask(PROMPTS, answers)
        settings = _build_settings(answers)
    else:
        settings = configuration.read_explicit_settings({**os.environ, settings_file.ENV_FILE_VARIABLE: str(path)})
        _check_not_contradicted(answers, settings, path)
    config = configuration.load(settings)
    database = open_database(config)
    try:
        _set_up(database, config, path, settings if is_new else {}, answers)
    finally:
        database.close()


def ask(prompts: tuple[Prompt, ...], answers: dict[str, str]) -> dict[str, str]:
    """Return the validated answers to all prompts. `answers` has those that were given as options.

    On a terminal, prompt for the others, and repeat a prompt if the answer is invalid. Without a terminal, use the
    defaults. Raises UsageError for an invalid option, and without a terminal for a missing one.
    """
    answers = dict(answers)
    missing = [prompt for prompt in prompts if prompt.name not in answers and not prompt.has_default]
    if missing and not sys.stdin.isatty():
        raise click.UsageError(f"give {', '.join(prompt.option for prompt in missing)}")
    for prompt in prompts:
        if prompt.name in answers:
            answers[prompt.name] = _validator_of(prompt, prompt.option)(answers[prompt.name])
            continue
        if prompt.only_public and configuration.get_loopback_port(answers["base_url"]):
            continue
        default = prompt.get_default(answers)
        if sys.stdin.isatty():
            answers[prompt.name] = click.prompt(prompt.label, default=default or None, value_proc=_validator_of(prompt))
        else:
            answers[prompt.name] = _validator_of(prompt, prompt.option)(default)
    return answers


def _validator_of(prompt: Prompt, option: str = "") -> Callable[[str], str]:
    """Return a function that validates an answer. It raises UsageError, with `option` in the message if given."""

    def validate(answer: str) -> str:
        try:
            return str(prompt.validate(answer))
        except directory.BadAddress:
            message = FieldError("address", value=shorten_value(answer)).message
        except FieldError as error:
            message = error.message
        except (ValueError, LookupError) as error:
            message = str(error)
        raise click.UsageError(f"{option}: {message}" if option else message)

    return validate


def _build_settings(answers: Mapping[str, str]) -> dict[str, str]:
    """Return the settings for the new file. Answers override the environment, which overrides the new secret key."""
    from_environment = {
        name: os.environ[name] for name in SETTINGS if os.environ.get(name) and name != settings_file.ENV_FILE_VARIABLE
    }
    from_answers = {prompt.setting: answers[prompt.name] for prompt in SETTING_PROMPTS if prompt.name in answers}
    new_key = {"SECRET_KEYS": f"1:{base64.b64encode(os.urandom(32)).decode()}"}
    return new_key | from_environment | from_answers


def _check_not_contradicted(answers: Mapping[str, str], settings: Mapping[str, str], path: Path) -> None:
    """Raise UsageError for an option that contradicts the existing settings file at `path`."""
    for prompt in SETTING_PROMPTS:
        if prompt.name not in answers:
            continue
        answer = _validator_of(prompt, prompt.option)(answers[prompt.name])
        if answer != settings.get(prompt.setting):
            raise click.UsageError(
                f"{path} already exists and sets another {prompt.setting}: change it in the file, or leave out "
                f"{prompt.option}"
            )


def _set_up(
    database: Database, config: Mapping[str, Any], path: Path, new_settings: Mapping[str, str], answers: dict[str, str]
) -> None:
    """Create what is missing, and print what was found, what was created and what to do next.

    `new_settings` are written to the settings file at `path`; they are empty if the file exists.
    """
    command = shlex.join(["readers-asked", "--env-file", str(path)])
    file = database_file(database.url)
    is_missing = needs_migration = file is not None and not file.exists()  # connecting to SQLite would create the file
    if not needs_migration:
        try:
            needs_migration = bool([*find_schema_faults(database)])
        except SQLAlchemyError as error:
            raise click.ClickException(f"{describe_no_response(error)}\nNothing was created.") from None
    if not needs_migration:
        _require_matching_keys(database)
    if new_settings:
        try:
            settings_file.write_new(path, new_settings)
        except OSError as error:
            raise click.ClickException(f"{path} can't be created: {error.strerror}") from None
        click.echo(f"Created {path} with the settings and the secret keys. Keep a copy of it away from this machine.")
    if not is_missing:
        click.echo(f"Found {describe_database(database.url)}.")
    if needs_migration:
        migrate(database.url, key=database.file_key)
        click.echo(f"Created {describe_database(database.url) if is_missing else 'its tables'}.")
        _require_matching_keys(database)
    if has_newsletter_with_admin(database):
        changed = "Nothing else was changed" if needs_migration or new_settings else "Nothing was changed"
        click.echo(f"{changed}: {path}, the database and a newsletter with its admin already exist.")
        click.echo(f"To create another newsletter: {command} newsletters create --help")
        click.echo(
            f"To sign somebody in: {command} staff invite ADDRESS --name NAME --newsletter SHORT_NAME --role admin"
        )
        return
    answers = ask(NEWSLETTER_PROMPTS, answers)
    newsletter_url, sign_in_url = database.write(lambda session: _create_newsletter(session, answers))
    click.echo(f"Created the newsletter: {newsletter_url}")
    is_public = not configuration.get_loopback_port(config["BASE_URL"])
    if not is_public:
        mails = f"mails are written to {config['MAIL_FOLDER']} instead of being sent"
        mails = f", and {mails}" if config["MAIL_TRANSPORT"] == "folder" else ""
        click.echo(f"Only this machine can open {config['BASE_URL']}{mails}.")
    click.echo(f"\n{answers['admin_name']} signs in with this link, once, within {sign_in.INVITATION_LIFE.days} days:")
    click.echo(f"  {sign_in_url}\n")
    click.echo("Next:")
    pages = f"the pages at 127.0.0.1:{config['PORT']}, and the worker"
    click.echo(f"  {command} serve   # {pages}{'; put a proxy with TLS in front' if is_public else ''}")
    click.echo(f"  {command} doctor  # checks the installation")
    click.echo("If the link is lost or used up:")
    arguments = ("invite", answers["admin"], "--name", answers["admin_name"], "--newsletter", answers["newsletter"])
    click.echo(f"  {command} staff {shlex.join(arguments)} --role admin")


def _require_matching_keys(database: Database) -> None:
    if faults := check_and_record_keys(database):
        raise click.ClickException(
            "\n".join(faults)
            + f"\nT{describe_database(database.url)[1:]} has keys of its own: set SECRET_KEYS to them, or "
            "name another one with --database."
        )


def describe_database(url: str) -> str:
    """Return "the database" with its URL, but without a password."""
    return f"the database {make_url(url).render_as_string(hide_password=True)}"


def has_newsletter_with_admin(database: Database) -> bool:
    """Return whether any newsletter has an active member who may manage its people."""
    query = select(Membership.id).join(Person, Person.id == Membership.person_id).where(Person.disabled_at.is_(None))
    with database.read() as session:
        return session.scalar(query.where(Membership.role.in_(roles_for("people"))).limit(1)) is not None


def _create_newsletter(session: Session, answers: Mapping[str, str]) -> tuple[str, str]:
    """Create the newsletter, unless it exists, and its admin.

    Return the URL of the newsletter's page, and the link with which the admin signs in.
    """
    newsletter: Newsletter | None = by_slug(session, answers["newsletter"])
    if newsletter is None:
        fields = {
            **{name: answers[name] for name in ("name", "publisher", "address", "zone")},
            "slug": answers["newsletter"],
            "languages": answers["language"],
            "editor": answers["admin_name"],
            "section": DEFAULT_SECTION,
            "at": "09:00",
            "dek": "",
            "call": "",
        }
        columns = founding.validate_newsletter(session, Choices("rule", rule=RHYTHM), {}, fields)
        newsletter = founding.create_newsletter(session, Clock(), columns, {})
    person = directory.add_person(session, Clock(), answers["admin_name"], answers["admin"])
    directory.give_role(session, Clock(), person, newsletter.id, "admin")
    link_path = sign_in.invite(session, Clock(), person, "desk")
    return absolute_url(session, f"/{newsletter.slug}/"), absolute_url(session, link_path)
