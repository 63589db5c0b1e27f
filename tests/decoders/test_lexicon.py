"""Lexicon: a random walk through it spells known words and nothing else."""

import re

import numpy as np
import pytest
import torch

from segdiff.decoders import Lexicon, SegmentDecoder, WordTokens
from segdiff.pipelines.tokenization import train_tokenizer, word_tokens

TEXTS = [
    'Tom said "Hello" to the dog.',
    "The dogs didn't go; they re-read 12 dogged books!",
    "Zoë ate a naïve crème at 5th street.",
    "A do, a dot, a dote.",
]
WORD = re.compile(r"[A-Za-z]+")


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TEXTS, vocab_size=300)


@pytest.fixture(scope="module")
def tokens(tokenizer) -> WordTokens:
    return word_tokens(tokenizer)


def ids(tokenizer, texts=TEXTS) -> np.ndarray:
    return np.array([token for row in tokenizer(list(texts))["input_ids"] for token in [*row, tokenizer.eos_token_id]])


def spelt(tokenizer, words) -> list[str]:
    return [tokenizer.decode(word) for word in words]


def test_words_of_texts_are_found_with_and_without_the_space_before_them(tokenizer, tokens):
    found = spelt(tokenizer, tokens.words(ids(tokenizer)))
    assert {" the", " dog", "Hello", "th", "read"} <= set(found)
    plain = {word for text in TEXTS for word in WORD.findall(text) if word != "t"} - set(["Zo", "na", "ve", "cr", "me"])
    assert {word.strip() for word in found if word.isascii()} >= plain


def test_words_that_are_too_rare_are_left_out(tokenizer, tokens):
    assert set(spelt(tokenizer, tokens.words(ids(tokenizer), least=3))) == {" a"}


def test_no_words_in_a_text_without_letters(tokenizer, tokens):
    assert tokens.words(ids(tokenizer, ["12, 13!"])) == []
    assert tokens.words(np.zeros(0, dtype=np.int64)) == []


def walk(lexicon: Lexicon, rows: int, steps: int, end: int) -> torch.Tensor:
    """Random tokens (rows, steps) that the lexicon allows; the last ones end every word that is open."""
    generator = torch.Generator().manual_seed(0)
    states = torch.zeros(rows, dtype=torch.long)
    drawn = []
    for step in range(steps + 20):
        allowed = lexicon.allowed(states)
        assert allowed.any(1).all()
        if step >= steps and allowed[:, end].all():
            break
        if step >= steps:  # where the word may end, it does
            allowed = torch.where(allowed[:, end : end + 1], torch.arange(allowed.shape[1]) == end, allowed)
        token = torch.multinomial(allowed.double(), 1, generator=generator).squeeze(1)
        states = lexicon.step(states, token)
        drawn.append(token)
    return torch.stack(drawn, dim=1)


def test_whatever_is_drawn_is_made_of_known_words(tokenizer, tokens):
    known = tokens.words(ids(tokenizer))
    drawn = walk(Lexicon(known, tokens), 3000, 12, tokenizer.eos_token_id)
    for row in drawn.numpy():
        assert set(tokens.words(row)) <= set(known), tokenizer.decode(row)
    everything = {word for row in drawn.numpy() for word in tokens.words(row)}
    assert len(everything) > 0.7 * len(known)


def test_texts_of_known_words_may_be_written_and_others_not(tokenizer, tokens):
    lexicon = Lexicon(tokens.words(ids(tokenizer)), tokens)

    def may_write(text: str) -> bool:
        states = torch.zeros(1, dtype=torch.long)
        for token in ids(tokenizer, [text]):
            if not lexicon.allowed(states)[0, token]:
                return False
            states = lexicon.step(states, torch.tensor([int(token)]))
        return True

    for text in [*TEXTS, "Zoë didn't go to the street.", '"Hello" 99, dogs!', "...", "the dog. The dogs. A dote"]:
        assert may_write(text), text
    for text in ["Tomt was.", "The dogge.", "xyz", "a naïv.", "tom"]:
        assert not may_write(text), text


