"""The screen as a picture that needs nothing from a network."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from rich.cells import cell_len

_NAMESPACE = "http://www.w3.org/2000/svg"
_FONT_FACE = re.compile(r"\s*@font-face\s*\{[^{}]*\}")
FONTS = "'Fira Code', 'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"
"""Whichever of them there is; each text says how wide it is to be, so that columns stay columns in any."""


def self_contained(svg: str) -> str:
    """A picture as Rich draws it, without the fonts that it would fetch, and with wide characters as wide as they are.

    Args:
        svg: what Textual's ``export_screenshot`` returns; it is made well-formed XML, or an error is raised.
    """
    svg = _FONT_FACE.sub("", svg).replace("font-family: Fira Code, monospace;", f"font-family: {FONTS};")
    root = ElementTree.fromstring(svg)  # noqa: S314 (it was made here, and has no entities of its own)
    for group in root.iter(f"{{{_NAMESPACE}}}g"):
        for text in group.findall(f"{{{_NAMESPACE}}}text"):
            if text.text == "\n":
                group.remove(text)
    for text in root.iter(f"{{{_NAMESPACE}}}text"):
        words, length = text.text or "", text.get("textLength")
        if length is not None and words and cell_len(words) != len(words):
            text.set("textLength", f"{float(length) / len(words) * cell_len(words):g}")
            text.set("lengthAdjust", "spacingAndGlyphs")
    ElementTree.register_namespace("", _NAMESPACE)
    return ElementTree.tostring(root, encoding="unicode") + "\n"
