"""The demo newsroom at any size: a third newsletter, whose rows are inserted in bulk as if the product had done it."""