def test_every_row_walks_for_itself(tokenizer, tokens):
    lexicon = Lexicon(tokens.words(ids(tokenizer)), tokens)
    states = torch.zeros(3, dtype=torch.long)
    rows = [ids(tokenizer, [text])[:4] for text in TEXTS[:3]]
    for column in range(4):
        together = lexicon.allowed(states)
        for row in range(3):
            assert torch.equal(together[row : row + 1], lexicon.allowed(states[row : row + 1]))
        states = lexicon.step(states, torch.tensor([int(row[column]) for row in rows]))


def test_a_decoder_keeps_its_words(tmp_path, tokenizer, tokens):
    text = {"vocab_size": len(tokenizer), "d_model": 16, "num_layers": 1, "num_heads": 2, "d_kv": 8, "d_ff": 16}
    decoder = SegmentDecoder(text_config=text, num_latents=2, latent_dim=4, states_per_latent=2)
    assert decoder.words == [] and "lexicon" not in decoder.state_dict()
    known = [*tokens.words(ids(tokenizer)), (2049, 32767, 60_001)]  # half precision would round these
    decoder.set_words(known)
    assert decoder.words == known
    decoder.save_pretrained(tmp_path)
    for dtype in (torch.float32, torch.float16):
        assert SegmentDecoder.from_pretrained(tmp_path, torch_dtype=dtype).words == known
    decoder.set_words([])
    assert decoder.words == [] and decoder.config.lexicon_size == 0


@pytest.mark.parametrize("temperature", [0.0, 3.0])
def test_a_decoder_writes_known_words_alone(tokenizer, tokens, temperature):
    """Greedy decoding of this decoder repeats its first token where it may."""
    torch.manual_seed(0)
    text = {"vocab_size": len(tokenizer), "d_model": 16, "num_layers": 1, "num_heads": 2, "d_kv": 8, "d_ff": 16}
    decoder = SegmentDecoder(text_config=text, num_latents=2, latent_dim=4, states_per_latent=2, max_tokens=30).eval()
    with torch.no_grad():
        decoder.transformer.embed_tokens.weight.normal_()
    known = tokens.words(ids(tokenizer))
    memory = decoder.memory(torch.randn(60, 2, 4))
    uniforms = torch.rand(60, 30)
    free = decoder.generate(*memory, temperature, uniforms)
    bound = decoder.generate(*memory, temperature, uniforms, lexicon=Lexicon(known, tokens))

    def unknown(rows: torch.Tensor) -> int:
        found = [tokens.words(row) for row in rows.numpy()]  # the last word of a row may be cut
        return sum(word not in known for words in found for word in words[:-1])

    if temperature:
        assert unknown(free) > 20
    assert unknown(bound) == 0


def test_punctuation_beyond_ascii_is_free(tokenizer, tokens):
    odd = "Tom’s dog — “Hello” … £5, 犬と猫"
    words = spelt(tokenizer, tokens.words(ids(tokenizer, [odd])))
    assert {word.strip() for word in words} == {"Tom", "s", "dog", "Hello"}
    lexicon = Lexicon(tokens.words(ids(tokenizer, ["Tom s dog"])), tokens)
    states = torch.zeros(1, dtype=torch.long)
    for token in ids(tokenizer, [" dog — … 犬 £5 dog’"]):
        assert lexicon.allowed(states)[0, token]
        states = lexicon.step(states, torch.tensor([int(token)]))


def test_a_vocabulary_larger_than_the_tokenizers(tokenizer):
    known = word_tokens(tokenizer).words(ids(tokenizer))
    allowed = Lexicon(known, word_tokens(tokenizer, len(tokenizer) + 7)).allowed(torch.zeros(2, dtype=torch.long))
    assert allowed.shape == (2, len(tokenizer) + 7)


@pytest.mark.parametrize("words", [[(5, 6), ()], [(5, 0, 6)]])
def test_a_list_of_no_words_is_refused(tokenizer, words):
    text = {"vocab_size": len(tokenizer), "d_model": 16, "num_layers": 1, "num_heads": 2, "d_kv": 8, "d_ff": 16}
    decoder = SegmentDecoder(text_config=text, num_latents=2, latent_dim=4, states_per_latent=2)
    with pytest.raises(ValueError, match="a word has tokens, and none of them is the filler's"):
        decoder.set_words(words)
    assert decoder.words == []


def test_other_tokenizers_have_no_word_tokens():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    assert word_tokens(PreTrainedTokenizerFast(tokenizer_object=plain)) is None
