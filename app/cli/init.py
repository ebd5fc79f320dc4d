"""`readers-asked init`: creates the settings file, the database, the first newsletter, and its admin's sign-in link.

Nothing is written before all questions are answered and the database responds. What exists is left alone, so an
interrupted run can be repeated.
"""

import base64
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

import config as configuration
from app.settings import settings_file
from app.settings.settings_table import SETTINGS

from ..core.actors import Clock
from ..core.fields import ERROR_MESSAGES, FieldError, parse
from ..core.permissions import roles_for
from ..db.engine import Database, open_database
from ..db.migrate import migrate
from ..db.session import absolute_url
from ..db.sqlite import database_file
from ..editions.calendar import zone_of
from ..editions.rhythm import Choices
from ..newsletters.models import Newsletter
from ..newsletters.queries import by_slug
from ..people import directory, sign_in
from ..people.models import Membership, Person
from ..server.startup_checks import check_and_record_keys, find_schema_faults, describe_no_response
from ..workflows.newsletters import founding

FILE = "readers-asked.env"
RHYTHM = "FREQ=MONTHLY;BYDAY=1WE,3WE"


@dataclass(frozen=True)
class Question:
    """A question that `init` asks, unless the option of that name answers it.

    `check` returns the answer to store, or raises `FieldError`, `BadAddress`, ValueError or LookupError. `setting` is
    the setting that the answer becomes, if any. The suggested answer is that setting in the environment, else `usual`,
    else the answer to the question `same_as`.
    """

    name: str
    words: str
    check: Callable[[str], Any]
    setting: str = ""
    usual: str = ""
    same_as: str = ""

    @property
    def option(self) -> str:
        return f"--{self.name.replace('_', '-')}"

    def suggested(self, answers: Mapping[str, str]) -> str:
        return os.environ.get(self.setting) or self.usual or answers.get(self.same_as, "")

    @property
    def has_usual(self) -> bool:
        return bool(os.environ.get(self.setting) or self.usual or self.same_as)


def _setting(name: str) -> Callable[[str], str]:
    """Return a check that validates an answer as config.py does the setting."""

    def check(typed: str) -> str:
        typed = typed.strip()
        if wrong := configuration.faults_of(name, typed):
            raise ValueError(wrong[0])
        return typed

    return check


def _check_database_url(value: str) -> str:
    """Validate DATABASE_URL, and make the path of an SQLite file absolute, since later commands may run elsewhere."""
    value = _setting("DATABASE_URL")(value)
    file = database_file(value)
    return value if file is None else f"sqlite:///{file.absolute()}"


def _field(name: str) -> Callable[[str], str]:
    """Return a check that validates an answer like the field of a new newsletter, and returns it unparsed."""

    def check(typed: str) -> str:
        parse(founding.FIRST[name], typed)
        return typed.strip()

    return check


SITE = (
    Question(
        "base_url", "The URL of the site, as readers will type it (https://...)", _setting("BASE_URL"), "BASE_URL"
    ),
    Question(
        "database", "The URL of the database", _check_database_url, "DATABASE_URL", SETTINGS["DATABASE_URL"].value
    ),
    Question(
        "proxies",
        "The number of proxies in front (the one that ends TLS counts)",
        _setting("TRUSTED_PROXIES"),
        "TRUSTED_PROXIES",
        "1",
    ),
)
HOUSE = (
    Question("newsletter", "A short name for the newsletter, used in its URL", founding.validate_slug),
    Question("name", "The name of the newsletter, as readers know it", _field("name")),
    Question("publisher", "The publisher of the newsletter", _field("publisher"), same_as="name"),
    Question("language", "Its language, as a code such as en", _field("languages"), usual="en"),
    Question("zone", "Its time zone, such as Europe/Prague", lambda typed: zone_of(typed.strip()).key, usual="UTC"),
    Question("address", "The address that its mails come from and replies go to", _field("address")),
    Question("admin", "Your own address; you become its admin", directory.checked_address),
    Question("admin_name", "Your name, with which mails to experts are signed", _field("editor")),
)
MAIL = (
    Question("mail_from", "The address that mails come from", _setting("MAIL_FROM"), "MAIL_FROM", same_as="address"),
    Question("mail_server", "The SMTP server", _setting("MAIL_SERVER"), "MAIL_SERVER", SETTINGS["MAIL_SERVER"].value),
)
QUESTIONS = (*SITE, *HOUSE, *MAIL)


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    for question in reversed(QUESTIONS):
        command = click.option(question.option, question.name, help=f"{question.words}.")(command)
    return command


