"""Assignments of questions to experts, their answers, the quote check and translations."""
