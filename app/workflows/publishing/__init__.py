"""From the editor's Sent to corrections: what publishing does to editions, answers and letters."""
