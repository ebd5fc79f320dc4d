"""The pages that anybody can open."""
