"""The desk at a glance: who waits for whom, alarms, digest, insights, calendar."""
