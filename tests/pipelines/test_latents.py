"""Texts to latents and back from Python, sentence embeddings, and latents on disk."""

import gc
import shutil
import tracemalloc
import warnings
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator
from torch import Tensor

from segdiff import SegmentDecoder, SegmentEncoder, StoryPipeline
from segdiff.pipelines.latent_store import LatentIndex, open_store, read_latents, write_latents
from segdiff.pipelines.latents import RepresentationPipeline
from segdiff.pipelines.rendering import encode_texts

TEXTS = ["Tom wanted a kite.", "He ran.", "There was a lamp in the shop, but it cost 3 dollars.", "Nobody knew why."]


@pytest.fixture(scope="module")
def pipeline(tiny_pipeline: StoryPipeline) -> RepresentationPipeline:
    return RepresentationPipeline(tiny_pipeline.encoder, tiny_pipeline.decoder, tiny_pipeline.tokenizer)


def test_folder_to_latents_and_back(tiny_model_dir: Path, pipeline: RepresentationPipeline) -> None:
    loaded = RepresentationPipeline.from_pretrained(tiny_model_dir).to("cpu")
    latents = loaded.encode(TEXTS, batch_size=2)
    assert latents.shape == (4, 2, 8) and latents.dtype == torch.float32
    torch.testing.assert_close(latents, encode_texts(pipeline.encoder, pipeline.tokenizer, TEXTS), rtol=1e-4, atol=1e-5)
    texts = loaded.decode(latents)
    assert len(texts) == 4 and texts == loaded.decode(latents.numpy(), batch_size=3)
    assert loaded.decode(latents[:1]) == texts[:1]
    assert loaded.encode([]).shape == (0, 2, 8) and loaded.decode(loaded.encode([])) == []


def test_the_parts_alone_take_and_give_texts(
    tiny_model_dir: Path, tmp_path: Path, pipeline: RepresentationPipeline
) -> None:
    latents = pipeline.encode(TEXTS)
    for where in (tiny_model_dir, tiny_model_dir / "encoder", str(tiny_model_dir / "encoder")):
        torch.testing.assert_close(SegmentEncoder.from_pretrained(where).encode(TEXTS), latents, rtol=1e-4, atol=1e-5)
    encoder = SegmentEncoder.from_pretrained(tiny_model_dir, subfolder="encoder")
    assert encoder.encode([]).shape == (0, 2, 8) and encoder.encode(iter(TEXTS)).shape == (4, 2, 8)
    decoder = SegmentDecoder.from_pretrained(tiny_model_dir)
    assert decoder.decode(latents) == pipeline.decode(latents) and decoder.decode(latents[:0]) == []
    for texts, message in [("Tom ran.", "texts is one string"), ([""], "a segment is empty")]:
        with pytest.raises(ValueError, match=message):
            encoder.encode(texts)
    with pytest.raises(ValueError, match="mask is missing; token ids need one"):
        encoder.encode(torch.ones(1, 3, dtype=torch.long))
    with pytest.raises(ValueError, match=r"latents have the shape \(3, 2, 9\); this model's are \(N, 2, 8\)"):
        decoder.decode(torch.zeros(3, 2, 9))
    with pytest.raises(FileNotFoundError, match="no model at 'nowhere'"):
        SegmentEncoder.from_pretrained("nowhere")
    for kind, part in ((SegmentEncoder, "encoder"), (SegmentDecoder, "decoder")):
        shutil.copytree(tiny_model_dir / part, tmp_path / part)
        alone = kind.from_pretrained(tmp_path / part)
        with pytest.raises(ValueError, match=f"this {kind.__name__} has no tokenizer beside it, which texts need"):
            alone.encode(TEXTS) if isinstance(alone, SegmentEncoder) else alone.decode(latents)


def test_the_parts_of_the_bundled_model_by_its_name() -> None:
    latents = SegmentEncoder.from_pretrained("stories-tiny").encode(["Tom wanted a dog."])
    assert SegmentDecoder.from_pretrained("stories-tiny").decode(latents) == ["Tom wanted a dog."]


