"""Maps the top-level folders to one import package; everything else is in pyproject.toml."""

from setuptools import find_packages, setup

FOLDERS = ("encoders", "diffusion", "decoders", "pipelines", "configs")
package_dir = {"segdiff": "src", "segdiff.commands": "src/commands"}
package_dir |= {f"segdiff.{folder}": folder for folder in FOLDERS}

setup(
    package_dir=package_dir,
    packages=[
        name
        for package, folder in package_dir.items()
        for name in [package, *(f"{package}.{sub}" for sub in find_packages(folder))]
    ],
    include_package_data=False,  # what ships is what is listed here
    package_data={
        "segdiff": ["py.typed", *(f"models/**/*.{kind}" for kind in ("safetensors", "json", "md", "txt"))],
        "segdiff.configs": ["*.yaml"],
    },
)
