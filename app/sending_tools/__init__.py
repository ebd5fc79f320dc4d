"""Tools that send newsletters. An edition becomes a draft in the tool, and is never sent from here.

This package uses no database.

Each tool is a module with these functions, which raise `DraftError` and `NotFound`:

- `verify_account` makes a harmless request that proves the key and the list.
- `fetch_draft` returns a draft as the tool's API represents it.
- `is_draft` returns whether such a draft is still one: neither sent nor scheduled.
- `find_draft_id` returns the ID of the draft with an edition's mark, or "" if there is none.
- `create_draft` and `update_draft` store an edition as a draft, and return its `DraftRef`.
"""
