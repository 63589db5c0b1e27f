"""Errors of the scripts as one line, as `segdiff` gives them."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import typer


def run_command(command: Callable[..., None]) -> NoReturn:
    """Run a script's function on the command line and exit: 0, or 2 after bad input."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(command)
    try:
        app()
    except (ValueError, FileNotFoundError) as error:
        print(f"{Path(sys.argv[0]).name}: error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    sys.exit(0)
