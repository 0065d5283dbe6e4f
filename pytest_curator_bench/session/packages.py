# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The distributions that are installed, without importing any of them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib.metadata import distributions
from typing import TYPE_CHECKING

from pytest_curator_bench._util.masking import Masker

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.metadata import Distribution

__all__ = ["Package", "installed_packages", "normalized", "packages_text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """An installed distribution.

    Attributes:
        name: as it calls itself.
        version: its version.
        origin: for one that came from no index: its URL, for a repository with the commit, for a directory
            that is used in place with ``editable`` before it. Credentials are masked.
    """

    name: str
    version: str
    origin: str | None = None


def normalized(name: str) -> str:
    """The name by which indexes know a distribution (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed_packages() -> dict[str, Package]:
    """Every installed distribution by its normalized name; of two with one name the one that is imported."""
    found: dict[str, Package] = {}
    for distribution in distributions():
        package = _package(distribution)
        if package is not None:
            found.setdefault(normalized(package.name), package)
    return dict(sorted(found.items()))


def packages_text(packages: Iterable[Package]) -> str:
    """One line for each: ``name==version``, and the origin as a comment; pip reads it as requirements."""
    return "".join(
        f"{package.name}=={package.version}" + (f"  # {package.origin}\n" if package.origin else "\n")
        for package in packages
    )


def _package(distribution: Distribution) -> Package | None:
    try:
        text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
        direct_url = distribution.read_text("direct_url.json")
    except (OSError, UnicodeDecodeError):
        return None
    # Distribution.version parses the whole file with the email package: 60 ms for 200 distributions.
    name, version = _header(text, "Name"), _header(text, "Version")
    if not name or not version:
        return None
    return Package(name=name, version=version, origin=_origin(direct_url) if direct_url else None)


def _header(text: str, name: str) -> str | None:
    match = re.match(rf"(?:.+\n)*?{name}:[ \t]*(.*)", text)
    return match.group(1).strip() if match else None


def _origin(direct_url: str) -> str | None:
    """What ``direct_url.json`` (PEP 610) says, in one line."""
    try:
        data = json.loads(direct_url)
        url = Masker().mask(str(data["url"])).replace("\n", " ")
        vcs, directory = data.get("vcs_info", {}), data.get("dir_info", {})
        if vcs:
            return f"{vcs.get('vcs', 'git')}+{url}@{vcs.get('commit_id', '')}"
        return f"editable {url}" if directory.get("editable") else url
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
