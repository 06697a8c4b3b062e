"""The site under test: the shipped configuration, with this Asterisk, this password and short prompts."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from telephony.audio import write_wav
from tests.conftest import ROOT

ENGINE_PORT = 9092
AMI_RELAY_PORT = 15038
AMI_SECRET = "secret-of-the-tests"
WATCHDOG_S = 15
NOTICE_S = 0.6


def write_site(folder: Path, change: Callable[[Any], None] = lambda _: None) -> Path:
    """Write a configuration into a folder and return its file.

    The shipped one, whole, but for: a manager login that goes through a relay, so that a test can cut it; a
    notice and a question that are short tones, so that a test does not wait for sentences; a watchdog that
    fits them; no health port. `change` may alter the parsed YAML further.
    """
    shutil.copytree(ROOT / "config" / "defaults", folder, dirs_exist_ok=True)
    time_s = np.arange(int(NOTICE_S * 8000)) / 8000
    tone = (8000 * np.sin(2 * np.pi * 440 * time_s)).astype(np.int16)
    for name in ("notice", "ask"):
        for language in ("en", "ar"):
            write_wav(folder / "prompts" / f"{name}.{language}.wav", tone)
    yaml = YAML()
    path = folder / "nabra.yaml"
    site = yaml.load(path.read_text(encoding="utf-8"))
    site["listen"]["port"] = ENGINE_PORT
    del site["pbx"][0]["secret_env"]
    site["pbx"][0]["port"] = AMI_RELAY_PORT
    site["pbx"][0]["secret"] = AMI_SECRET
    site["health"]["port"] = 0
    site["budget"]["total_s"] = WATCHDOG_S
    change(site)
    with path.open("w", encoding="utf-8") as handle:
        yaml.dump(site, handle)
    return path
