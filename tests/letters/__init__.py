"""The letters, as the verbs of app/letters keep them."""
