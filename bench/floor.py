"""The floors of the benchmarks, in the same database and server: a bare Flask page with a small template, a page of 30
rows by SQLAlchemy Core and Jinja, and the insert of one row with its commit."""

import os

from flask import Flask, render_template, request
from jinja2 import DictLoader
from sqlalchemy import select

from app.core.clock import utc_now
from app.crypto.seal import Keys
from app.db.engine import Database

from .floor_rows import FloorRow, Shown

database = Database(os.environ["DATABASE_URL"], Keys({1: bytes(32)}), "http://127.0.0.1")
app = Flask(__name__)
app.jinja_loader = DictLoader(
    {
        "page.html": "<!doctype html><title>{{ name }}</title>{% for one in rows %}<p>{{ one }}</p>{% endfor %}",
        "rows.html": "<!doctype html><title>Rows</title>{% for one in rows %}<article><h2><a href='/{{ one.id }}'>{{ "
        "one.at.date() }}</a></h2><p>{{ one.body }}</p></article>{% endfor %}",
    }
)


@app.get("/")
def page() -> str:
    return render_template("page.html", name="Floor", rows=("A bare page.", "It has two lines."))


@app.get("/rows")
def rows() -> str:
    newest = select(Shown.id, Shown.at, Shown.body).order_by(Shown.at.desc()).limit(30)
    with database.read() as session:
        return render_template("rows.html", rows=session.execute(newest).all())


@app.post("/insert")
def insert() -> str:
    database.write(lambda session: session.add(FloorRow(body=request.form["body"], at=utc_now())))
    return "stored"
