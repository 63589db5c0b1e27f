"""`segdiff train representation`: the first stage as a job of its own."""

import shutil
from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor
from tqdm import tqdm
from transformers import PreTrainedTokenizerFast

from ..configs.schema import DataConfig, LoopConfig, RepresentationConfig
from ..decoders import SegmentDecoder
from ..encoders import SegmentEncoder
from .batches import DocumentSampler, SegmentBatch, drawn_rows, pad_rows, segment_batch
from .build_representation import build, take_over
from .data import TrainingData, load_data
from .files import replace_folder, write_json
from .known_words import learn_words
from .loading import load_representation
from .prepared import PreparedCorpus
from .pretrained import fix_parts, run_tokenizer
from .representation import RepresentationObjective, encode_chunks
from .representation_validation import VALIDATION_SEGMENTS, validation_batches, validation_metrics
from .saving import readable
from .sentence_encoders import locate_sentence_encoder
from .shapes import with_shapes_of
from .teacher import OPTION, load_teacher
from .topics import learn_topics
from .training import check_loop, fit

STATISTICS_SEGMENTS = 20_000
STATISTICS_CHUNKS = 4


@torch.no_grad()
def encode_corpus(
    encoder: SegmentEncoder,
    corpus: PreparedCorpus,
    indices: np.ndarray | None = None,
    batch_size: int = 256,
    show_progress: bool = False,
) -> Tensor:
    """Raw latents (N, K, D) of a prepared corpus's segments, on the CPU in single precision."""
    indices = np.arange(len(corpus.segments)) if indices is None else indices
    device = encoder.latent_mean.device
    order = indices[np.argsort(corpus.segments.lengths[indices], kind="stable")]
    latents = torch.empty(len(order), *encoder.latent_mean.shape)
    place = torch.from_numpy(np.argsort(np.argsort(corpus.segments.lengths[indices], kind="stable")))
    with tqdm(total=len(order), desc="encoding", unit=" segments", disable=None if show_progress else True) as bar:
        for start in range(0, len(order), batch_size):
            ids, mask = pad_rows([corpus.segments[int(index)] for index in order[start : start + batch_size]])
            latents[start : start + batch_size] = encoder(ids.to(device), mask.to(device)).float().cpu()
            bar.update(len(ids))
    return latents[place]


@torch.no_grad()
def fix_statistics(encoder: SegmentEncoder, batches: Iterable[SegmentBatch]) -> None:
    """Replace the running statistics by those of segments of training batches, STATISTICS_SEGMENTS or all of them.

    Not of the corpus: a batch has other segments beside its documents' (`rare_segments`, `paired_segments`), and by all
    of their latents decoder and contrast have learned.
    """
    encoder.eval()
    raw: list[Tensor] = []
    for batch in batches:
        batch = batch.to(encoder.latent_mean.device)
        raw.append(encode_chunks(encoder, batch.tokens, batch.token_mask, STATISTICS_CHUNKS).float().cpu())
        if sum(map(len, raw)) >= STATISTICS_SEGMENTS:
            break
    flat = torch.cat(raw)
    encoder.set_statistics(flat.mean(0), flat.std(0) if len(flat) > 1 else torch.ones_like(flat[0]))


