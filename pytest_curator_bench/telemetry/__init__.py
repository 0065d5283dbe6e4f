# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Resources that an entry uses while it runs, and other activity on its machine."""
