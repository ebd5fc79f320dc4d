"""The tools that send newsletters: an edition becomes a draft there, and never more than that. No database."""
