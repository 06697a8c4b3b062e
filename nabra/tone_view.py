"""How a recording sounds, drawn in a terminal: while it plays, and as a whole afterwards.

Charts grow from left to right under one clock: the sound (bright where there is voice), anger, what the call
as a whole says of anger with the threshold of the alarm, arousal and valence. What is dim is unsure; where
the model abstains there are dots, and its reason. Nothing is said by colour alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from emotion.alarm import FLOOR_S
from nabra.demo.view import shown_text
from nabra.tone_trace import Estimated, ToneTrace, percent, trend_word

_BARS = " ▁▂▃▄▅▆▇█"
_LABELS = 9  # cells of the names at the left
_VALUES = 8  # cells of the numbers at the right
_COLUMN_S = 0.25  # a column is never longer while the recording plays; longer ones scroll
_SURE = 0.5
_SOUND, _ANGER, _CALL, _ALARM, _AROUSAL, _VALENCE = "cyan", "red", "blue", "bold red", "yellow", "green"


@dataclass(frozen=True, slots=True)
class _Chart:
    """One row of charts: its name and colour, how tall it is, and what it shows of an estimate, 0..1."""

    name: str
    style: str
    rows: int
    value: Callable[[ToneTrace, Estimated], float]
    said: Callable[[Estimated], str]
    abstains: bool = True


def _charts(tall: bool) -> tuple[_Chart, ...]:
    large, small = (3, 2) if tall else (1, 1)
    return (
        _Chart("anger", _ANGER, large, lambda t, e: t.evidence(e.anger), lambda e: percent(e.anger)),
        _Chart("alarm", _CALL, large, lambda t, e: t.evidence(e.call_anger), lambda e: percent(e.call_anger), False),
        _Chart("arousal", _AROUSAL, small, lambda _t, e: e.arousal, lambda e: f"{e.arousal:.2f}"),
        _Chart("valence", _VALENCE, small, lambda _t, e: e.valence, lambda e: f"{e.valence:.2f}"),
    )


def draw(trace: ToneTrace, width: int, height: int = 24) -> RenderableType:
    """Draw a recording as far as it was heard, no wider and no taller than the terminal.

    Parameters
    ----------
    trace : the recording.
    width, height : cells of the terminal.
    """
    columns = max(width - _LABELS - _VALUES - 1, 8)
    tall = height >= 21 and width >= 40
    begin_s, column_s = _clock(trace, columns)
    edges = [begin_s + column_s * place for place in range(columns + 1)]
    stretches = [(b, min(e, trace.length_s)) for b, e in pairwise(edges) if b < trace.heard_s]
    found = [trace.between(begin, end) for begin, end in stretches]

    lines = [_head(trace, width), Text()] if tall else [_head(trace, width)]
    lines += _sound_lines(trace, stretches, 2 if tall else 1)
    for chart in _charts(tall):
        lines += _chart_lines(trace, chart, found, columns, stretches)
    lines += [_axis(begin_s, column_s, columns)]
    if tall:
        lines.append(Text())
    lines += _status(trace)
    for line in lines:
        line.no_wrap = True
        line.truncate(width, overflow="ellipsis")
    return Group(*lines)


def summary(traces: Sequence[ToneTrace]) -> Table:
    """Return a line for each recording, for when there were several."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("recording", no_wrap=True, overflow="ellipsis")
    for name in ("length", "speech", "anger", "arousal", "valence"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("alarm", no_wrap=True)
    for trace in traces:
        usable = [item for item in trace.estimates if not item.abstained]
        last = usable[-1] if usable else None
        if trace.alarmed_at_s is not None:
            alarm = Text(f"at {trace.alarmed_at_s:.2f} s", _ALARM)
        else:
            why = "none" if trace.weighed else "too little voice for one"
            alarm = Text(why if last else f"abstains: {_reason(trace)}", "dim")
        table.add_row(
            Text(shown_text(trace.name, 40)),
            f"{trace.length_s:.1f} s",
            f"{trace.speech_s:.1f} s",
            percent(last.anger) if last else "-",
            f"{last.arousal:.2f}" if last else "-",
            f"{last.valence:.2f}" if last else "-",
            alarm,
        )
    return table


def _clock(trace: ToneTrace, columns: int) -> tuple[float, float]:
    """Time of the first column and length of each: the whole recording where it fits, else the newest of it."""
    column_s = max(trace.length_s, 1.0) / columns
    if trace.whole or column_s <= _COLUMN_S:
        return 0.0, column_s
    begin_s = max(0.0, trace.heard_s - _COLUMN_S * columns * 0.95)
    return round(begin_s / _COLUMN_S) * _COLUMN_S, _COLUMN_S


def _head(trace: ToneTrace, width: int) -> Text:
    clock = f"{_minutes(trace.heard_s)} / {_minutes(trace.length_s)}"
    if width >= 50:
        clock += f"   speech {trace.speech_s:.1f} s"
    room = width - cell_len(clock) - 5
    mark, style = ("✓", "green") if trace.whole else ("▶", "bold cyan")
    line = Text.assemble((f"{mark} ", style), (shown_text(trace.name, max(room, 8)), "bold"))
    line.append(" " * max(2, width - line.cell_len - cell_len(clock)))
    line.append(clock, "dim" if trace.whole else "")
    return line


def _minutes(seconds: float) -> str:
    return f"{seconds // 60:.0f}:{seconds % 60:04.1f}" if seconds >= 60 else f"{seconds:.1f} s"


def _label(text: str, style: str) -> Text:
    return Text(f"{text:<{_LABELS}}", style)


def _joined(line: Text, cells: Sequence[tuple[str, str]]) -> Text:
    """Append cells, those of one style as one piece: a terminal far away is sent much less."""
    for style, group in groupby(cells, key=lambda cell: cell[1]):
        line.append("".join(letter for letter, _ in group), style)
    return line


def _bar(value: float, row: int, rows: int) -> str:
    """Return the part of a bar that falls on a row, counted from the top; at least a sliver at the bottom."""
    eighths = max(round(value * rows * 8), 1)
    return _BARS[min(max(eighths - 8 * (rows - 1 - row), 0), 8)]


def _sound_lines(trace: ToneTrace, stretches: Sequence[tuple[float, float]], rows: int) -> list[Text]:
    levels = [trace.level(begin, end) for begin, end in stretches]
    voices = [trace.speaks(begin, end) for begin, end in stretches]
    lines = []
    for row in range(rows):
        cells = [(_bar(it, row, rows), _SOUND if voice else "dim") for it, voice in zip(levels, voices, strict=True)]
        lines.append(_joined(_label("sound" if row == rows - 1 else "", _SOUND), cells))
    return lines


def _chart_lines(
    trace: ToneTrace,
    chart: _Chart,
    found: Sequence[Estimated | None],
    columns: int,
    stretches: Sequence[tuple[float, float]],
) -> list[Text]:
    last = trace.last
    alarm = chart.name == "alarm"
    threshold = chart.rows - 1 - int(trace.evidence(trace.alarm_at) * chart.rows) if alarm and chart.rows > 1 else -1
    lines = []
    for row in range(chart.rows):
        bottom = row == chart.rows - 1
        cells = [_cell(trace, chart, item, row) for item in found]
        if row == threshold:
            cells += [(" ", "")] * (columns - len(found))
            cells = [("╌", "dim") if mark == " " else (mark, style) for mark, style in cells]
        if alarm and row == 0:
            cells = [
                ("▼", _ALARM) if begin_s < (trace.alarmed_at_s or 0.0) <= end_s else cell
                for cell, (begin_s, end_s) in zip(cells, stretches, strict=False)
            ] + cells[len(stretches) :]
        if chart.name == "anger" and row == chart.rows - 2:
            _write_reasons(cells, found)
        line = _joined(_label(chart.name if bottom else "", chart.style), cells)
        line.append(" " * max(0, _LABELS + columns + 1 - line.cell_len))
        if row == threshold:
            line.append(f"≥{percent(trace.alarm_at)}", "dim")
        elif bottom and last is not None and _says(chart, last):
            line.append(chart.said(last), f"bold {_ALARM if alarm and last.alarmed else chart.style}")
        lines.append(line)
    return lines


def _write_reasons(cells: list[tuple[str, str]], found: Sequence[Estimated | None]) -> None:
    """Write why the model abstains over the stretches that have room for it."""
    begin = 0
    for end in range(1, len(found) + 1):
        first = found[begin]
        reason = first.reason if first is not None and first.abstained else ""
        if end < len(found) and _reason_of(found[end]) == _reason_of(first):
            continue
        if reason and len(reason) < end - begin:
            cells[begin : begin + len(reason)] = [(letter, "italic") for letter in reason]
        begin = end


def _reason_of(item: Estimated | None) -> str:
    return item.reason if item is not None and item.abstained else ""


def _says(chart: _Chart, item: Estimated) -> bool:
    """Whether a chart has something to show of an estimate."""
    return not item.abstained if chart.abstains else item.call_anger > 0.0


def _cell(trace: ToneTrace, chart: _Chart, item: Estimated | None, row: int) -> tuple[str, str]:
    if item is None:
        return " ", ""
    if not _says(chart, item):
        return ("·", "dim") if row == chart.rows - 1 else (" ", "")
    unsure = item.confidence < _SURE and chart.abstains
    style = _ALARM if chart.name == "alarm" and item.alarmed else chart.style
    return _bar(chart.value(trace, item), row, chart.rows), f"{style} dim" if unsure else style


def _axis(begin_s: float, column_s: float, columns: int) -> Text:
    """Return the seconds under the charts, at round numbers that leave room for one another."""
    steps = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800)
    step = next((it for it in steps if it / column_s >= min(9, columns // 3)), 3600)
    cells = [" "] * (columns + _VALUES)
    at_s = -(-begin_s // step) * step
    while (place := round((at_s - begin_s) / column_s)) < columns:
        text = f"╵{at_s:g}" if at_s < 60 else f"╵{_minutes(at_s).removesuffix('.0')}"
        cells[place : place + len(text)] = list(text)
        at_s += step
    return Text(f"{'seconds':<{_LABELS}}{''.join(cells).rstrip()}", "dim")


def _status(trace: ToneTrace) -> list[Text]:
    last = trace.last
    first = Text()
    if last is None or not trace.estimates:
        first.append("no voice " + ("was heard" if trace.whole else "yet"), "italic")
        return [first, _legend()]
    at_s = trace.alarmed_at_s
    if last.alarmed:
        first.append(f" ALARM at {at_s:.2f} s ", "bold white on red")
    elif at_s is not None:
        first.append(f"alarm at {at_s:.2f} s, over now", "red")
    elif trace.weighed or last.abstained:
        first.append("no alarm", "dim" if not trace.whole else "")
    else:
        early = "too little voice for an alarm" if trace.whole else "too early for an alarm"
        first.append(f"{early}: {last.voiced_s:.1f} s of {FLOOR_S:g} s")
    if last.abstained:
        first.append("   abstains: ", "yellow")
        first.append(last.reason or "not sure", "yellow italic")
    else:
        word = trend_word(last)
        arrow = {"rising": "↗", "falling": "↘", "steady": "→"}[word]
        speaks_for = word == "rising" and trace.evidence(last.anger) > 0.5
        first.append(f"   anger {arrow} {word}", "red" if speaks_for else "")
        first.append(f"   confidence {last.confidence:.2f}", "dim" if last.confidence < _SURE else "")
    return [first, _legend()]


def _legend() -> Text:
    return Text("dim: unsure   ···: abstains   ╌╌: alarm from here   ▼: first alarm", "dim")


def _reason(trace: ToneTrace) -> str:
    last = trace.last
    return (last.reason or "not sure") if last is not None else "no voice"
