"""Choosing experts, invitations, and the experts' answers: edited, checked and approved."""
