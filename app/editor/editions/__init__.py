"""The calendar, and the page where an edition is put together, locked and sent."""
