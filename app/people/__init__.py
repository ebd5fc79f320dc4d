"""People of the desk and experts: the directory, roles, sign-in, sessions, second factors and links."""
