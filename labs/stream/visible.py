"""Text from a server, made fit for a terminal: as data, never as escapes or direction marks."""

from __future__ import annotations

import unicodedata

_VARIATION_SELECTORS = range(0xFE00, 0xFE10)
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def clean(text: str) -> str:
    """The same text with everything that a terminal would obey made visible (``␛``, ``\\u202e``)."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if code in _VARIATION_SELECTORS:
        return ""
    if unicodedata.category(character) in _UNPRINTABLE:
        return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
    return character
