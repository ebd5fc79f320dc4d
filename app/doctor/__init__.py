"""The house is looked over: one table of checks, for the person who keeps it running."""
