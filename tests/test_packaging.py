"""The wheel holds everything: an editable install would hide what it lacks."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = {
    "src": "segdiff",
    "encoders": "segdiff/encoders",
    "diffusion": "segdiff/diffusion",
    "decoders": "segdiff/decoders",
    "pipelines": "segdiff/pipelines",
    "configs": "segdiff/configs",
}


def source_files() -> list[Path]:
    """Tracked files, and new ones that git does not ignore, relative to the repository."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return [Path(name) for name in listing.split("\0") if name and (REPOSITORY / name).is_file()]


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names in the wheel, built from a copy so that nothing is left in the checkout."""
    folder = tmp_path_factory.mktemp("packaging")
    for file in source_files():
        (folder / "source" / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(REPOSITORY / file, folder / "source" / file)
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", folder, "."],
        cwd=folder / "source", capture_output=True, text=True,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_holds_every_package(wheel_names: set[str]) -> None:
    missing = {f"{package}/__init__.py" for package in PACKAGES.values()} - wheel_names
    assert not missing


def test_wheel_holds_every_module_config_and_model_file(wheel_names: set[str]) -> None:
    shipped = {
        f"{PACKAGES[file.parts[0]]}/{Path(*file.parts[1:]).as_posix()}"
        for file in source_files()
        if file.parts[0] in PACKAGES
        and (file.suffix in (".py", ".yaml", ".typed") or file.parts[:2] == ("src", "models"))
    }
    assert not shipped - wheel_names


def test_wheel_adds_one_package_to_site_packages(wheel_names: set[str]) -> None:
    top_level = {name.split("/")[0] for name in wheel_names}
    (info,) = top_level - {"segdiff"}
    assert info.startswith("segdiff-") and info.endswith(".dist-info")


def test_import_is_light() -> None:
    """`import segdiff` and the configs answer at once: neither imports torch."""
    code = "import sys, segdiff, segdiff.configs; assert dir(segdiff); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_public_names_resolve() -> None:
    import segdiff

    for name in segdiff.__all__:
        assert getattr(segdiff, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Missing'"):
        segdiff.Missing  # noqa: B018
