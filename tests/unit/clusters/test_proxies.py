# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Proxies that the environment names: what runs on this machine is reached without them, and errors name them."""

from __future__ import annotations

import os

import pytest

from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.clusters.existing.probe import find_cluster, probe
from pytest_curator_bench.clusters.proxies import direct_access, without_credentials
from pytest_curator_bench.config.schema_models import RaySettings

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without any, whatever the machine has."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("http://127.0.0.1:8265", "127.0.0.1"),
        ("https://127.8.9.10:8265", "127.8.9.10"),
        ("http://127.1:8265", "127.1"),
        ("http://localhost:8265", "localhost"),
        ("http://LOCALHOST.:8265", "localhost."),
        ("http://ray.localhost:8265", "ray.localhost"),
        ("http://[::1]:8265", "::1"),
        ("http://[::ffff:127.0.0.1]:8265", "::ffff:127.0.0.1"),
        ("http://0.0.0.0:8265", "0.0.0.0"),  # noqa: S104 - connected to, not bound
        ("127.0.0.1:6379", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("http://10.0.0.1:8265", None),
        ("http://128.0.0.1", None),
        ("http://localhost.example.org:8265", None),
        ("http://notlocalhost:8265", None),
        ("auto", None),
    ],
)
@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"])
def test_loopback_is_reached_past_proxies(address: str, host: str | None, variable: str) -> None:
    """Whatever names the proxy; other addresses are left to it."""
    variables = direct_access(address, {variable: "http://proxy:3128"})
    assert variables == ({} if host is None else {"no_proxy": host, "NO_PROXY": host})


def test_what_needs_no_proxy_already_is_kept() -> None:
    """Nothing is added where no proxy is named, and nothing is lost where some hosts need none."""
    assert direct_access("127.0.0.1", {}) == {}
    assert direct_access("127.0.0.1", {"http_proxy": ""}) == {}
    for name in ("no_proxy", "NO_PROXY"):
        variables = direct_access("127.0.0.1", {"http_proxy": "http://proxy:3128", name: ".corp.example, 10.0.0.0/8,"})
        assert set(variables.values()) == {".corp.example, 10.0.0.0/8,127.0.0.1"}


def test_credentials_of_a_proxy_are_never_shown() -> None:
    """With or without a scheme; an address without any stays."""
    for url in ("http://user:p@ss@proxy:3128/x", "http://proxy:3128/x"):
        assert without_credentials(url) == "http://proxy:3128/x"
    assert without_credentials("user:secret@proxy:3128") == "proxy:3128"


@pytest.mark.curator
def test_errors_name_the_proxy_on_the_way(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a dashboard elsewhere, with the variable and the remedy; of one here there is none."""
    monkeypatch.setenv("HTTP_PROXY", f"http://user:secret@127.0.0.1:{closed_port}")
    with pytest.raises(ClusterError) as caught:
        probe("http://192.0.2.1:8265", is_job=True, environment=os.environ)
    assert str(caught.value) == (
        f"no dashboard answers at http://192.0.2.1:8265 through the proxy http://127.0.0.1:{closed_port} of HTTP_PROXY "
        "(list 192.0.2.1 in no_proxy to go past it): start the cluster with one, or correct it"
    )
    with pytest.raises(ClusterError) as caught:
        probe(f"http://127.0.0.1:{closed_port}", is_job=True, environment=os.environ)
    assert "proxy" not in str(caught.value)


@pytest.mark.curator
def test_address_auto_names_the_variable_that_it_follows(monkeypatch: pytest.MonkeyPatch, closed_port: int) -> None:
    """Where RAY_ADDRESS is a dashboard's URL, or that of a client, and where nobody answers there."""
    for url in ("http://127.0.0.1:8265", "https://u:secret@ray.example", "ray://127.0.0.1:10001"):
        monkeypatch.setenv("RAY_ADDRESS", url)
        with pytest.raises(ClusterError, match=r"^RAY_ADDRESS=.*, which ray.address: auto follows, is no") as caught:
            find_cluster(RaySettings(address="auto"))
        assert "secret" not in str(caught.value)
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{closed_port}")
    with pytest.raises(ClusterError, match=rf"auto follows RAY_ADDRESS=127.0.0.1:{closed_port}\)$"):
        find_cluster(RaySettings(address="auto"))
