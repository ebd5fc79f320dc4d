"""Whom to ask, invitations, and what experts wrote: edited, checked and approved."""
