"""What is wrong with an operator's examples: as `nabra check` warns of it, `nabra intent --report` tells it all."""

from __future__ import annotations

import io
import json
import logging
import re
from pathlib import Path

import pytest
from rich.console import Console

import config
from config import SHIPPED
from config.errors import Position
from nabra.commands.check import SHOWN_OF_A_KIND, examine
from nabra.generations import load
from nabra.intent_view import as_json, view
from router.intent import HeldOut
from router.intent.report import examine as examine_examples
from tests.nabra.test_commands import nabra, rows

COPIED = ("my bill is wrong", "i want to cancel my contract", "how much does it cost", "i forgot my password", "hello")


def place_of(file: Path, text: str) -> list[tuple[int, int]]:
    """Return line and column of every example that is this text."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [(number, 9) for number, line in enumerate(lines, 1) if line == f"      - {text}"]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site whose English examples stand in two places, and that has none in Arabic; it hears nobody."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "prompts").symlink_to(SHIPPED.parent / "prompts")
    text = SHIPPED.read_text(encoding="utf-8").replace("    - intents/ar.yaml\n", "")
    (folder / "nabra.yaml").write_text(text.replace("engine: moonshine}", "engine: none}"), encoding="utf-8")
    (folder / "intents").mkdir()
    examples = (SHIPPED.parent / "intents" / "en.yaml").read_text(encoding="utf-8")
    copied = "".join(f"      - {sentence}\n" for sentence in COPIED)
    few = "  loyalty:\n    destination: sales\n    examples:\n      - i have been with you for ten years\n"
    (folder / "intents" / "en.yaml").write_text(f"{examples.rstrip()}\n{few}{copied}", encoding="utf-8")
    return folder / "nabra.yaml"


def test_check_warns_at_the_example_and_of_a_handful(broken: Path) -> None:
    remarks = list(examine(broken))
    assert not any(remark.error for remark in remarks)
    english = broken.parent / "intents" / "en.yaml"
    twice = [remark for remark in remarks if remark.text.endswith("already")]
    assert len(twice) == SHOWN_OF_A_KIND
    for remark, sentence in zip(twice, COPIED, strict=False):
        line, column = place_of(english, sentence)[1]
        assert remark.position == Position(english, line, column)
    (more,) = [remark for remark in remarks if remark.text == f"and {len(COPIED) - SHOWN_OF_A_KIND} more like these"]
    assert "nabra intent --report" in more.advice
    (few,) = [remark for remark in remarks if "'loyalty' in 'en' has 6 examples only" in remark.text]
    assert few.position is not None
    assert (few.position.file, few.position.line) == (english, place_of(english, COPIED[0])[1][0] - 3)
    (missing,) = [remark for remark in remarks if remark.text == "there are no intents in 'ar'"]
    assert missing.position is not None
    assert broken.read_text(encoding="utf-8").splitlines()[missing.position.line - 1].strip() == "- intents/en.yaml"


def test_the_report_of_a_terminal_and_of_programs(broken: Path) -> None:
    shown = nabra("intent", "--report", "--config", broken)
    assert shown.returncode == 0, shown.stderr
    headline = shown.stdout.splitlines()[0]
    assert re.match(r"en: \d+ examples of 17 intents\. Each judged .* \d+% \(.*\) would be sent where they", headline)
    assert all(f"'{sentence}' stands under '" in shown.stdout for sentence in COPIED)
    assert "there are no intents in 'ar'" in shown.stdout
    done = nabra("intent", "--report", "--json", "--config", broken)
    english, arabic = json.loads(done.stdout)["languages"]
    assert (arabic["language"], arabic["examples"], arabic["reached"]) == ("ar", 0, None)
    assert sum(one["examples"] for one in english["intents"]) == english["examples"] == english["reached"]["of"]
    assert [one["kind"] for one in english["remarks"]].count("twice") == len(COPIED)
    first = next(one for one in english["remarks"] if one["kind"] == "twice")
    assert (first["file"], first["line"]) == (first["examples"][0]["file"], first["examples"][0]["line"])
    refused = nabra("intent", "--report", "hello")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)


def test_the_intent_that_is_shown_leads_to_the_destination_that_is_shown() -> None:
    leads_to = {one.name: one.destination for one in config.load().intents.intents}
    vague = ("how late are you there tonight", "can i settle what is due right now", "do you still sell the small one")
    for row in rows(nabra("intent", "--json", *vague, "this smells of fraud", "هدفع منين", "")):
        intent, destination = row["intent"], row["destination"]
        assert destination == (leads_to[str(intent)] if intent else None), row


def test_nothing_to_read_is_said() -> None:
    for nothing in (nabra("intent", ""), nabra("intent", "--json", " ", ""), nabra("intent", text="\n \n")):
        assert (nothing.returncode, nothing.stdout) == (1, "")
        assert "give what a caller says" in nothing.stderr


def test_a_load_says_in_one_line_how_good_the_examples_are(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="nabra.generations"):
        load(config.load(), 1)
    (line,) = [record.getMessage() for record in caplog.records if record.name == "nabra.generations"]
    share = r"\d+% of \d+ \(\d+-\d+%\) sent right, \d+% wrong"
    said = rf"en {share}; ar {share}; remarks: \d+ "
    assert re.search(said, line)
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="nabra.generations"):
        load(config.load(), 1)
    assert not caplog.records


def test_sentences_in_arabic_are_shown_whole_and_isolated() -> None:
    settings = config.load()
    arabic = [one for one in settings.intents.intents if one.language == "ar"]
    balance = next(one for one in arabic if one.name == "balance")
    shares = {one.name: 0.0 for one in arabic} | {"price": 0.9}
    report = examine_examples(settings, {"ar": [HeldOut("balance", text, shares) for text in balance.examples]})
    shown, piped = io.StringIO(), io.StringIO()
    Console(file=shown, width=100, soft_wrap=True).print(view(report, settings.places, 100))
    assert f"\u2068{balance.examples[0]}\u2069" in shown.getvalue()
    told = [line for line in shown.getvalue().splitlines() if "intents" in line or "  " in line[:2]]
    assert max(len(line.replace("\u2068", "").replace("\u2069", "")) for line in told) <= 100
    Console(file=piped, width=100, soft_wrap=True).print(view(report, settings.places))
    assert f": {balance.examples[0]}\n" in piped.getvalue()
    assert "\u2068" not in piped.getvalue()
    said = f"of {len(balance.examples)} examples of 'balance' are taken for 'price', which leads to 'sales'"
    assert said in piped.getvalue()
    languages = as_json(report, settings.places)["languages"]
    assert isinstance(languages, list)
    confused = next(one for one in languages[1]["remarks"] if one["kind"] == "confused")
    assert [one["text"] for one in confused["examples"]] == list(balance.examples)
