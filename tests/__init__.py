"""How the newsroom behaves, told with a cast: Timur and Dana ask, Leyla answers, Nora edits, Ilya helps her."""
