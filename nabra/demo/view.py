"""The live view of the demonstration: every call in a few lines, or a line per event without a terminal.

`View` keeps the stories; the loop's thread feeds it with `receive`, and rich's own thread asks it for a
picture of the moment (`renderable`), so that drawing never holds the engine's loop up.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from nabra.demo.pbx import PlacedCall
from nabra.demo.story import CallStory, Happened, ToneAt
from nabra.tone_trace import percent
from router.when import BEHIND_MS, behind, by_end_of_speech

_BARS = "▁▂▃▄▅▆▇█"
_WHYS = 2  # decisions that are explained even on a small terminal
_FIRST_STRONG, _POP = "\u2068", "\u2069"
_STATES = {
    "rings": ("○", "rings", "dim"),
    "notice": ("♪", "hears the notice", "dim"),
    "listens": ("●", "listened to", "cyan"),
    "speaks": ("●", "speaks", "bold cyan"),
    "thinks": ("●", "has finished", "cyan"),
    "decided": ("✓", "decided", "green"),
    "queued": ("✓", "in the queue", "green"),
    "over": ("✓", "over", "green"),
}


class TimedEvent(Happened, Protocol):
    """An event of a live call."""

    @property
    def call(self) -> str:
        """The call's id."""

    @property
    def at_s(self) -> float:
        """Monotonic time in seconds."""


@dataclass(slots=True)
class Row:
    """One call on the screen: what was placed, and its story."""

    placed: PlacedCall
    story: CallStory = field(default_factory=CallStory)

    @property
    def name(self) -> str:
        """The sample's name."""
        return self.placed.sample.name

    @property
    def caller(self) -> str:
        """The caller's number."""
        return self.placed.sample.caller_number

    @property
    def speech_end_s(self) -> float | None:
        """Audio time of the end of the caller's last word, had the caller said all of it.

        None where nobody speaks, and where the decision fell before the caller began.
        """
        decided_s = self.story.decided_s
        begun = [ends_s for begins_s, ends_s in self.placed.said_s if decided_s is None or begins_s <= decided_s]
        return begun[-1] if begun else None

    @property
    def latency_ms(self) -> float | None:
        """From the end of the last word to the decision, in audio time; negative where the decision came before it."""
        ends_s, decided_s = self.speech_end_s, self.story.decided_s
        return None if ends_s is None or decided_s is None else (decided_s - ends_s) * 1000.0

    @property
    def when(self) -> str:
        """When it was decided, in words; empty where there is nothing to say of it."""
        if self.latency_ms is None:
            return behind(self.story.behind_ms)
        return by_end_of_speech(self.latency_ms, behind_ms=self.story.behind_ms)

    @property
    def why(self) -> str:
        """The reasons, in the caller's language."""
        arabic = self.placed.sample.language == "ar"
        return " ".join(self.story.reasons_ar if arabic else self.story.reasons)

    @property
    def as_expected(self) -> bool:
        """Whether the call went where a person would have sent it."""
        return self.story.destination == self.placed.sample.expected


def shown_text(text: str, width: int, *, tail: bool = False) -> str:
    """Make a caller's text safe to stand in a line of English.

    Control characters go, and those that change direction; text longer than `width` cells is cut, at its
    front where `tail` is true; right-to-left text is isolated, so that it does not reorder what is around it.
    """
    clean = "".join(letter for letter in text if letter.isprintable())
    if cell_len(clean) > width:
        while clean and cell_len(clean) > width - 1:
            clean = clean[1:] if tail else clean[:-1]
        clean = "…" + clean.lstrip() if tail else clean.rstrip() + "…"
    if any("\u0590" <= letter <= "\u08ff" for letter in clean):
        return f"{_FIRST_STRONG}{clean}{_POP}"
    return clean


def sparkline(tones: Sequence[ToneAt], value: str, width: int) -> str:
    """Draw the newest estimates as bars from 0 to 1; a dot where the model abstained."""
    bars = []
    for tone in tones[-width:]:
        height = min(max(float(getattr(tone, value)), 0.0), 0.999)
        bars.append("·" if tone.abstained else _BARS[int(height * len(_BARS))])
    return "".join(bars)


