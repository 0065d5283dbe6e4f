# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Results as signed HTTP requests: one POST for each."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import Field

from pytest_curator_bench import __version__
from pytest_curator_bench._util.atomic import json_line
from pytest_curator_bench.sinks.base import (
    Sink,
    SinkConfigError,
    SinkSettings,
    TransientSinkError,
    delivery_key,
)
from pytest_curator_bench.sinks.http import refusal, without_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message
    from typing import IO

__all__ = [
    "IDEMPOTENCY_HEADER",
    "SIGNATURE_HEADER",
    "TIMESTAMP_HEADER",
    "WebhookSink",
    "signature",
]

IDEMPOTENCY_HEADER = "Idempotency-Key"
"""The result's delivery key: the same whenever the same result is sent again."""
TIMESTAMP_HEADER = "X-Curator-Bench-Timestamp"
"""When the request was signed: whole seconds since 1970, UTC."""
SIGNATURE_HEADER = "X-Curator-Bench-Signature"
"""``v1=`` and the HMAC-SHA256 (RFC 2104), in hexadecimal digits, of the timestamp, a dot and the body."""

# For connecting and for the answer each: both fit into one call, so that a slow server is retried, not given up.
REQUEST_TIMEOUT_S = 4.0


class WebhookSettings(SinkSettings):
    """Settings of the sink ``webhook``."""

    url: str = Field(description="Where to POST each result, http or https.")
    secret: str = Field(min_length=8, description="The key of the signature; the receiver has the same.")


class WebhookSink(Sink):
    """Sends each result to a URL as the body of a POST request, ``results.json`` as it is.

    2xx means delivered. 408, 425, 429, 5xx and a broken connection are retried, not before ``Retry-After``; every other
    answer, redirects included, is left to a replay. A receiver may get a result twice if its answer is lost: the header
    ``Idempotency-Key`` identifies it.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = WebhookSettings.read(config)
        try:
            url = urlsplit(self._settings.url)
            is_usable = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
        except ValueError:
            is_usable = False
        if not is_usable or any(character <= " " for character in self._settings.url):
            raise SinkConfigError("url", "found text, expected a URL that begins with http:// or https://")
        self._host = url.hostname
        self._url, self._authorization = without_credentials(self._settings.url)
        self._opener = urllib.request.build_opener(_NoRedirects)

    def process_result(self, result: Mapping[str, Any]) -> None:
        """Send one result."""
        body = json_line(self.masked(result)).encode()
        timestamp = str(int(time.time()))
        request = urllib.request.Request(  # noqa: S310  # the scheme was checked
            self._url,
            data=body,
            headers={
                **self._authorization,
                "Content-Type": "application/json",
                "User-Agent": f"pytest-curator-bench/{__version__}",
                IDEMPOTENCY_HEADER: delivery_key(result),
                TIMESTAMP_HEADER: timestamp,
                SIGNATURE_HEADER: signature(self._settings.secret, timestamp, body),
            },
        )
        try:
            with self._opener.open(request, timeout=REQUEST_TIMEOUT_S) as response:
                response.read(1)  # an answer that breaks off in its head is none
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(error.code, error.headers.get("Retry-After"), str(self._host)) from None
        except (OSError, http.client.HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise TransientSinkError(f"no answer from {self._host}: {type(reason).__name__}: {reason}") from None


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The value of :data:`SIGNATURE_HEADER`."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"v1={digest}"


def _refusal(status: int, retry_after: str | None, host: str) -> Exception:
    answer = f"{host} answered with status {status}"
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        answer += ", a redirect: set url to the address that it leads to"
    return refusal(answer, status, retry_after)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET without its body, and count as delivered."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        """Follow none: the answer becomes an HTTPError."""
        del req, fp, code, msg, headers, newurl
