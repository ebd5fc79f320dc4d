"""The command line interface, `readers-asked`."""
