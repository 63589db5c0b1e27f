"""What every measure is for: the defect it has to detect, and which way is better."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A column of a table.

    Attributes:
        better: "higher", "lower" or "like human", where both too much and too little is a defect.
        detects: the defect that it must show.
    """

    name: str
    better: str
    detects: str


THEMES: dict[str, tuple[str, tuple[Metric, ...]]] = {
    "distribution": (
        "Whole stories as a set, against other human stories. MAUVE compares means of sentence embeddings and is blind "
        "to the order of sentences: read it with the share that the coherence classifier takes for real.",
        (
            Metric("mauve", "higher", "topics or kinds of stories that are missing, or that no human writes"),
            Metric("taken_for_real", "like human", "sentences that are no story together"),
        ),
    ),
    "fluency": (
        "Written sentences, each on its own, under an n-gram judge that no writer has seen. A low perplexity alone is "
        "no merit: dull, repeated sentences have the lowest. Entropy and distinct n-grams show that.",
        (
            Metric("perplexity", "like human", "word salad and broken sentences (high); stock phrases (too low)"),
            Metric("unknown_words", "lower", "misspelt and invented words"),
            Metric("entropy", "like human", "the same few words over and over"),
            Metric("distinct_1", "like human", "a small vocabulary"),
            Metric("distinct_2", "like human", "stock phrases"),
        ),
    ),
    "diversity": (
        "How unlike each other the texts of a set are, and how much one text repeats itself.",
        (
            Metric("self_bleu", "like human", "the same story again and again"),
            Metric("repetition", "lower", "a story that says the same thing twice"),
        ),
    ),
    "memorisation": (
        "Runs of words that stand in the training stories as well. Human test stories, which nobody trained on, show "
        "how much is shared by chance: only more than that is copying.",
        (
            Metric("overlap_4", "like human", "texts patched together from the training set"),
            Metric("longest_mean", "like human", "sentences copied from the training set"),
            Metric("longest_most", "like human", "whole stories copied from the training set"),
        ),
    ),
    "coherence": (
        "Whole stories. The classifier has learnt to tell human stories from shuffled, swapped, foreign and repeated "
        "sentences; it does not see grammar. Names and pronouns are followed by simple rules for English.",
        (
            Metric("taken_for_real", "like human", "sentences in a wrong order, or of different stories"),
            Metric("names_kept", "like human", "people whose names change from sentence to sentence"),
            Metric("gender_kept", "like human", "he becomes she"),
        ),
    ),
    "relevance": (
        "The written part against what was given (similarity, keywords) and against the human's (ROUGE). The row "
        "'random human' is chance; 'title echoed' shows what saying the title again is worth; 'human' has a ROUGE of "
        "100 because it is the reference.",
        (
            Metric("similarity", "like human", "a text about something else than what was given"),
            Metric("keyword_recall", "like human", "a text that does not take up what was given"),
            Metric("rouge_1", "higher", "other words than the human's; compare with chance"),
            Metric("rouge_2", "higher", "other phrases than the human's; compare with chance"),
            Metric("rouge_l", "higher", "another course than the human's; compare with chance"),
        ),
    ),
    "failures": (
        "Shares of written segments (of stories: too short, given changed). An empty segment is a failure here and is "
        "left out of perplexity.",
        (
            Metric("empty", "lower", "segments with nothing in them"),
            Metric("repeated", "lower", "segments that the story has twice"),
            Metric("adjacent_duplicate", "lower", "segments like the one before"),
            Metric("looping", "lower", "three words that come three times in one segment"),
            Metric("unfinished", "lower", "segments without a final mark"),
            Metric("endless", "lower", "segments that were cut at the longest length"),
            Metric("copies_given", "lower", "segments that repeat a given one"),
            Metric("too_short", "lower", "stories with fewer segments than were asked for"),
            Metric("given_changed", "lower", "given segments that were altered or moved"),
        ),
    ),
}
