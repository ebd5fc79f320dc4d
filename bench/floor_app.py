"""The floors of the benchmarks, in the same database and server: a bare Flask page with a small template, a page of 30
rows by SQLAlchemy Core and Jinja, and the insert of one row with its commit."""

import os

from flask import Flask, render_template, request
from jinja2 import DictLoader
from sqlalchemy import select

from app.core.clock import utc_now
from app.crypto.seal import Keys
from app.db.engine import Database

from .floor_tables import InsertedRow, ListedRow

database = Database(os.environ["DATABASE_URL"], Keys({1: bytes(32)}), "http://127.0.0.1")
app = Flask(__name__)
app.jinja_loader = DictLoader(
    {
        "page.html": "<!doctype html><title>{{ name }}</title>{% for row in rows %}<p>{{ row }}</p>{% endfor %}",
        "rows.html": "<!doctype html><title>Rows</title>{% for row in rows %}<article><h2><a href='/{{ row.id }}'>{{ "
        "row.at.date() }}</a></h2><p>{{ row.body }}</p></article>{% endfor %}",
    }
)


@app.get("/")
def bare_page() -> str:
    return render_template("page.html", name="Floor", rows=("A bare page.", "It has two lines."))


@app.get("/rows")
def list_rows() -> str:
    query = select(ListedRow.id, ListedRow.at, ListedRow.body).order_by(ListedRow.at.desc()).limit(30)
    with database.read() as session:
        return render_template("rows.html", rows=session.execute(query).all())


@app.post("/insert")
def insert_row() -> str:
    database.write(lambda session: session.add(InsertedRow(body=request.form["body"], at=utc_now())))
    return "stored"
