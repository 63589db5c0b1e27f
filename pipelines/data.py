"""From the `data` section of a config to prepared corpora and a tokenizer, prepared once per run folder."""

import gzip
import hashlib
import json
import shutil
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerFast

from ..configs.schema import DataConfig
from .corpus import Document, read_documents
from .files import replace_folder, write_json
from .prepared import FILE, PreparedCorpus, prepare
from .tokenization import train_tokenizer


@dataclass(frozen=True)
class TrainingData:
    """Tokenizer and prepared corpora of a run; `valid` is None when the config names no held-out data."""

    tokenizer: PreTrainedTokenizerFast
    train: PreparedCorpus
    valid: PreparedCorpus | None


def read_all(paths: list[str], max_documents: int | None) -> Iterator[Document]:
    """Documents of several corpora, one after the other; `FILE?key=value` takes a corpus's documents of that value."""
    named = (file_and_filter(path) for path in paths)
    documents = chain.from_iterable(read_documents(name, wanted=wanted) for name, wanted in named)
    return islice(documents, max_documents)


def file_and_filter(path: str) -> tuple[str, tuple[str, str] | None]:
    """The file that a path names, and the key and value that its records must have, if it says so.

    `captions.jsonl?src=coco` means the records of `captions.jsonl` whose `src` is coco. A file of just that name comes
    first.
    """
    file, mark, condition = path.rpartition("?")
    key, equals, value = condition.partition("=")
    if not (mark and file and key and equals) or Path(path).exists():
        return path, None
    return file, (key, value)


def read_paraphrases(paths: list[str]) -> Iterator[tuple[str, str]]:
    """Training pairs that mean the same, from JSONL of {"a", "b", "label"?, "split"?} or {"texts": [...]}.

    Args:
        paths: files; with `?key=value` after the name, only their records with that value (see `file_and_filter`).

    Raises:
        ValueError: a line is neither, the file is no text, or no record has the value asked for.
    """
    for path in paths:
        name, wanted = file_and_filter(path)
        opener: Any = gzip.open if name.endswith(".gz") else open
        with opener(name, "rt", encoding="utf-8") as file:
            try:
                yield from _pairs(file, name, wanted)
            except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, zlib.error) as error:
                raise ValueError(f"the paraphrases {name} cannot be read ({error}); give JSONL in UTF-8") from None


def _pairs(lines: Iterable[str], path: str, wanted: tuple[str, str] | None) -> Iterator[tuple[str, str]]:
    found = wanted is None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            if wanted is not None and str(record.get(wanted[0])) != wanted[1]:
                continue
            found = True
            if record.get("split", "train") != "train" or not record.get("label", 1):
                continue
            yield from (pairwise(record["texts"]) if "texts" in record else [(record["a"], _joined(record["b"]))])
        except (ValueError, AttributeError, KeyError, RecursionError):
            raise ValueError(
                f'{path} line {number} is no paraphrase record: expected {{"a", "b"}} or {{"texts": [...]}}'
            ) from None
    if not found and wanted is not None:
        raise ValueError(f"no record of {path} has {wanted[1]!r} as its {wanted[0]!r}")


def _joined(text: object) -> str:
    """A text, or the sentences that it was split into.

    Raises:
        ValueError: it is neither.
    """
    parts: list[Any] = text if isinstance(text, list) else [text]
    if not parts or not all(isinstance(part, str) for part in parts):
        raise ValueError
    return " ".join(parts)


def load_tokenizer(folder: str | Path) -> PreTrainedTokenizerFast:
    """A tokenizer saved in the hub's format.

    Raises:
        FileNotFoundError: the folder holds none.
    """
    try:
        return AutoTokenizer.from_pretrained(str(folder))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        why = " ".join(str(error).split())[:200]
        raise FileNotFoundError(f"{folder} holds no tokenizer ({why})") from None


def _files(config: DataConfig) -> list[str]:
    paths = (*config.train, *config.valid, *config.rare_words, *config.paraphrases)
    return [file_and_filter(path)[0] for path in paths]


def cache_key(config: DataConfig, tokenizer: PreTrainedTokenizerFast | None) -> str:
    """Hash of what decides the prepared corpora: options, files by size and time, and the tokenizer."""
    files = [
        (str(file), file.stat().st_size, file.stat().st_mtime_ns)
        for path in _files(config)
        for file in ([Path(path)] if Path(path).is_file() else sorted(Path(path).glob("**/*")))
    ]
    vocabulary = sorted(tokenizer.get_vocab().items()) if tokenizer is not None else None
    options = config.model_dump()
    if not config.rare_words:  # younger than the first prepared folders, which stay what they are
        del options["rare_words"]
    digest = hashlib.sha256(json.dumps([options, files, vocabulary]).encode())
    return digest.hexdigest()[:16]


def load_data(config: DataConfig, folder: Path, tokenizer: PreTrainedTokenizerFast | None = None) -> TrainingData:
    """Prepare the corpora of a config, or read them from `folder/data` when they are prepared already.

    Args:
        config: `train` may name one prepared folder (holding `train/`, `valid/`, `tokenizer/`).
        folder: run folder.
        tokenizer: of the model to be fine-tuned, or None to train or load one as the config says.

    Raises:
        ValueError: no training data named, nothing usable in it, or a pipe in place of a file.
        FileNotFoundError: a path does not exist.
    """
    if not config.train:
        raise ValueError("no training data: give data.train, e.g. --set 'data.train=[stories.jsonl]'")
    for path in _files(config):
        if not path.strip() or not Path(path).exists():
            raise FileNotFoundError(f"no such corpus: {path or repr(path)}")
        if not (Path(path).is_file() or Path(path).is_dir()):
            raise ValueError(f"the corpus {path} is a pipe or device, and is read more than once; write it to a file")
    ready = Path(config.train[0])
    if not (ready / "train" / FILE).exists():
        if tokenizer is None and config.tokenizer is not None:
            tokenizer = load_tokenizer(config.tokenizer)
        ready = folder / "data"
        key = cache_key(config, tokenizer)
        if not (ready / "key.json").exists() or json.loads((ready / "key.json").read_text()) != key:
            _prepare_folder(config, ready, tokenizer, key)
    valid = PreparedCorpus.load(ready / "valid") if (ready / "valid" / FILE).exists() else None
    return TrainingData(load_tokenizer(ready / "tokenizer"), PreparedCorpus.load(ready / "train"), valid)


def _prepare_folder(config: DataConfig, ready: Path, tokenizer: PreTrainedTokenizerFast | None, key: str) -> None:
    temporary = ready.with_name("data.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        if tokenizer is None:
            texts = (text for document in read_all(config.train, config.max_documents) for text in document.segments)
            tokenizer = train_tokenizer(texts, config.vocab_size)
        tokenizer.save_pretrained(temporary / "tokenizer")
        pairs = read_paraphrases(config.paraphrases)
        documents = read_all(config.train, config.max_documents)
        rare = read_all(config.rare_words, None)
        corpus = prepare(documents, pairs, tokenizer, config.max_tokens, show_progress=True, rare_words=rare)
        corpus.save(temporary / "train")
        if config.valid:
            held_out = read_all(config.valid, config.max_documents)
            prepare(held_out, [], tokenizer, config.max_tokens).save(temporary / "valid")
        write_json(temporary / "key.json", key)
        replace_folder(temporary, ready)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
