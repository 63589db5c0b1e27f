"""What a model writes for a task, to be scored."""

import pytest

from segdiff.pipelines.evaluation.texts import HumanStory
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
