"""Reading files of back issues: from the bytes of a file to the Q&As of its editions."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from .finding import Block, blocks_of
from .issue_files import Issue, issues_in
from .printed_qa import PrintedQA, build_qas


class ReadIssue(NamedTuple):
    """An edition with the Q&As found in it."""

    title: str
    blocks: list[Block]

    def qas(self, undated: date | None = None) -> list[PrintedQA]:
        """Return the Q&As, each with all of its answers. `undated` is the day to use if the file has none."""
        return [replace(qa, day=qa.day or undated) for qa in build_qas(self.blocks)]


def read_issues(name: str, data: bytes) -> Iterator[ReadIssue]:
    """Yield each edition of a file with its Q&As. Raises `issue_files.Unreadable`."""
    for issue in issues_in(name, data):
        yield ReadIssue(
            issue.title, [_apply_issue_date(block, issue) for block in blocks_of(issue.paras, issue.language)]
        )


def _apply_issue_date(block: Block, issue: Issue) -> Block:
    return replace(block, day=issue.day, unsure=block.unsure if issue.day else (*block.unsure, "date"))
