# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What a plain YAML scalar means: number, boolean, nothing or text, just as PyYAML's ``SafeLoader`` has it.

Two differences, both on purpose: a date stays the text that was written (no key wants a date, and text can be
passed on), and so does ``=``, for which SafeLoader has no value at all.
"""

from __future__ import annotations

import yaml

_STANDARD = "tag:yaml.org,2002:"
_TYPED = {_STANDARD + kind for kind in ("null", "bool", "int", "float")}
# Below what a float can hold, so that every number can be compared and converted.
_LONGEST_INTEGER_BITS = 1000
_TEXT = {"!", _STANDARD + "str"}

# One loader for conversions alone: it reads nothing.
_converter = yaml.SafeLoader("")


def plain_value(text: str) -> object:
    """The value of an unquoted scalar.

    Raises:
        ValueError: if it looks like a number but is none that Python can hold (``0b_``, 5,000 digits).
    """
    if not text:
        return None
    for tag, pattern in _converter.yaml_implicit_resolvers.get(text[0], ()):
        if pattern.match(text):
            return _convert(tag, text) if tag in _TYPED else text
    return text


def tagged_value(tag: str, text: str) -> object:
    """The value of a scalar with an explicit standard tag (``!!str 12``).

    Raises:
        LookupError: if the tag is none of ``!!str``, ``!!int``, ``!!float``, ``!!bool``, ``!!null``.
        ValueError: if the text doesn't fit the tag.
    """
    if tag in _TEXT:
        return text
    if tag not in _TYPED:
        raise LookupError(tag)
    return _convert(tag, text)


def short_tag(tag: str) -> str:
    """A tag as users write it: ``!!python/name`` for ``tag:yaml.org,2002:python/name``."""
    return f"!!{tag.removeprefix(_STANDARD)}" if tag.startswith(_STANDARD) else tag


def is_standard(tag: str | None, kind: str) -> bool:
    """Whether a collection's tag is absent or says what it is anyway (``!!map``, ``!!seq``)."""
    return tag in {None, "!", _STANDARD + kind}


def _convert(tag: str, text: str) -> object:
    node = yaml.ScalarNode(tag, text)
    try:
        value: object = _converter.construct_object(node, deep=True)
    except (KeyError, IndexError, yaml.YAMLError) as error:
        raise ValueError(text) from error
    finally:
        # The loader keeps what it constructed, for the aliases of a document; here there is none.
        _converter.constructed_objects.clear()
    if isinstance(value, int) and value.bit_length() > _LONGEST_INTEGER_BITS:
        raise ValueError(text)
    return value
