"""What a benchmark says: rows, the table for a person, JSON for a program, and a plot."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from importlib.metadata import version
from math import log10
from pathlib import Path
from typing import Any, Final, Literal

import psutil
from rich.table import Table

from tests.benchmarks.arrays import last_level_cache

PLOT_WIDTH: Final = 980
BAR: Final = 22
CURVE: Final = 320
COLOURS: Final = ("#2b6cb0", "#888888", "#3a9d5d")
DECADES: Final = 2.0
"""The plot's axis ends at 100 times worse and 100 times better than the target."""


@dataclass(frozen=True, slots=True)
class Target:
    """A limit of the result, or of its ratio to the yardstick."""

    limit: float
    sense: Literal["at most", "at least"] = "at most"
    of: Literal["result", "ratio"] = "result"

    def score(self, value: float) -> float:
        """How many times better than the limit a value is; 1 just meets it."""
        if value <= 0 or self.limit <= 0:
            return 1.0 if self.holds(value) else 0.0
        return self.limit / value if self.sense == "at most" else value / self.limit

    def holds(self, value: float) -> bool:
        """Whether a value is within the limit."""
        return value <= self.limit if self.sense == "at most" else value >= self.limit


@dataclass(frozen=True, slots=True)
class Curve:
    """A result against a number, for the plot; the number's axis is logarithmic.

    Attributes
    ----------
    x, y
        What the axes are.
    lines
        Name -> points (x, y).
    """

    title: str
    x: str
    y: str
    lines: dict[str, list[tuple[float, float]]]


