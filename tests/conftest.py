# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What every test may use."""

from __future__ import annotations

import contextlib
import importlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from tests.support.bench_project import mark, project, two
from tests.support.drive_server import drive, drive_key
from tests.support.loopback import closed_port
from tests.support.process_world import world
from tests.support.processes import INTEGRATION_TIMEOUT_S, RUN_TIMEOUT_S, TIMEOUT_S, end_after
from tests.support.slack_server import slack
from tests.support.webhook_receiver import receiver

__all__ = ["closed_port", "drive", "drive_key", "mark", "project", "receiver", "slack", "two", "world"]

if TYPE_CHECKING:
    from xdist.remote import Producer

pytest_plugins = ["pytester"]

# Background jobs of a shell ignore SIGINT, as would all that tests start, and tests send it to themselves and others.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says more about the machine than about what is tested.
settings.register_profile("patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

TESTS = Path(__file__).parent
INTEGRATION = "tests/integration/"
# Integration tests that start no Ray cluster.
WITHOUT_RAY = {
    f"{INTEGRATION}{name}.py"
    for name in (
        *("test_leases", "test_mlflow", "test_process", "test_process_deaths", "test_process_ending"),
        *("test_services_down", "test_validate"),
    )
}


class OneTestWithRayAtOnce(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives all integration tests with Ray to one worker, before anything else; a free one gets the next file.

    Two Ray clusters at once are more than two cores can start within their limits.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return INTEGRATION if file.startswith(INTEGRATION) and file not in WITHOUT_RAY else file


def pytest_sessionstart(session: pytest.Session) -> None:
    """Limit the whole run: its workers end with it."""
    if not hasattr(session.config, "workerinput"):
        end_after(RUN_TIMEOUT_S, session.config.get_terminal_writer().line)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Take the scheduler above, whatever ``--dist`` says."""
    return OneTestWithRayAtOnce(config, log)


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test a timeout, mark the integration tests, and put them first: together they take the longest.

    The ini file can't set the timeout: it serves the benchmark entries as well, which have limits of their own.
    """
    for item in items:
        if not item.path.is_relative_to(TESTS):
            continue
        integration = item.path.is_relative_to(TESTS / "integration")
        if integration:
            item.add_marker(pytest.mark.integration)
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(INTEGRATION_TIMEOUT_S if integration else TIMEOUT_S))
    items.sort(key=lambda item: not item.nodeid.startswith(INTEGRATION))


# pytester takes modules out again that came during a test, and these don't survive being imported a second time.
for _module in (
    "cryptography.hazmat.primitives.asymmetric.padding",
    "cryptography.hazmat.primitives.asymmetric.rsa",
    "cryptography.hazmat.primitives.serialization",
    "google.oauth2.service_account",
):
    with contextlib.suppress(ImportError):
        importlib.import_module(_module)
