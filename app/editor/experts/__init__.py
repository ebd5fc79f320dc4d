"""The directory of experts, as pages and as files, and people who are in it twice."""
