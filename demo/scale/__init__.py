"""The demo newsroom at any size: a third newsletter, written in bulk as the product's verbs would have written it."""
