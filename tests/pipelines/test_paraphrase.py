"""Paraphrases by the bundled model: a model with random weights hardly ever ends a sentence."""

import copy
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from segdiff import ParaphrasePipeline, StoryPipeline
from segdiff.pipelines.candidates import (
    Candidate,
    by_rule,
    changed_information,
    distinct,
    edit_distance,
    invented,
    lost_information,
    measure,
    normalised,
    rank,
    source_bleu,
)
from segdiff.pipelines.corpus import read_documents
from segdiff.pipelines.paraphrase_document import InContext
from segdiff.pipelines.paraphrase_options import METHODS
from segdiff.pipelines.rendering import encode_texts
from segdiff.pipelines.tokenization import word_tokens

SENTENCES: list[str | InContext] = [
    "Tom wanted a kite.",
    "It cost 3 dollars.",
    "Anna worked hard for weeks and then went home.",
]


@pytest.fixture(scope="module")
def pipeline() -> ParaphrasePipeline:
    return ParaphrasePipeline.from_pretrained("stories-tiny")


def paraphrase(
    pipeline: ParaphrasePipeline, sentences: list[str | InContext], **options: object
) -> list[list[Candidate]]:
    """With few candidates, to be fast."""
    few = {"num": 2, "oversample": 3, "num_inference_steps": 5}
    return pipeline(sentences, **{**few, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("method", METHODS)
def test_candidates_are_distinct_ranked_and_do_not_depend_on_the_batch(
    pipeline: ParaphrasePipeline, method: str
) -> None:
    together = paraphrase(pipeline, [*SENTENCES], method=method, strength=0.9)
    assert sum(map(len, together)) > 3  # of six
    for sentence, candidates in zip(map(str, SENTENCES), together, strict=True):
        keys = [normalised(one.text) for one in candidates]
        assert len({normalised(sentence), *keys}) == len(keys) + 1
        assert [one.score for one in candidates] == sorted((one.score for one in candidates), reverse=True)
        for one in candidates:
            assert one.source_bleu == pytest.approx(source_bleu(sentence, one.text), abs=1e-3)
            assert one.edit_distance == pytest.approx(edit_distance(sentence, one.text), abs=1e-3)
    texts = [[one.text for one in candidates] for candidates in together]
    alone = [
        paraphrase(pipeline, [sentence], method=method, strength=0.9, batch_size=5)[0]
        for sentence in reversed(SENTENCES)
    ]
    assert [[one.text for one in some] for some in reversed(alone)] == texts
    other = paraphrase(pipeline, [*SENTENCES], method=method, strength=0.9, seed=1)
    assert [[one.text for one in some] for some in other] != texts


def test_strict_leaves_no_warnings(pipeline: ParaphrasePipeline) -> None:
    found = paraphrase(pipeline, [*SENTENCES], num=6)  # the last ones of many
    assert any(one.warnings for some in found for one in some)
    strict = paraphrase(pipeline, [*SENTENCES], strict=True, num=6)
    assert any(strict)
    assert not any(one.warnings for some in strict for one in some)


def test_a_text_that_the_model_does_not_know_has_a_warning(pipeline: ParaphrasePipeline) -> None:
    known, foreign, emoji = paraphrase(pipeline, [SENTENCES[0], "今天天气很好。", "😀😀🎉"])
    assert not any("hardly known" in warning for one in known for warning in one.warnings)
    assert foreign and emoji
    assert all("text hardly known: unmoved it comes back as" in one.warnings[-1] for one in [*foreign, *emoji])
    assert paraphrase(pipeline, ["今天天气很好。"], strict=True) == [[]]


def test_log_probability_does_not_depend_on_the_batch(pipeline: ParaphrasePipeline) -> None:
    texts = [*map(str, SENTENCES), "So it goes.", "He had a very long day at the old house by the sea."]
    with torch.no_grad():
        latents = encode_texts(pipeline.encoder, pipeline.tokenizer, texts)
        for shown in (None, latents):
            nats, counts = pipeline.log_probability(texts, shown, 2)
            assert torch.allclose(nats, pipeline.log_probability(texts, shown, 256)[0], atol=1e-4)
            assert (counts > 3).all()
        alone, _ = pipeline.log_probability(texts)
        assert (pipeline.log_probability(texts, latents)[0] > alone).all()  # its own gist says what a text says


def test_what_a_warning_costs() -> None:
    texts = ["He had dogs.", "He had two cats."]
    (lost, kept), (free, _) = (
        measure("He had two dogs.", texts, [0.8] * 2, [0.9] * 2, [0] * 2, [0] * 2, [0] * 2, [(0, 0)] * 2, w)
        for w in (0.1, 0)
    )
    assert lost.warnings and not kept.warnings
    assert lost.similarity == 0.8 and kept.score == pytest.approx(0.9)
    assert lost.score == pytest.approx(kept.score - 0.1) and free.score == kept.score


def test_what_a_rare_word_costs(pipeline: ParaphrasePipeline) -> None:
    source, information = "The man saw a xylophone.", pipeline._information
    rare, frequent = (lost_information(source, text, information) for text in ("The man saw.", "Man saw a xylophone."))
    assert 0 < frequent < rare < 1
    lost, added = changed_information(source, "The man saw a zebra.", information)
    assert 0 < lost < 1 and 0 < added < 1
    assert lost_information(source, source.upper(), information) == 0 and lost_information("", "a", information) == 0


def test_what_the_gist_does_not_say_is_unlikely(pipeline: ParaphrasePipeline) -> None:
    texts = ["He bought a new car.", "He purchased a new car.", "He bought a new zebra.", "He a bought new car."]
    with torch.no_grad():
        meant = pipeline._meant(texts[:1], pipeline.embed)
        ((same, reworded, other, swapped),) = pipeline._measure(meant, [texts], pipeline.embed, 0.1)
    assert same.likelihood == 0 > reworded.likelihood > other.likelihood
    assert swapped.likelihood < -1 and swapped.score < reworded.score


def test_rules_reword_and_lose_nothing(pipeline: ParaphrasePipeline) -> None:
    assert "He purchased it." in by_rule("He bought it.") and by_rule("Xyzzy.") == ()
    further = by_rule("He bought a big car for his mom.")
    assert {"He purchased a big car for his mom.", "He purchased a large car for his mother."} <= set(further)
    assert len(set(map(normalised, further))) == len(further) <= 24
    mixed, own = (paraphrase(pipeline, ["He bought it."], method=method, num=20)[0] for method in ("mixed", "meaning"))
    (reworded,) = [one for one in mixed if one.text == "He purchased it."]
    assert reworded.lost == reworded.added == 0 and not any(one.text == "He purchased it." for one in own)


def test_a_word_that_a_rule_knows_is_no_invention() -> None:
    assert invented("He bought it.", "He purchased it.", lambda word: False) == 0
    assert invented("He bought it.", "He byed that.", lambda word: word == "that") == 1


def test_a_rule_that_makes_a_sentence_too_long(pipeline: ParaphrasePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segdiff.pipelines.paraphrase.by_rule", lambda source: (f"{source} {'very ' * 60}good.",))
    (found,) = paraphrase(pipeline, SENTENCES[:1])
    assert found and not any("very" in one.text for one in found)


def test_another_model_ranks(pipeline: ParaphrasePipeline) -> None:
    def embed(texts: list[str]) -> torch.Tensor:
        return torch.nn.functional.normalize(torch.tensor([[1.0, float(len(text))] for text in texts]), dim=1)

    (candidates,) = paraphrase(pipeline, SENTENCES[:1], similarity=embed)
    assert all(one.similarity > 0.99 for one in candidates)
    with pytest.raises(ValueError, match="there is no such folder"):
        paraphrase(pipeline, SENTENCES[:1], similarity="/no/such")


def test_documents_are_reworded_in_place(pipeline: ParaphrasePipeline) -> None:
    text = "Tom wanted a kite.  It cost 3 dollars.\n\nHe laughed!"
    options = {"num": 2, "strength": 0.9}
    found = pipeline.document(text, which=[1], **options)
    assert list(found.candidates) == [1] and len(found) == 2
    rewritten = found.rewrite(1)
    assert rewritten.startswith("Tom wanted a kite.  ") and rewritten.endswith("\n\nHe laughed!")
    assert found.candidates[1][1].text in rewritten
    assert found.rewrite(99) == rewritten
    every = pipeline.document(text, **options)
    assert sorted(every.candidates) == [0, 1, 2]
    blank, whole = pipeline.documents([" \n", text], **options)
    assert len(blank) == 0 and blank.rewrite() == " \n"
    assert whole.rewrite() == every.rewrite()
    assert len(pipeline.documents(["Tom laughed."], which=[3])[0]) == 0
    with pytest.raises(ValueError, match="the text has 3 sentences; there is no sentence 4"):
        pipeline.document(text, which=[3])


def test_the_context_is_seen(pipeline: ParaphrasePipeline) -> None:
    sentence = "Anna worked hard for weeks and then went home."
    alone = paraphrase(pipeline, [sentence], method="denoise", strength=1)
    context = InContext(sentence, ["Her brother was sick."], ["The dog barked at the doctor."])
    assert paraphrase(pipeline, [context], method="denoise", strength=1) != alone


def test_a_sentence_that_is_too_long_is_cut_in_documents_only(pipeline: ParaphrasePipeline) -> None:
    text = "Tom " + "and Anna " * 40 + "laughed."
    with pytest.raises(ValueError, match="tokens, at most"):
        paraphrase(pipeline, [text])
    found = pipeline.document(text, num=1)
    assert len(found.segments) > 1
    assert all(text[segment.start : segment.end] == segment.text for segment in found.segments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": 0}, "strength is 0: nothing changes"),
        ({"strength": 1.5}, "strength is 1.5; it must be above 0, up to 1"),
        ({"num": 0}, "num is 0"),
        ({"method": "magic"}, "method is 'magic'; known: "),
        ({"temperature": -1}, "temperature is -1"),
        ({"seed": True}, "seed is True"),
    ],
)
def test_bad_options(pipeline: ParaphrasePipeline, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        paraphrase(pipeline, ["Tom laughed."], **options)


@pytest.mark.parametrize(("text", "message"), [("  ", "a sentence is empty"), ("a\ud800b", "lone surrogate")])
def test_bad_texts(pipeline: ParaphrasePipeline, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        paraphrase(pipeline, [text])
    with pytest.raises(ValueError, match="sentences is one string"):
        pipeline("Tom laughed.")


def test_no_sentences_no_candidates(pipeline: ParaphrasePipeline) -> None:
    assert pipeline([]) == []


def test_it_saves_and_loads_as_a_story_model(pipeline: ParaphrasePipeline, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path / "model")
    again = ParaphrasePipeline.from_pretrained(tmp_path / "model")
    assert paraphrase(again, SENTENCES[:1]) == paraphrase(pipeline, SENTENCES[:1])
    assert isinstance(StoryPipeline.from_pretrained(tmp_path / "model"), StoryPipeline)


def test_a_representation_alone_paraphrases_without_its_denoiser(pipeline: ParaphrasePipeline, tmp_path: Path) -> None:
    for part in ("encoder", "decoder", "tokenizer"):
        getattr(pipeline, part).save_pretrained(tmp_path / part)
    alone = ParaphrasePipeline.from_pretrained(tmp_path)
    assert paraphrase(alone, SENTENCES, method="meaning") == paraphrase(pipeline, SENTENCES, method="meaning")
    assert all(paraphrase(alone, SENTENCES[:1]))
    with pytest.raises(ValueError, match="method is 'denoise', and this model is an encoder and a decoder alone"):
        alone(SENTENCES, method="denoise")
    alone.save_pretrained(tmp_path / "again")
    assert paraphrase(ParaphrasePipeline.from_pretrained(tmp_path / "again"), SENTENCES[:1]) == paraphrase(
        alone, SENTENCES[:1]
    )
    with pytest.raises(ValueError, match="an encoder and a decoder alone, which takes no dtype"):
        ParaphrasePipeline.from_pretrained(tmp_path, dtype=torch.float16)


def test_what_a_word_is_for_a_model_with_a_list(pipeline: ParaphrasePipeline) -> None:
    assert pipeline._is_word("wanted") and not pipeline._is_word("kiteful")
    tokens, decoder = word_tokens(pipeline.tokenizer), copy.deepcopy(pipeline.decoder)
    assert tokens is not None
    rows = pipeline.tokenizer(["Anna's kiteful"], add_special_tokens=False)["input_ids"]
    decoder.set_words(tokens.words(np.array(rows[0])))
    listed = ParaphrasePipeline(**{**pipeline.components, "decoder": decoder})
    assert listed._is_word("kiteful") and listed._is_word("anna's") and not listed._is_word("wanted")
    assert listed._is_word("12")
    listed.decoder.set_words(tokens.words(np.array(rows[0]))[:1])
    assert listed._is_word("anna") and not listed._is_word("kiteful")


def test_distance_and_copies() -> None:
    assert edit_distance("Tom went home.", "Tom went home!") == 0
    assert edit_distance("Tom went home.", "Tom ran home today.") == pytest.approx(2 / 4)
    assert edit_distance("", "") == 0
    assert distinct("It rained.", ["it RAINED!", "It snowed.", "It snowed", "", "so it so it so it so it so"]) == [
        "It snowed."
    ]
    stuttering = ["The car, Car was very very new.", "The auto was very very new."]
    assert distinct("The car was very very new.", stuttering) == stuttering[1:]


def test_rank_prefers_the_wanted_change() -> None:
    near = Candidate(
        "a", similarity=0.9, source_bleu=80, edit_distance=0.1, fluency=0, likelihood=0, lost=0, added=0, score=0.9
    )
    far = replace(near, text="b", edit_distance=0.5, score=0.8, warnings=["negation lost"])
    assert [one.text for one in rank([near, far], 0.1)] == ["a", "b"]
    assert [one.text for one in rank([near, far], 0.5)] == ["b", "a"]
    assert [one.text for one in rank([near, far], 0.5, change_weight=0)] == ["a", "b"]
    assert [one.text for one in rank([near, far], 0.5, strict=True)] == ["a"]


@pytest.mark.parametrize(
    ("method", "strengths"),
    [
        ("mixed", (0.1, 0.4, 1.0)),
        ("denoise", (0.1, 0.4, 1.0)),
        ("meaning", (0.1, 0.4, 1.0)),
        ("gaussian", (0.4, 0.7, 1.0)),  # below, few candidates differ from their source
    ],
)
def test_more_strength_more_change(
    pipeline: ParaphrasePipeline, data_dir: Path, method: str, strengths: tuple[float, ...]
) -> None:
    stories = islice(read_documents(data_dir / "stories/roc.test.jsonl.gz"), 4)
    sentences = [segment for story in stories for segment in story.segments]
    bleu, distance = [], []
    for strength in strengths:
        found = pipeline(sentences, num=1, oversample=8, strength=strength, method=method)
        best = [one for some in found for one in some]
        assert len(best) > (0.3 if method == "gaussian" else 0.7) * len(sentences)
        bleu.append(sum(one.source_bleu for one in best) / len(best))
        distance.append(sum(one.edit_distance for one in best) / len(best))
    assert bleu[0] > bleu[1] > bleu[2] + 3, bleu
    assert distance[0] < distance[1] < distance[2], distance