def spoken_time(milliseconds: float | None) -> str:
    """Say a latency in milliseconds, or a dash."""
    return "-" if milliseconds is None else f"{milliseconds:.0f} ms"


class View:
    """All calls of a demonstration.

    Parameters
    ----------
    console : where to draw.
    rows : the calls by id, in the order in which they are placed.
    """

    def __init__(self, console: Console, rows: dict[str, Row]) -> None:
        self.console = console
        self.rows = rows
        self._lock = threading.Lock()

    def receive(self, event: TimedEvent) -> None:
        """Take an event of any call; those of unknown calls are let go."""
        row = self.rows.get(event.call)
        if row is not None:
            with self._lock:
                row.story.receive(event, event.at_s)

    # ---------------------------------------------------------------------------------- a live terminal

    def renderable(self) -> RenderableType:
        """Draw this moment, fitted to the terminal: calls that go on in full, those before them in a line."""
        with self._lock:
            width = self.console.width
            begun = [row for row in self.rows.values() if row.story.state != "rings"]
            live = [row for row in begun if not row.story.decided]
            done = [row for row in begun if row.story.decided]
            waiting = len(self.rows) - len(begun)
            blocks = [self._live_lines(row, width) for row in live]
            if sum(len(lines) for lines in blocks) > self.console.height - 3 - 2 * _WHYS:
                blocks = [lines[:1] for lines in blocks]
            room = max(self.console.height - 3 - sum(len(lines) for lines in blocks), 2 * _WHYS)
            # The newest decisions say why, all of them where there is room; the oldest lines go first.
            newest = sorted(done, key=lambda row: row.story.decided_at_s or 0.0)
            whys = max(min(_WHYS, len(done)), min(len(done), room - len(done)))
            kept = newest[-(room - whys) :]
            explained = newest[-whys:] if whys else []
            head = Text.assemble(
                ("Nabra demo", "bold"),
                f"  {len(live)} live, {len(done)} routed, {waiting} still to come",
                ("   synthetic speech", "dim"),
            )
            lines = [head, Text("")]
            for row in kept:
                lines += self._done_lines(row, width)[: 2 if row in explained else 1]
            for block in blocks:
                lines += block
        for line in lines:
            line.no_wrap = True
            line.truncate(width, overflow="ellipsis")
        return Group(*lines)

    def _live_lines(self, row: Row, width: int) -> list[Text]:
        story = row.story
        mark, state, style = _STATES[story.state]
        first = Text.assemble((f"{mark} {row.caller:<13}", style), (f"{state:<17}", style))
        heard = story.text
        if heard:
            first.append(shown_text(heard, width - first.cell_len - 2, tail=True), "bold white")
        elif story.troubles:
            first.append(shown_text(story.troubles[-1], width - first.cell_len - 2), "yellow")
        return [first, self._tone_line(row, width)] if story.state not in {"rings", "notice"} else [first]

    def _tone_line(self, row: Row, width: int) -> Text:
        tones = row.story.tones
        line = Text("    sounds ", "dim")
        if not tones:
            line.append("(no voice yet)", "dim")
            return line
        bars = 14 if width < 100 else 28
        for name, value, colour in (("arousal", "arousal", "yellow"), ("anger", "evidence", "red")):
            line.append(f"{name} ", "dim")
            line.append(f"{sparkline(tones, value, bars):<{bars}} ", colour)
        if row.story.abstains:
            line.append(f"abstains: {row.story.abstains}", "dim italic")
        else:
            line.append(f"{tones[-1].arousal:.2f} ", "yellow")
            line.append(percent(tones[-1].anger), "red")
        return line

    def _done_lines(self, row: Row, width: int) -> list[Text]:
        story = row.story
        mark, _, style = _STATES[story.state]
        first = Text.assemble(
            (f"{mark} {row.caller:<13}", style),
            ("→ ", "dim"),
            (f"{story.destination:<12}", f"bold {style}"),
            f"{spoken_time(row.latency_ms):>8}  ",
        )
        heard = shown_text(story.text, width - first.cell_len - 2) or "(no words)"
        first.append(heard, "white" if story.text else "dim")
        second = Text("    why: ", "dim")
        second.append(shown_text(row.why or "-", width - second.cell_len - 1), "dim")
        return [first, second]

    # ------------------------------------------------------------------------------------ a plain pipe

    def line(self, event: TimedEvent, since_s: float) -> str | None:
        """Return the line that tells an event where nothing can be redrawn, or None for what is not told."""
        row = self.rows.get(event.call)
        if row is None:
            return None
        said = _said(event, row)
        if said is None:
            return None
        return f"{event.at_s - since_s:6.2f} s  {row.caller:<13} {said}"

    # --------------------------------------------------------------------------------------- the end

    def table(self) -> Table:
        """Return the table at the end."""
        wide = self.console.width >= 110
        late = any(row.story.behind_ms >= BEHIND_MS for row in self.rows.values())
        heard = self.console.width - 95 - 9 * late  # what the other columns leave
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold", title_justify="left")
        table.add_column("sample", no_wrap=True)
        table.add_column("goes to", no_wrap=True)
        table.add_column("about", no_wrap=True, max_width=18)
        table.add_column("decided", justify="right", no_wrap=True)
        if late:
            table.add_column("behind", justify="right", no_wrap=True)
        table.add_column("queue", justify="right", no_wrap=True)
        table.add_column("rests on", no_wrap=True)
        if wide:
            table.add_column("arousal/anger", no_wrap=True)
            table.add_column("heard", no_wrap=True, overflow="ellipsis", max_width=heard)
        for row in self.rows.values():
            story = row.story
            cells: list[RenderableType] = [
                row.name,
                _destination(row),
                story.about or "-",
                spoken_time(row.latency_ms),
                *([spoken_time(story.behind_ms)] if late else []),
                "-" if story.join_ms is None else f"+{story.join_ms:.0f} ms",
                story.rung.replace("_", " ") or "-",
            ]
            if wide:
                cells.append(_last_tone(story))
                cells.append(Text(shown_text(story.text, heard) or "-"))
            table.add_row(*cells)
        return table


