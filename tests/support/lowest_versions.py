# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Write the lowest versions that pyproject.toml allows to a requirements file: ``lowest_versions.py FILE``."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement


def lowest_versions(pyproject: Path) -> list[str]:
    """Return ``NAME==VERSION`` for each requirement with a lower bound; Ray and MLflow have tests of their own."""
    data = tomllib.loads(pyproject.read_text())
    extras = data["project"]["optional-dependencies"]
    texts = [*data["project"]["dependencies"], *extras["gdrive"], *extras["slack"], *data["dependency-groups"]["test"]]
    return sorted(
        {
            f"{requirement.name}=={specifier.version}"
            for requirement in map(Requirement, texts)
            for specifier in requirement.specifier
            if specifier.operator == ">="
        }
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text("\n".join(lowest_versions(Path(__file__).parents[2] / "pyproject.toml")) + "\n")