def train_representation(
    config: RepresentationConfig,
    folder: Path,
    init: str | None = None,
    accelerator: Accelerator | None = None,
    reuse: str | None = None,
) -> dict[str, float]:
    """Train encoder and decoder; write `folder/model/{encoder,decoder,tokenizer}`. Resumes by itself.

    Args:
        config: options.
        folder: run folder (made when absent).
        init: model to start from (a bundled name, a pipeline's folder or a representation's folder); its shapes win
            over the config's.
        accelerator: made from `config.loop.mixed_precision` when None.
        reuse: model whose tensors are taken over where name and shape are those of the config's model, and whose
            tokenizer is; the other tensors start anew.

    Returns:
        Last losses and validation metrics.

    Raises:
        ValueError: both `init` and `reuse`.
    """
    if init and reuse:
        raise ValueError("give either init (the model as it is) or reuse (what of it fits the config)")
    check_loop(config.loop)
    taught_by = config.distillation.teacher if config.distillation.weight else None
    if taught_by is not None:
        locate_sentence_encoder(taught_by, OPTION)
    accelerator = accelerator or make_accelerator(config.loop)
    torch.manual_seed(config.loop.seed)
    if init:
        encoder, decoder, tokenizer = load_representation(init)
        config = with_shapes_of(config, {"encoder": encoder.config, "decoder": decoder.config})
        data = load_on_main_first(config.data, folder, accelerator, tokenizer)
    elif reuse:
        old_encoder, old_decoder, tokenizer = load_representation(reuse)
        data = load_on_main_first(config.data, folder, accelerator, tokenizer)
        encoder, decoder = build(config, data.tokenizer)
        take_over(encoder, old_encoder)
        take_over(decoder, old_decoder)
    else:
        data = load_on_main_first(config.data, folder, accelerator, run_tokenizer(config))
        encoder, decoder = build(config, data.tokenizer)
    config = fix_parts(encoder, config)
    size = encoder.config.topic_latents * encoder.config.latent_dim
    learns_topics = bool(encoder.gist is not None and size and not encoder.gist.topics.any())
    if learns_topics:
        assert encoder.gist is not None
        encoder.gist.topics.copy_(learn_topics(data.train, len(data.tokenizer), size, config.loop.seed))
    objective = RepresentationObjective(encoder, decoder, config)
    sampler = DocumentSampler.of(data.train, config.data, config.loop, accelerator)
    pairs = config.contrastive.pairs if config.contrastive.weight else 0
    teacher = None
    if taught_by is not None:
        with accelerator.main_process_first():
            teacher = load_teacher(taught_by, config, data.train, data.tokenizer, folder, str(accelerator.device))

    def drawn(step: int, pairs: int) -> tuple[SegmentBatch, np.random.Generator]:
        rng = np.random.default_rng([config.loop.seed, 1, step, accelerator.process_index])
        share, matched = config.contrastive.paraphrase_share, config.contrastive.length_matched
        alone = drawn_rows(data.train.rare, config.rare_segments, rng)
        alone += drawn_rows(data.train.anchors, config.paired_segments, rng, data.train.num_paraphrases)
        return segment_batch(data.train, sampler(step), pairs, rng, share, matched, alone), rng

    def batch_at(step: int) -> SegmentBatch:
        batch, rng = drawn(step, pairs)
        return batch if teacher is None else teacher.add(batch, config.distillation.pairs, rng)

    def epoch() -> Iterable[SegmentBatch]:
        return (drawn(step, 0)[0] for step in range(sampler.batches_per_epoch))

    if learns_topics:
        fix_statistics(encoder, epoch())
    held_out = validation_batches(data.valid, config.data.max_segments, VALIDATION_SEGMENTS)
    state = fit(
        objective,
        batch_at,
        config.loop,
        folder,
        accelerator,
        count=lambda batch: batch.tokens.shape[0],
        validate=(lambda: validation_metrics(encoder, decoder, held_out)) if held_out else None,
    )
    fix_statistics(encoder, epoch())
    learn_words(decoder, data.train, data.tokenizer)
    metrics = {**state, **(validation_metrics(encoder.eval(), decoder.eval(), held_out) if held_out else {})}
    if accelerator.is_main_process:
        save_representation(folder / "model", encoder, decoder, data.tokenizer)
        write_json(folder / "result.json", {"metrics": metrics, "config": config.model_dump(mode="json")})
    return metrics


def save_representation(
    folder: Path,
    encoder: SegmentEncoder,
    decoder: SegmentDecoder,
    tokenizer: PreTrainedTokenizerFast,
    half: bool = False,
) -> None:
    """Write `folder/{encoder,decoder,tokenizer}` whole or not at all; `half` as `save_pipeline` has it."""
    temporary = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    if half:
        encoder, decoder = deepcopy(encoder).to(torch.float16), deepcopy(decoder).to(torch.float16)
    encoder.save_pretrained(temporary / "encoder")
    decoder.save_pretrained(temporary / "decoder")
    tokenizer.save_pretrained(temporary / "tokenizer")
    readable(temporary)
    replace_folder(temporary, folder)


def make_accelerator(loop: LoopConfig) -> Accelerator:
    """An `Accelerator` of the config's precision."""
    return Accelerator(mixed_precision=loop.mixed_precision)


def load_on_main_first(
    config: DataConfig, folder: Path, accelerator: Accelerator, tokenizer: PreTrainedTokenizerFast | None
) -> TrainingData:
    """`load_data`; of several processes the main one prepares what the others then read."""
    with accelerator.main_process_first():
        return load_data(config, folder, tokenizer)
