"""Sentences in their document, and a document with its sentences reworded."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..encoders.segmenters.segment import Segment, join
from .candidates import Candidate


@dataclass(frozen=True)
class InContext:
    """A sentence and the sentences around it, which are not changed."""

    text: str
    before: Sequence[str] = ()
    after: Sequence[str] = ()


@dataclass(frozen=True)
class DocumentParaphrases:
    """A document, its segments, and the candidates of those that were to be reworded.

    Attributes:
        text: the document.
        segments: of it, as they were cut.
        candidates: of each segment by its number (from 0), best first.
    """

    text: str
    segments: list[Segment]
    candidates: dict[int, list[Candidate]]

    def __len__(self) -> int:
        """How many rewordings of the whole document there are."""
        return max(map(len, self.candidates.values()), default=0)

    def rewrite(self, number: int = 0) -> str:
        """The document with every segment's candidate `number`; a segment with fewer has its last one, one with none
        stays. What is between the segments stays byte for byte."""
        replaced = [
            Segment(self.chosen(place, number).text, segment.start, segment.end)
            if self.candidates.get(place)
            else segment
            for place, segment in enumerate(self.segments)
        ]
        return join(self.text, replaced)

    def chosen(self, place: int, number: int) -> Candidate:
        """The candidate of a segment that `rewrite` takes."""
        return self.candidates[place][min(number, len(self.candidates[place]) - 1)]
