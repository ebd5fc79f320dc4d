"""The floor: a bare Flask page that renders a small template, and a bare insert of one row with its commit, in the same
database under the same server."""

import os
from datetime import UTC, datetime

from flask import Flask, render_template, request
from jinja2 import DictLoader
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.db import Database
from app.seal import Keys


class Base(DeclarativeBase):
    pass


class FloorRow(Base):
    __tablename__ = "floor_rows"
    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str] = mapped_column(String(2_000))
    at: Mapped[datetime]


database = Database(os.environ["DATABASE_URL"], Keys({1: bytes(32)}), "http://127.0.0.1")
Base.metadata.create_all(database.writer)
app = Flask(__name__)
app.jinja_loader = DictLoader(
    {"page.html": "<!doctype html><title>{{ name }}</title>{% for one in rows %}<p>{{ one }}</p>{% endfor %}"}
)


@app.get("/")
def page() -> str:
    return render_template("page.html", name="Floor", rows=("A bare page.", "It has two lines."))


@app.post("/insert")
def insert() -> str:
    database.write(lambda session: session.add(FloorRow(body=request.form["body"], at=datetime.now(UTC))))
    return "stored"
