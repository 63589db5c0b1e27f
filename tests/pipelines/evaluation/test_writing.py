"""What a model writes for a task, to be scored."""

import pytest
import torch

from segdiff.pipelines.evaluation.failures import failures
from segdiff.pipelines.evaluation.texts import TASKS, HumanStory, given_ends
from segdiff.pipelines.evaluation.writing import write

STORY = HumanStory("1", "The kite", ("Tom had a kite.", "It flew.", "It fell.", "Tom ran."))
OPTIONS = {"num_inference_steps": 2, "temperature": 1.0}


@pytest.mark.parametrize("candidates", [1, 4])
def test_a_title_is_written_as_the_pipeline_writes_it(pipeline, candidates):
    options = OPTIONS | {"num_candidates": candidates}
    text, latents = write(pipeline, "title", STORY, 5, options)
    (story,) = pipeline("The kite", 4, seed=5, **options)
    assert list(text.segments) == [" ".join(segment.split()) for segment in story.segments]
    if candidates == 1:
        assert latents is not None and latents.shape[0] == 4
    else:
        assert latents is None  # those that the sampler left may be another candidate's


@pytest.mark.parametrize("task", TASKS)
def test_whether_written_segments_came_to_an_end(pipeline, task, monkeypatch):
    head, tail = given_ends(task, 4)
    decoder = type(pipeline.decoder)
    generate = decoder.generate
    calls = iter(range(100))

    def cut(self, *arguments, **options):  # every second segment that is decoded has no end
        ids = generate(self, *arguments, **options)
        rows = torch.tensor([next(calls) % 2 == 1 for _ in ids])
        ids[:, -1] = self.config.eos_token_id
        ids[rows] = ids[rows].masked_fill(ids[rows] == self.config.eos_token_id, self.config.eos_token_id + 1)
        return ids

    monkeypatch.setattr(decoder, "generate", cut)
    text, _ = write(pipeline, task, STORY, 5, OPTIONS)
    written = 4 - head - tail
    flags = [number % 2 == 0 for number in range(written)]
    assert text.ended == (*[True] * head, *flags, *[True] * tail)
    found = failures(task, [text.segments], [STORY], [text.ended])
    assert found["endless"] == pytest.approx((written // 2) / written)
    several, _ = write(pipeline, task, STORY, 5, OPTIONS | {"num_candidates": 4})  # infilling decodes four as well
    assert several.ended is None
