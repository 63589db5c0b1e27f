"""Notes of many rows are few lines, and the settings of a report are one sentence."""

from segdiff.pipelines.evaluation.tables import grouped_notes, measured_with


def test_notes_that_give_the_same_reason_are_one():
    why = "MAUVE needs 50 texts and is left out"
    notes = ["Nothing is copied: none were given.", f"title, human: {why}.", "title, ours: entropy needs 1000 words."]
    notes += [f"ending, {row}: {why}." for row in ("human", "ours", "ar", "shuffled human")]
    notes += [f"title, ours: {why}."]
    assert grouped_notes(notes) == [
        "Nothing is copied: none were given.",
        f"{why}: title (human, ours); ending (4 rows).",
        "entropy needs 1000 words: title (ours).",
    ]
    assert grouped_notes([]) == []


def test_settings_in_a_sentence():
    embedding = {"encoder": "mini 1.0", "dimensions": 384, "sentence_transformers": "5.1.0"}
    mauve = {"scale": 5.0, "explained_variance": 0.9, "texts_per_cluster": 10}
    text = measured_with({"embedding": embedding, "mauve": mauve})
    for part in ("mini 1.0 (384 dimensions)", "sentence-transformers 5.1.0", "constant 5", "90%", "every 10 texts"):
        assert part in text
