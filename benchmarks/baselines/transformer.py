"""The one transformer of the token baselines: a Llama of `transformers`, sized to a number of parameters."""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

WIDTH, NUM_LAYERS, HEAD_WIDTH = 256, 8, 32


def build(vocab_size: int, num_parameters: int, width: int = WIDTH, num_layers: int = NUM_LAYERS) -> LlamaForCausalLM:
    """A Llama with tied embeddings whose feed-forward width makes up the number of parameters.

    Args:
        vocab_size: rows of the embedding.
        num_parameters: in all, embedding included; met within half a unit of every layer's feed-forward width.
        width: of the states; a multiple of 32.
        num_layers: transformer layers.

    Raises:
        ValueError: `num_parameters` is too small for the other sizes.
    """
    attention = num_layers * (4 * width * width + 2 * width)
    per_unit = 3 * width * num_layers
    units = round((num_parameters - vocab_size * width - attention - width) / per_unit)
    if units < 1:
        least = vocab_size * width + attention + width + per_unit
        raise ValueError(
            f"num_parameters is {num_parameters}; {num_layers} layers of width {width} need at least {least}"
        )
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocab_size,
            hidden_size=width,
            intermediate_size=units,
            num_hidden_layers=num_layers,
            num_attention_heads=width // HEAD_WIDTH,
            num_key_value_heads=width // HEAD_WIDTH,
            max_position_embeddings=4096,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=None,
            pad_token_id=None,
        )
    )


def load(folder: Path) -> LlamaForCausalLM:
    """Read what `save_pretrained` wrote.

    Raises:
        FileNotFoundError: there is no such model.
        ValueError: it is damaged.
    """
    if not (folder / "model.safetensors").is_file() or not (folder / "config.json").is_file():
        raise FileNotFoundError(f"{folder} holds no trained baseline; train one with train.py")
    try:
        return LlamaForCausalLM.from_pretrained(folder, use_safetensors=True).eval()
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ValueError(f"the model in {folder} is damaged ({' '.join(str(error).split())[:200]})") from None


def num_parameters(model: torch.nn.Module) -> int:
    """Weights, shared ones once."""
    return sum(parameter.numel() for parameter in model.parameters())


def pad_left(rows: Sequence[Sequence[int]], pad: int) -> tuple[Tensor, Tensor]:
    """Rows -> (B, L) ids and mask, the last tokens in the last column."""
    width = max(map(len, rows))
    ids = torch.tensor([[pad] * (width - len(row)) + list(row) for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return ids, mask


def choose(logits: Tensor, temperature: float, top_p: float, generator: torch.Generator | None) -> Tensor:
    """One token for each row of logits (..., V): the likeliest at temperature 0, else drawn from the nucleus
    (arXiv 1904.09751)."""
    from transformers import TopPLogitsWarper

    if temperature == 0:
        return logits.argmax(-1)
    flat = logits.flatten(0, -2) / temperature
    if top_p < 1:
        flat = TopPLogitsWarper(top_p)(None, flat)
    return torch.multinomial(flat.softmax(-1), 1, generator=generator).view(logits.shape[:-1])
