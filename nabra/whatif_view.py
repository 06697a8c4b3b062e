"""What would have happened, as tables in a terminal of 80 columns, and as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from nabra.whatif_words import Words
from router.tally import Group as Calls
from router.tally import GroupKey, Tally
from router.whatif import Change

SHOWN_GROUPS = 20
SHOWN_PATHS = 12

COLUMNS = (
    "call", "time", "pbx", "language", "result", "changes", "unknown", "from", "to", "priority_was", "priority_now",
    "decided_was_s", "decided_now_s", "later_s", "angry_was", "angry_now", "now_because", "now_because_of",
    "was_because", "was_because_of", "require_was", "require_now", "prefer_was", "prefer_now", "agent_was", "agent_now",
)  # fmt: skip


def view(tally: Tally, words: Words) -> RenderableType:
    """Return the report: first how many, then where, why, when, the angry, and what cannot be known."""
    parts: list[RenderableType] = [Text(headline(tally, words), style="bold")]
    if tally.in_shadow:
        parts.append(Text(f"{tally.in_shadow:,} {words['shadow_note']}"))
    if tally.other_version:
        parts.append(Text(f"{tally.other_version:,} {words['version_note']}"))
    if tally.known:
        parts += ["", _destinations(tally, words)]
    if tally.changed:
        parts += ["", _paths(tally, words), "", _groups(tally, words)]
        parts += ["", *(Text(line) for line in time_lines(tally, words))]
    elif tally.known:
        parts += ["", words["no_change"]]
    if tally.known:
        parts += ["", *(Text(line) for line in angry_lines(tally, words))]
    if tally.unknown:
        parts += ["", _unknown(tally, words)]
    return Group(*parts)


def headline(tally: Tally, words: Words) -> str:
    """Return how many calls, and how many of them are the same, changed and unknown."""
    counts = ((words["same"], tally.same), (words["changed"], tally.changed), (words["unknown"], tally.unknown.total()))
    shares = words.comma.join(f"{name} {count:,} ({percent(count, tally.calls, words)})" for name, count in counts)
    return words.isolated(f"{words['calls']}: {tally.calls:,}{words.semicolon}{shares}")


def percent(count: int, of: int, words: Words) -> str:
    """Return a share of calls."""
    return words.percent(count / of if of else 0.0)


@dataclass(frozen=True, slots=True)
class Source:
    """What was decided again, and under which configuration: paths, as they were given.

    Attributes
    ----------
    config : the new configuration; `before` that which recordings were heard under as well, "" where there is none.
    calls : records, or the folder of recordings where `recordings`.
    files : how many files of records were read; 0 where they were not counted.
    """

    config: str
    calls: Sequence[str]
    files: int = 0
    before: str = ""
    recordings: bool = False


def day(unix_s: float) -> str:
    """Return the day of a moment, in UTC."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d")


def shares(tally: Tally) -> list[tuple[str, int, int]]:
    """Return each destination with its known calls before and after, the busiest first."""
    names = dict.fromkeys(name for path in tally.paths for name in path)
    both = [
        (
            name,
            sum(n for (was, _), n in tally.paths.items() if was == name),
            sum(n for (_, now), n in tally.paths.items() if now == name),
        )
        for name in names
    ]
    return sorted(both, key=lambda row: (-row[1], -row[2], row[0]))


def time_lines(tally: Tally, words: Words) -> Iterator[str]:
    """Return how many calls are decided later and earlier, and by how much."""
    yield from (words.isolated(line) for line in _time_lines(tally, words))


def _time_lines(tally: Tally, words: Words) -> Iterator[str]:
    known = tally.known
    yield (
        f"{words['early']}: {words['before']} {percent(tally.early_was, known, words)}{words.comma}"
        f"{words['after']} {percent(tally.early_now, known, words)}"
    )
    for name, later in (("later", True), ("earlier", False)):
        moved = tally.time.side(later=later)
        if not len(moved):
            yield f"{words[name]}: 0"
            continue
        half, most = moved.quantile(0.5), moved.quantile(0.9)
        yield (
            f"{words[name]}: {len(moved):,}{words.semicolon}{words['half']} {half:.1f} {words['seconds']}{words.comma}"
            f"{words['nine_tenths']} {most:.1f} {words['seconds']}"
        )
    if tally.raised or tally.lowered:
        yield f"{words['raised']}: {tally.raised:,}{words.semicolon}{words['lowered']}: {tally.lowered:,}"


def angry_lines(tally: Tally, words: Words) -> Iterator[str]:
    """Return how many callers are alarmed, and where they go."""
    was = sum(n for (before, _), n in tally.angry.items() if before)
    now = sum(n for (_, after), n in tally.angry.items() if after)
    if not was and not now:
        yield words["angry_none"]
        return
    counts = f"{words['angry_was']} {was:,}{words.comma}{words['angry_now']} {now:,}"
    yield words.isolated(f"{words['angry']}: {counts}")
    for (before, after), count in tally.angry_paths.most_common(SHOWN_PATHS):
        name = words.destination(before)
        way = name if before == after else f"{name} {arrow(words)} {words.destination(after)}"
        yield words.isolated(f"  {way}: {count:,}")


def arrow(words: Words) -> str:
    """Return an arrow that points the way of the writing."""
    return "←" if words.right_to_left else "→"


def what_changed(key: GroupKey, of: Calls, words: Words) -> list[str]:
    """Return what changed for a group of calls: where they go, and on average how far forward and how much later."""
    _, _, before, after, change = key
    told = [f"{words.destination(before)} {arrow(words)} {words.destination(after)}"] * (change is Change.DESTINATION)
    if of.priority:
        told.append(f"{words['priority']} {of.priority / of.calls:+.1f} {words['minutes']}")
    if abs(of.later_s / of.calls) >= 0.05:
        told.append(f"{words['time']} {of.later_s / of.calls:+.1f} {words['seconds']}")
    return [words.isolated(line) for line in told or [words[change.value]]]


