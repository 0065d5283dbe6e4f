# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Ray clusters that are already running."""

from pytest_curator_bench.clusters.existing.cluster import ClusterFacts, ExistingCluster

__all__ = ["ClusterFacts", "ExistingCluster"]
