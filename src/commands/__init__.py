"""The subcommands of `segdiff`, a module for each theme; `segdiff.cli` puts them together."""
