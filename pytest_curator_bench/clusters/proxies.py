# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""HTTP proxies named by variables: never used for what runs on this machine, and named where they may be the cause."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["direct_access", "proxy_in_use", "without_credentials"]

_NAMES = ("http_proxy", "https_proxy", "all_proxy")


def direct_access(address: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return variables with which HTTP clients reach an address of this machine past proxies.

    Args:
        address: a URL, ``host:port`` or a host.
        environ: the environment to which they are added.

    Returns:
        None where no proxy is named, or the address is not a loopback one.
    """
    host = urlsplit(address if "://" in address else f"//{address}").hostname or ""
    if not _is_loopback(host) or not any(environ.get(name) or environ.get(name.upper()) for name in _NAMES):
        return {}
    # Clients differ in which of the two they read first, and most read one only.
    former = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    hosts = ",".join([*filter(None, [former.strip(", ")]), host])
    return {"no_proxy": hosts, "NO_PROXY": hosts}


def proxy_in_use(url: str, environ: Mapping[str, str]) -> str:
    """Return a phrase for an error that names the proxy on the way to a URL; empty where there is none."""
    import requests.utils

    proxy = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))
    if not proxy:
        return ""
    names = [
        name for scheme in (urlsplit(url).scheme, "all") for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper())
    ]
    variable = next((name for name in names if environ.get(name)), names[0])
    host = urlsplit(url).hostname
    return f" through the proxy {without_credentials(proxy)} of {variable} (list {host} in no_proxy to go past it)"


def without_credentials(url: str) -> str:
    """Return a URL without the user's name and password that it may hold."""
    scheme, separator, rest = url.rpartition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"


def _is_loopback(host: str) -> bool:
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith((".localhost", "localhost.localdomain")):
        return True
    try:  # no name is looked up; 127.1 and 0x7f000001 are addresses, too
        found = socket.getaddrinfo(name, None, flags=socket.AI_NUMERICHOST)
        address = ipaddress.ip_address(str(found[0][4][0]).partition("%")[0])
    except (OSError, ValueError):
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)  # 0.0.0.0 leads to this machine as well
