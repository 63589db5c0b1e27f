"""The `segdiff` command: puts the subcommands together and turns every failure into one line.

Nothing heavy is imported at the top: help and wrong options answer at once; torch and its relatives take seconds and
are imported by the commands that need them.
"""

import errno
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from . import __version__
from .commands.blind_pairs import export_pairs, score_pairs
from .commands.calibration import noise
from .commands.choice import choice
from .commands.evaluation import evaluate
from .commands.latents import decode, encode
from .commands.paraphrase import direction, interpolate, neighbours, paraphrase
from .commands.segmentation import segment
from .commands.shared import PLAIN, help_without_command
from .commands.stories_evaluation import stories
from .commands.training import train
from .commands.writing import generate, models, reconstruct

app = typer.Typer(help="Segment-level latent diffusion of text.", **PLAIN)
for command in (generate, paraphrase, interpolate, neighbours, direction, reconstruct, encode, decode, segment, models):
    app.command()(command)
evaluate.command()(noise)
evaluate.command()(stories)
for measure in (choice, export_pairs, score_pairs):
    evaluate.command()(measure)
app.add_typer(train, name="train")
app.add_typer(evaluate, name="evaluate")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0, 2 after an error (one line on stderr), 130 after Ctrl-C, 141 silently where
    whoever reads the output has closed it (`segdiff segment FILE | head`), as after SIGPIPE.

    SEGDIFF_DEBUG=1 shows tracebacks.
    """
    debug = os.environ.get("SEGDIFF_DEBUG", "") not in ("", "0")
    code = 0
    try:
        _quiet(debug)
        command = typer.main.get_command(app)
        with command.make_context("segdiff", list(sys.argv[1:] if arguments is None else arguments)) as context:
            command.invoke(context)
        sys.stdout.flush()  # a full disk or a closed pipe shows here, not when Python exits
    except typer.Exit as end:
        code = end.exit_code
    except BrokenPipeError as error:
        code = 141
        traceback.clear_frames(error.__traceback__)
        _drop_output()
    except (Exception, KeyboardInterrupt) as error:
        code = 130 if isinstance(error, KeyboardInterrupt) else 2
        message = _message(error)
        if debug or message is None:
            raise
        traceback.clear_frames(error.__traceback__)  # a progress bar in there ends its line now, not after ours
        _drop_output()
        print(f"segdiff: error: {message}", file=sys.stderr)
    sys.exit(code)


def _quiet(debug: bool) -> None:
    """Silence what other libraries say about themselves. They read this when they are imported."""
    if debug:
        return
    for name in ("TRANSFORMERS_VERBOSITY", "DIFFUSERS_VERBOSITY"):
        os.environ.setdefault(name, "error")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def _message(error: BaseException) -> str | None:
    """One line for a mistake of the user or the machine; None for one of ours, which keeps its traceback."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, KeyboardInterrupt):
        return " ".join(str(error).split()) or "interrupted"
    if hasattr(error, "format_message"):  # click's usage errors, which typer exports under changing names
        return " ".join(error.format_message().split())
    if getattr(error, "errno", None) == errno.ENOSPC or "No space left on device" in text:
        file = getattr(error, "filename", None)
        return f"the disk is full{f' (writing {file})' if file else ''}; free some space and try again"
    if getattr(error, "errno", None) == errno.EFBIG:
        return "the file would be larger than this system or shell lets files be (see ulimit -f)"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return f"out of memory; give a smaller batch ({text})"
    if isinstance(error, ValueError | OSError) or type(error).__name__ == "SafetensorError":
        return text
    return None


def _drop_output() -> None:
    """Flush stdout; where that fails, throw the rest away, so that Python does not complain again at exit."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


@app.callback()
def _root(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    if version:
        print(f"segdiff {__version__}")
        raise typer.Exit()
    help_without_command(context)
