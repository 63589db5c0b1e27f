"""A judge of whether a sentence is English at all, for measures that do not see word order.

A small transformer reads the token states of a frozen sentence encoder, those of several of its layers since the last
ones care for meaning more than for form, and learns to tell human sentences from the same
sentences with a small fault: two neighbouring words swapped, a word left out, doubled, or replaced by another one of
the corpus. Joined with similarity (a rewording counts with its similarity where it is taken for English, with nothing
where it is not) it is the measure of Krishna et al. (arXiv 2010.05700). N sentences, L tokens, H width of the encoder.
"""

from collections.abc import Callable, Sequence
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from segdiff.pipelines.sentence_encoders import load_sentence_encoder

WIDTH = 128
MAX_TOKENS = 64
LAYERS = (0.0, 0.5, 1.0)  # of the encoder: 0 = the embeddings, 1 = the last
BATCH = 64
HELD_OUT = 0.1


def swapped(words: list[str], pool: Sequence[str], random: Random) -> list[str]:
    """Two neighbouring words change places."""
    place = random.randrange(len(words) - 1)
    return [*words[:place], words[place + 1], words[place], *words[place + 2 :]]


def left_out(words: list[str], pool: Sequence[str], random: Random) -> list[str]:
    """A word is missing."""
    place = random.randrange(len(words))
    return words[:place] + words[place + 1 :]


def doubled(words: list[str], pool: Sequence[str], random: Random) -> list[str]:
    """A word stands there twice."""
    place = random.randrange(len(words))
    return [*words[: place + 1], *words[place:]]


def replaced(words: list[str], pool: Sequence[str], random: Random) -> list[str]:
    """A word of another sentence stands in place of one."""
    place = random.randrange(len(words))
    return [*words[:place], random.choice(pool), *words[place + 1 :]]


FAULTS: dict[str, Callable[[list[str], Sequence[str], Random], list[str]]] = {
    "swapped": swapped,
    "left out": left_out,
    "doubled": doubled,
    "replaced": replaced,
}


class Head(nn.Module):
    """Token states (N, L, H) and their mask (N, L) -> logits (N,), above 0: English."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.project = nn.Linear(hidden, WIDTH)
        self.places = nn.Embedding(MAX_TOKENS, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 2 * WIDTH, dropout=0.1, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(WIDTH, 1)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        hidden = self.project(states) + self.places.weight[: states.shape[1]]
        hidden = self.layers(hidden, src_key_padding_mask=~mask)
        return self.out(hidden).squeeze(-1).masked_fill(~mask, float("inf")).amin(1)  # the worst place decides


class Acceptability:
    """Trains on human sentences when made.

    Args:
        sentences: human ones, none of which is judged later.
        encoder: a `sentence-transformers` model, as `load_sentence_encoder` takes it.
        epochs: over the sentences.
        seed: of faults and weights.

    Attributes:
        held_out: the share taken for English of held-out sentences ("human") and of each fault of them.
    """

    def __init__(self, sentences: Sequence[str], encoder: str, epochs: int = 4, seed: int = 0) -> None:
        self.encoder = load_sentence_encoder(encoder, "cpu", "the judge of English")
        random = Random(seed)
        cut = [words for words in (sentence.split() for sentence in sentences) if len(words) > 2]
        pool = [word for words in cut for word in words]
        kinds = list(FAULTS)
        pairs = [
            (" ".join(words), " ".join(FAULTS[kinds[i % len(kinds)]](words, pool, random)))
            for i, words in enumerate(cut)
        ]
        test = int(len(pairs) * HELD_OUT)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.head = self._trained(pairs[test:], epochs, random)
        human = [good for good, _ in pairs[:test]]
        self.held_out = {"human": float(self(human).float().mean())}
        for number, name in enumerate(kinds):
            self.held_out[name] = float(self([bad for _, bad in pairs[number : test : len(kinds)]]).float().mean())

    def _trained(self, pairs: Sequence[tuple[str, str]], epochs: int, random: Random) -> Head:
        texts = [text for pair in pairs for text in pair]
        states = self._states(texts)
        head = Head(states[0].shape[1])
        steps = epochs * -(-len(pairs) // BATCH)
        optimizer = torch.optim.AdamW(head.parameters(), 1e-3, weight_decay=0.05)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps, pct_start=0.1)
        for _ in range(epochs):
            order = random.sample(range(len(pairs)), len(pairs))
            for start in range(0, len(order), BATCH):
                rows = [2 * pair + side for pair in order[start : start + BATCH] for side in (0, 1)]
                target = torch.tensor([1.0, 0.0]).repeat(len(rows) // 2)
                loss = F.binary_cross_entropy_with_logits(head(*self._padded([states[row] for row in rows])), target)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(head.parameters(), 1.0)
                optimizer.step()
                schedule.step()
        return head.eval()

    @torch.no_grad()
    def _states(self, texts: Sequence[str]) -> list[Tensor]:
        """Of each text its tokens' states (L, H) in the layers of `LAYERS`, side by side."""
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        found: dict[int, Tensor] = {}
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            inputs = self.encoder.tokenizer(
                [texts[row] for row in rows], padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
            )
            sizes = inputs["attention_mask"].sum(1)
            layers = self.encoder[0].auto_model(**inputs, output_hidden_states=True).hidden_states
            joined = torch.cat([layers[round(share * (len(layers) - 1))] for share in LAYERS], dim=-1).half()
            found |= {row: states[:size] for row, states, size in zip(rows, joined, sizes, strict=True)}
        return [found[row] for row in range(len(texts))]

    @staticmethod
    def _padded(states: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        lengths = torch.tensor([len(one) for one in states])
        return pad_sequence(list(states), batch_first=True).float(), torch.arange(int(lengths.max())) < lengths[:, None]

    @torch.no_grad()
    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Whether each of N texts is taken for English, (N,) bool."""
        states = self._states(texts)
        logits = [self.head(*self._padded(states[start : start + 256])) for start in range(0, len(states), 256)]
        return torch.cat(logits) > 0 if logits else torch.zeros(0, dtype=torch.bool)