@click.command("init")
@click.option(
    "--env-file",
    envvar=settings_file.ENV_FILE_VARIABLE,
    help=f"The settings file to create; by default {FILE} in this folder.",
)
@_options
def init(env_file: str | None, **given: str | None) -> None:
    """Create the settings file, the database, the first newsletter and its admin; prompt for what no option gives.

    What already exists is left alone: run again, it completes what is missing, or does nothing.
    """
    path = Path(env_file or FILE).absolute()
    answers = {name: answer for name, answer in given.items() if answer is not None}
    is_new = not path.exists()
    if is_new:
        answers = ask(QUESTIONS, answers)
        settings = _first_settings(answers)
    else:
        settings = configuration.environment({**os.environ, settings_file.ENV_FILE_VARIABLE: str(path)})
        _check_same(answers, settings, path)
    database = open_database(configuration.load(settings))
    try:
        _set_up(database, path, settings if is_new else {}, answers)
    finally:
        database.close()


def ask(questions: tuple[Question, ...], answers: dict[str, str]) -> dict[str, str]:
    """Return the answers to all questions, prompting on a terminal for those that no option gave, and again if one is
    invalid. Raises UsageError for an invalid option, or a missing one if there is no terminal."""
    answers = dict(answers)
    missing = [question for question in questions if question.name not in answers and not question.has_usual]
    if missing and not sys.stdin.isatty():
        raise click.UsageError(f"give {', '.join(question.option for question in missing)}")
    for question in questions:
        usual = question.suggested(answers)
        if question.name in answers:
            answers[question.name] = _build_validator(question, question.option)(answers[question.name])
        elif sys.stdin.isatty():
            answers[question.name] = click.prompt(
                question.words, default=usual or None, value_proc=_build_validator(question)
            )
        else:  # without a terminal, the suggested answer counts
            answers[question.name] = _build_validator(question, question.option)(usual)
    return answers


def _build_validator(question: Question, option: str = "") -> Callable[[str], str]:
    def validate(typed: str) -> str:
        try:
            return str(question.check(typed))
        except directory.BadAddress:
            message = ERROR_MESSAGES["address"]
        except FieldError as wrong:
            message = ERROR_MESSAGES[wrong.key] % wrong.values
        except (ValueError, LookupError) as wrong:
            message = str(wrong)
        raise click.UsageError(f"{option}: {message}" if option else message)

    return validate


def _first_settings(answers: Mapping[str, str]) -> dict[str, str]:
    """Return the settings for the file: the answers, whatever the environment sets, and a new secret key."""
    from_environment = {
        name: os.environ[name] for name in SETTINGS if os.environ.get(name) and name != settings_file.ENV_FILE_VARIABLE
    }
    from_answers = {question.setting: answers[question.name] for question in (*SITE, *MAIL)}
    keys = {"SECRET_KEYS": f"1:{base64.b64encode(os.urandom(32)).decode()}"}
    return keys | from_environment | from_answers


def _check_same(answers: Mapping[str, str], is_set: Mapping[str, str], path: Path) -> None:
    """Raise UsageError for an option that contradicts the existing file."""
    for question in (*SITE, *MAIL):
        given = answers.get(question.name)
        if given is not None and _build_validator(question, question.option)(given) != is_set.get(question.setting):
            raise click.UsageError(
                f"{path} already exists and sets another {question.setting}: change it in the file, or leave out "
                f"{question.option}"
            )