def _table(title: str, *columns: tuple[str, str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name, side in columns:
        table.add_column(name, justify="right" if side == "right" else "left", overflow="fold")
    return table


def _destinations(tally: Tally, words: Words) -> Table:
    table = _table(
        words.isolated(f"{words['destinations']} ({words['known']}: {tally.known:,})"),
        (words["destination"], "left"), (words["before"], "right"), ("", "right"), (words["after"], "right"),
        ("", "right"),
    )  # fmt: skip
    for name, was, now in shares(tally):
        shown = [f"{was:,}", percent(was, tally.known, words), f"{now:,}", percent(now, tally.known, words)]
        table.add_row(words.destination(name), *map(words.isolated, shown))
    return table


def _paths(tally: Tally, words: Words) -> Table:
    table = _table(words["paths"], (words["from"], "left"), (words["to"], "left"), (words["calls"], "right"))
    moved = [(path, n) for path, n in tally.paths.most_common() if path[0] != path[1]]
    for (was, now), count in moved[:SHOWN_PATHS]:
        table.add_row(words.destination(was), words.destination(now), f"{count:,}")
    stayed = sum(n for (was, now), n in tally.paths.items() if was == now)
    table.add_row(words["diagonal"], "", f"{stayed:,}", style="dim")
    return table


def _groups(tally: Tally, words: Words) -> Table:
    table = _table(
        words["groups"],
        (words["calls"], "right"), (words["now"], "left"), (words["was"], "left"), (words["changes"], "left"),
    )  # fmt: skip
    groups = tally.largest_groups()
    for key, group in groups[:SHOWN_GROUPS]:
        now, was = key[:2]
        table.add_row(
            f"{group.calls:,}", words.cause(now), words.cause(was), "\n".join(what_changed(key, group, words))
        )
    if len(groups) > SHOWN_GROUPS:
        rest = sum(group.calls for _, group in groups[SHOWN_GROUPS:])
        table.add_row(f"{rest:,}", words["more_groups"], "", "", style="dim")
    return table


def _unknown(tally: Tally, words: Words) -> Table:
    table = _table(words["unknowns"], (words["calls"], "right"), (words["why"], "left"))
    for reason, count in tally.unknown.most_common():
        table.add_row(f"{count:,}", words.unknown(reason))
    return table


# for programs


def summary(tally: Tally, broken: int) -> dict[str, object]:
    """Return what all calls came to as JSON-ready values; times in seconds."""
    later, earlier = (tally.time.side(later=side) for side in (True, False))
    return {
        "kind": "summary",
        "calls": tally.calls,
        "same": tally.same,
        "changed": tally.changed,
        "unknown": dict(tally.unknown.most_common()),
        "broken_lines": broken,
        "in_shadow": tally.in_shadow,
        "other_version": tally.other_version,
        "changes": {change.value: count for change, count in tally.changes.items()},
        "paths": [[was or None, now or None, count] for (was, now), count in tally.paths.most_common()],
        "angry_paths": [[was or None, now or None, count] for (was, now), count in tally.angry_paths.most_common()],
        "later": {"calls": len(later), "p50_s": later.quantile(0.5), "p90_s": later.quantile(0.9)},
        "earlier": {"calls": len(earlier), "p50_s": earlier.quantile(0.5), "p90_s": earlier.quantile(0.9)},
        "groups": [
            {
                "calls": group.calls,
                "now": [now.code, now.name],
                "was": [was.code, was.name],
                "from": before or None,
                "to": after or None,
                "change": change.value,
                "examples": group.examples,
            }
            for (now, was, before, after, change), group in tally.largest_groups()
        ],
    }


_CAUSE_OF = {"priority": "raised_by", "agents": "directed_by"}


def csv_writer(file: TextIO) -> Any:
    """Return a writer of rows to a file, its header written."""
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    return writer


def csv_row(row: Mapping[str, Any]) -> Sequence[object]:
    """Return the fields of COLUMNS of one row of `router.whatif.to_row`."""
    was: Mapping[str, Any] = row["was"]
    now: Mapping[str, Any] = row["now"] or {}
    cause = _CAUSE_OF.get(row["changes"][0] if row["changes"] else "", "routed_by")
    if row["changes"] == ["time"]:
        because = [(now.get("trigger"), ""), (was["trigger"], "")]
    else:
        because = [now.get(cause, ("", "")), was[cause]]
    time = datetime.fromtimestamp(row["wall_anchor"], UTC).isoformat(timespec="seconds")
    values = (
        row["call"], time, row["pbx"], row["language"], row["result"], " ".join(row["changes"]), row["unknown"],
        was["destination"], now.get("destination"), was["priority"], now.get("priority"), was["decided_at_s"],
        now.get("decided_at_s"), row["later_s"], was["angry"], now.get("angry"), *because[0], *because[1],
        *(" ".join(one.get(skills, ())) for skills in ("require", "prefer") for one in (was, now)),
        *(one.get("prefer_agent", ("",))[0] for one in (was, now)),
    )  # fmt: skip
    return ["" if value is None else _cell(value) for value in values]


def _cell(value: object) -> object:
    """A text that a spreadsheet would take for a formula is kept from being one."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value


def print_view(console: Console, tally: Tally, words: Words) -> None:
    """Print the report."""
    console.print(view(tally, words), highlight=False, markup=False)
