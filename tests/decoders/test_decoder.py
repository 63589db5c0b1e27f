"""SegmentDecoder: what a segment may see, and generation that depends on nothing else."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from segdiff.decoders import SegmentDecoder, neighbours, with_neighbours

TEXT: dict[str, Any] = {
    "vocab_size": 60,
    "d_model": 32,
    "num_layers": 1,
    "num_heads": 2,
    "d_kv": 16,
    "d_ff": 48,
    "dropout_rate": 0.0,
}
NUM_LATENTS, LATENT_DIM, MAX_TOKENS = 3, 8, 10


def make(**options: Any) -> SegmentDecoder:
    torch.manual_seed(0)
    shape = {"num_latents": NUM_LATENTS, "latent_dim": LATENT_DIM, "states_per_latent": 2, "max_tokens": MAX_TOKENS}
    decoder = SegmentDecoder(text_config=TEXT, **{**shape, **options}).eval()
    with torch.no_grad():  # a fresh decoder repeats its input token; this one writes something, and without ties
        decoder.transformer.embed_tokens.weight.mul_(0.05)
        decoder.transformer.final_layer_norm.weight.mul_(100)
        block = decoder.transformer.block[0]
        block.layer[1].EncDecAttention.o.weight.mul_(20)
        block.layer[2].DenseReluDense.wo.weight.mul_(8)
    return decoder


@pytest.fixture(scope="module")
def decoder() -> SegmentDecoder:
    return make()


def grid(*counts: int, width: int | None = None) -> tuple[Tensor, Tensor]:
    """Random latents of documents with `counts` segments, garbage where none exists, and the segment mask."""
    width = width or max(counts)
    mask = torch.arange(width) < torch.tensor(counts)[:, None]
    return torch.randn(len(counts), width, NUM_LATENTS, LATENT_DIM), mask


@torch.no_grad()
def grid_logits(decoder: SegmentDecoder, latents: Tensor, mask: Tensor, ids: Tensor) -> Tensor:
    """Logits (B, S, T, V) of the same input tokens in every segment; zero where none exists."""
    around, seen = neighbours(latents, mask, decoder.config.context_window)
    memory, memory_mask = decoder.memory(latents[mask], around[mask], seen[mask])
    out = torch.zeros(*mask.shape, ids.shape[0], TEXT["vocab_size"])
    out[mask] = decoder(ids.expand(memory.shape[0], -1), memory, memory_mask)
    return out


# ------------------------------------------------------------------------------------------- neighbours


def test_neighbours_are_in_reading_order():
    latents = torch.arange(1.0, 6.0).view(1, 5, 1, 1)
    around, mask = neighbours(latents, torch.ones(1, 5, dtype=torch.bool), 2)
    assert around[0, 2].flatten().tolist() == [1, 2, 4, 5]  # -2, -1, 1, 2
    assert mask[0].tolist() == [
        [False, False, True, True],
        [False, True, True, True],
        [True, True, True, True],
        [True, True, True, False],
        [True, True, False, False],
    ]


def test_neighbours_end_with_the_document():
    latents, mask = grid(2, 3)
    _, seen = neighbours(latents, mask, 1)
    assert seen.tolist() == [
        [[False, True], [True, False], [False, False]],
        [[False, True], [True, True], [True, False]],
    ]


def test_window_zero_is_the_lone_segment():
    decoder = make(context_window=0)
    latents, mask = grid(3, 1)
    around, seen = neighbours(latents, mask, 0)
    assert around.shape == (2, 3, 0, NUM_LATENTS, LATENT_DIM) and seen.shape == (2, 3, 0)
    memory, memory_mask = decoder.memory(latents[mask], around[mask], seen[mask])
    assert memory.shape == (4, NUM_LATENTS * 2, 32) and memory_mask.all()
    assert torch.equal(memory, decoder.memory(latents[mask])[0])


# ----------------------------------------------------------------------------------------------- memory


def test_memory_mask_hides_what_is_missing(decoder):
    latents, mask = grid(3)
    around, seen = neighbours(latents, mask, 2)
    memory, memory_mask = decoder.memory(latents[0], around[0], seen[0])
    own = NUM_LATENTS * 2
    assert memory.shape == (3, own + 4 * NUM_LATENTS, 32)
    assert memory_mask[:, :own].all()
    wanted = [[False, False, True, True], [False, True, True, False], [True, True, False, False]]
    assert memory_mask[:, own:].view(3, 4, NUM_LATENTS).all(-1).tolist() == wanted
    assert memory_mask[:, own:].view(3, 4, NUM_LATENTS).any(-1).tolist() == wanted


def test_context_masked_is_the_lone_segment(decoder):
    latents, mask = grid(3)
    around, seen = neighbours(latents, mask, 2)
    ids = torch.randint(3, 60, (3, 6))
    lone = decoder(ids, *decoder.memory(latents[0]))
    masked = decoder(ids, *decoder.memory(latents[0], around[0], torch.zeros_like(seen[0])))
    torch.testing.assert_close(masked, lone, rtol=1e-4, atol=1e-5)
    seeing = decoder(ids, *decoder.memory(latents[0], around[0], seen[0]))
    assert (seeing - lone).abs().max() > 1e-3  # otherwise the test above says nothing


def test_the_level_is_told_per_segment_and_starts_without_effect(decoder):
    """Zero-initialised: a decoder that was never told anything reads every level as clean."""
    latents, ids = torch.randn(3, NUM_LATENTS, LATENT_DIM), torch.randint(3, 60, (3, 6))
    level = torch.tensor([0.0, 0.5, 0.9])
    assert torch.equal(decoder.memory(latents, level=level)[0], decoder.memory(latents)[0])
    told = copy.deepcopy(decoder)
    loss = told.loss(ids, torch.ones_like(ids), *told.memory(latents, level=level)).sum()
    loss.backward()
    assert told.level[2].weight.grad.norm() > 1e-5
    with torch.no_grad():
        torch.nn.init.normal_(told.level[2].weight)
    memory = told.memory(latents, level=level)[0]
    clean = told.memory(latents)[0]
    assert torch.equal(memory[0], clean[0])
    assert (memory[1] - clean[1]).abs().max() > 1e-3 and (
        memory[2] - memory[1] - clean[2] + clean[1]
    ).abs().max() > 1e-3


def test_levels_are_told_per_latent_and_those_of_neighbours_too():
    decoder = make(gist_latents=1)
    torch.nn.init.normal_(decoder.level[2].weight)
    latents, mask = grid(3)
    level = torch.zeros(1, 3, NUM_LATENTS)
    plain, _ = decoder.memory(*with_neighbours(latents, mask, level, 2))
    level[0, 1, 0] = 0.5  # the gist of the middle segment: its first own states, and what the others see of it
    told, _ = decoder.memory(*with_neighbours(latents, mask, level, 2))
    moved = (told - plain).abs().amax(-1) > 1e-3
    own = NUM_LATENTS * 2
    assert moved[1, :own].tolist() == [True] * 2 + [False] * (own - 2) and not moved[1, own:].any()
    assert not moved[[0, 2], :own].any() and moved[0, own:].tolist() == [False, False, True, False]


def test_a_latent_of_level_one_is_not_shown(decoder):
    latents = torch.randn(2, NUM_LATENTS, LATENT_DIM)
    other = torch.cat([latents[:, :1], 5 * torch.randn(2, NUM_LATENTS - 1, LATENT_DIM)], dim=1)
    level = torch.tensor([[0.3, 1.0, 1.0]]).expand(2, -1)
    assert torch.equal(decoder.memory(latents, level=level)[0], decoder.memory(other, level=level)[0])
    assert not torch.equal(decoder.memory(latents, level=0.999)[0], decoder.memory(other, level=0.999)[0])


def test_a_neighbour_shows_its_gist_alone():
    decoder = make(gist_latents=1)
    latents, mask = grid(3)
    ids = torch.randint(3, 60, (6,))
    before = grid_logits(decoder, latents, mask, ids)
    latents[0, 1, 1:] += 1.0
    assert ((grid_logits(decoder, latents, mask, ids) - before)[0].abs().amax((-1, -2)) > 1e-4).tolist() == [0, 1, 0]
    latents[0, 1, 0] += 1.0
    assert ((grid_logits(decoder, latents, mask, ids) - before)[0].abs().amax((-1, -2)) > 1e-4).all()


def test_logits_see_the_window_and_nothing_beyond(decoder):
    torch.manual_seed(1)
    ids = torch.randint(3, 60, (6,))
    latents, mask = grid(7)
    before = grid_logits(decoder, latents, mask, ids)
    latents[0, 3] += 1.0
    moved = (grid_logits(decoder, latents, mask, ids) - before)[0].abs().amax((-1, -2)) > 1e-4
    assert moved.tolist() == [False, True, True, True, True, True, False]


def test_logits_do_not_depend_on_padding_or_other_documents(decoder):
    torch.manual_seed(1)
    ids = torch.randint(3, 60, (6,))
    latents, mask = grid(3)
    alone = grid_logits(decoder, latents, mask, ids)
    others, wide_mask = grid(3, 6, 1)
    others[0, :3] = latents[0]
    together = grid_logits(decoder, others, wide_mask, ids)
    torch.testing.assert_close(together[:1, :3], alone, rtol=1e-4, atol=1e-5)


def test_each_side_is_told_apart(decoder):
    """The same neighbour before and after gives different logits."""
    latents, _ = grid(2)
    ids = torch.randint(3, 60, (1, 6))
    around = torch.zeros(1, 4, NUM_LATENTS, LATENT_DIM)
    seen = torch.zeros(1, 4, dtype=torch.bool)
    out = []
    for place in (1, 2):
        around_, seen_ = around.clone(), seen.clone()
        around_[0, place], seen_[0, place] = latents[0, 1], True
        out.append(decoder(ids, *decoder.memory(latents[0, :1], around_, seen_)))
    assert (out[0] - out[1]).abs().max() > 1e-3


# ------------------------------------------------------------------------------------------------- loss


@torch.no_grad()
def test_loss_is_the_summed_cross_entropy_of_real_tokens(decoder):
    latents, _ = grid(2)
    memory = decoder.memory(latents[0])
    ids = torch.tensor([[7, 8, 9, 1], [7, 1, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    loss = decoder.loss(ids, mask, *memory)
    start = torch.full((2, 1), decoder.config.bos_token_id)
    chances = decoder(torch.cat([start, ids[:, :-1]], 1), *memory).log_softmax(-1)
    wanted = -(chances.gather(-1, ids.unsqueeze(-1)).squeeze(-1) * mask).sum(1)
    torch.testing.assert_close(loss, wanted)
    ids[1, 2:] = 33  # padding may hold anything
    torch.testing.assert_close(decoder.loss(ids, mask, *memory), wanted)


# --------------------------------------------------------------------------------------------- generate


@torch.no_grad()
def by_hand(decoder: SegmentDecoder, memory: Tensor, memory_mask: Tensor) -> list[int]:
    """Greedy rendering of one row by whole forward passes, no cache."""
    ids = [decoder.config.bos_token_id]
    while len(ids) <= MAX_TOKENS and ids[-1] != decoder.config.eos_token_id:
        ids.append(int(decoder(torch.tensor([ids]), memory, memory_mask)[0, -1].argmax()))
    return ids[1:]


@pytest.fixture(scope="module")
def rows(decoder: SegmentDecoder) -> tuple[Tensor, Tensor]:
    """Memory of 40 segments with neighbours."""
    torch.manual_seed(2)
    latents, mask = grid(8, 8, 8, 8, 8)
    around, seen = neighbours(2 * latents, mask, 2)
    return decoder.memory(2 * latents[mask], around[mask], seen[mask])


def ending(decoder: SegmentDecoder, rows: tuple[Tensor, Tensor]) -> SegmentDecoder:
    """The decoder with the end token that ends rows at the most different places."""
    ids = decoder.generate(*rows)
    places = {
        token: len({row.index(token) for row in ids.tolist() if token in row}) for token in range(3, TEXT["vocab_size"])
    }
    other = make(eos_token_id=max(places, key=lambda token: places[token]))
    other.load_state_dict(decoder.state_dict())
    return other


def test_greedy_is_the_argmax_of_forward_and_stops_at_the_end(decoder, rows):
    decoder = ending(decoder, rows)
    eos, pad = decoder.config.eos_token_id, decoder.config.pad_token_id
    out = decoder.generate(*rows)
    lengths = []
    for row, ids in enumerate(out.tolist()):
        wanted = by_hand(decoder, rows[0][row : row + 1], rows[1][row : row + 1])
        assert ids[: len(wanted)] == wanted
        assert set(ids[len(wanted) :]) <= {pad}
        lengths.append(len(wanted) if wanted[-1] == eos else None)
    assert len(set(lengths)) > 2, f"the rows should end at different places: {lengths}"


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_rows_do_not_depend_on_the_batch(decoder, rows, temperature):
    decoder = ending(decoder, rows)
    uniforms = torch.rand(40, MAX_TOKENS, generator=torch.Generator().manual_seed(0))
    together = decoder.generate(*rows, temperature, uniforms)
    for part in (slice(0, 1), slice(3, 17)):
        alone = decoder.generate(rows[0][part], rows[1][part], temperature, uniforms[part])
        assert torch.equal(together[part, : alone.shape[1]], alone)
        assert (together[part, alone.shape[1] :] == decoder.config.pad_token_id).all()
    backwards = decoder.generate(rows[0].flip(0), rows[1].flip(0), temperature, uniforms.flip(0))
    assert torch.equal(backwards.flip(0), together)


def test_generation_stops_when_every_row_has_ended(decoder, rows):
    decoder = ending(decoder, rows)
    out = decoder.generate(*rows)
    ended = (out == decoder.config.eos_token_id).any(1)
    short = decoder.generate(rows[0][ended], rows[1][ended])
    assert (short == decoder.config.eos_token_id).any(0)[-1], "the last column ends the longest row"


def test_segments_that_have_ended_cost_nothing_more(decoder, rows):
    decoder = ending(decoder, rows)
    sizes = []
    hook = decoder.transformer.register_forward_pre_hook(
        lambda module, args, kwargs: sizes.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    decoder.generate(*rows)
    hook.remove()
    assert sizes[0] == 40 and sizes[-1] <= 20 and sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("max_tokens", [1, 4])
def test_max_tokens_cuts(decoder, rows, max_tokens):
    assert decoder.generate(*rows, max_tokens=max_tokens).shape == (40, max_tokens)
    assert torch.equal(decoder.generate(*rows)[:, :max_tokens], decoder.generate(*rows, max_tokens=max_tokens))


def test_sampling_uses_the_rows_own_numbers_only(decoder, rows):
    torch.manual_seed(0)
    uniforms = torch.rand(40, MAX_TOKENS)
    first = decoder.generate(*rows, 3.0, uniforms)
    torch.manual_seed(9)
    assert torch.equal(decoder.generate(*rows, 3.0, uniforms), first)
    changed = uniforms.clone()
    changed[9] = 1 - changed[9]
    moved = (decoder.generate(*rows, 3.0, changed) != first).any(1)
    assert moved.nonzero().flatten().tolist() == [9]


@torch.no_grad()
def test_sampling_follows_the_softmax(decoder, rows):
    """First tokens of one row, drawn with evenly spread numbers, are as frequent as their probability."""
    memory, memory_mask = (part[:1].expand(2000, *part.shape[1:]) for part in rows)
    uniforms = ((torch.arange(2000) + 0.5) / 2000).unsqueeze(1)
    drawn = decoder.generate(memory, memory_mask, 2.0, uniforms, max_tokens=1)[:, 0]
    start = torch.tensor([[decoder.config.bos_token_id]])
    chances = (decoder(start, rows[0][:1], rows[1][:1])[0, 0] / 2.0).softmax(-1)
    torch.testing.assert_close(torch.bincount(drawn, minlength=60) / 2000, chances, rtol=0, atol=1.1e-3)


@torch.no_grad()
@pytest.mark.parametrize("count", [3, 20])
def test_tokens_below_a_share_of_the_likeliest_are_not_drawn(decoder, rows, count):
    memory, memory_mask = (part[:1].expand(2000, *part.shape[1:]) for part in rows)
    start = torch.tensor([[decoder.config.bos_token_id]])
    logits = decoder(start, rows[0][:1], rows[1][:1])[0, 0]
    shares = ((logits - logits.max()) / 2.0).exp()
    min_p = float(shares.sort(descending=True).values[count - 1 : count + 1].mean())
    uniforms = (torch.arange(2000) / 1999).unsqueeze(1)  # 0 and 1 among them
    drawn = decoder.generate(memory, memory_mask, 2.0, uniforms, max_tokens=1, min_p=min_p)[:, 0]
    chances = (logits / 2.0).softmax(-1) * (shares >= min_p)
    assert int((chances > 0).sum()) == count
    found = torch.bincount(drawn, minlength=60) / 2000
    torch.testing.assert_close(found, chances / chances.sum(), rtol=0, atol=2e-3)
    assert not found[chances == 0].any()
    random = torch.rand(40, MAX_TOKENS, generator=torch.Generator().manual_seed(0))
    assert torch.equal(decoder.generate(*rows, 2.0, random, min_p=1.0), decoder.generate(*rows))


def test_low_temperature_is_greedy(decoder, rows):
    uniforms = torch.full((40, MAX_TOKENS), 0.5)
    assert torch.equal(decoder.generate(*rows, 1e-3, uniforms), decoder.generate(*rows))


@pytest.mark.parametrize("uniform", [0.0, 1.0 - 2**-24])
def test_extreme_numbers_give_tokens_of_the_vocabulary(decoder, rows, uniform):
    drawn = decoder.generate(*rows, 5.0, torch.full((40, MAX_TOKENS), uniform))
    assert 0 <= int(drawn.min()) <= int(drawn.max()) < 60


@pytest.mark.parametrize(("temperature", "uniforms"), [(-0.1, torch.zeros(40, MAX_TOKENS)), (0.5, None)])
def test_temperature_errors(decoder, rows, temperature, uniforms):
    with pytest.raises(ValueError, match=f"temperature must be 0, or above 0 with uniforms; got {temperature}"):
        decoder.generate(*rows, temperature, uniforms)


def test_save_and_load_are_bit_equal(decoder, rows, tmp_path):
    decoder.save_pretrained(tmp_path)
    loaded = SegmentDecoder.from_pretrained(tmp_path)
    for name, tensor in decoder.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    assert torch.equal(loaded.generate(*rows), decoder.generate(*rows))


@pytest.mark.parametrize("min_p", [-0.1, 1.5, float("nan")])
def test_min_p_errors(decoder, rows, min_p):
    with pytest.raises(ValueError, match=f"min_p must be between 0 and 1; got {min_p}"):
        decoder.generate(*rows, 1.0, torch.rand(40, MAX_TOKENS), min_p=min_p)