def test_progress_goes_to_stderr(pipeline: RepresentationPipeline, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline.decode(pipeline.encode(TEXTS, show_progress=True), show_progress=True)
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("4/4") >= 2
    parts = pipeline.encode_batches(iter(TEXTS), show_progress=True)
    assert len(list(pipeline.decode_batches(parts, batch_size=3, show_progress=True))) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("4 segments") >= 2


def test_memory_does_not_grow_with_a_generator(pipeline: RepresentationPipeline) -> None:
    def peak(segments: int) -> int:
        gc.collect()
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        parts = pipeline.encode_batches((f"Tom ran {number} miles." for number in range(segments)), batch_size=16)
        for part in parts:
            assert len(part) <= 256
            gc.collect()  # garbage that waits for Python is not held by us
        return tracemalloc.get_traced_memory()[1] - before

    tracemalloc.start()
    try:
        peak(300)  # what is made once
        few, many = peak(1000), peak(4000)
    finally:
        tracemalloc.stop()
    assert many < 1.25 * few


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu(tiny_model_dir: Path, pipeline: RepresentationPipeline) -> None:
    moved = RepresentationPipeline.from_pretrained(tiny_model_dir).to("cuda")
    latents = moved.encode(TEXTS)
    assert moved.device.type == "cuda" and latents.device.type == "cpu"
    torch.testing.assert_close(latents, pipeline.encode(TEXTS), rtol=1e-2, atol=1e-2)
    assert moved.decode(latents) == pipeline.decode(latents)
    assert moved.decoder.decode(latents) == moved.decode(latents)


def test_one_warning_where_the_tokenizer_knows_bytes_alone(pipeline: RepresentationPipeline) -> None:
    expected = "2 of 6 segments are mostly bytes to this model's tokenizer; their reconstruction will be damaged"
    with pytest.warns(UserWarning, match=expected) as raised:
        parts = pipeline.encode_batches([*TEXTS, "שלום עולם", "👋🌍"], batch_size=1)
        assert sum(map(len, parts)) == 6
    assert len(raised) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipeline.encode([*TEXTS, "Tom went to a café."])


def test_a_generator_is_read_no_further_than_needed(pipeline: RepresentationPipeline) -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        for text in cycle(TEXTS):
            taken += 1
            yield text

    batches = pipeline.encode_batches(endless(), batch_size=2)
    for count in range(1, 4):
        assert next(batches).shape == (32, 2, 8)
        assert taken == 32 * count
    decoded = pipeline.decode_batches(batches, batch_size=16)
    assert len(list(islice(decoded, 3))) == 3 and taken == 32 * 5


def test_embeddings_are_a_sentence_transformer(pipeline: RepresentationPipeline) -> None:
    embeddings = pipeline.embed(TEXTS)
    assert embeddings.shape == (4, 8) and embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-5)
    model = pipeline.as_sentence_transformer()
    assert (model.get_embedding_dimension(), model.max_seq_length) == (8, 40)
    np.testing.assert_allclose(model.encode(TEXTS, batch_size=2), embeddings, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(model.similarity(embeddings, embeddings), embeddings @ embeddings.T, atol=1e-5)
    scores = (embeddings * embeddings[::-1]).sum(1).tolist()
    result = EmbeddingSimilarityEvaluator(TEXTS, TEXTS[::-1], scores)(model)
    assert result["pearson_cosine"] == pytest.approx(1, abs=1e-3)
    assert np.isfinite(model.encode(["word " * 500])).all()  # cut off
    for text, message in [(" ", "a text is empty"), ("\ud800", "a text has a lone surrogate at character 0")]:
        with pytest.raises(ValueError, match=message):
            model.encode([text])
    with pytest.raises(NotImplementedError, match="save the representation itself"):
        model[0].save("nowhere")


def test_bad_input(pipeline: RepresentationPipeline) -> None:
    for texts, message in [
        ("Tom ran.", "texts is one string"),
        ([" "], "a segment is empty"),
        (["\ud800"], "lone surrogate"),
        (["word " * 500], "at most 40 fit"),
    ]:
        with pytest.raises(ValueError, match=message):
            pipeline.encode(texts)
    with pytest.raises(ValueError, match=r"latents have the shape \(3, 2, 9\); this model's are \(N, 2, 8\)"):
        pipeline.decode(torch.zeros(3, 2, 9))


# ---------------------------------------------------------------------------------------------------- disk


def index_of(dtype: str = "float32") -> LatentIndex:
    return LatentIndex("f", num_latents=2, latent_dim=3, dtype=dtype, shard_segments=4, by="line", corpus="c")


def parts(count: int = 10, size: int = 3) -> list[tuple[Tensor, list[int]]]:
    whole = torch.randn(count, 2, 3, generator=torch.Generator().manual_seed(0))
    return [(whole[i : i + size], [1 + n // 7 for n in range(count)[i : i + size]]) for i in range(0, count, size)]


def everything(folder: Path) -> tuple[Tensor, list[int]]:
    read = list(read_latents(folder, LatentIndex.load(folder), batch_size=3))
    return torch.cat([latents for latents, _ in read]), [line for _, lines in read for line in lines]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_shards_hold_what_was_written(tmp_path: Path, dtype: str) -> None:
    index = open_store(tmp_path / "latents", index_of(dtype))
    assert list(write_latents(tmp_path / "latents", index, parts())) == [4, 4, 2]
    latents, lines = everything(tmp_path / "latents")
    assert latents.dtype == getattr(torch, dtype) and lines == [1] * 7 + [2] * 3
    torch.testing.assert_close(latents.float(), torch.cat([part for part, _ in parts()]), rtol=1e-3, atol=1e-3)
    again = open_store(tmp_path / "latents", index_of(dtype))
    assert (again.complete, again.count, again.line, again.line_segments) == (True, 10, 2, 3)
    assert not list((tmp_path / "latents").glob("*.tmp"))


def test_the_place_in_a_line_is_known_after_every_shard(tmp_path: Path) -> None:
    index = open_store(tmp_path, index_of())
    writing = write_latents(tmp_path, index, parts())
    places = [(index.line, index.line_segments) for _ in writing]
    assert places == [(1, 4), (2, 1), (2, 3)]


def test_bad_stores(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"index\.json is missing"):
        LatentIndex.load(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"is not empty and holds no latents \(it has notes\.txt\)"):
        open_store(tmp_path, index_of())
    (tmp_path / "index.json").write_text("{")
    with pytest.raises(ValueError, match="is damaged"):
        LatentIndex.load(tmp_path)
    folder = tmp_path / "latents"
    list(write_latents(folder, open_store(folder, index_of()), parts()))
    with pytest.raises(ValueError, match="dtype is float32 there and float16 now"):
        open_store(folder, index_of("float16"))
    shard = folder / "latents-00001.safetensors"
    whole = shard.read_bytes()
    for broken, message in [(whole[:-8], "is damaged"), (whole[:5], "is damaged"), (b"", "is damaged")]:
        shard.write_bytes(broken)
        with pytest.raises(ValueError, match=message):
            everything(folder)
    shard.write_bytes((folder / "latents-00002.safetensors").read_bytes())
    with pytest.raises(ValueError, match="holds latents of the shape"):
        everything(folder)
    shard.unlink()
    with pytest.raises(FileNotFoundError, match="is missing"):
        open_store(folder, index_of())
