"""The loader: what is right is read, and what is wrong is named, all of it, where it stands."""

from __future__ import annotations

import dataclasses
import shutil
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import config
from config.errors import ConfigError, Problem
from config.nodes import MAX_FILE_BYTES
from config.schema import Config, DestinationKind, Secret, SpeechEngine

Edit = Callable[..., Path]


@pytest.fixture
def edit(tmp_path: Path) -> Edit:
    """A copy of the shipped configuration, with pieces of its main file replaced."""
    folder = tmp_path / "site"
    shutil.copytree(config.SHIPPED.parent, folder)
    for file in (folder / "intents").iterdir():  # two examples of each intent are enough here, and quicker to read
        kept: list[str] = []
        for line in file.read_text(encoding="utf-8").splitlines():
            if not line.startswith("      - ") or not kept[-2].startswith("      - "):
                kept.append(line)
        file.write_text("\n".join(kept) + "\n", encoding="utf-8")

    def edited(*changes: tuple[str, str]) -> Path:
        file = folder / "nabra.yaml"
        text = file.read_text(encoding="utf-8")
        for old, new in changes:
            assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
            text = text.replace(old, new)
        file.write_text(text, encoding="utf-8")
        return file

    return edited


def problems(file: Path) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        config.load(file)
    return caught.value.problems


def only(file: Path) -> Problem:
    found = problems(file)
    assert len(found) == 1, [str(problem) for problem in found]
    return found[0]


