"""The demo newsroom."""
