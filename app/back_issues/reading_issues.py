"""Reading files of back issues: from the bytes of a file to the Q&As of its editions."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from .finding import FoundQA, find_qas
from .issue_files import Issue, issues_in
from .printed_qa import PrintedQA, build_qas


class ParsedIssue(NamedTuple):
    """An edition with the Q&As found in it: one for each answer, even if several answer the same question."""

    title: str
    found_qas: list[FoundQA]

    def qas(self, default_day: date | None = None) -> list[PrintedQA]:
        """Return the Q&As, with all answers to a question in one. Those without a date get `default_day`."""
        return [replace(qa, day=qa.day or default_day) for qa in build_qas(self.found_qas)]


def read_issues(name: str, data: bytes) -> Iterator[ParsedIssue]:
    """Yield each edition of a file with its Q&As. Raises `issue_files.UnreadableIssue`."""
    for issue in issues_in(name, data):
        found_qas = find_qas(issue.paras, issue.language)
        yield ParsedIssue(issue.title, [_apply_issue_date(qa, issue) for qa in found_qas])


def _apply_issue_date(qa: FoundQA, issue: Issue) -> FoundQA:
    if issue.day is None:
        return replace(qa, unsure=(*qa.unsure, "date"))
    return replace(qa, day=issue.day)
