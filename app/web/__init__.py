"""The parts of the web interface that all doors share."""
