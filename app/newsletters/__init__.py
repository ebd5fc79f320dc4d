"""A newsletter's settings, house sentences and topics."""
