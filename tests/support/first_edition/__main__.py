"""Set up and use a newsroom on a real system, and print the minutes of each step; the exit status is 1 if one fails."""

import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from subprocess import SubprocessError, TimeoutExpired

from playwright.sync_api import Error

from tests.support.first_edition import people_steps, server_steps
from tests.support.first_edition.bare_debian import StepFailed, list_missing_requirements
from tests.support.first_edition.step_context import StepContext
from tests.support.source import ROOT

LOG = ROOT / "build" / "first-edition.log"


@dataclass(frozen=True)
class Step:
    title: str
    run: Callable[[StepContext], None]


STEPS = (
    Step("a bare Debian", server_steps.create_machine),
    Step("what the machine needs", server_steps.install_packages),
    Step("the newsroom's mail server", server_steps.set_up_mail_server),
    Step("the program", server_steps.install_program),
    Step("the database", server_steps.create_database),
    Step("the newsletter and its admin", server_steps.create_newsletter),
    Step("web and worker", server_steps.start_services),
    Step("nginx with TLS", server_steps.set_up_nginx),
    Step("mail comes in", server_steps.set_up_incoming_mail),
    Step("Nora comes in", people_steps.sign_in_nora),
    Step("Dana asks on the web", people_steps.ask_on_the_web),
    Step("Timur answers the newsletter", people_steps.ask_by_mail),
    Step("Nora words it and asks Laura", people_steps.ask_expert),
    Step("Laura answers by link", people_steps.answer_by_link),
    Step("Nora edits, Laura checks", people_steps.check_quote),
    Step("approved, picked, locked, sent", people_steps.publish_edition),
    Step("Dana finds the answer", people_steps.find_published_answer),
    Step("the first steps are ticked", people_steps.check_first_steps),
    Step("a backup", server_steps.create_backup),
    Step("restored elsewhere", server_steps.restore_backup),
    Step("all is well", server_steps.run_doctor),
)


def print_line(text: str) -> None:
    print(text, flush=True)


def run_steps(context: StepContext) -> list[tuple[str, float]]:
    """Run all steps, and return the title and the seconds of each. Raises `StepFailed` with a message for users."""
    durations = []
    for number, step in enumerate(STEPS, 1):
        print_line(f"{number:>2}/{len(STEPS)} {step.title}")
        start = time.monotonic()
        try:
            step.run(context)
        except TimeoutExpired as error:
            reason = f"took longer than {error.timeout / 60:.0f} minutes; the log says how far it came"
            raise StepFailed(f"Step {number}, “{step.title}”, {reason}") from error
        except (StepFailed, AssertionError, Error, OSError, SubprocessError, ValueError) as error:
            raise StepFailed(f"Step {number}, “{step.title}”, failed: {error or type(error).__name__}") from error
        durations.append((step.title, time.monotonic() - start))
    return durations


def format_durations(durations: list[tuple[str, float]]) -> str:
    """Format the minutes of each step and their sum as a table; `durations` are titles and seconds."""
    rows = [*durations, ("together", sum(seconds for _, seconds in durations))]
    return "\n".join(f"{title:<34}{seconds / 60:>6.1f} min" for title, seconds in rows)


def main() -> int:
    if missing := list_missing_requirements():
        print_line(f"A bare Debian can't be made here: {', '.join(missing)}.")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # exit normally, so that all processes are stopped
    LOG.parent.mkdir(exist_ok=True)
    print_line(f"What the commands print goes to {LOG}\n")
    try:
        with LOG.open("w+b") as log, ExitStack() as stack:
            durations = run_steps(StepContext(stack, log, print_line))
    except StepFailed as error:
        print_line(f"\n{error}\n\nThe log: {LOG}")
        return 1
    except KeyboardInterrupt:
        print_line("\nStopped; all that was started has ended.")
        return 130
    print_line(f"\n{format_durations(durations)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
