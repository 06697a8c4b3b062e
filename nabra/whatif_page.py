"""What would have happened, as one page that needs nothing else: text, tables, and plots drawn as SVG.

Written from left to right or from right to left, as the language is; plots are mirrored with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from itertools import count as powers

from nabra.drawing import FAINT, GRID, INK, PAPER
from nabra.whatif_view import Source, angry_lines, arrow, day, headline, percent, shares, time_lines, what_changed
from nabra.whatif_words import Words
from router.tally import Tally

BEFORE, AFTER, LATER, EARLIER = "#9aa7b2", "#0b6e99", "#c8283c", "#3a8f57"
FLOWS = ("#0b6e99", "#e08e0b", "#3a8f57", "#c8283c", "#7a5aa6", "#5f7a1f", "#a3541d", "#4b6478")
WIDTH = 880
READABLE = 720
"""Narrower than this the letters of a drawing are too small: it is scrolled instead."""
SHOWN_GROUPS = 200

_STYLE = f"""
body {{ margin: 2rem auto; padding: 0 1rem; max-width: {WIDTH}px; background: {PAPER}; color: {INK};
  font: 16px/1.5 system-ui, "Segoe UI", "Noto Sans Arabic", "DejaVu Sans", sans-serif; }}
h1 {{ font-size: 1.5rem; line-height: 1.25; margin-block-end: .25rem; }}
h2 {{ font-size: 1.15rem; margin-block: 2.25rem .5rem; }}
.lead {{ font-size: 1.05rem; }} .note {{ color: #5b6b78; font-size: .9rem; }}
.tiles {{ display: flex; flex-wrap: wrap; gap: .75rem; margin-block: 1rem; }}
.tile {{ flex: 1 1 8rem; border: 1px solid {GRID}; border-radius: .5rem; padding: .6rem .9rem; }}
.tile b {{ display: block; font-size: 1.6rem; line-height: 1.2; }}
table {{ border-collapse: collapse; width: 100%; font-size: .92rem; }}
th, td {{ text-align: start; padding: .3rem .6rem; border-block-end: 1px solid {GRID}; vertical-align: top; }}
th {{ font-weight: 600; }} td.n, th.n {{ text-align: end; font-variant-numeric: tabular-nums; white-space: nowrap; }}
code {{ font-size: .85em; overflow-wrap: anywhere; }} td code, bdi.day {{ white-space: nowrap; }}
.wide {{ overflow-x: auto; }}
svg {{ display: block; width: 100%; min-width: {READABLE}px; height: auto; direction: ltr; }}
svg text {{ font: 13px system-ui, "Segoe UI", "Noto Sans Arabic", "DejaVu Sans", sans-serif; fill: {INK}; }}
svg .faint {{ fill: #5b6b78; font-size: 12px; }}
@media (max-width: 40rem) {{ body {{ margin-block: 1rem; }} table {{ font-size: .8rem; }}
  th, td {{ padding: .25rem .3rem; overflow-wrap: anywhere; }} }}
@media print {{ svg {{ min-width: 0; }}
  body {{ margin: 0; }} h2 {{ break-after: avoid; }} svg, tr {{ break-inside: avoid; }} }}
"""


def page(tally: Tally, words: Words, source: Source, broken: int = 0) -> str:
    """Return the whole page as HTML."""
    direction = "rtl" if words.right_to_left else "ltr"
    parts = [
        f"<h1>{escape(words['title'])}</h1>",
        *_source(tally, words, source),
        *_lead(tally, words, broken),
        *_destinations(tally, words),
        *_paths(tally, words),
        *_groups(tally, words),
        *_times(tally, words),
        *_angry(tally, words),
        *_unknown(tally, words),
    ]
    return (
        f'<!doctype html>\n<html lang="{words.language}" dir="{direction}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(words['title'])}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _source(tally: Tally, words: Words, source: Source) -> Iterable[str]:
    parts = [f"{escape(words['configuration'])}: {_file(source.config)}"]
    if source.before:
        parts.append(f"{escape(words['compared_with'])}: {_file(source.before)}")
    yield f'<p class="note">{words.semicolon.join(parts)}</p>'
    calls = words.comma.join(map(_file, source.calls))
    parts = [f"{escape(words['recordings' if source.recordings else 'records'])}: {calls}"]
    if source.files:
        parts.append(f"{escape(words['files'])}: {source.files:,}")
    if tally.first is not None and tally.last is not None:
        parts.append(
            f'{escape(words["period"])} <bdi class="day">{day(tally.first)}</bdi> {escape(words["until"])} '
            f'<bdi class="day">{day(tally.last)}</bdi>'
        )
    yield f'<p class="note">{words.semicolon.join(parts)}</p>'


def _file(path: str) -> str:
    return f'<code><bdi dir="ltr">{escape(path)}</bdi></code>'


def _lead(tally: Tally, words: Words, broken: int) -> Iterable[str]:
    counts = (
        (words["calls"], tally.calls),
        (words["same"], tally.same),
        (words["changed"], tally.changed),
        (words["unknown"], tally.unknown.total()),
    )
    tiles = "".join(
        f'<div class="tile"><b>{count:,}</b>{escape(name)}'
        + (f' <span class="note">{words.isolated(percent(count, tally.calls, words))}</span>' if place else "")
        + "</div>"
        for place, (name, count) in enumerate(counts)
    )
    yield f'<div class="tiles" aria-label="{escape(headline(tally, words))}">{tiles}</div>'
    if tally.in_shadow:
        yield f'<p class="note">{tally.in_shadow:,} {escape(words["shadow_note"])}</p>'
    if tally.other_version:
        yield f'<p class="note">{tally.other_version:,} {escape(words["version_note"])}</p>'
    if broken:
        yield f'<p class="note">{escape(words["broken"])}: {broken:,}</p>'
    if tally.known and not tally.changed:
        yield f'<p class="lead">{escape(words["no_change"])}</p>'


def _destinations(tally: Tally, words: Words) -> Iterable[str]:
    if not tally.known:
        return
    draw = _Drawing(words, 0)
    rows = shares(tally)
    most = max(max(was, now) for _, was, now in rows)
    start, room = 200.0, WIDTH - 200.0 - 130.0
    for name, was, now in rows:
        draw.text(start - 12, draw.height + 26, words.destination(name), "end")
        for offset, count, colour, key in ((4, was, BEFORE, "before"), (22, now, AFTER, "after")):
            wide = room * count / most
            draw.box(start, draw.height + offset, max(wide, 1.0), 15, colour)
            told = f"{percent(count, tally.known, words)} {words[key]}"
            draw.text(start + wide + 6, draw.height + offset + 12, told, "start", "faint")
        draw.height += 50
    yield f"<h2>{escape(words['destinations'])}</h2>"
    yield f'<p class="note">{escape(words["calls"])}: {tally.known:,} ({escape(words["known"])})</p>'
    yield draw.svg(words["destinations"])


def _paths(tally: Tally, words: Words) -> Iterable[str]:
    if not tally.changed:
        return
    yield f"<h2>{escape(words['paths'])}</h2>"
    yield _flow(tally.paths, words)
    yield _matrix(tally.paths, words)


def _flow(paths: Counter[tuple[str, str]], words: Words) -> str:
    """Ribbons from where calls went to where they would go, as wide as there are calls."""
    names = list(dict.fromkeys(name for path, _ in paths.most_common() for name in path))
    colours = {name: FLOWS[place % len(FLOWS)] for place, name in enumerate(names)}
    total, high, gap = paths.total(), 300.0, 14.0
    befores = {name: sum(n for (was, _), n in paths.items() if was == name) for name in names}
    afters = {name: sum(n for (_, now), n in paths.items() if now == name) for name in names}
    draw = _Drawing(words, high + gap * len(names) + 30)
    left, right = 190.0, WIDTH - 190.0
    tops: list[dict[str, float]] = []
    sides = ((left, befores, left - 22, "end", "before"), (right, afters, right + 22, "start", "after"))
    for x, counts, label_x, anchor, key in sides:
        y, top = 24.0, {}
        draw.text(x, 14, words[key], "middle", "faint")
        for name in names:
            tall = high * counts[name] / total
            top[name] = y
            if counts[name]:
                draw.box(x - 7, y, 14, max(tall, 1.0), colours[name])
                label = f"{words.destination(name)}  {percent(counts[name], total, words)}"
                draw.text(label_x, y + max(tall / 2, 4) + 4, label, anchor)
            y += tall + gap
        tops.append(top)
    for was in names:
        for now in names:
            count = paths[was, now]
            if count:
                tall = high * count / total
                y0, y1 = tops[0][was], tops[1][now]
                tops[0][was] += tall
                tops[1][now] += tall
                faint = 0.18 if was == now else 0.6
                what = f"{words.destination(was)} {arrow(words)} {words.destination(now)}: {count:,}"
                draw.ribbon((left + 7, y0), (right - 7, y1), max(tall, 0.7), colours[was], faint, what)
    return draw.svg(words["paths"])


def _matrix(paths: Counter[tuple[str, str]], words: Words) -> str:
    befores = sorted({was for was, _ in paths}, key=lambda name: -sum(n for (w, _), n in paths.items() if w == name))
    afters = sorted({now for _, now in paths}, key=lambda name: (name not in befores, name))
    afters = [name for name in befores if name in afters] + [name for name in afters if name not in befores]
    most = max((n for (was, now), n in paths.items() if was != now), default=1)
    head = "".join(f'<th class="n">{escape(words.destination(name))}</th>' for name in afters)
    corner = f"{escape(words['from'])} \\ {escape(words['to'])}"
    rows = []
    for was in befores:
        cells = []
        for now in afters:
            count = paths[was, now]
            shade = (
                ""
                if was == now or not count
                else f' style="background:rgba(11,110,153,{0.1 + 0.4 * count / most:.2f})"'
            )
            cells.append(f'<td class="n"{shade}>{count:,}</td>' if count else '<td class="n">·</td>')
        rows.append(f"<tr><th>{escape(words.destination(was))}</th>{''.join(cells)}</tr>")
    return f'<div class="wide"><table><tr><th>{corner}</th>{head}</tr>{"".join(rows)}</table></div>'


def _groups(tally: Tally, words: Words) -> Iterable[str]:
    groups = tally.largest_groups()
    if not groups:
        return
    yield f"<h2>{escape(words['groups'])}</h2>"
    heads = (
        (words["calls"], "n"),
        (words["now"], ""),
        (words["was"], ""),
        (words["changes"], ""),
        (words["examples"], ""),
    )
    rows = []
    for key, group in groups[:SHOWN_GROUPS]:
        now, was = key[:2]
        what = "<br>".join(_told(line) for line in what_changed(key, group, words))
        examples = "<br>".join(f"<code><bdi>{escape(call[:8])}</bdi></code>" for call in group.examples[:3])
        cells = (_told(words.cause(now)), _told(words.cause(was)), what, examples)
        rows.append(f'<tr><td class="n">{group.calls:,}</td>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    yield _rows(heads, rows)
    if len(groups) > SHOWN_GROUPS:
        rest = sum(group.calls for _, group in groups[SHOWN_GROUPS:])
        yield f'<p class="note">{rest:,}: {escape(words["more_groups"])}</p>'


def _told(text: str) -> str:
    return f"<bdi>{escape(text)}</bdi>"


def _rows(heads: Sequence[tuple[str, str]], rows: Sequence[str]) -> str:
    head = "".join(
        f'<th class="{side}">{escape(name)}</th>' if side else f"<th>{escape(name)}</th>" for name, side in heads
    )
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def _times(tally: Tally, words: Words) -> Iterable[str]:
    if not tally.changed:
        return
    yield f"<h2>{escape(words['times'])}</h2>"
    yield "".join(f"<p>{escape(line)}</p>" for line in time_lines(tally, words))
    if len(tally.time):
        yield _histogram(tally, words)


def _histogram(tally: Tally, words: Words) -> str:
    """Calls by how much later (or earlier) they are decided; what is beyond the ends stands at the ends."""
    reach = max(1.0, min(15.0, max(abs(tally.time.quantile(0.005)), abs(tally.time.quantile(0.995)))))
    width_s = 2 * reach / 60
    bins: Counter[int] = Counter()
    for step, count in tally.time.steps.items():
        bins[min(59, max(0, int((min(max(step / 10, -reach), reach) + reach) / width_s)))] += count
    high, base, left, right = 150.0, 180.0, 60.0, WIDTH - 30.0
    draw = _Drawing(words, 225)
    most = max(bins.values())
    each = (right - left) / 60
    draw.text(left - 8, 14, words["calls"], "middle", "faint")
    for count in _marks(most):
        at = base - high * count / most
        draw.line((left, at), (right, at), GRID)
        draw.text(left - 8, at + 4, f"{count:,}", "end", "faint")
    for place, count in sorted(bins.items()):
        tall = max(1.0, high * count / most)
        middle = -reach + (place + 0.5) * width_s
        what = f"{middle:+.1f} {words['seconds']}: {count:,}"
        draw.box(left + place * each, base - tall, each - 1, tall, LATER if middle > 0 else EARLIER, what)
    draw.line((left, base), (right, base))
    for share in range(-4, 5):
        at = (left + right) / 2 + share / 4 * (right - left) / 2
        draw.line((at, base), (at, base + 5))
        draw.text(at, base + 20, f"{share / 4 * reach:+.1f}" if share else "0", "middle", "faint")
    draw.text((left + right) / 2, base + 40, words["seconds_later"], "middle", "faint")
    return draw.svg(words["times"])


def _marks(most: int) -> list[int]:
    """Return round counts from 0 to at most `most`, five or fewer steps of 1, 2 or 5 times a power of ten."""
    step = next(size * 10**power for power in powers() for size in (1, 2, 5) if most <= 5 * size * 10**power)
    return list(range(0, most + 1, step))


def _angry(tally: Tally, words: Words) -> Iterable[str]:
    if not tally.known:
        return
    yield f"<h2>{escape(words['angry'])}</h2>"
    first, *_ = angry_lines(tally, words)
    yield f"<p>{escape(first)}</p>"
    if tally.angry_paths:
        yield _flow(tally.angry_paths, words)


def _unknown(tally: Tally, words: Words) -> Iterable[str]:
    if not tally.unknown:
        return
    yield f"<h2>{escape(words['unknowns'])}</h2>"
    yield f'<p class="note">{escape(words["unknown_note"])}</p>'
    rows = [
        f'<tr><td class="n">{count:,}</td><td class="n">{words.isolated(percent(count, tally.calls, words))}</td>'
        f"<td>{escape(words.unknown(reason))}</td></tr>"
        for reason, count in tally.unknown.most_common()
    ]
    yield _rows(((words["calls"], "n"), (words["share"], "n"), (words["why"], "")), rows)


class _Drawing:
    """Shapes of one SVG, mirrored where the language is written from right to left.

    Attributes
    ----------
    height : of the drawing; it is WIDTH wide.
    """

    def __init__(self, words: Words, height: float) -> None:
        self._words = words
        self._mirrored = words.right_to_left
        self._shapes: list[str] = []
        self.height = height

    def _x(self, x: float) -> float:
        return WIDTH - x if self._mirrored else x

    def box(self, x: float, y: float, wide: float, tall: float, colour: str, told: str = "") -> None:
        """Draw a filled box from its corner."""
        left = self._x(x + wide) if self._mirrored else x
        title = f"<title>{escape(self._words.isolated(told))}</title>" if told else ""
        self._shapes.append(
            f'<rect x="{left:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}" fill="{colour}">{title}</rect>'
        )

    def text(self, x: float, y: float, text: str, anchor: str, style: str = "") -> None:
        """Write at a point: `anchor` says which end of the text (start, middle, end) stands there."""
        if self._mirrored:
            anchor = {"start": "end", "end": "start"}.get(anchor, anchor)
            text = f"\u2067{self._words.isolated(text)}\u2069"
        named = f' class="{style}"' if style else ""
        self._shapes.append(
            f'<text x="{self._x(x):.1f}" y="{y:.1f}" text-anchor="{anchor}"{named}>{escape(text)}</text>'
        )

    def line(self, begin: tuple[float, float], end: tuple[float, float], colour: str = FAINT) -> None:
        """Draw a thin line."""
        points = f'x1="{self._x(begin[0]):.1f}" y1="{begin[1]:.1f}" x2="{self._x(end[0]):.1f}" y2="{end[1]:.1f}"'
        self._shapes.append(f'<line {points} stroke="{colour}"/>')

    def ribbon(
        self, begin: tuple[float, float], end: tuple[float, float], tall: float, colour: str, opacity: float, told: str
    ) -> None:
        """Draw a ribbon between two upright edges, given their upper ends."""
        x0, x1 = self._x(begin[0]), self._x(end[0])
        y0, y1, middle = begin[1], end[1], (x0 + x1) / 2
        path = (
            f"M{x0:.1f},{y0:.1f} C{middle:.1f},{y0:.1f} {middle:.1f},{y1:.1f} {x1:.1f},{y1:.1f} "
            f"L{x1:.1f},{y1 + tall:.1f} C{middle:.1f},{y1 + tall:.1f} {middle:.1f},{y0 + tall:.1f} "
            f"{x0:.1f},{y0 + tall:.1f} Z"
        )
        self._shapes.append(
            f'<path d="{path}" fill="{colour}" fill-opacity="{opacity}">'
            f"<title>{escape(self._words.isolated(told))}</title></path>"
        )

    def svg(self, label: str) -> str:
        """Return the drawing."""
        return (
            f'<div class="wide"><svg viewBox="0 0 {WIDTH} {self.height:.0f}" role="img" aria-label="{escape(label)}">'
            + "".join(self._shapes)
            + "</svg></div>"
        )
