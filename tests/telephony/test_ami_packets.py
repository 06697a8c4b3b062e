"""Packets of the manager interface: read strictly, however they are cut; nothing written breaks out of its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony import ami_packets
from telephony.ami import AmiEvent, AmiResponse
from telephony.ami_packets import PacketReader, check_action, encode_packet
from telephony.errors import AmiPacketError, AmiValueError
from tests.telephony.ami_side import BANNER


def read_all(data: bytes, step: int | None = None) -> list[AmiEvent | AmiResponse]:
    reader = PacketReader()
    packets = []
    for start in range(0, len(data), step or max(1, len(data))):
        reader.receive_data(data[start : start + (step or len(data))])
        while (packet := reader.next_packet()) is not None:
            packets.append(packet)
    return packets


def test_packets_are_the_same_whole_and_byte_by_byte_and_with_trailing_bytes() -> None:
    data = (
        BANNER
        + b"Response: Success\r\nActionID: 1\r\nMessage: Authentication accepted\r\n\r\n"
        + b"Event: Hangup\r\nChannel: PJSIP/a-1\r\nCause-txt: Normal Clearing\r\nEmpty: \r\n\r\n"
    )
    whole = read_all(data)
    assert whole == read_all(data, 1) == read_all(data + b"Event: Half\r\nA: b\r\n", 7)
    assert [type(packet) for packet in whole] == [AmiResponse, AmiEvent]
    assert whole[1].fields == {"Channel": "PJSIP/a-1", "Cause-txt": "Normal Clearing", "Empty": ""}


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x85", "\r", "\n"])
def test_nothing_but_cr_lf_ends_a_line(separator: str) -> None:
    name = f"Eve{separator}Channel: PJSIP/evil-1"
    data = f"Event: UserEvent\r\nCallerIDName: {name}\r\nChannel: PJSIP/good-1\r\n\r\n".encode()
    (packet,) = read_all(BANNER + data)
    assert packet.fields["Channel"] == "PJSIP/good-1"
    assert packet.fields["CallerIDName"] == name


def test_the_first_of_repeated_headers_counts() -> None:
    data = b"Event: UserEvent\r\nChannel: PJSIP/good-1\r\nX: a, Channel: b\r\nChannel: PJSIP/evil-1\r\n\r\n"
    (packet,) = read_all(BANNER + data)
    assert packet.fields["Channel"] == "PJSIP/good-1"


def test_lines_of_a_commands_output_stay_together() -> None:
    lines = b"".join(b"Output: line %d\r\n" % number for number in range(2000))
    (packet,) = read_all(BANNER + b"Response: Success\r\nActionID: 1\r\n" + lines + b"\r\n")
    assert packet.fields["Output"].split("\n") == [f"line {number}" for number in range(2000)]


def test_lines_that_are_no_headers_are_counted_and_skipped() -> None:
    reader = PacketReader()
    reader.receive_data(BANNER + b"Event: A\r\nno header\r\n: x\r\n\xff\xfe: y\r\nB: c\r\n\r\n")
    packet = reader.next_packet()
    assert packet is not None
    assert packet.fields == {"B": "c"}
    assert reader.ignored_lines == 3


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"x" * ami_packets.MAX_BANNER_BYTES,
        BANNER + b"Event: A\r\nB: " + b"c" * ami_packets.MAX_EVENT_BYTES + b"\r\n\r\n",
        BANNER + b"Event: A\r\nB: " + b"c" * ami_packets.MAX_EVENT_BYTES,
        BANNER + b"Response: A\r\nB: " + b"c" * ami_packets.MAX_RESPONSE_BYTES,
        BANNER + b"\0" * (ami_packets.MAX_EVENT_BYTES + 4),
    ],
)
def test_what_is_not_asterisk_or_too_large_is_refused(data: bytes) -> None:
    with pytest.raises(AmiPacketError):
        read_all(data, 1000)


@given(st.binary(max_size=400), st.integers(1, 50))
def test_any_bytes_end_in_packets_or_in_our_error(data: bytes, step: int) -> None:
    """Any other error fails here; and what they end in does not depend on how they are cut."""

    def outcome(data: bytes, step: int | None) -> list[AmiEvent | AmiResponse] | str:
        try:
            return read_all(data, step)
        except AmiPacketError as error:
            return str(error)

    for start in (b"", BANNER):
        assert outcome(start + data, step) == outcome(start + data, None)


@given(st.dictionaries(st.from_regex(r"[A-Z][a-z0-9_-]{0,10}", fullmatch=True), st.text(max_size=40), max_size=5))
def test_what_is_written_is_what_is_read(fields: dict[str, str]) -> None:
    try:
        data = encode_packet(("Event", "Test"), fields)
    except AmiValueError:
        assert any(set(value) & set("\r\n\0") for value in fields.values())
    except UnicodeEncodeError:
        assert any("\ud800" <= c <= "\udfff" for value in fields.values() for c in value)
    else:
        (packet,) = read_all(BANNER + data)
        assert packet.fields == {key: value for key, value in fields.items() if key != "Output"} | (
            {"Output": fields["Output"]} if "Output" in fields else {}
        )


@pytest.mark.parametrize("value", ["a\r\nAction: Originate", "a\nb", "a\rb", "a\0b"])
def test_values_that_would_break_out_of_their_line_are_refused(value: str) -> None:
    with pytest.raises(AmiValueError, match="Value"):
        check_action("Setvar", {"Value": value})


@pytest.mark.parametrize(("name", "key"), [("Set var", "A"), ("", "A"), ("Setvar", "A: b"), ("Setvar", "")])
def test_names_that_are_none_are_refused(name: str, key: str) -> None:
    with pytest.raises(AmiValueError):
        check_action(name, {key: "x"})
