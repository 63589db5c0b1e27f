"""report.json of `segdiff evaluate stories` -> Markdown: python benchmarks/results.py report.json > docs/results.md"""

import argparse
import json
import sys
from pathlib import Path

from segdiff.pipelines.evaluation.markdown import results


def main(arguments: list[str] | None = None) -> None:
    """Print the tables; exit 2 with one line where the file is no such report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, help="report.json that `segdiff evaluate stories` wrote")
    file: Path = parser.parse_args(arguments).report
    try:
        numbers = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        parser.error(f"{file}: {error.strerror}")
    except ValueError:
        parser.error(f"{file} is not JSON")
    if not isinstance(numbers, dict) or not {"tables", "classifier", "settings"} <= set(numbers):
        parser.error(f"{file} is no report of `segdiff evaluate stories`")
    sys.stdout.write(results(numbers))


if __name__ == "__main__":
    main()
