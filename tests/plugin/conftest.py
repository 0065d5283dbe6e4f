# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Load the plugin and the commands once, before pytester runs pytest in this process.

Pytester removes the modules that a run has imported, and every run would import pydantic, rich and the plugin anew.
"""

from __future__ import annotations

import importlib
import pkgutil

from pytest_curator_bench import cli, plugin, reporting

for _package in (cli, plugin, reporting):
    for _module in pkgutil.walk_packages(_package.__path__, f"{_package.__name__}."):
        importlib.import_module(_module.name)