def _destination(row: Row) -> Text:
    where = row.story.destination or "(no decision)"
    return Text(where, "green") if row.as_expected else Text(f"{where} *", "yellow")


def _last_tone(story: CallStory) -> str:
    usable = [tone for tone in story.tones if not tone.abstained]
    if usable:
        return f"{usable[-1].arousal:.2f} / {percent(usable[-1].anger)}"
    return "abstained" if story.tones else "-"


def _said(event: TimedEvent, row: Row) -> str | None:
    data, story = event.data, row.story
    match str(event.kind):
        case "call_opened":
            return f"calls ({row.name}, {row.placed.sample.language})"
        case "notice_ended":
            return "has heard the notice; analysis begins"
        case "partial":
            return f"heard so far: {shown_text(str(data.get('text', '')), 100, tail=True)}"
        case "final":
            return f"heard: {shown_text(str(data.get('text', '')), 200)}"
        case "tone" if len(story.tones) % 4 == 0 and story.tones:
            tone = story.tones[-1]
            if tone.abstained:
                return f"tone: abstains ({tone.reason or 'not sure'})"
            return f"tone: arousal {tone.arousal:.2f}, anger {percent(tone.anger)}"
        case "key":
            return f"presses {shown_text(str(data.get('digit', '')), 2)}"
        case "end_of_utterance":
            return "has finished speaking"
        case "decided":
            when = f" ({row.when})" if row.when else ""
            return f"goes to {story.destination}{when}: {shown_text(row.why, 240)}"
        case "queue_join":
            joined = "" if story.join_ms is None else f" {story.join_ms:.1f} ms after the decision"
            return f"joins the queue {story.queue}{joined}"
        case "degraded":
            return f"note: {shown_text(str(data.get('reason', '')), 160)}"
        case _:
            return None
