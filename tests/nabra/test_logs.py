"""Logs: JSON for machines, plain for people, and nobody's number in either."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from nabra.operations.logs import set_up_logs, without_numbers


@pytest.fixture(autouse=True)
def _root_logger() -> Iterator[None]:
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    yield
    root.handlers[:], _ = before[0], root.setLevel(before[1])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_json_lines() -> None:
    out = io.StringIO()
    set_up_logs(out)
    logging.getLogger("nabra.x").warning(
        "call %s from %s: كلمة", "ab12", "+966501234567", extra={"data": {"n": 1}}
    )
    line = json.loads(out.getvalue())
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "warning",
        "from": "nabra.x",
        "message": "call ab12 from +************: كلمة",
        "data": {"n": 1},
    }


def test_a_trace_stays_on_its_line() -> None:
    out = io.StringIO()
    set_up_logs(out)
    try:
        raise ValueError("0501234567")
    except ValueError:
        logging.getLogger("nabra.x").exception("failed")
    assert out.getvalue().count("\n") == 1
    assert "ValueError" in json.loads(out.getvalue())["trace"]
    assert "0501234567" not in out.getvalue()


def test_plain_on_a_terminal() -> None:
    out = Terminal()
    set_up_logs(out)
    logging.getLogger("nabra.x").info("ready")
    logging.getLogger("nabra.x").error("not ready")
    first, second = out.getvalue().splitlines()
    assert first.endswith(" ready")
    assert second.endswith(" error: not ready")


def test_libraries_are_heard_from_warnings_on() -> None:
    out = io.StringIO()
    set_up_logs(out)
    logging.getLogger("aiohttp.access").info("GET /")
    assert out.getvalue() == ""


@pytest.mark.parametrize(
    "text",
    [
        "12:30:45",
        "2026-11-22",
        "call 550e8400-e29b-41d4-a716-446655440000",
        "1.2345678",
        "127.0.0.1:9092",
        "took 123456 us",
        "1700000000.12",
    ],
)
def test_times_ids_and_addresses_are_no_telephone_numbers(text: str) -> None:
    assert without_numbers(text) == text


@pytest.mark.parametrize("text", ["+966 50 123 4567", "0501234567", "(050) 1234567", "٠٥٠١٢٣٤٥٦٧"])
def test_telephone_numbers_are_starred(text: str) -> None:
    assert not any(letter.isdigit() for letter in without_numbers(f"from {text}, now").replace("(050)", ""))