def _set_up(database: Database, path: Path, to_write: Mapping[str, str], answers: dict[str, str]) -> None:
    command = shlex.join(["readers-asked", "--env-file", str(path)])
    file = database_file(database.url)
    needs_migration = file is not None and not file.exists()  # connecting to SQLite would create the file
    if not needs_migration:
        try:
            needs_migration = bool([*find_schema_faults(database)])
        except SQLAlchemyError as error:
            raise click.ClickException(f"{describe_no_response(error)}\nNothing was created.") from None
    if not needs_migration:
        _require_matching_keys(database)
    if to_write:
        try:
            settings_file.write_new(path, to_write)
        except OSError as error:
            raise click.ClickException(f"{path} can't be created: {error.strerror}") from None
        click.echo(f"Created {path} with the settings and the secret keys. Keep a copy of it away from this machine.")
    if needs_migration:
        migrate(database.url)
        click.echo("Created the tables of the database.")
        _require_matching_keys(database)
    if is_housed(database):
        changed = "Nothing else was changed" if needs_migration or to_write else "Nothing was changed"
        click.echo(f"{changed}: {path}, the database and a newsletter with its admin already exist.")
        click.echo(f"To create another newsletter: {command} newsletters create --help")
        click.echo(
            f"To sign somebody in: {command} staff invite ADDRESS --name NAME --newsletter SHORT_NAME --role admin"
        )
        return
    answers = ask(HOUSE, answers)
    site, link = database.write(lambda session: _create_newsletter(session, answers))
    click.echo(f"Created the newsletter: {site}\n")
    click.echo(f"{answers['admin_name']} signs in with this link, once, within {sign_in.INVITATION_LIFE.days} days:")
    click.echo(f"  {link}\n")
    click.echo("Next:")
    click.echo(f"  {command} serve   # the pages at 127.0.0.1, and the worker; put a proxy with TLS in front")
    click.echo(f"  {command} doctor  # checks the installation")
    click.echo("If the link is lost or used up:")
    again = ("invite", answers["admin"], "--name", answers["admin_name"], "--newsletter", answers["newsletter"])
    click.echo(f"  {command} staff {shlex.join(again)} --role admin")


def _require_matching_keys(database: Database) -> None:
    if wrong := check_and_record_keys(database):
        raise click.ClickException("\n".join([*wrong, "This database already has keys: set SECRET_KEYS to them."]))


def is_housed(database: Database) -> bool:
    """Return whether any newsletter has an active member who may manage its people."""
    query = select(Membership.id).join(Person, Person.id == Membership.person_id).where(Person.disabled_at.is_(None))
    with database.read() as session:
        return session.scalar(query.where(Membership.role.in_(roles_for("people"))).limit(1)) is not None


def _create_newsletter(session: Session, answers: Mapping[str, str]) -> tuple[str, str]:
    """Create the newsletter, unless it exists, and its admin; return its URL and the admin's sign-in link."""
    newsletter: Newsletter | None = by_slug(session, answers["newsletter"])
    if newsletter is None:
        typed = {
            **{name: answers[name] for name in ("name", "publisher", "address", "zone")},
            "slug": answers["newsletter"],
            "languages": answers["language"],
            "editor": answers["admin_name"],
            "section": "Readers asked",
            "at": "09:00",
            "dek": "",
            "call": "",
        }
        columns = founding.validate_newsletter(session, Choices("rule", rule=RHYTHM), {}, typed)
        newsletter = founding.create_newsletter(session, Clock(), columns, {})
    person = directory.add_person(session, Clock(), answers["admin_name"], answers["admin"])
    directory.give_role(session, Clock(), person, newsletter.id, "admin")
    link_path = sign_in.invite(session, Clock(), person, "desk")
    return absolute_url(session, f"/{newsletter.slug}/"), absolute_url(session, link_path)
