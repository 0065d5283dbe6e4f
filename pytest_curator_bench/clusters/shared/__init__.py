# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Ray clusters that entries share, one after the other."""

from pytest_curator_bench.clusters.shared.pool import ClusterPool, SharedCluster

__all__ = ["ClusterPool", "SharedCluster"]
