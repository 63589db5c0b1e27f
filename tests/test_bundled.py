"""The model that ships: it loads, writes, keeps what is given and gives sentences back."""

import re
from pathlib import Path

import pytest
import torch

from segdiff.pipelines.choice import evaluate_choice, fitting_cases
from segdiff.pipelines.choice_cases import cases_of_stories
from segdiff.pipelines.choosing import critic_scores
from segdiff.pipelines.corpus import read_documents
from segdiff.pipelines.latents import RepresentationPipeline
from segdiff.pipelines.loading import bundled_models, resolve
from segdiff.pipelines.reconstruct import reconstruct
from segdiff.pipelines.rendering import encode_texts
from segdiff.pipelines.story import StoryPipeline

SENTENCES = [
    "Tom was hungry.",
    "He went to the store to buy some bread.",
    "The store was closed.",
    "His sister gave him some soup.",
    "Anna wanted a new bike for her birthday.",
    "She saved money for a year.",
    "My friend called me yesterday.",
    "We decided to go to the beach.",
    "It was raining all day.",
    "They were very happy with the result.",
]


@pytest.fixture(scope="module")
def pipeline() -> StoryPipeline:
    return StoryPipeline.from_pretrained("stories-tiny")


def test_bundled_model_is_small_and_holds_safetensors_only():
    assert "stories-tiny" in bundled_models()
    files = [path for path in Path(resolve("stories-tiny")).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 16e6
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".md", ".txt"}


def test_bundled_model_gives_plain_sentences_back(pipeline):
    texts = list(reconstruct(SENTENCES, pipeline.encoder, pipeline.decoder, pipeline.tokenizer))
    exact = sum(text == sentence for text, sentence in zip(texts, SENTENCES, strict=True))
    assert exact >= 7, texts


def test_noise_on_the_latents_changes_some_text_but_not_all(pipeline):
    clean, light, heavy = (
        list(reconstruct(SENTENCES, pipeline.encoder, pipeline.decoder, pipeline.tokenizer, noise=noise))
        for noise in (0.0, 0.3, 3.0)
    )
    assert sum(a == b for a, b in zip(clean, light, strict=True)) >= 5
    assert sum(a == b for a, b in zip(clean, heavy, strict=True)) <= 2


def test_bundled_model_writes_the_same_story_alone_and_in_a_batch(pipeline):
    together = pipeline("The lost dog", num_segments=5, num_stories=4, num_inference_steps=8)
    for story in together:
        (alone,) = pipeline("The lost dog", num_segments=5, seed=story.seed, num_inference_steps=8)
        assert alone.segments == story.segments
    assert len({story.text for story in together}) == 4
    assert all(segment for story in together for segment in story.segments)


def test_title_changes_the_story(pipeline):
    first, second = (pipeline(title, num_segments=5, num_inference_steps=8)[0] for title in ("The lost dog", "Beach"))
    assert first.text != second.text


def test_given_sentences_come_back_byte_for_byte(pipeline):
    given = ["Anna lost her keys.", None, None, None, "Zxqv laughed — for años 🙂."]
    (story,) = pipeline(segments=given, num_inference_steps=8)
    assert story.segments[0] == given[0] and story.segments[4] == given[4]
    assert all(story.segments)


def test_bundled_model_tells_the_true_middle_sentence(pipeline, data_dir):
    """By the likelihood less the unconditional one; chance is one half."""
    documents = read_documents(data_dir / "stories" / "roc.test.jsonl.gz")
    cases, _ = fitting_cases(pipeline, cases_of_stories(documents, "middle", seed=0, most=40))
    assert len(cases) >= 30
    result, _ = evaluate_choice(pipeline, cases, samples=8, seed=0)
    accuracy = {row["row"]: row["accuracy"] for row in result["table"]}
    assert accuracy["chance"] == 0.5
    assert accuracy["likelihood, less unconditional"] > 0.6
    assert accuracy["gist likelihood, less unconditional"] > 0.6


# ------------------------------------------------------------------------------- the one people write with


