"""`segdiff generate --watch`: a story that emerges from noise, in the terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..pipelines.writing import Draft, Passage


SHOWN = 600  # characters of finished text: a terminal redraws no more than it has lines


class Watcher:
    """Shows drafts on stderr: in place in a terminal, else a line a step.

    Args:
        live: a `rich.live.Live`, or None.
    """

    def __init__(self, live: Any = None) -> None:
        self.live = live
        self.finished = ""

    def draft(self, draft: "Draft") -> None:
        """Show what is written, after a step."""
        text = " ".join(" ".join(draft.segments[0]).split())
        if self.live is None:
            print(f"step {draft.step}/{draft.num_steps}: {text}", file=sys.stderr, flush=True)
            return
        from rich.text import Text

        done = f"{self.finished[-SHOWN:]} " if self.finished else ""
        state = f"  step {draft.step} of {draft.num_steps}, segment {draft.first + 1} on"
        self.live.update(Text.assemble(done, (text, "bold"), "\n", (state, "dim")), refresh=True)

    def passage(self, passage: "Passage") -> None:
        """Segments are finished."""
        self.finished += passage.text[0]


@contextmanager
def watching() -> Iterator[Watcher]:
    """What shows drafts while the block runs; nothing of them is left in a terminal."""
    if not sys.stderr.isatty():
        yield Watcher()
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), auto_refresh=False, transient=True, vertical_overflow="visible") as live:
        yield Watcher(live)
