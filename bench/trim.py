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
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import quantiles

from app.mailtext.incoming import Mail, TrimContext
from app.mailtext.parsing.parse import parse
from app.mailtext.trim import trim
from tests.support.hostile_mails import HOSTILE_MAILS
from tests.support.reply_mails import list_partly_known_replies, list_replies

from .run_options import WriteLine, print_line

CORPUS = Path(__file__).parents[2] / "shared" / "corpus" / "replies.jsonl"
TIMEOUT = 10.0  # seconds for a library and one hostile text
# All that mail-parser-reply has.
LANGUAGES = ["en", "de", "fr", "es", "it", "nl", "pl", "sv", "no", "da", "cs", "ko", "ja", "zh", "he"]
NO_CONTEXT = TrimContext()

Trimmer = Callable[[Mail, TrimContext], str]  # returns a reply's own text


def trim_with_app(mail: Mail, context: TrimContext = NO_CONTEXT) -> str:
    return trim(mail, context).text


def trim_with_mail_parser_reply(mail: Mail, _context: TrimContext) -> str:
    from mailparser_reply import EmailReplyParser

    return str(EmailReplyParser(languages=LANGUAGES).parse_reply(text=mail.body) or "")


def trim_with_email_reply_parser(mail: Mail, _context: TrimContext) -> str:
    from email_reply_parser import EmailReplyParser

    return str(EmailReplyParser.parse_reply(mail.body))


def list_trimmers() -> dict[str, Trimmer]:
    """Return our trimmer, and those of the installed libraries, by name."""
    trimmers: dict[str, Trimmer] = {"ours": trim_with_app}
    if find_spec("mailparser_reply"):
        trimmers["mail-parser-reply"] = trim_with_mail_parser_reply
    if find_spec("email_reply_parser"):
        trimmers["email-reply-parser"] = trim_with_email_reply_parser
    return trimmers


@dataclass(frozen=True)
class TrimCase:
    """A reply and the text that its writer wrote.

    `signature` is None if the result must equal `expected`; otherwise the result only has to contain that, and must not
    contain the signature. `context` is what the program knows of the quoted mails, `is_real` is set for collected ones.
    """

    corpus: str
    mail: Mail
    expected: str
    signature: str | None = None
    ignores_spaces: bool = False
    context: TrimContext = NO_CONTEXT
    is_real: bool = False

    @property
    def is_signature_case(self) -> bool:
        return self.corpus.endswith("signature")


def iter_cases() -> Iterator[TrimCase]:
    """Yield the cases of the corpora, if they are present, and the generated ones."""
    yield from _iter_corpus_cases()
    for reply in list_replies():
        yield TrimCase("generated", reply.mail, reply.own_text)
        yield TrimCase("generated, all is known", reply.mail, reply.own_text, context=reply.trim_context)
    for reply in list_partly_known_replies():
        known = reply.trim_context
        partly_known = TrimContext(known.addresses, (), known.texts)
        yield TrimCase("an edition", reply.mail, reply.own_text)
        yield TrimCase("an edition, a part is known", reply.mail, reply.own_text, context=partly_known)
        yield TrimCase("the same, as a mail of ours", reply.mail, reply.own_text, context=known)


def _iter_corpus_cases() -> Iterator[TrimCase]:
    if not CORPUS.is_file():
        return
    for line in CORPUS.read_text().splitlines():
        row = json.loads(line)
        yield TrimCase(
            corpus=f"{row['corpus']}, {row['kind']}",
            mail=parse(base64.b64decode(row["raw_b64"])),
            expected=row["expected_text"],
            signature=row["extra"].get("signature", "") if row["kind"] == "signature" else None,
            ignores_spaces=row["compare"] == "nows",
            is_real=True,
        )


def is_right(case: TrimCase, result: str) -> bool:
    """Return whether the result of a trimmer is right, but for its white space."""
    text, expected = _normalize(result, case), _normalize(case.expected, case)
    if case.signature is None:
        return text == expected
    has_signature = bool(case.signature) and _normalize(case.signature, case) in text
    return expected in text and not has_signature


def _normalize(text: str, case: TrimCase) -> str:
    return re.sub(r"\s+", "" if case.ignores_spaces else " ", text).strip()


def count_lost_words(expected: str, result: str) -> int:
    """Return how many words of the expected text are missing."""
    return (_count_words(expected) - _count_words(result)).total()


def _count_words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.casefold()))


def print_report(write_line: WriteLine) -> None:
    """Print the figures, line by line."""
    cases = list(iter_cases())
    trimmers = list_trimmers()
    if not CORPUS.is_file():
        write_line("no corpus of real replies beside the repository: only the generated ones")
    write_line(f"{'':<22} {'corpus':<28} {'mails':>6} {'right':>7} {'lost':>5} {'empty':>5} {'p50':>8} {'p95':>8}")
    for name, trimmer in trimmers.items():
        _print_accuracy(write_line, name, trimmer, cases)
    write_line("")
    for name, trimmer in trimmers.items():
        _print_hostile(write_line, name, trimmer)


def _print_accuracy(write_line: WriteLine, name: str, trimmer: Trimmer, cases: list[TrimCase]) -> None:
    cases_by_corpus: dict[str, list[TrimCase]] = defaultdict(list)
    for case in cases:
        cases_by_corpus[case.corpus].append(case)
        if case.is_real and not case.is_signature_case:
            cases_by_corpus["all real replies"].append(case)
    for corpus, members in cases_by_corpus.items():
        right = with_lost_words = empty = 0
        latencies = []
        for case in members:
            start = time.perf_counter()
            result = trimmer(case.mail, case.context)
            latencies.append(1000 * (time.perf_counter() - start))
            right += is_right(case, result)
            with_lost_words += bool(count_lost_words(case.expected, result))
            empty += not result.strip() and bool(case.mail.body.strip())
        cuts = quantiles(latencies, n=20) if len(latencies) > 1 else latencies * 19
        percentage = 100 * right / len(members)
        write_line(
            f"{name:<22} {corpus:<28} {len(members):>6} {percentage:>6.1f}% {with_lost_words:>5} {empty:>5}"
            f" {cuts[9]:>5.2f} ms {cuts[18]:>5.2f} ms"
        )


def _print_hostile(write_line: WriteLine, name: str, trimmer: Trimmer) -> None:
    slowest, slowest_title, failed_titles = 0.0, "", []
    for title, mail in HOSTILE_MAILS.items():
        seconds = _measure_in_child(trimmer, mail)
        if seconds is None:
            failed_titles.append(title)
        elif seconds > slowest:
            slowest, slowest_title = seconds, title
    write_line(
        f"{name:<22} hostile set of {len(HOSTILE_MAILS)}: worst {1000 * slowest:.0f} ms ({slowest_title}); "
        f"over {TIMEOUT:.0f} s: {len(failed_titles)}" + "".join(f"\n    {title}" for title in failed_titles)
    )


def _measure_in_child(trimmer: Trimmer, mail: Mail) -> float | None:
    """Return the seconds that a trimmer takes for a mail; None if it was killed or crashed."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_send_duration, args=(trimmer, mail, sender))
    child.start()
    sender.close()
    try:
        return float(receiver.recv()) if receiver.poll(TIMEOUT) else None
    except EOFError:
        return None
    finally:
        child.kill()
        child.join()


def _send_duration(trimmer: Trimmer, mail: Mail, sender: Connection) -> None:
    start = time.perf_counter()
    trimmer(mail, NO_CONTEXT)
    sender.send(time.perf_counter() - start)


if __name__ == "__main__":
    print_report(print_line)
