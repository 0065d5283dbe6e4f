# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Load the plugin once, before pytester runs pytest in this process.

Pytester removes the modules that a run has imported, and every run would import pydantic, rich and the plugin anew.
"""

from __future__ import annotations

import importlib
import pkgutil

from pytest_curator_bench import plugin

for _module in pkgutil.iter_modules(plugin.__path__, f"{plugin.__name__}."):
    importlib.import_module(_module.name)
