"""Paths of paraphrases, what is read from them, and the key of a prepared corpus."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from segdiff.configs import load_config
from segdiff.configs.schema import DataConfig, StoryModelConfig
from segdiff.pipelines.data import cache_key, file_and_filter, load_data, read_all, read_paraphrases

RECORDS = [
    {"src": "coco", "texts": ["A dog runs.", "A dog is running.", "One dog ran."], "split": "train"},
    {"src": "flickr", "texts": ["A cat sits.", "A cat is sitting."], "split": "train"},
    {"src": "coco", "texts": ["A man eats.", "A man is eating."], "split": "test"},
]


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    file = tmp_path / "captions.jsonl.gz"
    file.write_bytes(gzip.compress("".join(json.dumps(record) + "\n" for record in RECORDS).encode()))
    return file


def test_records_of_one_source_alone(captions):
    coco = [("A dog runs.", "A dog is running."), ("A dog is running.", "One dog ran.")]
    flickr = [("A cat sits.", "A cat is sitting.")]
    assert list(read_paraphrases([str(captions)])) == coco + flickr
    assert list(read_paraphrases([f"{captions}?src=coco"])) == coco
    assert list(read_paraphrases([f"{captions}?src=flickr", f"{captions}?src=coco"])) == flickr + coco


def test_a_source_that_the_file_lacks(captions):
    with pytest.raises(ValueError, match=r"no record of .*captions\.jsonl\.gz has 'COCO' as its 'src'"):
        list(read_paraphrases([f"{captions}?src=COCO"]))


def test_a_file_whose_name_has_a_question_mark(captions):
    odd = captions.with_name("pairs.jsonl?src=coco")
    odd.write_text(json.dumps({"a": "Hello.", "b": "Hi."}) + "\n")
    assert file_and_filter(str(odd)) == (str(odd), None)
    assert list(read_paraphrases([str(odd)])) == [("Hello.", "Hi.")]
    for path in ("why?.jsonl", "?src=coco", "pairs.jsonl?src"):
        assert file_and_filter(path) == (path, None)


def test_a_corpus_is_prepared_with_filtered_paraphrases(captions, tiny_corpus, tmp_path):
    counts = {}
    for name, path in {"all": str(captions), "coco": f"{captions}?src=coco"}.items():
        config = DataConfig(train=[str(tiny_corpus)], paraphrases=[path], vocab_size=300, max_tokens=64)
        counts[name] = load_data(config, tmp_path / name).train.num_paraphrases
    assert 0 < counts["coco"] < counts["all"]
    with pytest.raises(FileNotFoundError, match=r"no such corpus: .*absent\.jsonl"):
        config = DataConfig(train=[str(tiny_corpus)], paraphrases=[str(tmp_path / "absent.jsonl?src=coco")])
        load_data(config, tmp_path / "absent")


def test_documents_of_one_value_alone(tmp_path):
    path = tmp_path / "dialogues.jsonl"
    turns = {name: [{"speaker": "Ann", "text": f"This is {name}."}] for name in ("train", "test")}
    path.write_text("".join(json.dumps({"split": name, "turns": value}) + "\n" for name, value in turns.items()))
    found = {wanted: list(read_all([f"{path}?split={wanted}"], None)) for wanted in turns}
    assert [document.segments for document in found["train"]] == [("Ann: This is train.",)]
    assert [document.segments for document in found["test"]] == [("Ann: This is test.",)]
    with pytest.raises(ValueError, match="holds no documents whose 'split' is 'valid'"):
        list(read_all([f"{path}?split=valid"], None))
    folder = tmp_path / "folder"
    folder.mkdir()
    path.rename(folder / path.name)
    assert [one.segments for one in read_all([f"{folder}?split=test"], None)] == [("Ann: This is test.",)]
    plain = tmp_path / "plain.txt"
    plain.write_text("One. Two.")
    with pytest.raises(ValueError, match=r"is no \.jsonl file"):
        list(read_all([f"{plain}?split=train"], None))


def test_a_text_may_be_paired_with_the_sentences_that_it_was_split_into(tmp_path):
    path = tmp_path / "split.jsonl"
    path.write_text(json.dumps({"a": "He came, and he went.", "b": ["He came.", "He went."], "label": 1}) + "\n")
    assert list(read_paraphrases([str(path)])) == [("He came, and he went.", "He came. He went.")]
    for bad in (["He came.", 3], []):
        path.write_text(json.dumps({"a": "He came, and he went.", "b": bad}) + "\n")
        with pytest.raises(ValueError, match=r"split\.jsonl line 1 is no paraphrase record"):
            list(read_paraphrases([str(path)]))


def test_the_key_covers_options_files_and_filter(captions, tiny_corpus):
    """Without a filter it is what it always was, so that corpora prepared before it came are still read."""
    config = DataConfig(train=[str(tiny_corpus)], paraphrases=[str(captions)])
    files = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in (tiny_corpus, captions)]
    options = {name: value for name, value in config.model_dump().items() if name != "rare_words"}
    whole = json.dumps([options, files, None])
    assert cache_key(config, None) == hashlib.sha256(whole.encode()).hexdigest()[:16]
    keys = {cache_key(config.model_copy(update={"paraphrases": [f"{captions}{end}"]}), None) for end in ("", "?src=a")}
    before = cache_key(config.model_copy(update={"paraphrases": [f"{captions}?src=a"]}), None)
    captions.write_bytes(captions.read_bytes() + gzip.compress(b"\n"))
    keys |= {before, cache_key(config.model_copy(update={"paraphrases": [f"{captions}?src=a"]}), None)}
    assert len(keys) == 3


def test_the_bundled_config_names_files_that_are_there(data_dir):
    plan = load_config(StoryModelConfig, "stories-tiny")
    paraphrases = [str(data_dir / path) for path in plan.data.paraphrases]
    files = [*plan.data.train, *plan.data.valid, *plan.test, *(file_and_filter(path)[0] for path in paraphrases)]
    assert [path for path in files if not (data_dir / path).is_file()] == []
    assert next(read_paraphrases(paraphrases[-1:]))
