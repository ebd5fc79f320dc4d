"""Overviews for the desk: waiting work, alarms, digest, insights, calendar."""
