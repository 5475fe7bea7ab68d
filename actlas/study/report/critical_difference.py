"""The critical-difference picture: mean ranks on a line, bars over those that do not differ."""

from __future__ import annotations

from collections.abc import Sequence

from actlas.errors import ActlasError
from actlas.study.report.charts import overhang
from actlas.study.report.markup import Markup, element, join
from actlas.study.statistics import average_ranks, cliques, pairwise_wilcoxon
from actlas.study.statistics._arrays import Rows, table

_WIDTH, _LEFT, _RIGHT, _AXIS, _LINE = 640, 150, 490, 46, 18
_INK = {"stroke": "currentColor", "fill": "none"}


def critical_difference(
    scores: Rows, functions: Sequence[str], level: float = 0.05, title: str = "Mean ranks"
) -> Markup:
    """Return the picture as SVG; the bars join functions that no Wilcoxon-Holm test separates.

    It shows the pool it speaks of, since ranks depend on who else is in it: a picture, not a
    verdict. (Demšar, 2006, section 3.2.4, with the pairs of Benavoli et al., 2016.)

    Args:
        scores: tasks x functions, means over seeds, more is better.
        functions: the names of the columns.
        level: the significance of the pairs, between 0 and 1.
        title: what is compared, for readers and screen readers.

    >>> picture = critical_difference([[3.0, 2.0, 1.0]] * 6, ["telu", "relu", "tanh"])
    >>> "6 tasks, 3 functions: telu, relu, tanh" in picture
    True
    """
    array = table(scores)
    if len(functions) != array.shape[1]:
        raise ActlasError(f"{len(functions)} names are given for {array.shape[1]} functions")
    ranks = [float(rank) for rank in average_ranks(array)]
    bars = cliques(ranks, pairwise_wilcoxon(array), level)
    height = _AXIS + _LINE * (len(bars) + (len(functions) + 1) // 2) + 4 * _LINE
    pool = f"{len(array)} tasks, {len(functions)} functions: {', '.join(functions)}"
    wider = overhang((f"{name} 0.00" for name in functions), _LEFT - 12)
    note = f"pool: {pool}; bars: not separated by Wilcoxon's test with Holm's correction, {level:g}"
    return element(
        "svg",
        element("title", f"{title}; {note}"),
        element("text", title, x=_WIDTH / 2, y=14, text_anchor="middle", font_size=13),
        _axis(len(functions)),
        *(_bar(bar, ranks, row, len(functions)) for row, bar in enumerate(bars)),
        *_names(ranks, functions, _AXIS + _LINE * (len(bars) + 1)),
        *_pool(note, height),
        viewBox=f"{-wider} 0 {_WIDTH + 2 * wider} {height}", role="img", xmlns="http://www.w3.org/2000/svg",
        fill="currentColor", font_family="sans-serif", class_="critical-difference",
    )  # fmt: skip


def _place(rank: float, count: int) -> float:
    """Return where a rank stands: the best, 1, on the left."""
    return _LEFT + (rank - 1) / (count - 1) * (_RIGHT - _LEFT)


def _axis(count: int) -> Markup:
    step = max(1, (count - 1) // 8)
    marks = [
        join(
            element("line", x1=x, x2=x, y1=_AXIS - 5, y2=_AXIS, **_INK),
            element("text", rank, x=x, y=_AXIS - 9, text_anchor="middle", font_size=11),
        )
        for rank in range(1, count + 1, step)
        for x in [_place(rank, count)]
    ]
    return join(element("line", x1=_LEFT, x2=_RIGHT, y1=_AXIS, y2=_AXIS, **_INK), *marks)


def _bar(bar: Sequence[int], ranks: Sequence[float], row: int, count: int) -> Markup:
    ends = [_place(ranks[column], count) for column in (bar[0], bar[-1])]
    y = _AXIS + _LINE * (row + 0.7)
    return element("line", x1=ends[0] - 3, x2=ends[1] + 3, y1=y, y2=y, stroke_width=4, **_INK)


def _names(ranks: Sequence[float], functions: Sequence[str], top: float) -> list[Markup]:
    """Return the names, the better half on the left; a line leads from each to its rank."""
    order = sorted(range(len(ranks)), key=lambda column: ranks[column])
    half = (len(order) + 1) // 2
    left = [_name(functions[c], ranks[c], top + _LINE * row, len(ranks), _LEFT - 12, "end")
            for row, c in enumerate(order[:half])]  # fmt: skip
    right = [_name(functions[c], ranks[c], top + _LINE * row, len(ranks), _RIGHT + 12, "start")
             for row, c in enumerate(reversed(order[half:]))]  # fmt: skip
    return left + right


def _name(name: str, rank: float, y: float, count: int, x: float, anchor: str) -> Markup:
    at = _place(rank, count)
    path = element("path", d=f"M{at:.1f} {_AXIS} V{y:.1f} H{x:.1f}", **_INK)
    text = f"{name} ({rank:.2f})"
    shift = -4 if anchor == "end" else 4
    return join(path, element("text", text, x=x + shift, y=y + 4, text_anchor=anchor, font_size=12))


def _pool(note: str, height: float) -> list[Markup]:
    """Return the note below the picture, in lines that fit."""
    words, lines = note.split(" "), [""]
    for word in words:
        if len(lines[-1]) + len(word) > 105:
            lines.append("")
        lines[-1] += f"{word} "
    top = height - 12 * len(lines) + 4
    return [
        element("text", line.strip(), x=8, y=top + 12 * row, font_size=10)
        for row, line in enumerate(lines)
    ]
