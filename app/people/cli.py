"""`flask staff invite`: how the first person gets in, and how anybody gets in again without mail."""

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from ..actors import Clock
from ..db import Database, address
from ..newsletters.models import Newsletter
from . import directory, sign_in
from .models import ROLES

staff = AppGroup("staff", help="The people of the desk.")


@staff.command("invite")
@click.argument("email")
@click.option("--name", required=True, help="The name that the desk knows the person by.")
@click.option("--newsletter", required=True, help="The newsletter's short name, as in its address.")
@click.option("--role", type=click.Choice(ROLES), default="editor", show_default=True)
@click.option("--language", default="en", show_default=True, help="The language of the desk for this person.")
def invite(email: str, name: str, newsletter: str, role: str, language: str) -> None:
    """Give EMAIL a role at a newsletter and print a link that lets them in once, within seven days."""
    database: Database = current_app.extensions["database"]

    def change(session: Session) -> str:
        found = session.query(Newsletter).filter_by(slug=newsletter).one_or_none()
        if found is None:
            known = ", ".join(row.slug for row in session.query(Newsletter)) or "none yet"
            raise click.UsageError(f"no newsletter is called {newsletter} (known: {known})")
        try:
            person = directory.add_person(session, Clock(), name, email, language)
        except directory.BadAddress as error:
            raise click.UsageError(f"{email} is no e-mail address") from error
        directory.give_role(session, Clock(), person, found.id, role)
        return address(session, sign_in.invite(session, Clock(), person, "desk"))

    click.echo(database.write(change))
