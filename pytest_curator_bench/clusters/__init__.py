# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Ray clusters: started for a benchmark, handed to its script, and stopped without a trace."""
