# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Texts and messages within Slack's limits: what is too long is cut, and says so.

Limits: https://docs.slack.dev/reference/block-kit/blocks, and ``msg_blocks_too_long`` for a message as a whole, which
the documentation doesn't mention: it comes at about 13,200 characters.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.text import harmless

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "MAX_BLOCKS",
    "MAX_CONTEXT_ELEMENTS",
    "MAX_HEADER",
    "MAX_MESSAGE",
    "MAX_SECTION",
    "MAX_TEXT",
    "MessageBuilder",
    "code",
    "escape",
    "fit",
    "link",
    "size",
]

MAX_BLOCKS = 50
MAX_HEADER = 150
MAX_SECTION = 3000
MAX_CONTEXT_ELEMENTS = 10
MAX_MESSAGE = 12_000
"""Most characters of a message's blocks, written as JSON."""
MAX_TEXT = 300
"""Most characters of the text that stands in notifications instead of the blocks."""

# Where the rest is, is told in at most as many characters of JSON.
_ROOM_FOR_POINTER = 400
BACKTICK = "\N{MODIFIER LETTER GRAVE ACCENT}"
# A text with less room than this tells nothing.
_SHORTEST = 40
_ENTITY_AT_END = re.compile(r"&[a-z]{0,3}\Z")


def size(text: str) -> int:
    """Characters as JavaScript counts them (an emoji is two), so that no way of counting finds more."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def escape(text: str) -> str:
    """``text`` as it is, in mrkdwn: it mentions nobody (https://docs.slack.dev/messaging/formatting-message-text)."""
    return harmless(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def fit(text: str, limit: int) -> str:
    """``text``, escaped or not, cut to ``limit`` characters; an ellipsis tells of it."""
    if size(text) <= limit:
        return text
    kept = text[: limit - 1]
    while size(kept) > limit - 1:
        kept = kept[:-1]
    return _ENTITY_AT_END.sub("", kept) + "…"


def code(text: str, limit: int = MAX_TEXT) -> str:
    """``text`` on one line, escaped, in the font of code."""
    flat = " ".join(text.split()) or " "
    return f"`{fit(escape(flat.replace('`', BACKTICK)), limit)}`"


def link(url: str, label: str) -> str:
    """A link where ``url`` is one, else its text."""
    if re.fullmatch(r"https?://[^\s<>|]+", url) and len(url) <= MAX_TEXT:
        return f"<{url.replace('&', '&amp;')}|{label}>"
    return escape(fit(url, MAX_TEXT))


class MessageBuilder:
    """Blocks, added one after the other while there is room; the room for what comes last is kept free.

    Args:
        pointer: where to find what is left out, escaped.
        tail: texts of the last block, each escaped.
    """

    def __init__(self, pointer: str, tail: Sequence[str] = ()) -> None:
        self._pointer = _fit_json(pointer, _ROOM_FOR_POINTER - 100)
        self._blocks: list[dict[str, Any]] = []
        elements = [_mrkdwn(_fit_json(text, MAX_TEXT)) for text in tail if text.strip()][:MAX_CONTEXT_ELEMENTS]
        self._tail = [{"type": "context", "elements": elements}] if elements else []

    def header(self, text: str) -> None:
        """Add a title, not escaped: it is no mrkdwn."""
        title = {"type": "plain_text", "text": fit(" ".join(harmless(text).split()) or "-", MAX_HEADER), "emoji": True}
        self._blocks.append({"type": "header", "text": title})

    def section(self, text: str) -> None:
        """Add one text, escaped, cut to what there is room for."""
        if text.strip() and self._has_room():
            self._add(_fit_json(fit(text, MAX_SECTION), self._room()))

    def lines(self, lines: Sequence[str]) -> None:
        """Add lines, escaped, in as few blocks as they fit into; what finds no room is counted and pointed to."""
        block: list[str] = []
        for index, line in enumerate(lines):
            text = _fit_json(line, MAX_TEXT * 3)
            is_long = size("\n".join([*block, text])) > MAX_SECTION - _ROOM_FOR_POINTER
            if is_long:
                self._add("\n".join(block))
                block = []
            if not self._has_room(_json_size("\n".join([*block, text]))):
                block.append(f"_… and {len(lines) - index} more: {self._pointer}_")
                break
            block.append(text)
        if block:
            self._add("\n".join(block))

    def quote(self, text: str, limit: int) -> None:
        """Add a text that is not escaped yet, in a frame of its own, its line ends kept."""
        if not text.strip() or not self._has_room():
            return
        escaped = escape(text.strip().replace("`", BACKTICK))
        shown = _fit_json(fit(escaped, min(limit, MAX_SECTION - _ROOM_FOR_POINTER)), self._room())
        more = f"\n_more: {self._pointer}_" if shown != escaped else ""
        self._add(f"```\n{shown}\n```{more}")

    def blocks(self) -> list[dict[str, Any]]:
        """All blocks."""
        return [*self._blocks, *self._tail]

    def _add(self, text: str) -> None:
        """Add a block, if there is room: where there was none for a pointer before, there is none for a second."""
        block = _section(text)
        is_small = _json_size([*self.blocks(), block]) <= MAX_MESSAGE
        if is_small and len(self._blocks) + len(self._tail) < MAX_BLOCKS:
            self._blocks.append(block)

    def _has_room(self, characters: int = _SHORTEST) -> bool:
        # One more block is left for what is in the next one when this is full.
        return characters <= self._room() and len(self._blocks) + len(self._tail) + 2 <= MAX_BLOCKS

    def _room(self) -> int:
        """Characters of JSON that a further text may have, a pointer and the frame of the block taken off."""
        return MAX_MESSAGE - _json_size(self.blocks()) - _json_size(_section("```\n\n```")) - _ROOM_FOR_POINTER


def _fit_json(text: str, limit: int) -> str:
    """``text``, cut so that in JSON, where line ends and quotes take two, it has at most ``limit`` characters."""
    if _json_size(text) <= limit:
        return text
    shown = fit(text, limit - 2)
    while _json_size(shown) > limit:
        shown = fit(shown, size(shown) - max((_json_size(shown) - limit) // 2, 1))
    return shown


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def _json_size(data: object) -> int:
    return size(json.dumps(data, ensure_ascii=False))
