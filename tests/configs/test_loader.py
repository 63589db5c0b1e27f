"""Configs: what is read is what was written, and every mistake is one line that names its place."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError

from segdiff.configs import Config, bundled_config_names, load_config


class Optimizer(Config):
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.99)


class Loss(Config):
    weight: float = 1.0
    warmup_steps: int = 0


class Small(Config):
    kind: Literal["small"] = "small"
    width: int = 8


class Large(Config):
    kind: Literal["large"] = "large"
    width: int = 512
    num_heads: int = 8


class Training(Config):
    seed: int = 0
    title: str | None = None
    optimizer: Optimizer = Optimizer(learning_rate=0.5)
    average: Optimizer | None = None
    losses: dict[str, Loss] = {"reconstruction": Loss(weight=2.0), "contrast": Loss(weight=0.1)}
    model: Annotated[Small | Large, Field(discriminator="kind")] = Small()
    stages: list[Loss] = []
    corpus: Path = Path("corpus")
    options: dict[str, Any] = {}


class Required(Config):
    corpus: Path
    num_steps: int


@pytest.fixture
def write(tmp_path: Path):
    def write_text(text: str) -> Path:
        path = tmp_path / "config.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_text


def one_line_error(source: Path | str | None = None, *overrides: str, schema: type[Config] = Training) -> str:
    with pytest.raises(ValueError) as caught:
        load_config(schema, source, overrides)
    assert not isinstance(caught.value, ValidationError)
    message = str(caught.value)
    assert "\n" not in message
    return message


# --- what is read


def test_none_is_the_defaults():
    assert load_config(Training) == Training()


def test_empty_file_is_the_defaults(write):
    assert load_config(Training, write("# nothing yet\n")) == Training()


def test_file_of_nested_optional_union_dict_and_list(write):
    path = write(
        "seed: 3\n"
        "average: {learning_rate: 1e-4}\n"
        "model: {kind: large, num_heads: 2}\n"
        "losses: {cycle: {weight: 3}}\n"
        "stages: [{warmup_steps: 5}, {}]\n"
    )
    config = load_config(Training, path)
    assert config.seed == 3
    assert config.average == Optimizer(learning_rate=1e-4)
    assert config.model == Large(num_heads=2)
    assert config.losses == Training().losses | {"cycle": Loss(weight=3)}
    assert config.stages == [Loss(warmup_steps=5), Loss()]


def test_partial_mapping_keeps_the_default_of_its_field(write):
    config = load_config(Training, write("optimizer: {betas: [0.8, 0.9]}\nlosses: {contrast: {warmup_steps: 9}}\n"))
    assert config.optimizer == Optimizer(learning_rate=0.5, betas=(0.8, 0.9))
    assert config.losses["contrast"] == Loss(weight=0.1, warmup_steps=9)


def test_path_may_be_a_string(write):
    assert load_config(Training, str(write("seed: 3\n"))).seed == 3


def test_config_is_frozen():
    with pytest.raises(ValidationError):
        load_config(Training).seed = 1


@pytest.mark.parametrize("name", bundled_config_names())
def test_bundled_names_are_files_of_the_package(name):
    import segdiff.configs

    assert (Path(segdiff.configs.__file__).parent / f"{name}.yaml").is_file()


def test_bundled_config_is_found_by_name(monkeypatch, tmp_path):
    (tmp_path / "tiny.yaml").write_text("seed: 7\n")
    (tmp_path / "notes.txt").write_text("not a config")
    monkeypatch.setattr(sys.modules["segdiff.configs.loader"].resources, "files", lambda _: tmp_path)
    assert bundled_config_names() == ["tiny"]
    assert load_config(Training, "tiny").seed == 7
    with pytest.raises(FileNotFoundError, match=r"no config file 'tinny'; bundled configs: tiny$"):
        load_config(Training, "tinny")


# --- overrides


def test_overrides_apply_in_order_on_top_of_the_file(write):
    config = load_config(Training, write("seed: 3\n"), ["seed=4", "seed=5", "title=a story"])
    assert (config.seed, config.title) == (5, "a story")


def test_override_value_is_yaml():
    config = load_config(Training, None, ["optimizer.betas=[0.5, 0.6]", "title=null", "stages=[{weight: 2}]"])
    assert config.optimizer.betas == (0.5, 0.6)
    assert config.title is None
    assert config.stages == [Loss(weight=2)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("-2.5E3", -2500.0),
        (".5", 0.5),
        ("3", 3),
        ("true", True),
        ("no", "no"),
        ("off", "off"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text, value):
    read = load_config(Training, None, [f"options.given={text}"]).options["given"]
    assert read == value and type(read) is type(value)


def test_override_value_may_hold_an_equals_sign():
    assert load_config(Training, None, ["title=a=b"]).title == "a=b"


def test_override_keeps_the_other_defaults():
    config = load_config(Training, None, ["optimizer.betas=[0, 0]", "losses.contrast.warmup_steps=9"])
    assert config.optimizer.learning_rate == 0.5
    assert config.losses == {
        "reconstruction": Loss(weight=2.0),
        "contrast": Loss(weight=0.1, warmup_steps=9),
    }
    assert load_config(Training) == Training()  # the schema's own defaults were not touched


def test_override_reaches_into_optional_union_and_new_dict_entries():
    overrides = ["average.learning_rate=0.1", "losses.cycle.weight=3", "model={kind: large}", "model.width=4"]
    config = load_config(Training, None, overrides)
    assert config.average == Optimizer(learning_rate=0.1)
    assert config.model == Large(width=4)
    assert config.losses["cycle"] == Loss(weight=3)


def test_override_supplies_a_required_key(write):
    config = load_config(Required, write("num_steps: 3\n"), ["corpus=stories"])
    assert config == Required(corpus=Path("stories"), num_steps=3)


# --- mistakes


@pytest.mark.parametrize(
    ("text", "unknown", "nearest"),
    [
        ("sed: 3", "sed", "seed"),
        ("optimizer: {learning_rat: 3}", "optimizer.learning_rat", "optimizer.learning_rate"),
        ("average: {beta: 3}", "average.beta", "average.betas"),
        ("losses: {cycle: {wait: 3}}", "losses.cycle.wait", "losses.cycle.weight"),
        ("stages: [{}, {weigth: 3}]", "stages.1.weigth", "stages.1.weight"),
        ("model: {kind: large, heads: 3}", "model.heads", "model.num_heads"),
        ("1: 3", "1", ""),
    ],
)
def test_unknown_key_names_its_path_and_the_nearest(write, text, unknown, nearest):
    message = one_line_error(write(text))
    assert f"config.yaml: unknown key '{unknown}'; nearest known key: '{nearest}" in message


@pytest.mark.parametrize(
    ("override", "unknown", "nearest"),
    [
        ("sed=3", "sed", "seed"),
        ("optimiser.betas=[0, 0]", "optimiser", "optimizer"),
        ("optimizer.learning_rat=3", "optimizer.learning_rat", "optimizer.learning_rate"),
        ("losses.contrast.wait=3", "losses.contrast.wait", "losses.contrast.weight"),
    ],
)
def test_unknown_override_key_names_its_path_and_the_nearest(override, unknown, nearest):
    message = one_line_error(None, override)
    assert message == f"override '{override}': unknown key '{unknown}'; nearest known key: '{nearest}'"


def test_key_of_another_choice_is_an_error(write):
    assert "model.num_heads: Extra inputs" in one_line_error(write("model: {kind: small, num_heads: 3}"))


def test_unknown_choice_names_the_choices(write):
    message = one_line_error(write("model: {kind: huge}"))
    assert "model" in message and "small" in message and "large" in message


def test_missing_file_names_the_bundled_configs(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no config file '.*absent\.yaml'; bundled configs: "):
        load_config(Training, tmp_path / "absent.yaml")


def test_folder_is_no_config(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_config(Training, tmp_path)


@pytest.mark.parametrize("text", ["seed: [1, 2", "seed: 1\n  title: x", "a: b: c", "\0", "!!python/name:x"])
def test_invalid_yaml(write, text):
    assert "config.yaml: invalid YAML" in one_line_error(write(text))


def test_file_that_is_not_text(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xfa\x80seed")
    assert "config.yaml: invalid YAML" in one_line_error(path)


def test_key_given_twice(write):
    message = one_line_error(write("seed: 1\noptimizer: {learning_rate: 1, learning_rate: 2}\n"))
    assert "line 2" in message and "key 'learning_rate' is given twice" in message


@pytest.mark.parametrize("text", ["- seed", "seed", "3"])
def test_not_a_mapping(write, text):
    assert "config.yaml: expected a mapping of keys to values" in one_line_error(write(text))


@pytest.mark.parametrize(
    ("text", "path", "got"),
    [
        ("seed: many", "seed", "'many'"),
        ("seed: 1.5", "seed", "1.5"),
        ("optimizer: 3", "optimizer", "3"),
        ("optimizer: {betas: [0.1, x]}", "optimizer.betas.1", "'x'"),
        ("average: {learning_rate: fast}", "average.learning_rate", "'fast'"),
        ("losses: {cycle: {warmup_steps: soon}}", "losses.cycle.warmup_steps", "'soon'"),
        ("model: {kind: large, width: wide}", "model.width", "'wide'"),
    ],
)
def test_wrong_type(write, text, path, got):
    message = one_line_error(write(text))
    assert f"config.yaml: {path}: " in message and message.endswith(f"(got {got})")


def test_wrong_type_in_an_override():
    assert "seed: Input should be a valid integer" in one_line_error(None, "seed=many")


def test_missing_keys_are_all_named():
    message = one_line_error(schema=Required)
    assert message == "Required: corpus: Field required; num_steps: Field required"


@pytest.mark.parametrize("override", ["seed", "=3", "", "optimizer.=3", ".seed=3"])
def test_override_that_is_none(override):
    assert one_line_error(None, override) == f"override {override!r}: expected dotted.key=value"


@pytest.mark.parametrize("override", ["seed.low=3", "stages.0=3", "optimizer.betas.0=3"])
def test_override_below_a_value_without_keys(override):
    assert "without keys" in one_line_error(None, override)


def test_override_value_that_is_no_yaml():
    assert one_line_error(None, "seed=[1").startswith("override 'seed=[1': invalid YAML at line 1")