def line_of(file: Path, text: str) -> tuple[int, int]:
    """Line and column, from 1, of the one occurrence of a text."""
    whole = file.read_text(encoding="utf-8")
    before = whole[: whole.index(text)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def test_the_shipped_configuration_loads() -> None:
    shipped = config.load()
    assert shipped.languages == ("en", "ar")
    assert shipped.destinations["complaints"].name == "complaints"
    assert shipped.destinations["selfservice"].kind is DestinationKind.SELF_SERVICE
    assert shipped.speech.models["en"].engine is SpeechEngine.MOONSHINE
    assert shipped.keys["0"] == "reception"
    assert shipped.intents.files[0].is_absolute() or shipped.intents.files[0].is_file()
    assert {intent.language for intent in shipped.intents.intents} == {"en", "ar"}
    assert len(shipped.fingerprint) == 64


def test_the_shipped_file_shows_every_key() -> None:
    shipped = config.load()

    def missing(value: Any, path: str) -> list[str]:
        found: list[str] = []
        hints = get_type_hints(type(value))
        for field in dataclasses.fields(value):
            inner = f"{path}.{field.name}".lstrip(".")
            if field.metadata.get("derived"):
                continue
            if inner not in shipped.places:
                found.append(inner)
            elif dataclasses.is_dataclass(hints[field.name]):
                found += missing(getattr(value, field.name), inner)
        return found

    assert missing(shipped, "") == []


def test_what_is_left_out_has_the_value_that_the_shipped_file_shows(edit: Edit) -> None:
    shipped = config.load()
    for section in ("listen", "health", "budget", "decision", "records"):
        assert type(getattr(shipped, section))() == getattr(shipped, section), section
    assert dataclasses.replace(shipped.tone) == type(shipped.tone)()
    bare = dataclasses.replace(shipped.speech, models={})
    assert bare == type(shipped.speech)()


@pytest.mark.parametrize(
    ("old", "new", "at", "words", "near"),
    [
        ("  listen_s: 8 ", "  listen_seconds: 8 ", "listen_seconds", "unknown key", "listen_s"),
        ("  listen_s: 8 ", "  listen_s: eight ", "eight", "found 'eight'", None),
        ("  listen_s: 8 ", "  listen_s: 800 ", "800", "from 1 to 60", None),
        ("  listen_s: 8 ", "  listen_s: [8] ", "[8]", "one value belongs", None),
        ("  final_wait_ms: 800", "  final_wait_ms: 1.5", "1.5", "a whole number", None),
        ("  port: 9092", "  port: 9092\n  port: 9093", "port: 9093", "occurs twice", None),
        ("  ask: true ", "  ask: yes ", "yes   ", "true or false", "true"),
        ("engine: moonshine}", "engine: moonshin}", "moonshin}", "one of moonshine", "moonshine"),
        ("default: reception", "default: recepton", "recepton", "unknown destination", "reception"),
        ('"2": sales', '"2": sale', "sale\n", "unknown destination", "sales"),
        ('"2": sales', '"12": sales', '"12"', "one key", None),
        ("default_language: en", "default_language: fr", "fr ", "unknown language", None),
        ("then: {route: reception}", "then: {route: recption}", "recption", "unknown destination", "reception"),
        ("then: {route: reception}", "then: { }", "{ }", "does nothing", None),
        ("then: {route: reception}", "then: {rout: reception}", "rout: ", "unknown key", "route"),
        ("then: {route: reception}", "then: {prefer_agent: PJSIP/1}", "PJSIP/1}", "no agent is named in a rule", None),
        ("then: {route: reception}", "then: {never: [sales]}", "[sales]", "a rule for each further one", None),
        ('when: intent == "agent"', "when: 1.5", "1.5\n", 'in quotes: "1.5"', None),
        ('    when: intent == "agent"\n', "", "name: who asks", "true for a rule that always holds", None),
        ('  tone_off_key: "9"', '  tone_off_key: "1"', 'complaints\n  "2"', "tone off already", None),
        ("default: reception", "default: selfservice", "selfservice\n\n# Keys", "is self-service", None),
        ("speculative_ms: 200", "speculative_ms: 700", "700", "not before endpoint_ms", None),
        ("endpoint_sure_ms: null", "endpoint_sure_ms: 700", "700", "not between speculative_ms and endpoint_ms", None),
        ("endpoint_sure_ms: null", "endpoint_sure_ms: 150", "150", "200 to 600, or null", None),
        ("endpoint_sure_ms: null", "endpoint_sure_ms: 50", "50 ", "100 to 3000", None),
        ("endpoint_hesitation_ms: null", "endpoint_hesitation_ms: 500", "500 ", "less than endpoint_ms", None),
        ("endpoint_hesitation_ms: null", "endpoint_hesitation_ms: 9000", "9000", "100 to 5000", None),
        ("early_threshold: null", "early_threshold: 0.5", "0.5 ", "less than deciding late", None),
        ("ar: {engine: none}", "ar: {engine: moonshine}", "moonshine}\n  workers", "knows no 'ar'", None),
        ("ar: {engine: none}", "ar: {engine: vosk}", "{engine: vosk}", "directory of a model", None),
        ("engine: moonshine}", "engine: moonshine, final: wisper}", "wisper", "one of whisper", "whisper"),
        ("engine: moonshine}", "engine: moonshine, final_path: intents}", "intents}", "no engine is named", None),
        ("engine: moonshine}", "engine: moonshine, crowded: intentz}", "intentz}", "no directory", "intents"),
        ("ar: {engine: none}", "ar: {engine: vosk, path: promts}", "promts}", "no directory", "prompts"),
        ("ar: {engine: none}", "ar: {engine: none, crowded: intents}", "{engine: none, c", "hears nothing", None),
        ("country_code: null", "country_code: 0962", "0962", "a country code", None),
        ("allow: [127.0.0.1/32", "allow: [localhost", "localhost", "is no network", None),
        ("lines: []", "lines:\n  - {number: 12x, language: ar}", "12x", "a dialled number", None),
        ("lines: []", "lines:", "lines:", "a list belongs", None),
        ("    queue: sales", "", "kind: queue\n\n    label: {en: Sales", "has no queue", None),
        ("- intents/ar.yaml", "- intents/fr.yaml", "intents/fr.yaml", "cannot be read", None),
        ("model: null ", "model: gone.onnx ", "gone.onnx", "there is no file", None),
    ],
)
def test_one_mistake_is_named_where_it_stands(
    edit: Edit, old: str, new: str, at: str, words: str, near: str | None
) -> None:
    file = edit((old, new))
    problem = only(file)
    assert words in str(problem)
    assert problem.nearest == near
    assert problem.file == file
    if at != "lines:":  # a value that is missing stands nowhere: YAML puts it behind its key
        assert (problem.line, problem.column) == line_of(file, at)


def test_all_mistakes_are_reported_in_the_order_of_the_file(edit: Edit) -> None:
    file = edit(
        ("site: main", "site: 12.5"),
        ("  port: 9092", "  prt: 9092"),
        ("kind: person", "kind: persona"),
        ("  keep_days: 90", "  keep_days: 0"),
        ("threshold: 0.6 ", "threshold: 6 "),
    )
    found = problems(file)
    assert [problem.nearest for problem in found] == [None, "port", "person", None, None]
    assert [problem.line for problem in found] == sorted(problem.line for problem in found)
    assert str(file) in str(found[0])


def test_an_unknown_destination_in_an_intent_file_is_found_there(edit: Edit, tmp_path: Path) -> None:
    file = edit()
    intents = file.parent / "intents" / "en.yaml"
    text = intents.read_text(encoding="utf-8").replace("destination: sales", "destination: sails", 1)
    intents.write_text(text, encoding="utf-8")
    found = problems(file)
    assert found[0].file == intents
    assert found[0].nearest == "sales"
    assert (found[0].line, found[0].column) == line_of(intents, "sails")


def test_tone_without_a_notice_is_refused(edit: Edit) -> None:
    problem = only(edit(("    ar: prompts/notice.ar.wav\n", "")))
    assert "tone is on, but callers in 'ar' get no notice" in problem.message


def test_without_tone_and_speech_no_notice_is_needed(edit: Edit) -> None:
    file = edit(("    ar: prompts/notice.ar.wav\n", ""), ("  enabled: true", "  enabled: false"))
    assert "ar" not in config.load(file).notice.prompts


def test_a_missing_recording_is_refused(edit: Edit) -> None:
    file = edit()
    (file.parent / "prompts" / "ask.en.wav").unlink()
    problem = only(file)
    assert "ask.en.wav cannot be read" in problem.message
    assert (problem.line, problem.column) == line_of(file, "prompts/ask.en.wav")


@pytest.mark.parametrize(
    ("rate_hz", "channels", "width", "frames", "words"),
    [
        (16000, 1, 2, 800, "16000 Hz"),
        (8000, 2, 2, 800, "2 channel"),
        (8000, 1, 1, 800, "8 bit"),
        (8000, 1, 2, 0, "no sound"),
    ],
)
def test_a_recording_of_another_format_is_refused(
    edit: Edit, rate_hz: int, channels: int, width: int, frames: int, words: str
) -> None:
    file = edit()
    with wave.open(str(file.parent / "prompts" / "ask.en.wav"), "wb") as recording:
        recording.setparams((channels, width, rate_hz, 0, "NONE", ""))
        recording.writeframes(bytes(frames * channels * width))
    assert words in only(file).message


def test_a_file_that_is_no_recording_is_refused(edit: Edit) -> None:
    file = edit()
    (file.parent / "prompts" / "ask.en.wav").write_bytes(b"not a recording")
    assert "not a plain WAV" in only(file).message


@pytest.mark.parametrize(
    ("raw", "line", "column", "words"),
    [
        (b"", 1, 1, "empty"),
        (b"site: a\n\tport: 1\n", 2, 1, "a tab"),
        (b"site: a\nlanguages: [en\n", 2, 12, "neither ',' nor ']' before the end of the file"),
        (b"languages: [en, ar  # both\ndefault: x\n", 1, 12, "neither ',' nor ']' before line 2"),
        (b"a: {b: c\nd: e\n", 1, 4, "neither ',' nor '}' before line 2"),
        (b'a: ["b" "c"]\n', 1, 9, "a ',' is missing before this, or the ']' of the list that begins in column 4"),
        (b"a: [b, - c]\n", 1, 8, "'-' where a value belongs"),
        (b"a: b: c\n", 1, 5, "a text with ': ' in it needs quotes; expected \"b: c\""),
        (b"- b: c: d\n", 1, 7, 'expected "c: d"'),
        (b"a: b\n  c: d\n", 2, 4, "less indentation"),
        (b"a: b\nc\nd: e\n", 2, 1, "neither 'name: value' nor '- item'"),
        (b"a: 'b\nc: d\n", 1, 4, "the quote that opens here is never closed"),
        (b"a:\n    b: 1\n  c: 2\n", 3, 3, "where no section above it does"),
        (b"a: @b\n", 1, 4, "begins with '@' needs quotes"),
        (b'a: "b" c\n', 1, 8, "quotes around the whole of a text"),
        (b'a: "\\d"\n', 1, 6, "single quotes"),
        (b"site: caf\xe9\n", 1, 10, "0xe9 is not UTF-8"),
        (b"site: a\nx: \x07\n", 2, 4, "U+0007"),
        (b"site: *nobody\n", 1, 7, "undefined alias"),
        (b"- a\n- b\n", 1, 1, "a section belongs"),
        (b"x" * (MAX_FILE_BYTES + 1), 1, 1, "too large"),
    ],
)
def test_a_file_that_is_not_yaml(tmp_path: Path, raw: bytes, line: int, column: int, words: str) -> None:
    file = tmp_path / "broken.yaml"
    file.write_bytes(raw)
    problem = only(file)
    assert words in str(problem)
    assert (problem.line, problem.column) == (line, column)
    assert "YAML 1.2" not in str(problem)


@pytest.mark.parametrize(
    ("example", "quoted"),
    [
        ("السعر: كام؟", '"السعر: كام؟"'),
        ('قال "لا": ليه', "'قال \"لا\": ليه'"),
        ("it's so: here", '"it\'s so: here"'),
    ],
)
def test_an_example_with_a_colon_is_shown_in_the_quotes_that_it_needs(edit: Edit, example: str, quoted: str) -> None:
    intents = edit().parent / "intents" / "ar.yaml"
    examples, item = "    examples:\n", f"      - {example}\n"
    text = intents.read_text(encoding="utf-8")
    intents.write_text(text.replace(examples, examples + item, 1), encoding="utf-8")
    problem = only(intents.parent.parent / "nabra.yaml")
    assert (problem.message, problem.expected) == ("a text with ': ' in it needs quotes", quoted)
    assert (problem.file, problem.line, problem.column) == (intents, *line_of(intents, example))
    intents.write_text(text.replace(examples, f"{examples}      - {quoted}\n", 1), encoding="utf-8")
    read = config.load(intents.parent.parent / "nabra.yaml").intents.intents
    assert example in next(one for one in read if one.language == "ar").examples


def test_a_rule_that_always_holds_says_true_with_or_without_quotes(edit: Edit) -> None:
    bare = config.load(edit(('when: intent == "agent"', "when: true")))
    assert bare.rules[-1].when == "true"
    assert config.load(edit(("when: true", "when: 'true'"))).fingerprint == bare.fingerprint


def test_a_name_that_many_places_have_is_one_problem_with_all_their_lines(edit: Edit) -> None:
    file = edit(("destinations:\n  complaints:", "destinations:\n  complaint:"))
    problem = only(file)
    assert problem.nearest == "complaint"

    def lines(name: str, *texts: str) -> list[int]:
        rows = (file.parent / name).read_text(encoding="utf-8").splitlines()
        return [n for n, row in enumerate(rows, 1) if not row.startswith("#") and any(text in row for text in texts)]

    first, *main = lines("nabra.yaml", "route: complaints", '"1": complaints')
    english, arabic = (lines(f"intents/{one}.yaml", "destination: complaints") for one in ("en", "ar"))
    assert (problem.file, problem.line) == (file, first)
    told = [", ".join(map(str, found)) for found in (main, arabic, english)]
    count = len([*main, *english, *arabic])
    assert count > 10
    assert problem.message == (
        f"unknown destination 'complaints' (and {count} more places name it: "
        f"lines {told[0]}; lines {told[1]} of ar.yaml; lines {told[2]} of en.yaml)"
    )


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in only(tmp_path / "gone.yaml").message


def test_nesting_without_end_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "deep.yaml"
    file.write_text("[" * 20_000, encoding="utf-8")
    assert problems(file)


def test_anchors_that_unfold_without_end_are_refused(edit: Edit) -> None:
    bomb = "\n".join(f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 9) if i else 'a'}]" for i in range(9))
    file = edit(("site: main", f"{bomb}\nsite: main"))
    assert all("unknown key" in problem.message for problem in problems(file))


