"""Pretrained text encoders in training: which tokenizer the run has, and what stays fixed.

There is one tokenizer: a pretrained encoder's own, made fit for the decoder too (an end token, condition kinds). Two
would double the token ids of every prepared corpus and batch, and the decoder would gain nothing.
"""

from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerFast
from transformers.models.t5.modeling_t5 import T5Stack

from ..configs.schema import RepresentationConfig
from ..encoders import SegmentEncoder
from ..encoders.text_encoders import freeze, sentence_modules
from .data import load_tokenizer
from .prepared import FILE
from .tokenization import CONDITION_KINDS


def own_tokenizer(name: str) -> PreTrainedTokenizerFast:
    """The tokenizer of a pretrained encoder: what it puts before and after a text are the start and the end token.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it puts more than a token before or after a text, or has no padding token.
    """
    try:
        folder, _, _ = sentence_modules(name, pooled=False)
        tokenizer = AutoTokenizer.from_pretrained(
            name,
            subfolder=folder,
            trust_remote_code=False,
            split_special_tokens=True,  # "[SEP]" typed by a user is text
        )
        around = tokenizer("")["input_ids"]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        why = " ".join(str(error).split())[:200]
        raise FileNotFoundError(f"encoder.pretrained {name} holds no tokenizer that can be used ({why})") from None
    if len(around) not in (1, 2) or tokenizer.pad_token_id is None:
        raise ValueError(
            f"the tokenizer of encoder.pretrained {name} cannot be used: it needs a padding token, an end token and "
            f"at most one start token; it puts {tokenizer.convert_ids_to_tokens(around)} around a text"
        )
    *start, end = tokenizer.convert_ids_to_tokens(around)
    tokenizer.eos_token = end
    if start:
        tokenizer.bos_token = start[0]
    tokenizer.add_special_tokens({"extra_special_tokens": [f"<{kind}>" for kind in CONDITION_KINDS]})
    return tokenizer


def start_token_id(tokenizer: PreTrainedTokenizerFast) -> int | None:
    """What a pretrained encoder's tokenizer puts before a text; None where that is nothing."""
    around = tokenizer("")["input_ids"]
    return around[0] if len(around) == 2 else None


def run_tokenizer(config: RepresentationConfig) -> PreTrainedTokenizerFast | None:
    """The tokenizer of a run whose encoder is pretrained; None where the data decides.

    Raises:
        ValueError: the data come with another tokenizer.
    """
    if config.encoder.pretrained is None:
        return None
    tokenizer = own_tokenizer(config.encoder.pretrained)
    given = config.data.tokenizer
    if config.data.train and (Path(config.data.train[0]) / "train" / FILE).exists():
        given = str(Path(config.data.train[0]) / "tokenizer")
    if given is not None and not load_tokenizer(given).get_vocab().items() <= tokenizer.get_vocab().items():
        raise ValueError(
            f"the tokenizer {given} is not that of encoder.pretrained {config.encoder.pretrained}, which reads its own "
            "tokens only; leave data.tokenizer out and prepare the data with it"
        )
    return tokenizer


def fix_parts(encoder: SegmentEncoder, config: RepresentationConfig) -> RepresentationConfig:
    """Freeze what the config says.

    Returns:
        The config, with `tie_embeddings` off where the decoder needs an embedding of its own: beside an encoder that is
        pretrained, frozen or of another family than the decoder's, T5.
    """
    freeze(encoder.text_encoder, config.encoder.frozen)
    shared = config.encoder.pretrained is None and not config.encoder.frozen
    if shared and isinstance(encoder.text_encoder, T5Stack):
        return config
    return config.model_copy(update={"tie_embeddings": False})
