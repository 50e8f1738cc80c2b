"""How colours look: contrast, distance, to the colour-blind, and on terminals that have few."""

from __future__ import annotations

from math import cbrt, dist
from typing import NamedTuple

from rich.color import Color, ColorSystem
from rich.color_triplet import ColorTriplet

DEFICIENCIES = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
"""What somebody sees who lacks one kind of cones, as matrices over linear RGB, at severity 1: G. M. Machado, M. M.
Oliveira, L. A. F. Fernandes, A Physiologically-based Model for Simulation of Color Vision Deficiency, IEEE TVCG 15 (6),
2009."""


class Linear(NamedTuple):
    """Shares of light, from 0 to 1."""

    red: float
    green: float
    blue: float


def linear(colour: str) -> Linear:
    """What light a colour is, by the sRGB standard."""
    return _linear(Color.parse(colour).get_truecolor())


def quantised(colour: str) -> str:
    """The colour as Textual sends it to a terminal of 256."""
    return Color.parse(colour).downgrade(ColorSystem.EIGHT_BIT).get_truecolor().hex


def contrast(one: Linear, other: Linear) -> float:
    """The ratio of WCAG 2: from 1 to 21; 4.5 is enough for text, 3 for what is not text."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def seen_with(deficiency: str, colour: Linear) -> Linear:
    """What a colour looks like to somebody who lacks a kind of cones."""
    return Linear(
        *(
            min(max(sum(part * share for part, share in zip(row, colour, strict=True)), 0.0), 1.0)
            for row in DEFICIENCIES[deficiency]
        )
    )


def distance(one: Linear, other: Linear) -> float:
    """How different two colours look: CIE 1976 ΔE, from 0 to well over 100; 2 is just noticeable."""
    return dist(_lab(one), _lab(other))


def _linear(triplet: ColorTriplet) -> Linear:
    return Linear(*(s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in triplet.normalized))


def _luminance(colour: Linear) -> float:
    return 0.2126 * colour.red + 0.7152 * colour.green + 0.0722 * colour.blue


def _lab(colour: Linear) -> tuple[float, float, float]:
    red, green, blue = colour
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505
    y = _luminance(colour)
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089
    x, y, z = (cbrt(t) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116 for t in (x, y, z))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)
