"""What is used where nothing else is said. Imports nothing, so that the command line can show it at once."""

DEFAULT_MODEL = "stories-small"
