"""The share of false ones among the look-alikes that the desk is shown unasked, in the demo at scale.

It fills a database with `flask demo --questions 20000 --index`, which takes some minutes; BENCH_LOOK_ALIKES can name
one that was filled before. The demo's letters are made of sentences with gaps, so their matter can be recovered: the
phrasing, the thing and the place. A look-alike is right if one of its texts has the same matter.
"""

import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import select
from sqlalchemy.orm import Session

import config
from app.crypto.seal import Keys
from app.db.engine import Database
from app.letters.models import Letter
from app.newsletters.models import Newsletter
from app.questions.models import Question
from app.search import DESK
from app.search.alike import Match, Probe, find_matches
from demo.scale.words import Tongue, tongues

from .surroundings import say as to_terminal

Say = Callable[[str], None]
Matter = tuple[str, int, str, str]  # language, phrasing, thing, place
ROOT = Path(__file__).parents[1]
QUESTIONS = 20_000
LETTERS = int(os.environ.get("BENCH_LETTERS", "400"))  # of those that nobody has filed


@cache
def _ways() -> list[tuple[Tongue, int, re.Pattern[str]]]:
    """Return a pattern for every phrasing of a question, with its language and number."""
    return [
        (tongue, number, re.compile(".+?".join(map(re.escape, re.split(r"\{\w+\}", words))), re.IGNORECASE))
        for tongue in tongues()
        for number, ask in enumerate(tongue.phrases["ask"])
        for words in ask["words"]
    ]


def matter_of(text: str) -> Matter | None:
    """Return the matter of a text of the demo; None if it asks nothing, or is in Kazakh in Latin letters."""
    low = text.lower()
    for tongue, number, way in _ways():
        if way.search(text):
            phrases = tongue.phrases
            things = [thing for some in phrases["things"].values() for thing in some if thing.lower() in low]
            places = [
                head + tail for head in phrases["heads"] for tail in phrases["tails"] if (head + tail).lower() in low
            ]
            if things:
                return tongue.language, number, max(things, key=len), max(places, key=len, default="")
    return None


def texts_of(session: Session, one: Match) -> Iterator[str]:
    if one.noun == "letter":
        yield session.get_one(Letter, one.noun_id).body or ""
        return
    yield session.get_one(Question, one.noun_id).wording or ""
    yield from (body or "" for body in session.scalars(select(Letter.body).filter_by(question_id=one.noun_id)))


def report(say: Say) -> None:
    """Print how many waiting letters have a look-alike, and the share of false ones."""
    with TemporaryDirectory(dir=Path.cwd(), prefix="bench-") as folder:
        url = os.environ.get("BENCH_LOOK_ALIKES") or f"sqlite:///{folder}/desk.db"
        settings = {"READERS_ASKED_ENV": "demo", "DATABASE_URL": url, "MAIL_FOLDER": f"{folder}/mail"}
        if "BENCH_LOOK_ALIKES" not in os.environ:
            say(f"filling {QUESTIONS:,} questions ...")
            command = [sys.executable, "-m", "flask", "--app", "wsgi", "demo", "--questions", str(QUESTIONS), "--index"]
            subprocess.run(command, cwd=ROOT, env=os.environ | settings, check=True, stdout=subprocess.DEVNULL)
        loaded = config.load(settings)
        database = Database(loaded["DATABASE_URL"], Keys(loaded["SECRETS"]), loaded["BASE_URL"])
        with database.read() as session:
            _tell(say, session)
        database.close()


def _tell(say: Say, session: Session) -> None:
    desk = session.scalars(select(Newsletter.id).filter_by(slug="long-road")).one()
    waiting = list(session.scalars(select(Letter).where(Letter.newsletter_id == desk, Letter.is_received)))
    random.Random(11).shuffle(waiting)
    asked = shown = false = flagged = 0
    for letter in waiting[:LETTERS]:
        if (matter := matter_of(letter.body or "")) is None:
            continue
        probe = Probe(letter.body or "", noun="letter", noun_id=letter.id, edition_id=letter.about_edition_id)
        likely = [one for one in find_matches(session, DESK, desk, probe, matcher="words") if one.likely]
        wrong = [one for one in likely if matter not in map(matter_of, texts_of(session, one))]
        asked, flagged = asked + 1, flagged + bool(likely)
        shown, false = shown + len(likely), false + len(wrong)
    say(f"{asked} letters: {flagged} have a look-alike ({flagged / max(1, asked):.0%})")
    say(f"{shown} look-alikes shown unasked: {false} false ({false / max(1, shown):.0%})")


if __name__ == "__main__":
    report(to_terminal)
