"""The benchmarks of writing and training run and report what they promise; how large the numbers are is not tested."""

import json
import time

import pytest
import torch


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        yield
    torch.set_num_threads(before)


def test_quick_generation_reports_every_size(tiny_model_dir, tmp_path, capsys):
    import generation

    out, png = tmp_path / "numbers.json", tmp_path / "curves.png"
    options = {"threads": 1, "width": 32, "layers": 1, "quick": True}
    generation.main(model=str(tiny_model_dir), out=out, plot_file=png, **options)
    result = json.loads(out.read_text())
    rows = result["rows"]
    sizes = [(row["tokens"], row["batch"], row["system"]) for row in rows]
    systems = ["ours", "autoregressive", "masked", "passage"]
    assert sizes == [(tokens, batch, name) for tokens in (20, 40) for batch in (1, 2) for name in systems]
    for row in rows:
        assert row["seconds"] > 0 and row["GFLOP a text"] > 0 and row["tokens/s"] > 0
        passes = [int(number) for number in row["passes"].split(" + ")]
        longest = max(generation.segment_lengths(row["tokens"]))
        expected = {"ours": [3, longest], "autoregressive": [row["tokens"]], "masked": [3]}
        expected["passage"] = [3, row["tokens"]]
        assert passes == expected[row["system"]]
    assert all(row["times as fast as AR"] == 1 for row in rows if row["system"] == "autoregressive")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert f"`{result['command']}`" in capsys.readouterr().out


def test_operations_are_those_of_the_matrix_products(vocabulary_and_model):
    """Per token 2 for each weight that is multiplied, and 4 for each key and number of its width, in each layer."""
    import generation
    from measure import flops

    vocabulary, model = vocabulary_and_model
    config, weights = model.config, 0
    weights = sum(p.numel() for p in model.parameters() if p.ndim == 2)  # the embedding is the output's, too
    tokens = 12
    run = generation.autoregressive(model, vocabulary)
    keys = sum(range(1, tokens + 1))
    expected = 2 * weights * tokens + 4 * config.hidden_size * config.num_hidden_layers * keys
    assert flops(lambda: run(tokens, 1)) == pytest.approx(expected, rel=0.01)


@pytest.fixture
def vocabulary_and_model(tiny_pipeline):
    from baselines.sequences import Vocabulary
    from baselines.transformer import build

    vocabulary = Vocabulary.of(tiny_pipeline.tokenizer)
    return vocabulary, build(vocabulary.size, 60_000, width=32, num_layers=2).eval()


def test_segments_of_a_text_have_its_tokens():
    import generation

    for tokens in (10, 60, 250, 1000):
        lengths = generation.segment_lengths(tokens)
        assert sum(lengths) == tokens and min(lengths) > 0
    assert 11 < 1000 / len(generation.segment_lengths(1000)) < 16


def test_a_passage_has_the_latents_of_its_segments(tiny_pipeline):
    import generation

    own = tiny_pipeline.decoder.config
    for tokens in (10, 60):
        denoiser, decoder, lengths = generation.passage(tiny_pipeline)(tokens)
        latents = len(generation.segment_lengths(tokens)) * own.num_latents
        assert lengths == [tokens]
        assert denoiser.config.num_latents == decoder.config.num_latents == latents
        assert decoder.config.text_config == own.text_config and decoder.config.gist_latents == 0
        assert len(denoiser.state_dict()) == len(tiny_pipeline.denoiser.state_dict())


def test_large_masked_sizes_are_left_out(tiny_model_dir, tmp_path):
    import generation

    out = tmp_path / "numbers.json"
    options = {"threads": 1, "width": 32, "layers": 1, "lengths": "10", "batches": "1,2", "repetitions": 2, "steps": 2}
    generation.main(model=str(tiny_model_dir), out=out, masked_passes=2, masked_limit=10, **options)
    rows = json.loads(out.read_text())["rows"]
    assert [row["batch"] for row in rows if row["system"] == "masked"] == [1]
    assert {row["runs"] for row in rows} == {2}


def test_quick_training_reports_every_system(tmp_path, capsys):
    import training

    out = tmp_path / "numbers.json"
    training.main(threads=1, quick=True, out=out)
    rows = json.loads(out.read_text())["rows"]
    assert [row["what"] for row in rows] == [
        "matrix peak",
        "representation",
        "diffusion",
        "autoregressive",
        "masked",
    ]
    peak = rows[0]["GFLOP/s"]
    for row in rows[1:]:
        assert row["segments/s"] > 0 and row["MFLOP a segment"] > 0
        assert row["share of the peak"] == pytest.approx(row["GFLOP/s"] / peak)
    assert "## Training" in capsys.readouterr().out
    sizes = {row["what"]: row["parameters"] for row in rows[1:]}
    ours = sizes["representation"] + sizes["diffusion"]
    assert sizes["autoregressive"] == sizes["masked"] == pytest.approx(ours, rel=0.1)


def test_rounds_are_interleaved_and_stop():
    from measure import interleaved, quartiles

    order: list[str] = []
    taken = interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 3)
    assert order == ["a", "b"] * 3 and all(len(seconds) == 3 for seconds in taken.values())
    taken = interleaved({"a": lambda: time.sleep(0.02)}, 50, most_seconds=0.01)
    assert len(taken["a"]) == 2
    assert quartiles([4.0]) == (4.0, 4.0, 4.0)
    assert quartiles([1.0, 2.0, 3.0, 4.0, 5.0]) == (2.0, 3.0, 4.0)


def test_peak_memory_is_that_of_the_run():
    from measure import peak_of

    result, peak = peak_of(lambda: float(torch.ones(16 * 2**20).sum()))
    assert result == 16 * 2**20
    if peak is None:
        pytest.skip("this system does not tell resident memory")
    assert 60 < peak < 120  # 64 MiB
