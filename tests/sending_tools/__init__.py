"""The tools that send."""
