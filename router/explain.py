"""One recorded call as a timeline that a person can read: what was heard, what it led to, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from router.errors import RecordError
from router.recorded import read_record
from router.when import behind, by_end_of_speech, lag_ms

_OUTCOMES = {
    "decided": "decided",
    "hung_up": "the caller hung up before a decision",
    "open": "no decision: Nabra let the caller go on without one",
    "engine_died": "the engine died during this call: what was heard of it is not known",
}
_RUNGS = {
    "final_text": "the recogniser's final text",
    "partial_text": "the recogniser's latest partial text",
    "tone_and_keys": "keys, tone and the facts of the call",
    "default": "nothing; the default",
}
_MISSING = {
    "no_recogniser": "no recogniser was available",
    "recogniser_lost": "the recogniser was lost",
    "final_late": "the final text did not come in time",
    "still_speaking": "the caller was still speaking",
    "only_paused": "the caller was silent, and might have gone on",
    "no_speech": "nobody spoke",
    "no_words": "no words were understood",
    "not_sure": "the words were not sure enough",
    "tone_off": "tone was switched off",
    "tone_unheard": "no usable tone was heard",
    "no_rule": "no rule that routes acted on it",
    "key_pressed": "a key was pressed",
    "forbidden": "a rule keeps the call from where the words point",
}
_ACTIONS = {
    "route": "route to {value}",
    "never": "never to {value}",
    "raise_minutes": "raise by {value:g} minutes",
    "require": "require the skill {value}",
    "prefer": "prefer the skill {value}",
    "prefer_agent": "offer it to the last agent first, for {value:g} s",
    "ask": "ask",
}
_UNTAKEN = {
    "shadow": "the rule is only tried out",
    "rule_above": "a rule above says otherwise",
    "forbidden": "a rule forbids that destination",
    "key_pressed": "a key was pressed",
    "at_bound": "no more may be raised",
    "not_put": "the question was not put",
    "no_last_agent": "nobody is known to have served this caller",
    "no_agents": "there are no agents at the destination",
}
_TRIGGERS = {
    "words": "the words were sure enough",
    "end_of_speech": "the caller had finished",
    "key": "a key was pressed",
    "no_speech": "nobody spoke",
    "listen_deadline": "the time for listening was over",
    "total_deadline": "the time for the whole call was over",
}


def explain(record: Mapping[str, Any]) -> str:
    """Return a record as text: the call, its timeline, the decision, and the reasons in English and Arabic.

    Raises
    ------
    RecordError
        Where the record cannot be read.
    """
    read_record(record)
    try:
        return "\n".join(_lines(record)) + "\n"
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecordError(f"record of call {record.get('call')!r} cannot be explained: {error!r}") from None


_LANGUAGE_FROM = {
    "dialplan": " (the dialplan said so)",
    "customer": " (the customer record said so)",
    "line": " (by the line that was dialled)",
    "default": " (by default)",
}


def _lines(record: Mapping[str, Any]) -> Iterator[str]:
    when = datetime.fromtimestamp(record["wall_anchor"], UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    generation = record["generation"]
    yield f"call {record['call']} on {record['pbx']}, {when}"
    caller, dialled = record["caller_number"] or "unknown", record["dialled"] or "unknown"
    said = _LANGUAGE_FROM.get(record.get("language_from", ""), "")
    yield f"  from {caller} to {dialled}, in {record['language']}{said}"
    yield from _circumstances(record)
    yield f"  generation {generation['number']} ({generation['hash'][:12]}), {_OUTCOMES[record['outcome']]}"
    yield ""
    alarm_at = _alarm_at(record["decision"])
    tone_said = ""
    for entry in record["timeline"]:
        said = _event(entry)
        quiet = not entry["commands"] and not entry["waiting_for_tone"]
        if entry["event"] == "tone":
            if quiet and said == tone_said:
                continue  # the caller is silent: the same estimate four times a second says nothing more
            tone_said = said
            if alarm_at is not None and (entry.get("call_anger") or 0.0) >= alarm_at:
                said, alarm_at = f"{said}   ALARM (from {alarm_at:.3f} for the call)", None
        yield f"  {entry['now_s']:7.3f} s  {said}"
        for command in entry["commands"]:
            yield f"             -> {_command(command)}"
        if entry["waiting_for_tone"]:
            yield "             .. the words would do, but tone could still matter: waiting for it"
    if record["ignored"]:
        counted = ", ".join(f"{count} {kind}" for kind, count in record["ignored"].items())
        yield f"  too early or too late, not used: {counted}"
    yield ""
    decision = record["decision"]
    if decision is None:
        yield "no decision"
        return
    yield from _decision(decision, record)


def _circumstances(record: Mapping[str, Any]) -> Iterator[str]:
    """What was known before a word was said; records from before it was kept have none of it."""
    calendar = record.get("calendar")
    if calendar is not None:
        holiday = f", holiday {calendar['holiday']}" if calendar["holiday"] else ""
        opened = ", ".join(f"{name} {'open' if is_open else 'closed'}" for name, is_open in calendar["open"].items())
        yield f"  local time {calendar['weekday']} {calendar['local']} ({calendar['time_zone']}){holiday}" + (
            f"; {opened}" if opened else ""
        )
    if record.get("last_agent"):
        yield f"  last served by {record['last_agent']}"


def _alarm_at(decision: Mapping[str, Any] | None) -> float | None:
    """Return the threshold that was reached by the call; None where the call was not alarmed, or it was not noted."""
    for reason in () if decision is None else decision["reasons"]:
        if reason["code"] == "angry":
            return float(reason["parameters"]["angry_at"])
    return None


def _decision(decision: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[str]:
    trigger = _TRIGGERS[decision["trigger"]]
    if decision["trigger"] == "no_speech" and record["asked"]:
        trigger = "nobody answered the question"
    minutes = decision["priority"]
    ahead = f", {minutes} minute{'' if minutes == 1 else 's'} ahead" if minutes else ""
    yield f"to {decision['destination']}{ahead}, because {trigger}"
    if decision["shadow_destination"] is not None:
        yield f"  in shadow mode; would have gone to {decision['shadow_destination']}"
    latency_ms = record["timings"]["latency_ms"]
    late_ms = lag_ms(record)
    if latency_ms is not None:
        when = by_end_of_speech(latency_ms, behind_ms=late_ms)
        yield f"  decided {decision['decided_at_s']:.3f} s in, {when}"
    elif late := behind(late_ms):
        yield f"  decided {decision['decided_at_s']:.3f} s in; {late}"
    yield f"  rests on {_RUNGS[decision['rung']]}"
    for step in decision["steps"]:
        yield f"    not on {_RUNGS[step['rung']]}: {_MISSING[step['missing']]}"
    if decision["probabilities"]:
        yield f"  alternatives: {_shares(decision['probabilities'])}"
    if decision["rules_fired"]:
        yield f"  rules that acted: {'; '.join(decision['rules_fired'])}"
    if decision.get("actions"):
        yield "  what rules asked for:"
        yield from (f"    {_action(action)}" for action in decision["actions"])
    yield "  why:"
    yield from (f"    {reason['en']}" for reason in decision["reasons"])
    yield "  السبب:"
    yield from (f"    {reason['ar']}" for reason in decision["reasons"])
    agent, caller = decision.get("agent", {}), decision.get("caller", {})
    for heading, language in (("to the agent", "en"), ("للموظف", "ar")):
        if agent.get(language):
            yield f"  {heading}: {agent[language]}"
    for heading, language in (("to the caller, who asks why", "en"), ("للمتصل إن سأل عن السبب", "ar")):
        if caller.get(language):
            yield f"  {heading}: {' '.join(caller[language])}"


def _action(action: Mapping[str, Any]) -> str:
    what = _ACTIONS[action["action"]].format(value=action["value"])
    why = "" if action["taken"] else f"   (not done: {_UNTAKEN[action['why']]})"
    return f"{action['rule']}: {what}{why}"


def _event(entry: Mapping[str, Any]) -> str:
    match entry["event"]:
        case "words":
            kind = "final" if entry["final"] else "partial"
            return f'{kind} words: "{entry["text"]}"   {_shares(entry["destinations"])}'
        case "sentence":
            return f'read as a sentence too: "{entry["text"]}"   {_shares(entry["destinations"])}'
        case "encoder_lost":
            return f"words alone are read from here on: {entry['reason']}"
        case "tone" if entry["abstained"] or entry["anger"] is None:
            return f"tone: unsure ({entry['reason']})"
        case "tone":
            call, trend = entry.get("call_anger"), entry.get("trend") or 0.0
            so_far = "" if call is None else f" (the call so far {call:.3f}, trend {trend:+.1f})"
            scales = ", ".join(f"{scale} {entry[scale]:.2f}" for scale in ("arousal", "valence"))
            return f"tone: anger {entry['anger']:.3f}{so_far}, {scales}"
        case "key":
            return f"key {entry['digit']}" if entry["digit"] != "?" else "a key without a meaning"
        case "end_of_utterance":
            return f"end of speech (at {entry['speech_end_audio_s']:.2f} s of audio)"
        case "prompt_ended":
            return f"prompt '{entry['name']}' ended"
        case "recogniser_lost":
            return f"recogniser lost: {entry['reason']}"
        case "recogniser_limited" if entry["limited"]:
            return f"only key phrases are listened for: {entry['reason']}"
        case "recogniser_limited":
            return f"everything is listened for: {entry['reason']}"
        case "tick" if any(command.get("name") == "notice" for command in entry["commands"]):
            return "the call begins"
        case "tick":
            return "a deadline"
        case other:
            return str(other).replace("_", " ")


def _command(command: Mapping[str, Any]) -> str:
    match command["command"]:
        case "play_prompt":
            return f"play '{command['name']}' in {command['language']}"
        case "start_analysis":
            return "start listening, words and tone" if command["tone"] else "start listening, words only"
        case "decide":
            return f"decide: {command['destination']}"
        case other:
            return str(other).replace("_", " ")


def _shares(shares: Mapping[str, float]) -> str:
    strongest = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {share:.2f}" for name, share in strongest)
