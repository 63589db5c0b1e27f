"""Where a paragraph of a written story begins: where the topic turns.

Stories come sentence by sentence, so what follows is not known yet, as it is to TextTiling (Hearst, 1997), which looks
for the turns of a finished text in the same way: by how close a sentence is to those before it.
"""

from bisect import insort

from torch import Tensor

LONGEST = 2  # a paragraph never has more sentences than this times the wanted mean


class Paragraphs:
    """Decides, sentence by sentence, where a story's paragraphs begin.

    A paragraph may end when it has half of its mean length. It does where the next sentence is less close to it than
    all but a few of the sentences that were looked at so far: as few as make the mean length come out.

    Args:
        mean_length: sentences of a paragraph, on average.
    """

    def __init__(self, mean_length: int) -> None:
        self.mean_length = mean_length
        self.shortest = max(1, (mean_length + 1) // 2)
        self.length = 0
        self.sum: Tensor | None = None
        self.seen: list[float] = []  # sorted

    def begins(self, vector: Tensor) -> bool:
        """Whether the next sentence, of topic vector (C,), begins a paragraph; the first of a story does not."""
        turns = self._turns(vector)
        if turns or self.sum is None:
            self.sum, self.length = vector.clone(), 1
        else:
            self.sum, self.length = self.sum + vector, self.length + 1
        return turns

    def _turns(self, vector: Tensor) -> bool:
        if self.sum is None or self.length < self.shortest:
            return False
        scale = float(vector.norm() * self.sum.norm())
        closeness = float(vector @ self.sum) / scale if scale else 0.0
        few = len(self.seen) / (self.mean_length - self.shortest + 1)
        limit = self.seen[int(few)] if self.seen and few < len(self.seen) else None
        insort(self.seen, closeness)
        if limit is None:
            return self.length >= self.mean_length
        return closeness < limit or self.length >= LONGEST * self.mean_length