def test_anchors_and_merges_work(edit: Edit) -> None:
    file = edit(
        ("    queue: complaints\n", "    queue: &q complaints\n"),
        ("    queue: sales\n", "    queue: *q\n"),
        ("    kind: person\n", "    <<: {kind: person}\n"),
    )
    loaded = config.load(file)
    assert loaded.destinations["sales"].queue == "complaints"
    assert loaded.destinations["reception"].kind is DestinationKind.PERSON


def test_the_position_of_a_rule_is_that_of_its_condition(edit: Edit) -> None:
    file = edit(('when: intent == "agent"', "when: 'intent == \"agent\"'"))
    rules = config.load(file).rules
    assert rules[-1].position is not None
    assert (rules[-1].position.line, rules[-1].position.column) == line_of(file, 'intent == "agent"')
    assert rules[0].position is not None
    assert (rules[0].position.line, rules[0].position.column) == line_of(file, 'intent == "fraud"')


def test_passwords_come_from_one_place_and_are_never_shown(
    edit: Edit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret_line = "    secret_env: NABRA_AMI_SECRET\n"
    monkeypatch.setenv("NABRA_AMI_SECRET", "hidden-in-env")
    loaded = config.load(edit())
    assert loaded.pbx[0].secret == "hidden-in-env"
    assert "hidden" not in repr(loaded)
    fingerprint = loaded.fingerprint
    monkeypatch.setenv("NABRA_AMI_SECRET", "another")
    assert config.load(edit()).fingerprint == fingerprint
    monkeypatch.setenv("NABRA_AMI_SECRET", "two\nlines")
    assert "unprintable" in only(edit()).message
    (tmp_path / "site" / "ami.secret").write_text("hidden-in-file\nmore\n", encoding="utf-8")
    loaded = config.load(edit((secret_line, "    secret_file: ami.secret\n")))
    assert loaded.pbx[0].secret == Secret("hidden-in-file")
    file = edit(("    secret_file: ami.secret\n", "    secret_file: ami.secret\n    secret: both\n"))
    assert "secret and secret_file" in only(file).message
    file = edit(("    secret: both\n", ""), ("secret_file: ami.secret", "secret_file: gone.secret"))
    assert "cannot be read" in only(file).message
    file = edit(("    secret_file: gone.secret\n", ""))
    assert "no password" in only(file).message
    file = edit(("    username: nabra\n", "    username: nabra\n    secret: [hidden-by-mistake]\n"))
    assert "hidden" not in str(only(file))


def test_the_fingerprint_follows_what_is_said_and_nothing_else(edit: Edit, tmp_path: Path) -> None:
    first = config.load(edit())
    again = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "site", again)
    assert config.load(again / "nabra.yaml").fingerprint == first.fingerprint
    assert config.load(edit(("# Nabra, the whole of it", "# Nabra and all of it"))).fingerprint == first.fingerprint
    assert config.load(edit(("  listen_s: 8 ", "  listen_s: 7 "))).fingerprint != first.fingerprint


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_ends_in_a_configuration_or_in_its_error(tmp_path: Path, data: st.DataObject) -> None:
    folder = tmp_path / "damaged"
    if not folder.exists():
        shutil.copytree(config.SHIPPED.parent, folder)
        for intents in (folder / "intents").iterdir():
            language = intents.stem
            intents.write_text(f"language: {language}\nintents: {{}}\n", encoding="utf-8")
    lines = config.SHIPPED.read_bytes().split(b"\n")
    for _ in range(data.draw(st.integers(1, 3))):
        i = data.draw(st.integers(0, len(lines) - 1))
        lines[i] = data.draw(
            st.sampled_from([b"", lines[i][1:], lines[i] + b": x", b"  " + lines[i], b"- 1", b"? [", lines[i - 1]])
            | st.binary(max_size=12)
        )
    file = folder / "nabra.yaml"
    file.write_bytes(b"\n".join(lines))
    try:
        assert isinstance(config.load(file), Config)
    except ConfigError as error:
        if not error.problems:
            raise


def test_a_value_left_empty_is_named_behind_its_key(edit: Edit) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(edit(("angry_at: 0.045", "angry_at:")))
    (problem,) = caught.value.problems
    line = problem.file.read_text(encoding="utf-8").splitlines()[problem.line - 1]
    assert line[: problem.column - 1].strip() == "angry_at"


def test_in_shadow_a_configuration_is_another_one() -> None:
    live = config.load()
    shadowed = config.in_shadow(live)
    assert shadowed.shadow
    assert dataclasses.replace(shadowed, shadow=False, fingerprint=live.fingerprint) == live
    assert shadowed.fingerprint != live.fingerprint
    assert config.in_shadow(shadowed).fingerprint == shadowed.fingerprint
