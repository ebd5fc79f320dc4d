"""Newsletters with their settings, kept in memory for one version of what readers see: reading one costs as much as all
else that a press of a reader's asks of the database.

The version is looked at each time, so no process shows settings of before (see app/db/public_version.py).
"""

from flask import Flask, current_app
from sqlalchemy.orm import Session

from ..db.public_version import Version, get_public_version, read_public_version
from ..newsletters.models import Newsletter
from ..newsletters.queries import by_slug
from ..web.current import db

Kept = dict[str, tuple[Version, Newsletter]]


def keep(app: Flask) -> None:
    """Let an app keep the newsletters that it reads."""
    app.extensions["newsletters"] = Kept()


def find_newsletter(slug: str, session: Session | None = None) -> tuple[Version | None, Newsletter | None]:
    """Return the newsletter that has this short name, or had it, to read and not to change; with the version of its
    pages as it was before, or None where nothing is kept of it. With a session it is as the session's transaction has
    it."""
    version = get_public_version(session, slug) if session else read_public_version(db, slug)
    kept: Kept = current_app.extensions["newsletters"]
    there = kept.get(slug)
    if version and there and there[0] == version:
        return there
    if session:
        return version, by_slug(session, slug)
    with db.read() as own:
        newsletter = by_slug(own, slug)
    if version and newsletter and newsletter.id == version[0]:
        kept[slug] = version, newsletter
    return version, newsletter