@dataclass(frozen=True, slots=True)
class Row:
    """One measure.

    Attributes
    ----------
    result, unit
        What was measured; None where it was not, and ``note`` says why.
    yardstick, than
        The same unit, and what it is: the best that could be had, or what others do.
    how
        Which of the repetitions counts.
    details
        Everything else worth keeping, for the JSON.
    curve
        A series of which this is one point.
    """

    measure: str
    result: float | None = None
    unit: str = ""
    yardstick: float | None = None
    than: str = ""
    target: Target | None = None
    how: str = ""
    note: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    curve: Curve | None = None

    @property
    def ratio(self) -> float | None:
        """Result / yardstick."""
        return self.result / self.yardstick if self.result is not None and self.yardstick else None

    @property
    def judged(self) -> float | None:
        """The number that the target is about."""
        if self.target is None:
            return None
        return self.ratio if self.target.of == "ratio" else self.result

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None where there is none, or no result."""
        if self.target is None or self.judged is None:
            return None
        return self.target.holds(self.judged)

    def aim(self) -> str:
        """The target in signs."""
        if self.target is None:
            return ""
        sign = "≤" if self.target.sense == "at most" else "≥"
        unit = "×" if self.target.of == "ratio" else self.unit
        return f"{sign} {number(self.target.limit)} {unit}"


def number(value: float | None, unit: str = "") -> str:
    """Three significant digits, no exponent: 1,234 or 0.0123."""
    if value is None:
        return "–"
    size = abs(value)
    digits = 0 if size >= 100 or size == int(size) else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:,.{digits}f} {unit}".strip()


def table(rows: Sequence[Row]) -> Table:
    """Lay the rows out."""
    made = Table(show_lines=False, pad_edge=False)
    made.add_column("measure", ratio=3)
    for name in ("result", "yardstick", "ratio", "target"):
        made.add_column(name, justify="right", no_wrap=name in ("result", "ratio", "target"))
    made.add_column("met?", justify="center")
    words = {True: "[green]yes[/]", False: "[red]no[/]", None: "–"}
    for row in rows:
        beside = f"{number(row.yardstick, row.unit)} {row.than}" if row.yardstick else row.than
        made.add_row(
            row.measure + (f" [dim]({row.how})[/]" if row.how else ""),
            number(row.result, row.unit) if row.result is not None else f"[dim]{row.note}[/]",
            beside, number(row.ratio, "×") if row.ratio else "–", row.aim(), words[row.met],
        )  # fmt: skip
    return made


def machine() -> dict[str, Any]:
    """Describe where this was measured, and how busy it was."""
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "last_level_cache": last_level_cache(),
        "memory": psutil.virtual_memory().total,
        "load": os.getloadavg(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("planecast", "numpy", "pyzmq", "msgspec")},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def write_json(path: Path, rows: Sequence[Row], facts: dict[str, Any]) -> None:
    """Keep everything."""
    found = [asdict(row) | {"ratio": row.ratio, "aim": row.aim(), "met": row.met} for row in rows]
    path.write_text(json.dumps({"machine": facts, "rows": found}, indent=1, default=str) + "\n")


def write_plot(path: Path, rows: Sequence[Row]) -> None:
    """Draw how far each measure is from its target, and below that the curves, as SVG."""
    bars, height = _bars(rows)
    parts = [bars]
    for row in rows:
        if row.curve is not None:
            parts.append(f'<g transform="translate(0 {height})">{_drawn(row.curve)}</g>')
            height += CURVE
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{PLOT_WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="12">\n'
        f'<rect width="{PLOT_WIDTH}" height="{height}" fill="white"/>\n'
        + "\n".join([*parts, "</svg>", ""])
    )


def _bars(rows: Sequence[Row]) -> tuple[str, int]:
    """Return bars, as many times right or left as a measure is better or worse; and the height."""
    scored = [
        (row, row.target.score(row.judged))
        for row in rows
        if row.target is not None and row.judged is not None
    ]
    left, right = 470, PLOT_WIDTH - 110
    middle, scale = (left + right) / 2, (right - left) / 2 / DECADES
    height = BAR * (len(scored) + 3)
    lines = []
    for decade in range(-int(DECADES), int(DECADES) + 1):
        x, word = middle + decade * scale, "target" if decade == 0 else f"{10.0**decade:g} ×"
        lines.append(f'<path d="M{x:.0f} {BAR}V{height - BAR}" stroke="#ccc"/>')
        lines.append(f'<text x="{x:.0f}" y="{BAR - 6}" text-anchor="middle">{word}</text>')
    for place, (row, score) in enumerate(scored):
        reach = max(-DECADES, min(DECADES, log10(score) if score > 0 else -DECADES)) * scale
        x, y = min(middle, middle + reach), BAR * (place + 1.5)
        fill = "#3a9d5d" if row.met else "#c8443c"
        words = f"{number(row.judged, row.unit if row.target.of == 'result' else '×')}"  # type: ignore[union-attr]
        lines += [
            f'<text x="{left - 8}" y="{y + 12}" text-anchor="end">{escape(row.measure)}</text>',
            f'<rect x="{x:.1f}" y="{y}" width="{max(1.5, abs(reach)):.1f}" height="{BAR - 7}" '
            f'fill="{fill}"/>',
            f'<text x="{right + 8}" y="{y + 12}">{escape(words)}</text>',
        ]
    middle_of_foot = f'<text x="{middle}" y="{height - 4}" text-anchor="middle">'
    lines.append(f"{middle_of_foot}times better than the target (right) or worse (left)</text>")
    return "\n".join(lines), height


def _drawn(curve: Curve) -> str:
    """Draw one, `CURVE` high."""
    points = [point for line in curve.lines.values() for point in line]
    low, high = (log10(pick(x for x, _ in points)) for pick in (min, max))
    top = max(y for _, y in points) * 1.2
    left, right, bottom = 90, PLOT_WIDTH - 260, CURVE - 50

    def at(x: float, y: float) -> tuple[float, float]:
        share = (log10(x) - low) / (high - low) if high > low else 0.5
        return left + share * (right - left), bottom - y / top * (bottom - 40)

    parts = [
        f'<text x="{left}" y="24" font-weight="bold">{escape(curve.title)}</text>',
        f'<text x="{(left + right) / 2}" y="{CURVE - 12}" text-anchor="middle">'
        f"{escape(curve.x)}</text>",
        f'<text x="14" y="{bottom - 60}" transform="rotate(-90 14 {bottom - 60})">'
        f"{escape(curve.y)}</text>",
        f'<path d="M{left} 40V{bottom}H{right}" fill="none" stroke="#888"/>',
    ]
    for x in sorted({x for x, _ in points}):
        parts.append(
            f'<text x="{at(x, 0)[0]:.0f}" y="{bottom + 16}" text-anchor="middle">{x:,g}</text>'
        )
    for y in (top / 2, top):
        height = at(1, y)[1]
        parts.append(f'<path d="M{left} {height:.0f}H{right}" stroke="#ddd"/>')
        parts.append(
            f'<text x="{left - 6}" y="{height + 4:.0f}" text-anchor="end">{number(y)}</text>'
        )
    for place, (name, line) in enumerate(curve.lines.items()):
        colour = COLOURS[place % len(COLOURS)]
        path = " L".join(f"{x:.1f} {y:.1f}" for x, y in (at(*point) for point in line))
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
            for x, y in (at(*point) for point in line)
        ]
        parts.append(
            f'<text x="{right + 12}" y="{56 + 18 * place}" fill="{colour}">{escape(name)}</text>'
        )
    return "\n".join(parts)
