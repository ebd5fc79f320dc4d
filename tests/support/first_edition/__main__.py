"""Play a newsroom's start for real, and print how many minutes each step took; ends with 1 where one fails."""

import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from subprocess import SubprocessError, TimeoutExpired

from playwright.sync_api import Error

from tests.support.first_edition import people_steps, server_steps
from tests.support.first_edition.bare_debian import Failed, lacking
from tests.support.first_edition.stage import Stage
from tests.support.source import ROOT

LOG = ROOT / "build" / "first-edition.log"


@dataclass(frozen=True)
class Step:
    words: str
    play: Callable[[Stage], None]


STEPS = (
    Step("a bare Debian", server_steps.a_bare_machine),
    Step("what the machine needs", server_steps.what_it_needs),
    Step("the newsroom's mail server", server_steps.the_mail_server),
    Step("the program", server_steps.the_program),
    Step("the database", server_steps.the_database),
    Step("the newsletter and its admin", server_steps.the_newsletter),
    Step("web and worker", server_steps.web_and_worker),
    Step("nginx with TLS", server_steps.the_proxy),
    Step("mail comes in", server_steps.mail_comes_in),
    Step("Nora comes in", people_steps.nora_comes_in),
    Step("Dana asks on the web", people_steps.a_reader_asks_on_the_web),
    Step("Timur answers the newsletter", people_steps.a_reader_answers_the_newsletter),
    Step("Nora words it and asks Laura", people_steps.the_desk_asks_an_expert),
    Step("Laura answers by link", people_steps.the_expert_answers_by_link),
    Step("Nora edits, Laura checks", people_steps.the_quote_is_checked),
    Step("approved, picked, locked, sent", people_steps.approved_picked_locked_and_sent),
    Step("Dana finds the answer", people_steps.the_reader_finds_the_answer),
    Step("the first steps are ticked", people_steps.the_first_steps_are_done),
    Step("a backup", server_steps.a_backup),
    Step("restored elsewhere", server_steps.restored_elsewhere),
    Step("all is well", server_steps.all_is_well),
)


def say(text: str) -> None:
    print(text, flush=True)


def play(stage: Stage) -> list[tuple[str, float]]:
    """Play all steps and return the seconds that each took. Raises `Failed` with a plain sentence."""
    took = []
    for number, step in enumerate(STEPS, 1):
        say(f"{number:>2}/{len(STEPS)} {step.words}")
        began = time.monotonic()
        try:
            step.play(stage)
        except TimeoutExpired as late:
            took_too_long = f"took longer than {late.timeout / 60:.0f} minutes; the log says how far it came"
            raise Failed(f"Step {number}, “{step.words}”, {took_too_long}") from late
        except (Failed, AssertionError, Error, OSError, SubprocessError, ValueError) as error:
            raise Failed(f"Step {number}, “{step.words}”, failed: {error or type(error).__name__}") from error
        took.append((step.words, time.monotonic() - began))
    return took


def table(took: list[tuple[str, float]]) -> str:
    """Return the minutes of each step, and of all."""
    rows = [*took, ("together", sum(seconds for _, seconds in took))]
    return "\n".join(f"{words:<34}{seconds / 60:>6.1f} min" for words, seconds in rows)


def main() -> int:
    if lacks := lacking():
        say(f"A bare Debian can't be made here: {', '.join(lacks)}.")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all that was started ends
    LOG.parent.mkdir(exist_ok=True)
    say(f"What the commands print goes to {LOG}\n")
    try:
        with LOG.open("w+b") as log, ExitStack() as stack:
            took = play(Stage(stack, log, say))
    except Failed as failed:
        say(f"\n{failed}\n\nThe log: {LOG}")
        return 1
    except KeyboardInterrupt:
        say("\nStopped; all that was started has ended.")
        return 130
    say(f"\n{table(took)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
