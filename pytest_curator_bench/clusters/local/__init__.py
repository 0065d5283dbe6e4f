# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Ray clusters that are started on this machine."""

from pytest_curator_bench.clusters.local.cluster import LocalCluster
from pytest_curator_bench.clusters.local.command import ClusterSpec

__all__ = ["ClusterSpec", "LocalCluster"]
