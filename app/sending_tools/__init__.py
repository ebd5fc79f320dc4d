"""Tools that send newsletters: an edition becomes a draft there, and is never sent from here. It uses no database."""
