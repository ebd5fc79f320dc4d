"""The share of false ones among the look-alikes that the desk is shown without asking, in the demo at scale.

It fills a database with `readers-asked demo --questions 20000 --index`, which takes some minutes; BENCH_LOOK_ALIKES can
name one that was filled before. The demo's letters are made of sentences with gaps, so their subject can be recovered:
the phrasing, the thing and the place. A look-alike is right if one of its texts has the same subject.
"""

import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

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
from demo.scale.phrasebooks import Phrasebook, list_phrasebooks

from .run_options import WriteLine, print_line
from .servers import ROOT

QUESTIONS = 20_000
MAX_LETTERS = int(os.environ.get("BENCH_LETTERS", "400"))  # of those that nobody has filed


class RecoveredSubject(NamedTuple):
    """The subject of a text of the demo: its language, the number of its phrasing, the thing and the place."""

    language: str
    phrasing: int
    thing: str
    place: str


@cache
def _list_patterns() -> list[tuple[Phrasebook, int, re.Pattern[str]]]:
    """Return a pattern for every phrasing of a question, with its language and number."""
    patterns = []
    for phrasebook in list_phrasebooks():
        for number, phrasing in enumerate(phrasebook.phrases["questions"]):
            for sentence in phrasing["wordings"]:
                parts = re.split(r"\{\w+\}", sentence)
                pattern = re.compile(".+?".join(re.escape(part) for part in parts), re.IGNORECASE)
                patterns.append((phrasebook, number, pattern))
    return patterns


def recover_subject(text: str) -> RecoveredSubject | None:
    """Return the subject of a text of the demo; None if it asks nothing, or is in Kazakh in Latin letters."""
    lower_text = text.lower()
    for phrasebook, number, pattern in _list_patterns():
        if not pattern.search(text):
            continue
        phrases = phrasebook.phrases
        things = [thing for topic in phrases["things"].values() for thing in topic if thing.lower() in lower_text]
        names = (start + end for start in phrases["name_starts"] for end in phrases["name_ends"])
        places = [name for name in names if name.lower() in lower_text]
        if things:
            return RecoveredSubject(phrasebook.language, number, max(things, key=len), max(places, key=len, default=""))
    return None


def iter_texts(session: Session, match: Match) -> Iterator[str]:
    """Yield the texts of a look-alike: of a letter, or of a question with its letters."""
    if match.noun == "letter":
        yield session.get_one(Letter, match.noun_id).body or ""
        return
    yield session.get_one(Question, match.noun_id).wording or ""
    for body in session.scalars(select(Letter.body).filter_by(question_id=match.noun_id)):
        yield body or ""


def print_report(write_line: WriteLine) -> None:
    """Print how many waiting letters have a look-alike, and the share of false ones."""
    with TemporaryDirectory(dir=Path.cwd(), prefix="bench-") as folder:
        filled_url = os.environ.get("BENCH_LOOK_ALIKES")
        url = filled_url or f"sqlite:///{folder}/desk.db"
        environment = {"READERS_ASKED_ENV": "demo", "DATABASE_URL": url, "MAIL_FOLDER": f"{folder}/mail"}
        if not filled_url:
            write_line(f"filling {QUESTIONS:,} questions ...")
            command = [sys.executable, "-m", "flask", "--app", "wsgi", "demo", "--questions", str(QUESTIONS), "--index"]
            subprocess.run(command, cwd=ROOT, env=os.environ | environment, check=True, stdout=subprocess.DEVNULL)
        settings = config.load(environment)
        database = Database(settings["DATABASE_URL"], Keys(settings["SECRETS"]), settings["BASE_URL"])
        with database.read() as session:
            _print_figures(write_line, session)
        database.close()


def _print_figures(write_line: WriteLine, session: Session) -> None:
    newsletter_id = session.scalars(select(Newsletter.id).filter_by(slug="long-road")).one()
    letters = list(session.scalars(select(Letter).where(Letter.newsletter_id == newsletter_id, Letter.is_received)))
    random.Random(11).shuffle(letters)
    questions = with_look_alike = look_alikes = false_look_alikes = 0
    for letter in letters[:MAX_LETTERS]:
        subject = recover_subject(letter.body or "")
        if subject is None:
            continue
        questions += 1
        probe = Probe(letter.body or "", noun="letter", noun_id=letter.id, edition_id=letter.about_edition_id)
        matches = find_matches(session, DESK, newsletter_id, probe, matcher="words")
        likely = [match for match in matches if match.likely]
        with_look_alike += bool(likely)
        look_alikes += len(likely)
        for match in likely:
            if subject not in map(recover_subject, iter_texts(session, match)):
                false_look_alikes += 1
    share = with_look_alike / max(1, questions)
    false_share = false_look_alikes / max(1, look_alikes)
    write_line(f"{questions} letters: {with_look_alike} have a look-alike ({share:.0%})")
    write_line(f"{look_alikes} look-alikes shown unasked: {false_look_alikes} false ({false_share:.0%})")


if __name__ == "__main__":
    print_report(print_line)
