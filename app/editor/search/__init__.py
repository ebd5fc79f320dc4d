"""The search that stands on every page of the desk."""
