"""When editions run."""
