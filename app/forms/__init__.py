"""Forms of the desk: idempotency keys of submissions, drafts, and submissions held for reauthentication."""
