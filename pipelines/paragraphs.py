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
        count: sentences of the story, if that is known: the last paragraph is not shorter than others, either.
    """

    def __init__(self, mean_length: int, count: int | None = None) -> None:
        self.mean_length = mean_length
        self.shortest = max(1, (mean_length + 1) // 2)
        self.left = count
        self.length = 0
        self.sum: Tensor | None = None
        self.seen: list[float] = []  # sorted

    def begins(self, vector: Tensor, given: bool | None = None) -> bool:
        """Whether the next sentence begins a paragraph; the first of a story does not.

        Args:
            vector: its topic (C,).
            given: what is known already: that it does, or does not; None where it is to be decided.
        """
        turns = self._turns(vector) if given is None else given
        if turns or self.sum is None:
            self.sum, self.length = vector.clone(), 1
        else:
            self.sum, self.length = self.sum + vector, self.length + 1
        if self.left is not None:
            self.left -= 1
        return turns

    def _turns(self, vector: Tensor) -> bool:
        if self.sum is None or self.length < self.shortest or (self.left is not None and self.left < self.shortest):
            return False
        scale = float(vector.norm() * self.sum.norm())
        closeness = float(vector @ self.sum) / scale if scale else 0.0
        one_of = self.mean_length - self.shortest + 1
        limit = self.seen[len(self.seen) // one_of] if len(self.seen) >= one_of > 1 else None
        insort(self.seen, closeness)
        if limit is None:
            return self.length >= self.mean_length
        return closeness < limit or self.length >= LONGEST * self.mean_length
