"""`python -m bench.trim`: the accuracy of finding a reply's own text, of ours, mail-parser-reply, email-reply-parser.

For each corpus in ../shared/corpus (if present) and the replies that the tests generate, it prints the mails that are
right, lost words or are empty, and milliseconds per mail; then the slowest of a hostile set, for which each library has
10 seconds in a process of its own.
"""

import base64
import json
import multiprocessing
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import quantiles

from app.mailtext.incoming import Mail, TrimContext
from app.mailtext.parsing.parse import parse
from app.mailtext.trim import trim
from tests.support.hostile_mails import HOSTILE_MAILS
from tests.support.reply_mails import list_partly_known_replies, list_replies

from .surroundings import say as to_terminal

CORPUS = Path(__file__).parents[2] / "shared" / "corpus" / "replies.jsonl"
LIMIT = 10.0  # seconds for a library and one hostile text
LANGUAGES = [
    "en",
    "de",
    "fr",
    "es",
    "it",
    "nl",
    "pl",
    "sv",
    "no",
    "da",
    "cs",
    "ko",
    "ja",
    "zh",
    "he",
]  # all that mail-parser-reply has

Say = Callable[[str], None]
Engine = Callable[[Mail, TrimContext], str]


NOTHING = TrimContext()


def ours(mail: Mail, known: TrimContext = NOTHING) -> str:
    return trim(mail, known).text


def mail_parser_reply(mail: Mail, _: TrimContext) -> str:
    from mailparser_reply import EmailReplyParser

    return str(EmailReplyParser(languages=LANGUAGES).parse_reply(text=mail.body) or "")


def email_reply_parser(mail: Mail, _: TrimContext) -> str:
    from email_reply_parser import EmailReplyParser

    return str(EmailReplyParser.parse_reply(mail.body))


ENGINES: dict[str, Engine] = {
    "ours": ours,
    **({"mail-parser-reply": mail_parser_reply} if find_spec("mailparser_reply") else {}),
    **({"email-reply-parser": email_reply_parser} if find_spec("email_reply_parser") else {}),
}


@dataclass(frozen=True)
class Case:
    corpus: str
    mail: Mail
    expected: str
    signature: str | None = None  # the text that must be gone, if only that is checked
    no_spaces: bool = False
    known: TrimContext = NOTHING
    real: bool = False


def cases() -> Iterator[Case]:
    if CORPUS.is_file():
        for row in map(json.loads, CORPUS.read_text().splitlines()):
            kind, signature = row["kind"], None
            if kind == "signature":
                signature = row["extra"].get("signature", "")
            mail = parse(base64.b64decode(row["raw_b64"]))
            yield Case(
                f"{row['corpus']}, {kind}", mail, row["expected_text"], signature, row["compare"] == "nows", real=True
            )
    for reply in list_replies():
        yield Case("generated", reply.mail, reply.own_text)
        yield Case("generated, all is known", reply.mail, reply.own_text, known=reply.trim_context)
    for reply in list_partly_known_replies():
        known = reply.trim_context
        yield Case("an edition", reply.mail, reply.own_text)
        yield Case(
            "an edition, a part is known",
            reply.mail,
            reply.own_text,
            known=TrimContext(known.addresses, (), known.texts),
        )
        yield Case("the same, as a mail of ours", reply.mail, reply.own_text, known=known)


def right(case: Case, found: str) -> bool:
    got, expected = normal(found, case.no_spaces), normal(case.expected, case.no_spaces)
    if case.signature is None:
        return got == expected
    return expected in got and (not case.signature or normal(case.signature, case.no_spaces) not in got)


def normal(text: str, no_spaces: bool) -> str:
    return re.sub(r"\s+", "" if no_spaces else " ", text).strip()


def lost(expected: str, found: str) -> int:
    """Return how many words of the expected text are missing."""
    there = Counter(re.findall(r"\w+", found.casefold()))
    return sum((Counter(re.findall(r"\w+", expected.casefold())) - there).values())


def report(say: Say) -> None:
    """Print the figures, line by line."""
    rows = list(cases())
    if not CORPUS.is_file():
        say("no corpus of real replies beside the repository: only the generated ones")
    say(f"{'':<22} {'corpus':<28} {'mails':>6} {'right':>7} {'lost':>5} {'empty':>5} {'p50':>8} {'p95':>8}")
    for name, engine in ENGINES.items():
        _score(say, name, engine, rows)
    say("")
    for name, engine in ENGINES.items():
        _hostile(say, name, engine)


def _score(say: Say, name: str, engine: Engine, rows: list[Case]) -> None:
    of_corpus: dict[str, list[Case]] = defaultdict(list)
    for case in rows:
        of_corpus[case.corpus].append(case)
        if not case.corpus.endswith("signature") and case.real:
            of_corpus["all real replies"].append(case)
    for corpus, members in of_corpus.items():
        hit = gone = empty = 0
        times = []
        for case in members:
            start = time.perf_counter()
            found = engine(case.mail, case.known)
            times.append(1000 * (time.perf_counter() - start))
            hit += right(case, found)
            gone += bool(lost(case.expected, found))
            empty += not found.strip() and bool(case.mail.body.strip())
        cuts = quantiles(times, n=20) if len(times) > 1 else times * 19
        say(
            f"{name:<22} {corpus:<28} {len(members):>6} {100 * hit / len(members):>6.1f}% {gone:>5} {empty:>5}"
            f" {cuts[9]:>5.2f} ms {cuts[18]:>5.2f} ms"
        )


def _hostile(say: Say, name: str, engine: Engine) -> None:
    worst, over = (0.0, ""), []
    for title, mail in HOSTILE_MAILS.items():
        seconds = _in_child(engine, mail)
        if seconds is None:
            over.append(title)
        else:
            worst = max(worst, (seconds, title))
    slowest = f"worst {1000 * worst[0]:.0f} ms ({worst[1]})"
    say(
        f"{name:<22} hostile set of {len(HOSTILE_MAILS)}: {slowest}; over {LIMIT:.0f} s: {len(over)}"
        + "".join(f"\n    {one}" for one in over)
    )


def _in_child(engine: Engine, mail: Mail) -> float | None:
    """Return the seconds that an engine takes for a mail; None if it was killed or crashed."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_timed, args=(engine, mail, there))
    child.start()
    there.close()
    try:
        return float(here.recv()) if here.poll(LIMIT) else None
    except EOFError:
        return None
    finally:
        child.kill()
        child.join()


def _timed(engine: Engine, mail: Mail, answer: "multiprocessing.connection.Connection") -> None:
    start = time.perf_counter()
    engine(mail, NOTHING)
    answer.send(time.perf_counter() - start)


if __name__ == "__main__":
    report(to_terminal)