@pytest.fixture(scope="module")
def small() -> StoryPipeline:
    return StoryPipeline.from_pretrained()


def test_the_default_model_has_a_critic_and_is_small(small):
    files = [path for path in Path(resolve("stories-small")).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 28e6
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".md", ".txt"}
    assert small.critic is not None and small.config.num_candidates > 1


def test_the_default_model_writes_the_same_story_alone_and_in_a_batch(small):
    together = small("The lost dog", num_segments=5, num_stories=2, num_inference_steps=8)
    for story in together:
        (alone,) = small("The lost dog", num_segments=5, seed=story.seed, num_inference_steps=8)
        assert alone.segments == story.segments
    first = small("The lost dog", num_segments=5, num_stories=2, num_inference_steps=8, num_candidates=1)
    assert [story.text for story in first] != [story.text for story in together]


def test_the_critic_tells_stories_from_the_same_in_disorder(small, data_dir):
    """On test stories that nothing was trained on; chance is one half."""
    documents = [d for d in read_documents(data_dir / "stories" / "roc.test.jsonl.gz") if len(d.segments) == 5][:60]
    latents = torch.stack([encode_texts(small.encoder, small.tokenizer, document.segments) for document in documents])
    places = torch.arange(5).expand(len(latents), -1)
    told = small.condition_encoder(torch.zeros(len(latents), 1, dtype=torch.long), torch.zeros(len(latents), 1))
    given = (torch.ones_like(places, dtype=torch.bool), places, 4 - places, [told])
    real = torch.tensor(critic_scores(small.critic, latents, *given))
    shuffled = torch.tensor(critic_scores(small.critic, latents[:, [3, 0, 4, 1, 2]], *given))
    assert (real > shuffled).float().mean() > 0.7


def test_the_default_model_gives_plain_sentences_back(small):
    texts = list(reconstruct(SENTENCES, small.encoder, small.decoder, small.tokenizer))
    assert sum(text == sentence for text, sentence in zip(texts, SENTENCES, strict=True)) >= 7, texts


def test_the_default_model_writes_words_that_it_knows(small):
    stories = small("The zorble", num_segments=5, num_stories=3, num_inference_steps=8, num_candidates=4)
    known = {small.tokenizer.decode(word).strip() for word in small.decoder.words} | {"zorble", "Zorble"}
    words = [word for story in stories for text in story.segments for word in re.findall(r"[A-Za-z]+", text)[:-1]]
    written = [word for word in words if word not in {"s", "t", "m", "d", "ll", "re", "ve"}]  # behind an apostrophe
    assert len(written) > 30 and set(written) <= known


def test_the_default_model_spells_words_that_it_never_saw(small):
    texts = ["Nobody told Bjarki what saudade means.", "Ikaika bought a tsunami at the market."]
    assert list(reconstruct(texts, small.encoder, small.decoder, small.tokenizer)) == texts


@pytest.fixture(scope="module")
def general() -> RepresentationPipeline:
    return RepresentationPipeline.from_pretrained("general-small")


def test_the_general_model_gives_plain_sentences_back(general):
    back = general.decode(general.encode(SENTENCES))
    assert sum(text == sentence for text, sentence in zip(back, SENTENCES, strict=True)) >= 7, back


def test_the_general_model_tells_what_sentences_mean(general):
    """Another number or a negation is another meaning, as another topic is; other words for the same are not."""
    source = "Two dogs are running on the beach."
    same, number, negation, other = (
        float((general.embed([source]) @ general.embed([text]).T).item())
        for text in (
            "Two dogs run along a beach.",
            "Seven dogs are running on the beach.",
            "Two dogs are not running on the beach.",
            "A man is cooking dinner in his kitchen.",
        )
    )
    assert same > max(number, negation, other) + 0.2


def test_the_general_model_is_small_and_has_a_card():
    folder = Path(resolve("general-small"))
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 16e6
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".md", ".txt"}
    assert (folder / "README.md").read_text().startswith("# general-small: ")
