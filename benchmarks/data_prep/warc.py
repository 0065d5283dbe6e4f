# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""WARC files as Common Crawl publishes them: one gzip member per record, warcinfo first.

Format: ISO 28500:2017 (WARC/1.1; Common Crawl writes WARC/1.0), and RFC 1952 for gzip. The headers are
written here, not by :mod:`gzip`, whose time stamp and operating system byte differ between versions.
"""

from __future__ import annotations

import struct
import uuid
import zlib
from hashlib import sha256
from typing import TYPE_CHECKING

from .corpus import english_text, random_numbers
from .vocabulary import CONTENT_STEMS

if TYPE_CHECKING:
    from collections.abc import Iterator

_DATE = "2026-01-15T12:00:00Z"
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # deflate, no name, no time, unknown system

#: Of 256 pages, how many hold no text that an extractor should keep: link lists, and empty bodies.
_LINK_LISTS_OF_256 = 26
_EMPTY_OF_256 = 10


def gzip_member(data: bytes) -> bytes:
    """The data as one gzip member that carries neither time nor system."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = deflate.compress(data) + deflate.flush()
    return _GZIP_HEADER + body + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def _record(kind: str, label: str, payload: bytes, content_type: str, *, uri: str | None = None) -> bytes:
    identity = uuid.UUID(bytes=sha256(f"{label}/{kind}".encode()).digest()[:16], version=4)
    lines = [
        "WARC/1.0",
        f"WARC-Type: {kind}",
        f"WARC-Date: {_DATE}",
        f"WARC-Record-ID: <urn:uuid:{identity}>",
        *([f"WARC-Target-URI: {uri}"] if uri else []),
        f"Content-Type: {content_type}",
        f"Content-Length: {len(payload)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + payload + b"\r\n\r\n"


def _topics(label: str, count: int) -> list[str]:
    """Names of two content words, with no stop word in them: nothing that an extractor takes for prose."""
    numbers = random_numbers(label, 2 * count)
    words = [CONTENT_STEMS[number % len(CONTENT_STEMS)].title() for number in numbers]
    return [f"{words[at]} {words[at + 1]}" for at in range(0, 2 * count, 2)]


def _links(label: str, count: int) -> str:
    items = (
        f'<li class="item level-{at % 3}"><a class="link" href="/topic/{topic.lower().replace(" ", "-")}" '
        f'title="{topic}" data-track="menu:{at}"><span class="text">{topic}</span></a></li>'
        for at, topic in enumerate(_topics(label, count))
    )
    return "<ul>\n" + "\n".join(items) + "\n</ul>"


def _scripts(label: str, count: int) -> str:
    """What a page's head is full of and an extractor must pass over."""
    numbers = random_numbers(f"{label}/script", count)
    lines = (f"function f{at}(a,b){{return a*{number}+b.length;}}" for at, number in enumerate(numbers))
    return "<script>\n" + "\n".join(lines) + "\n</script>"


def _page(label: str, *, title: str, body: str) -> bytes:
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>body{{margin:0}}.menu{{float:left}}</style>{_scripts(label, 80)}</head>\n"
        f'<body><header><nav class="menu">{_links(f"{label}/menu", 40)}</nav></header>\n{body}\n'
        f"<aside>{_links(f'{label}/aside', 20)}</aside>\n"
        f"<footer>{_links(f'{label}/footer', 20)}<p>Copyright 2026</p></footer></body></html>\n"
    ).encode()


def _article(label: str, words: int) -> bytes:
    paragraphs = english_text(f"{label}/text", words).split("\n\n")
    text = "\n".join(f'<div class="row"><p class="body">{paragraph}</p></div>' for paragraph in paragraphs)
    title = english_text(f"{label}/title", 7)
    body = f'<main><article><h1>{title}</h1>\n<div class="content">{text}</div>\n</article></main>'
    return _page(label, title=title, body=body)


def _link_list(label: str) -> bytes:
    body = f'<main><div class="content">{_links(f"{label}/links", 120)}</div></main>'
    return _page(label, title=_topics(f"{label}/title", 1)[0], body=body)


def warc_records(label: str, pages: int) -> Iterator[tuple[bytes, bool]]:
    """The records of one WARC file, uncompressed: for each page a request, a response and metadata.

    Yields:
        The record, and whether it is a response with text that an extractor should keep.
    """
    info = b"software: pytest-curator-bench offline data\r\nformat: WARC File Format 1.0\r\n"
    yield _record("warcinfo", label, info, "application/warc-fields"), False
    for number in range(pages):
        page = f"{label}/{number}"
        kind, length = random_numbers(page, 2)
        uri = f"https://site{kind % 499}.example/{page}.html"
        request = f"GET /{page}.html HTTP/1.1\r\nHost: site{kind % 499}.example\r\n\r\n".encode()
        yield _record("request", page, request, "application/http; msgtype=request", uri=uri), False

        has_text = kind % 256 >= _LINK_LISTS_OF_256 + _EMPTY_OF_256
        if has_text:
            html = _article(page, 120 + length % 900)
        elif kind % 256 < _EMPTY_OF_256:
            html = b""
        else:
            html = _link_list(page)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(html)}"
        response = head.encode() + b"\r\n\r\n" + html
        yield _record("response", page, response, "application/http; msgtype=response", uri=uri), has_text

        meta = b"fetchTimeMs: 100\r\n"
        yield _record("metadata", page, meta, "application/warc-fields", uri=uri), False
