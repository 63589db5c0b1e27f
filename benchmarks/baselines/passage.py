"""Passage-level latent diffusion (in the manner of LD4LG, arXiv 2212.09462): our parts, one segment a text.

The same encoder, denoiser, decoder and stages as the segment-level model's, with as many latents for the whole text as
that has for five segments. It cannot take given segments: it writes with a title, or with nothing.
"""

import json
import math
from pathlib import Path
from typing import Any

from baselines.config import PassageConfig, reference

from segdiff import StoryPipeline
from segdiff.configs.loader import load_config
from segdiff.configs.schema import AdaptationConfig, DiffusionConfig, RepresentationConfig
from segdiff.pipelines.data import load_data
from segdiff.pipelines.files import replace_folder, write_json
from segdiff.pipelines.prepared import FILE, PreparedCorpus, Ragged
from segdiff.pipelines.runs import RESULT
from segdiff.pipelines.train_adaptation import train_adaptation
from segdiff.pipelines.train_diffusion import train_diffusion
from segdiff.pipelines.train_representation import train_representation

STAGES: dict[str, tuple[Any, Any]] = {
    "representation": (RepresentationConfig, train_representation),
    "diffusion": (DiffusionConfig, train_diffusion),
    "adaptation": (AdaptationConfig, train_adaptation),
}


def passages(corpus: PreparedCorpus, max_tokens: int) -> PreparedCorpus:
    """Every document as one segment: its first segments, as many as fit into `max_tokens` with one end token.

    There are no contrastive pairs: LD4LG has none, and ours are of sentences.
    """
    rows = []
    for document in range(len(corpus.documents)):
        row: list[int] = []
        for segment in corpus.documents[document]:
            *text, end = corpus.segments[int(segment)].tolist()
            if len(row) + len(text) + 1 > max_tokens:
                break
            row += text
        rows.append([*row, end])
    none = Ragged.of([])
    return PreparedCorpus(
        segments=Ragged.of(rows),
        documents=Ragged.of([[index] for index in range(len(rows))]),
        titles=corpus.titles,
        keywords=corpus.keywords,
        document_keywords=corpus.document_keywords,
        anchors=none,
        positives=none,
        negatives=none,
    )


def prepare(config: PassageConfig, folder: Path) -> PreparedCorpus:
    """Write `folder/passages/{train,valid,tokenizer}`, or read it when it is there.

    Raises:
        ValueError: the prepared data has another tokenizer than `config.like`.
    """
    target = folder / "passages"
    if not (target / "train" / FILE).exists():
        tokenizer, _ = reference(config.like)
        data = load_data(config.data, folder, tokenizer)
        if data.tokenizer.get_vocab() != tokenizer.get_vocab():
            raise ValueError(f"the prepared data has another tokenizer than {config.like}; prepare it again")
        temporary = folder / "passages.tmp"
        tokenizer.save_pretrained(temporary / "tokenizer")
        if data.valid is not None:
            passages(data.valid, config.max_tokens).save(temporary / "valid")
        passages(data.train, config.max_tokens).save(temporary / "train")
        replace_folder(temporary, target)
    return PreparedCorpus.load(target / "train")


def train(config: PassageConfig, folder: Path) -> dict[str, float]:
    """Train all stages; write `folder/{representation,diffusion,adaptation}`, the model in the last. Resumes by itself.

    Returns:
        Number of parameters, passes of the stages over text, and the stages' last losses.

    Raises:
        ValueError: the options do not make a model.
    """
    texts = prepare(config, folder)
    tokens_per_text = float(texts.segments.lengths.mean())
    like = StoryPipeline.from_pretrained(config.like).encoder.config
    models = {stage: folder / stage / "model" for stage in STAGES}
    own = {
        "representation": [
            f"encoder.num_latents={config.times * like.num_latents}",
            f"encoder.latent_dim={like.latent_dim}",
            "encoder.gist_latents=0",
            "encoder.topic_latents=0",
            "contrastive.weight=0",
            "adversarial.segments=2",  # as many tokens as ten sentences
            *config.representation,
        ],
        "diffusion": [f"representation={models['representation']}", *config.diffusion],
        "adaptation": [f"model={models['diffusion']}", *config.adaptation],
    }
    data = [f"data.train=[{folder / 'passages'}]", f"data.max_tokens={config.max_tokens}", "data.max_segments=1"]
    metrics: dict[str, float] = {}
    for (stage, (schema, run)), share in zip(STAGES.items(), config.shares, strict=True):
        options = load_config(schema, f"{stage}-tiny", [*data, *own[stage]])
        batch_tokens = options.loop.batch_documents * tokens_per_text
        if config.minutes is not None:
            ending = f"loop.max_minutes={config.minutes * share}"
        else:
            ending = f"loop.max_steps={math.ceil((config.tokens or 0) * share / batch_tokens)}"
        options = load_config(schema, f"{stage}-tiny", [*data, ending, *own[stage]])
        if not (folder / stage / RESULT).exists():
            print(f"passage: {stage}", flush=True)
            run(options, folder / stage)
        done = json.loads((folder / stage / RESULT).read_text(encoding="utf-8"))["metrics"]
        seen = round(done["step"] * batch_tokens)
        metrics |= {f"{stage}_loss": done["loss"], f"{stage}_text_tokens": seen}
        metrics[f"{stage}_text_tokens_per_second"] = round(seen / max(done["seconds"], 1e-9), 1)
    metrics["parameters"] = reference(models["adaptation"])[1]
    write_json(folder / RESULT, {"metrics": metrics, "config": config.model_dump(mode="json")})
    return metrics
