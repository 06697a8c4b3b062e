"""One picture per call: the sound, the words when they were heard, the tone, and the moment of decision."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from nabra.demo.story import CallStory, Happened, ToneAt
from nabra.drawing import (
    ANGER,
    AROUSAL,
    CALL,
    FAINT,
    GRID,
    INK,
    RATE_HZ,
    Samples,
    Span,
    apart,
    canvas,
    draw_sound,
    label,
    save,
)
from nabra.tone_trace import percent

_NOTICE, _DECISION, _SPEECH_END = "#eef1f4", "#12715b", "#3465a4"
_FINAL = "#dbe7f3"
_LANES, _LINES = 3, 2


def draw_call(
    events: Iterable[Happened],
    pcm: Samples,
    path: Path,
    *,
    title: str = "",
    note: str = "",
    when: str = "",
    speech_end_s: float | None = None,
    alarm_at: float | None = None,
) -> None:
    """Draw one call as a PNG.

    Parameters
    ----------
    events : everything that happened to the call, in order, with audio times in seconds.
    pcm : int16, shape [n], 8 kHz: the caller's side from the first sample of the call.
    path : where the picture goes; its folder must exist.
    title : who called; the file's name where it is empty.
    note : a line in small print, such as that the speech is synthetic.
    when : when it was decided, in words: `router.when.by_end_of_speech`.
    speech_end_s : audio time of the end of the caller's last word; None where nobody speaks, or it is not known.
    alarm_at : probability of anger, at the prior of the estimates, from which the call is alarmed; not drawn if None.
    """
    story = CallStory()
    for event in events:
        story.receive(event)
    span = _span_of(story, max(len(pcm) / RATE_HZ, speech_end_s or 0.0))
    figure, (sound, words, tone) = canvas((1.25, 0.95, 1.3), height_in=6.4, span=span, top=0.80, bottom=0.085)
    draw_sound(sound, pcm)
    _draw_words(words, story, span)
    _draw_tone(tone, story.tones, span, story.decided_s, alarm_at)
    for axes in (sound, words, tone):
        if story.notice_s is not None and story.notice_s[1]:
            axes.axvspan(story.notice_s[0], story.notice_s[1], color=_NOTICE, zorder=0)
        if speech_end_s is not None:
            axes.axvline(speech_end_s, color=_SPEECH_END, linewidth=1.2, linestyle=(0, (4, 2)))
        if story.decided_s is not None:
            axes.axvline(story.decided_s, color=_DECISION, linewidth=1.8)
    _draw_moments(sound, story, span, speech_end_s)
    _write_head(figure, story, title or path.stem, note, when)
    save(figure, path)


def _span_of(story: CallStory, audio_s: float) -> Span:
    """Show the end of the notice and all that follows, with room for labels at the right."""
    end_s = max(audio_s, story.decided_s or 0.0, 1.0)
    begin_s = (story.notice_s[1] or 0.0) - 1.0 if story.notice_s is not None else 0.0
    first = [story.speech_start_s, story.decided_s, *(at_s for at_s, _ in story.keys)]
    begin_s = max(0.0, min(begin_s, *(at_s - 0.5 for at_s in first if at_s is not None), end_s - 1.0))
    return Span(begin_s, end_s + (end_s - begin_s) * 0.12)


def _draw_words(axes: Any, story: CallStory, span: Span) -> None:
    """Write words where they were heard, what each partial text changed; below, on bars, all that was decided on."""
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.set_ylabel("words", fontsize=9, color=INK)
    lanes = _Lanes(span)
    for at_s, text in story.news:
        y = 0.86 - 0.19 * lanes.take(at_s, text)
        axes.plot([at_s], [y], marker="|", color=FAINT, markersize=7)
        label(axes, at_s + span.part(0.004), y, text, INK)
    for words in story.stretches:
        width_s = max(words.end_s - words.start_s, 0.2)
        axes.barh(0.16, width_s, left=words.start_s, height=0.26, color=_FINAL if words.final else GRID, zorder=1)
    if story.text:
        begin_s = min(max(story.stretches[0].start_s, span.begin_s), span.end_s - span.part(0.45))
        lines = textwrap.wrap(story.text, int(135 * (span.end_s - begin_s) / span.part(1.0)))
        # What was said last is what decided: where there is no room for all, the beginning goes.
        text = "\n".join(lines if len(lines) <= _LINES else ["… " + lines[-_LINES], *lines[1 - _LINES :]])
        label(axes, begin_s + span.part(0.004), 0.16, text, _SPEECH_END)
    else:
        why = story.troubles[0] if story.troubles else "no words were heard"
        label(axes, span.begin_s + span.part(0.5), 0.5, why, FAINT, align="center", size=10)


class _Lanes:
    """Finds a lane on which a text does not run into the one before it."""

    def __init__(self, span: Span) -> None:
        self._free_s = [0.0] * _LANES
        self._character_s = span.part(1 / 135)

    def take(self, at_s: float, text: str) -> int:
        """Return the lane for a text that begins at a time; the one that is free first if none is."""
        free = [lane for lane, free_s in enumerate(self._free_s) if free_s <= at_s]
        lane = free[0] if free else min(range(_LANES), key=self._free_s.__getitem__)
        self._free_s[lane] = at_s + (len(text) + 2) * self._character_s
        return lane


def _draw_tone(axes: Any, tones: Sequence[ToneAt], span: Span, decided_s: float | None, alarm_at: float | None) -> None:
    """Draw arousal, the evidence of anger, and the alarm; where the model abstains, its reason on hatched ground."""
    axes.set_ylim(-0.05, 1.08)  # what is nothing is a line too
    axes.set_yticks([0, 0.5, 1])
    axes.set_ylabel("arousal,\nevidence of anger", fontsize=9, color=INK)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    if not tones:
        label(axes, span.begin_s + span.part(0.5), 0.5, "tone was not analysed", FAINT, align="center", size=10)
        return
    for abstained, group in _runs(tones):
        t = [tone.t_s for tone in group]
        if abstained:
            begin_s = max(span.begin_s, t[0] - 0.25)
            axes.axvspan(begin_s, t[-1], facecolor="#f5f5f5", edgecolor="#d8dde2", hatch="///", linewidth=0)
            reason = f"abstains: {group[-1].reason or 'not sure'}"
            if t[-1] - begin_s > span.part(0.0068 * len(reason)):
                label(axes, (begin_s + t[-1]) / 2, 0.5, reason, FAINT, align="center")
            else:
                label(axes, begin_s, 1.02, reason, FAINT, size=8)
        else:
            axes.plot(t, [tone.arousal for tone in group], color=AROUSAL, linewidth=2, marker=".", markersize=5)
            axes.plot(t, [tone.evidence for tone in group], color=ANGER, linewidth=2, marker=".", markersize=5)
    _draw_alarm(axes, tones, span, decided_s, alarm_at)
    usable = [tone for tone in tones if not tone.abstained]
    if usable:
        last = usable[-1]
        names = [
            (last.arousal, f"arousal {last.arousal:.2f}", AROUSAL),
            (last.evidence, f"anger {percent(last.anger)}", ANGER),
        ]
        if last.call_anger:
            names.append((last.on_that_scale(last.call_anger), f"call {percent(last.call_anger)}", CALL))
        near = decided_s is not None and 0 <= decided_s - last.t_s < span.part(0.1)
        x = (decided_s if near and decided_s is not None else last.t_s) + span.part(0.006)
        for y, (_, name, colour) in zip(apart([value for value, _, _ in names], 0.14), names, strict=True):
            label(axes, x, y, name, colour, size=9)


def _draw_alarm(
    axes: Any, tones: Sequence[ToneAt], span: Span, decided_s: float | None, alarm_at: float | None
) -> None:
    """Draw what was heard of the call, the threshold that it is held against, and the first alarm."""
    weighed = [tone for tone in tones if tone.call_anger > 0.0]
    if weighed:
        heights = [tone.on_that_scale(tone.call_anger) for tone in weighed]
        axes.plot([tone.t_s for tone in weighed], heights, color=CALL, linewidth=1.6)
    if alarm_at is None:
        return
    threshold = tones[0].on_that_scale(alarm_at)
    axes.axhline(threshold, color=ANGER, linewidth=1.0, linestyle=(0, (2, 2)), zorder=2)
    label(axes, span.begin_s + span.part(0.004), threshold, f"alarm from {percent(alarm_at)}", ANGER, size=8)
    first = next((tone.t_s for tone in tones if tone.alarmed), None)
    if first is not None:
        axes.axvline(first, color=ANGER, linewidth=1.4, linestyle=(0, (4, 2)))
        room = (span.end_s if decided_s is None else decided_s) - first > span.part(0.12)
        x, align = (first + span.part(0.004), "left") if room else (first - span.part(0.004), "right")
        label(axes, x, 1.02, f"alarm at {first:.2f} s", ANGER, align=align, weight="bold")


def _runs(tones: Sequence[ToneAt]) -> list[tuple[bool, list[ToneAt]]]:
    runs: list[tuple[bool, list[ToneAt]]] = []
    for tone in tones:
        if not runs or runs[-1][0] != tone.abstained:
            runs.append((tone.abstained, []))
        runs[-1][1].append(tone)
    return runs


def _draw_moments(axes: Any, story: CallStory, span: Span, speech_end_s: float | None) -> None:
    top = axes.get_ylim()[1]
    if story.notice_s is not None and story.notice_s[1]:
        begin_s = max(story.notice_s[0], span.begin_s)
        if story.notice_s[1] - begin_s > span.part(0.06):
            label(axes, begin_s + span.part(0.004), top * 0.86, "notice", FAINT)
    for at_s, digit in story.keys:
        axes.axvline(at_s, color=INK, linewidth=1, linestyle=":")
        label(axes, at_s - span.part(0.004), top * 0.6, f"key {digit}", INK, align="right")
    if speech_end_s is not None:
        early = story.decided_s is not None and story.decided_s < speech_end_s
        y = top * (0.66 if early else 0.86)  # the destination stands where it would
        label(axes, speech_end_s - span.part(0.004), y, "end of speech", _SPEECH_END, align="right")
    if story.decided_s is not None:
        x = story.decided_s + span.part(0.005)
        label(axes, x, top * 0.86, f"to {story.destination}", _DECISION, weight="bold")


def _write_head(figure: Any, story: CallStory, title: str, note: str, when: str) -> None:
    where = f"  →  {story.destination}" if story.decided else "  (no decision)"
    figure.text(0.075, 0.945, title + where, fontsize=14, weight="bold", color=INK)
    facts = [when] if when else []
    if story.about:
        sure = f" ({story.probability:.0%})" if story.probability is not None else ""
        facts.append(f"about {story.about}{sure}")
    if story.rung:
        facts.append(f"rests on {story.rung.replace('_', ' ')}")
    figure.text(0.075, 0.905, "   ·   ".join(facts), fontsize=9.5, color=INK)
    reasons = " ".join(story.reasons)
    if reasons:
        wrapped = textwrap.wrap(reasons, 150)
        more = " …" if len(wrapped) > 2 else ""
        figure.text(0.075, 0.885, "\n".join(wrapped[:2]) + more, fontsize=9, color=_DECISION, va="top")
    if note:
        figure.text(0.975, 0.945, note, fontsize=8, color=FAINT, ha="right")
