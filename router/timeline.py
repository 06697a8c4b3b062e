"""What the record keeps of a call's events, as they come: kept, counted, or forgotten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from router.commands import Command
from router.evidence import KIND_OF, Event, Key, Sentence, Tick, Tone, Words
from router.record import Entry
from router.understanding import Understanding


class Timeline:
    """The events of one call and what each led to.

    Parameters
    ----------
    keep_text : whether words are kept; without, only that some were heard.

    Attributes
    ----------
    audio_s : seconds of the caller's audio that the kept events reach to.
    kept : whether what is noted is kept at all.
    """

    kept = True

    def __init__(self, *, keep_text: bool) -> None:
        self._keep_text = keep_text
        self._entries: list[Entry] = []
        self._ignored: Counter[str] = Counter()
        self.audio_s = 0.0

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Everything kept, in the order it came."""
        return tuple(self._entries)

    @property
    def ignored(self) -> dict[str, int]:
        """How many events were not used, by kind, sorted."""
        return dict(sorted(self._ignored.items()))

    def reach(self, audio_s: float) -> None:
        """Note how far the audio reaches."""
        self.audio_s = max(self.audio_s, audio_s)

    def ignore(self, event: Event) -> None:
        """Count an event that is not used, and forget it."""
        self._ignored[KIND_OF[type(event)]] += 1

    def note(
        self,
        event: Event,
        now_s: float,
        state: str,
        commands: Sequence[Command],
        understood: Understanding,
        waiting_for_tone: bool,
        late_s: float = 0.0,
    ) -> None:
        """Keep an event, with the state it left behind, what was understood then, and how overdue a timer was."""
        words = isinstance(event, Words | Sentence)
        if isinstance(event, Words | Sentence) and not self._keep_text:
            event = replace(event, text="")
        self._entries.append(
            Entry(
                event=event,
                now_s=now_s,
                state=state,
                commands=tuple(commands),
                understood=understood if words else None,
                waiting_for_tone=waiting_for_tone,
                late_s=late_s,
            )
        )

    def forget_tone(self, objection: Key) -> None:
        """Delete every estimate; where one let a deadline fall, only that moment stays, for a replay."""
        kept: list[Entry] = []
        self.audio_s = objection.audio_s
        for entry in self._entries:
            if not isinstance(entry.event, Tone):
                kept.append(entry)
                self.audio_s = max(self.audio_s, entry.event.audio_s)
            elif entry.commands:
                kept.append(replace(entry, event=Tick(at_s=entry.now_s)))
        self._entries = kept


class Unwritten(Timeline):
    """The timeline of a call that is not recorded: only how far its audio reaches, as the other would know it."""

    kept = False

    def __init__(self) -> None:
        super().__init__(keep_text=False)
        self._without_tone_s = 0.0

    def reach(self, audio_s: float) -> None:
        """Note how far the audio of what is not tone reaches."""
        super().reach(audio_s)
        self._without_tone_s = max(self._without_tone_s, audio_s)

    def ignore(self, event: Event) -> None:
        """Nothing: nobody will ask."""

    def note(
        self,
        event: Event,
        now_s: float,
        state: str,
        commands: Sequence[Command],
        understood: Understanding,
        waiting_for_tone: bool,
        late_s: float = 0.0,
    ) -> None:
        """Keep how far the audio of what is not tone reaches."""
        if event.audio_s > self._without_tone_s and not isinstance(event, Tone):
            self._without_tone_s = event.audio_s

    def forget_tone(self, objection: Key) -> None:
        """Delete every estimate."""
        self.audio_s = max(objection.audio_s, self._without_tone_s)
