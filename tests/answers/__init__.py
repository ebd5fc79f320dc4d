"""Assignments and answers: who is asked, reminded and heard."""
