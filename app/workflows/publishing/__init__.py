"""Publishing: what sending, skipping, recalling and correcting an edition does to answers and letters."""
