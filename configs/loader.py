"""Reads a YAML file and command-line overrides into a typed config.

Whatever is wrong is one `ValueError` of one line that names the place: an unknown key is never dropped.
"""

import re
import reprlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

ConfigT = TypeVar("ConfigT", bound=BaseModel)


class Config(BaseModel):
    """Base of every config schema: unknown keys are errors and values do not change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def load_config(schema: type[ConfigT], source: str | Path | None = None, overrides: Sequence[str] = ()) -> ConfigT:
    """Read and validate a config.

    A mapping that gives some of a field's keys keeps that field's default for the others; only a field that
    is a choice among several configs is taken from the file as it stands there.

    Args:
        schema: The pydantic model that the config has to fit.
        source: Name of a bundled config (see `bundled_config_names`), else the path of a YAML file;
            None for the defaults of the schema.
        overrides: `dotted.key=value` strings, applied in order on top of the file; values are read as YAML.

    Returns:
        An instance of `schema`.

    Raises:
        FileNotFoundError: `source` is neither a bundled config nor a file.
        ValueError: Invalid YAML, an unknown or repeated key, a value of the wrong type, an override
            without `=`.
    """
    name = schema.__name__ if source is None else str(source)
    values = {} if source is None else _read(source)
    _check_keys(schema, values, name)
    values = _refine(schema, None, values)
    for override in overrides:
        _apply(schema, values, override)
        _check_keys(schema, values, f"override {override!r}")
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        raise ValueError(f"{name}: {_one_line(error, values)}") from error


def bundled_config_names() -> list[str]:
    """Names of the configs that come with the package, sorted."""
    files = (Path(entry.name) for entry in resources.files(__package__).iterdir())
    return sorted(file.stem for file in files if file.suffix == ".yaml")


# --- reading YAML


_BOOL, _FLOAT = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:float"


class _Loader(yaml.SafeLoader):
    """PyYAML without three of its traps.

    It keeps the last of two equal keys without a word; here the second is an error. It follows YAML 1.1; here
    `no` and `off` are strings and 1e-4 is a number, as in YAML 1.2 (section 10.3.2).
    """

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in (_BOOL, _FLOAT)]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"key {key.value!r} is given twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(_BOOL, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)


def _read(source: str | Path) -> dict[Any, Any]:
    """The mapping in a bundled config or a file; a file without content is an empty mapping."""
    if str(source) in bundled_config_names():
        content = resources.files(__package__).joinpath(f"{source}.yaml").read_bytes()
    elif Path(source).is_file():
        content = Path(source).read_bytes()
    else:
        names = ", ".join(bundled_config_names()) or "none"
        raise FileNotFoundError(f"no config file {str(source)!r}; bundled configs: {names}")
    values = _parse(content, str(source))
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ValueError(f"{source}: expected a mapping of keys to values, got {reprlib.repr(values)}")
    return values


def _parse(text: str | bytes, name: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # a SafeLoader
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or str(error)
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ValueError(f"{name}: invalid YAML{place}: {_flat(problem)}") from error


# --- values against types


def _members(annotation: Any) -> list[Any]:
    """The types that `annotation` allows: those of a union, or itself."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _members(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [member for choice in get_args(annotation) for member in _members(choice)]
    return [annotation]


def _models(annotation: Any) -> list[type[BaseModel]]:
    return [m for m in _members(annotation) if isinstance(m, type) and issubclass(m, BaseModel)]


def _inside(annotation: Any, key: Any) -> Any:
    """The type of what stands at `key` in a value of type `annotation`; Any where that is not said."""
    found = [model.model_fields[key].annotation for model in _models(annotation) if key in model.model_fields]
    for member in _members(annotation):
        container, arguments = get_origin(member), get_args(member)
        if isinstance(container, type) and issubclass(container, Mapping):
            found.append(arguments[1])
        elif isinstance(container, type) and issubclass(container, Collection):
            found.extend(argument for argument in arguments if argument is not Ellipsis)
    return Union[tuple(found)] if found else Any  # noqa: UP007 (built at run time)


def _children(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        return value.items()
    return enumerate(value) if isinstance(value, list | tuple) else ()


def _check_keys(annotation: Any, value: Any, name: str, path: str = "") -> None:
    """Raise for the first key in `value` that no model allowed at its place has."""
    known = [key for model in _models(annotation) for key in model.model_fields]
    for key, child in _children(value):
        if known and isinstance(value, Mapping) and key not in known:
            nearest = get_close_matches(str(key), known, n=1, cutoff=0.0)[0]
            raise ValueError(f"{name}: unknown key '{path}{key}'; nearest known key: '{path}{nearest}'")
        _check_keys(_inside(annotation, key), child, name, f"{path}{key}.")


def _default(annotation: Any, key: Any) -> Any:
    """Default, as plain values, of field `key` in a config of type `annotation`; None where there is none."""
    models = _models(annotation)
    field = models[0].model_fields.get(key) if len(models) == 1 else None
    if field is None or field.is_required() or field.default_factory_takes_validated_data:
        return None
    return TypeAdapter(Any).dump_python(field.get_default(call_default_factory=True))


def _refine(annotation: Any, default: Any, value: Any) -> Any:
    """Complete partial mappings with the default of their field.

    Pydantic would complete them with the defaults of the class, and so lose `field: Sub = Sub(width=8)`, and
    would complete a `dict` not at all.
    """
    if isinstance(value, list):
        return [_refine(_inside(annotation, i), None, item) for i, item in enumerate(value)]
    if not isinstance(value, dict) or len(_models(annotation)) > 1:
        return value
    base = default if isinstance(default, dict) else {}
    return base | {
        key: _refine(_inside(annotation, key), base.get(key, _default(annotation, key)), item)
        for key, item in value.items()
    }


def _apply(schema: type[BaseModel], values: dict[Any, Any], override: str) -> None:
    """Set one `dotted.key=value` in `values`, starting from defaults where `values` has nothing yet."""
    dotted, equals, text = override.partition("=")
    *parents, last = dotted.strip().split(".")
    if not equals or not all([*parents, last]):
        raise ValueError(f"override {override!r}: expected dotted.key=value")
    annotation: Any = schema
    for depth, key in enumerate(parents, start=1):
        if values.get(key) is None:
            default = _default(annotation, key)
            values[key] = {} if default is None else default
        if not isinstance(values[key], dict):
            place = ".".join(parents[:depth])
            raise ValueError(f"override {override!r}: '{place}' is {reprlib.repr(values[key])}, without keys")
        annotation, values = _inside(annotation, key), values[key]
    values[last] = _parse(text, f"override {override!r}")


# --- errors


def _flat(text: str) -> str:
    return " ".join(text.split())


def _one_line(error: ValidationError, values: Any) -> str:
    problems = []
    for item in error.errors(include_url=False):
        path = _dotted(item["loc"], values)
        got = "" if item["type"] == "missing" else f" (got {reprlib.repr(item['input'])})"
        problems.append(_flat(f"{path}: {item['msg']}{got}" if path else f"{item['msg']}{got}"))
    return "; ".join(dict.fromkeys(problems))


def _dotted(location: tuple[int | str, ...], values: Any) -> str:
    """`location` without the names of union members that pydantic puts between the keys."""
    keys = []
    for depth, key in enumerate(location, start=1):
        children = dict(_children(values))
        if key in children:
            keys.append(str(key))
            values = children[key]
        elif depth == len(location) and isinstance(values, Mapping):  # a missing key
            keys.append(str(key))
    return ".".join(keys)
