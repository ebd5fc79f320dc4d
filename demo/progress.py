"""Progress of the demo's long tasks, and the bar that shows it."""

import time
from collections.abc import Callable

import click

Progress = Callable[[int, int], None]  # called with the number of steps done and the total


def run_with_progress_bar(label: str, task: Callable[[Progress], None]) -> None:
    """Call `task` with a function that moves a progress bar, and print how long it took."""
    started_at = time.monotonic()
    with click.progressbar(length=1, label=label) as bar:

        def update_bar(done: int, total: int) -> None:
            bar.length = total
            new_steps = done - bar.pos
            if done == total or new_steps >= max(1, total // 200):
                bar.update(new_steps)

        task(update_bar)
    click.echo(f"{label}: {time.monotonic() - started_at:.0f} s")
