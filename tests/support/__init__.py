"""The cast and the tools that tests share. Nothing here is a test, and no test is imported by another."""
