# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Run NeMo Curator benchmarks as pytest items."""

__all__ = ["__version__"]

__version__ = "0.1.0"
