"""Every string has tokens and comes back; nothing a user types is a special token."""

from pathlib import Path

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from segdiff.pipelines.data import load_tokenizer
from segdiff.pipelines.tokenization import (
    SPECIAL_TOKENS,
    condition_tokens,
    detokenize,
    pad_tokens,
    segment_tokens,
    token_lists,
    train_tokenizer,
)

TEXTS = ["Tom saw a kite.", "He wanted the kite <s> very </s> much.", "<s> <s> <title> <title> <pad>"] * 20


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(TEXTS, vocab_size=320)


@pytest.fixture(scope="module")
def reloaded(tokenizer: PreTrainedTokenizerFast, tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerFast:
    folder: Path = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save_pretrained(folder)
    return load_tokenizer(folder)


@given(
    st.lists(st.one_of(st.text(max_size=30), st.sampled_from([*SPECIAL_TOKENS, " ", "kite"])), max_size=4).map("".join)
)
@example("e\u0301 \ufb01  x\u00a0\U0001f469\u200d\U0001f680 \u202e\0\ufeff")
@example("x" + "".join(SPECIAL_TOKENS))
@settings(max_examples=150, deadline=None)
def test_every_text_comes_back(tokenizer, text):
    ids, _ = pad_tokens(segment_tokens(tokenizer, [text, "a longer text beside it"]), tokenizer.pad_token_id)
    assert detokenize(tokenizer, ids) == [text.strip(), "a longer text beside it"]


@pytest.mark.parametrize("special", SPECIAL_TOKENS)
@pytest.mark.parametrize("text", ["{}", "a {} b", "a{}"])
@pytest.mark.parametrize("fixture", ["tokenizer", "reloaded"])
def test_special_tokens_typed_by_users_are_text(request, fixture, text, special):
    tokenizer = request.getfixturevalue(fixture)
    ids = token_lists(tokenizer, [text.format(special)])[0]
    assert not set(ids) & set(tokenizer.convert_tokens_to_ids(SPECIAL_TOKENS))
    assert detokenize(tokenizer, torch.tensor([ids])) == [text.format(special)]


def test_reloaded_tokenizer_is_the_same(tokenizer, reloaded):
    assert reloaded.get_vocab() == tokenizer.get_vocab()
    assert segment_tokens(reloaded, TEXTS) == segment_tokens(tokenizer, TEXTS)
    assert (reloaded.pad_token_id, reloaded.eos_token_id, reloaded.bos_token_id) == (0, 1, 2)


def test_segments_end_with_the_end_token(tokenizer):
    rows = segment_tokens(tokenizer, ["Tom", ""])
    assert [row.count(tokenizer.eos_token_id) for row in rows] == [1, 1]
    assert rows[0][-1] == tokenizer.eos_token_id and rows[1] == [tokenizer.eos_token_id]
    assert token_lists(tokenizer, []) == []


def test_conditions_start_with_their_kind(tokenizer):
    body = token_lists(tokenizer, ["Tom saw"])[0]
    rows = {kind: condition_tokens(tokenizer, kind, "Tom saw", 32) for kind in ("title", "keywords", "start")}
    assert len({row[0] for row in rows.values()}) == 3
    assert all(row[1:] == body for row in rows.values())
    assert rows["title"][0] == tokenizer.convert_tokens_to_ids("<title>") < len(SPECIAL_TOKENS)
    assert (
        condition_tokens(tokenizer, "title", "Tom saw a kite. " * 9, 5)
        == [
            rows["title"][0],
            *token_lists(tokenizer, ["Tom saw a kite. " * 9])[0],
        ][:5]
    )
    with pytest.raises(ValueError, match="condition kind is 'mood'; known kinds: title, keywords, start"):
        condition_tokens(tokenizer, "mood", "sad", 32)


def test_padding():
    ids, mask = pad_tokens([[5, 6, 7], [], [8]], 9)
    assert ids.tolist() == [[5, 6, 7], [9, 9, 9], [8, 9, 9]]
    assert mask.tolist() == [[1, 1, 1], [0, 0, 0], [1, 0, 0]]
    assert pad_tokens([[]], 0)[0].shape == (1, 1)
