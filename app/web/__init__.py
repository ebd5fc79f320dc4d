"""The parts of the web interface that the pages of all audiences share: readers, experts, translators and the desk."""
