"""The trail: every change, its author and its time, in sentences."""
