"""Tools that send newsletters: an edition becomes a draft there, and is never sent from here. It uses no database.

Each tool is a module with these functions, which raise `DraftError` and `NotFound`:

- `verify_account` makes a harmless request that proves the key and the list.
- `fetch_draft` returns a draft as the tool's API represents it.
- `is_draft` returns whether that is still a draft: neither sent nor scheduled.
- `find_draft_id` returns the ID of the draft with an edition's mark, or "" if there is none.
- `create_draft` and `update_draft` store an edition as a draft, and return where it is.
"""
