"""The customer record: numbers in any form, bad rows by their line, and nothing of it anywhere else."""

import dataclasses
import logging
import shutil
from pathlib import Path

import pytest

import config
from config.customers import CustomersUnreadable, canonical, read_customers
from nabra.callers import Source, language_of
from tests.conftest import ROOT


@pytest.mark.parametrize(
    "written",
    ["+962791234567", "00962791234567", "962791234567", "+962 79 123-4567", "(+962) 79.123.4567", "0791234567",
     "٠٧٩١٢٣٤٥٦٧", "+۹۶۲۷۹۱۲۳۴۵۶۷", " 079/123 45 67 "],
)  # fmt: skip
def test_one_number_in_many_forms(written: str) -> None:
    assert canonical(written, "962") == "962791234567"


def test_without_a_country_code_a_national_number_is_its_own() -> None:
    assert canonical("0791234567") == "0791234567"
    assert canonical("+962791234567") == canonical("00962791234567") == "962791234567"


@pytest.mark.parametrize("written", ["", "anonymous", "12", "sip:alice", "1" * 21, "+", "12+34", "½½½", "12;DROP"])
def test_what_is_no_number(written: str) -> None:
    assert canonical(written, "962") is None


def write(folder: Path, text: str) -> Path:
    file = folder / "customers.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_rows_are_read_and_bad_ones_named_by_their_line(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "\ufeffName;Number; Language ;notes\n"
        'Amal;+962791234567;ar;"two\nlines"\n'
        "\n"
        "Bob;0790000001;EN;\n"
        "Eve;call me;en;\n"
        "Kim;0790000002;arabic;\n"
        "Lee;0790000003\n"
        "Amal again;0791234567;en;\n"
        "Bob again;0790000001;en;\n",
    )
    book = read_customers(file, ["en", "ar"], "962")
    assert len(book) == 2
    assert book.language_of("0791234567") == "ar"
    assert book.language_of("00962790000001") == "en"
    assert book.language_of("0790000002") is None
    assert book.language_of("anonymous") is None
    lines = [(str(fault.position), fault.message) for fault in book.faults]
    assert lines == [
        (f"{file}:6:1", "this is no telephone number"),
        (f"{file}:7:1", "unknown language"),
        (f"{file}:8:1", "the row has 2 columns"),
        (f"{file}:9:1", "the number stands in an earlier row with another language"),
    ]
    assert book.faults[1].nearest == "ar"
    said = repr(book) + "".join(map(repr, book.faults))
    assert "79" not in said.replace(str(file), "")


def test_who_served_a_caller_last(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "last_agent,number,language\n"
        "PJSIP/1001,+962791234567,ar\n"
        ",0790000001,en\n"
        "sami;rm -rf,0790000002,en\n"
        "agent-7@support,0790000001,en\n"
        "PJSIP/1002,0791234567,ar\n",
    )
    book = read_customers(file, ["en", "ar"], "962")
    assert book.knows_agents
    assert book.last_agent_of("0791234567") == "PJSIP/1001"
    assert book.last_agent_of("0790000001") == "agent-7@support"
    assert book.language_of("0790000001") == "en"
    assert book.last_agent_of("0790000002") == book.last_agent_of("anonymous") == ""
    assert [(fault.position.line, fault.message) for fault in book.faults] == [
        (4, "the last agent cannot be one"),
        (6, "the number stands in an earlier row with another last agent"),
    ]
    assert "rm -rf" not in "".join(map(repr, book.faults))
    plain = read_customers(write(tmp_path, "number,language\n0791234567,ar\n"), ["ar"], "962")
    assert not plain.knows_agents
    assert plain.last_agent_of("0791234567") == ""


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no column 'number'"),
        (b"number,tongue\n1234,en\n", "no column 'language'"),
        (b"number,language\n\xff\xfe,en\n", "not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_at_all(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "customers.csv").write_bytes(data)
    with pytest.raises(CustomersUnreadable, match=words):
        read_customers(tmp_path / "customers.csv", ["en"])


def test_many_bad_rows_are_counted(tmp_path: Path) -> None:
    book = read_customers(write(tmp_path, "number,language\n" + "x,en\n" * 150), ["en"])
    assert (len(book), len(book.faults), book.skipped) == (0, 100, 150)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "config" / "defaults", tmp_path / "config")
    file = tmp_path / "config" / "nabra.yaml"
    text = file.read_text(encoding="utf-8")
    text = text.replace("  file: null    ", "  file: customers.csv  ").replace(
        "country_code: null", "country_code: 962"
    )
    file.write_text(text.replace("lines: []", 'lines: [{number: "100", language: ar}]'), encoding="utf-8")
    write(tmp_path / "config", "number,language\n0791234567,ar\n0790000001,en\nnobody,en\n")
    return file


def test_who_says_the_language(site: Path) -> None:
    settings = config.load(site)
    assert language_of(settings, "en", "+962791234567", "100") == ("en", Source.DIALPLAN)
    assert language_of(settings, None, "+962791234567", "200") == ("ar", Source.CUSTOMER)
    assert language_of(settings, "fr", "0790000001", "100") == ("en", Source.CUSTOMER)
    assert language_of(settings, None, "0790000009", "100") == ("ar", Source.LINE)
    assert language_of(settings, None, "", "200") == ("en", Source.DEFAULT)


def test_the_generation_has_the_same_name_whoever_the_customers_are(site: Path) -> None:
    before = config.load(site)
    write(site.parent, "number,language\n0790000002,ar\n")
    after = config.load(site)
    assert after.fingerprint == before.fingerprint
    assert language_of(after, None, "0790000002", "") == ("ar", Source.CUSTOMER)
    assert language_of(after, None, "0791234567", "") == ("en", Source.DEFAULT)


def test_nothing_prints_what_the_record_says(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        settings = config.load(site)
        warnings = [str(warning) for warning in config.check(settings)]
    said = " ".join([repr(settings), caplog.text, *warnings, str(dataclasses.asdict(settings.customers))])
    assert "79123" not in said
    (row,) = [warning for warning in warnings if "customers.csv" in warning]
    assert row.startswith(f"{site.parent / 'customers.csv'}:4:1: ")


def test_a_record_that_is_not_there_is_a_problem_where_it_is_named(site: Path) -> None:
    (site.parent / "customers.csv").unlink()
    with pytest.raises(config.ConfigError) as raised:
        config.load(site)
    (problem,) = raised.value.problems
    assert "cannot be read" in problem.message
    text = site.read_text(encoding="utf-8")
    assert problem.line == text[: text.index("file: customers.csv")].count("\n") + 1
