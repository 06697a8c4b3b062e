"""Pairing of sockets and announcements: properties over any order, and the reading of the announcement."""

from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.ami_packets import AmiEvent
from telephony.pairing import Announcement, Expired, Pairing, announcement_from


@dataclass(frozen=True, slots=True)
class Leg:
    name: int


def announcement(call: UUID, pbx: str = "main") -> Announcement:
    return Announcement(call, pbx, f"PJSIP/a-{call.hex[:6]}", "1.1", "1.1", "100", "Ann", "200", None)


CALLS = [UUID(int=number + 1) for number in range(6)]
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["socket", "event", "close", "tick"]), st.sampled_from(range(6)), st.floats(0, 1)
    ),
    max_size=60,
)


def test_socket_first() -> None:
    pairing: Pairing[Leg] = Pairing(1.0)
    leg = Leg(1)
    assert pairing.connected(CALLS[0], leg, 0.0) is None
    assert pairing.next_deadline() == 1.0
    pair = pairing.announced(announcement(CALLS[0]), 0.5)
    assert pair is not None
    assert pair.leg is leg
    assert pairing.next_deadline() is None


def test_announcement_first() -> None:
    pairing: Pairing[Leg] = Pairing(1.0)
    leg = Leg(1)
    assert pairing.announced(announcement(CALLS[0]), 0.0) is None
    pair = pairing.connected(CALLS[0], leg, 0.9)
    assert pair is not None
    assert pair.announcement.call == CALLS[0]
    assert pairing.waiting == 0


def test_a_socket_that_nothing_announces_is_given_up_at_its_deadline_and_not_before() -> None:
    pairing: Pairing[Leg] = Pairing(1.0)
    leg = Leg(1)
    pairing.connected(CALLS[0], leg, 10.0)
    assert pairing.expired(10.999) == Expired((), ())
    assert pairing.expired(11.0) == Expired(((CALLS[0], leg),), ())
    assert pairing.announced(announcement(CALLS[0]), 11.1) is None


def test_second_socket_of_a_call_is_given_up_at_once_and_the_first_keeps_its_place() -> None:
    pairing: Pairing[Leg] = Pairing(1.0)
    first, second = Leg(1), Leg(2)
    pairing.connected(CALLS[0], first, 0.0)
    assert pairing.connected(CALLS[0], second, 0.1) is None
    assert pairing.next_deadline() == float("-inf")
    assert pairing.expired(0.1).legs == ((CALLS[0], second),)
    pair = pairing.announced(announcement(CALLS[0]), 0.2)
    assert pair is not None
    assert pair.leg is first


def test_second_announcement_cannot_take_a_call_over() -> None:
    pairing: Pairing[Leg] = Pairing(1.0)
    pairing.announced(announcement(CALLS[0], "main"), 0.0)
    pairing.announced(announcement(CALLS[0], "evil"), 0.1)
    pair = pairing.connected(CALLS[0], Leg(1), 0.2)
    assert pair is not None
    assert pair.announcement.pbx == "main"


def test_a_flood_of_sockets_costs_the_oldest_its_place_and_no_memory() -> None:
    pairing: Pairing[Leg] = Pairing(1.0, max_waiting=10)
    for number in range(1000):
        pairing.connected(uuid4(), Leg(number), 0.0)
        assert len(pairing.expired(0.0).legs) == (1 if number >= 10 else 0)
    assert pairing.waiting == 10


def test_a_flood_of_announcements_is_bounded_even_when_nobody_asks_what_expired() -> None:
    pairing: Pairing[Leg] = Pairing(1.0, max_waiting=10)
    for _ in range(1000):
        pairing.announced(announcement(uuid4()), 0.0)
    assert pairing.waiting == 10
    assert len(pairing.expired(2.0).announcements) <= 20


@pytest.mark.parametrize(("grace_s", "most"), [(0.0, 10), (-1.0, 10), (1.0, 0)])
def test_senseless_limits_are_refused(grace_s: float, most: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        Pairing(grace_s, most)


@given(EVENTS)
def test_each_half_ends_exactly_once(events: list[tuple[str, int, float]]) -> None:
    """Whatever comes in whatever order: a leg is paired, given up or closed, once; a pair is of one call."""
    pairing: Pairing[Leg] = Pairing(1.0, max_waiting=4)
    now_s = 0.0
    open_legs: dict[int, tuple[UUID, Leg]] = {}
    ended: list[int] = []
    for number, (kind, which, step_s) in enumerate(events):
        now_s += step_s
        pair = None
        if kind == "socket":
            leg = Leg(number)
            open_legs[number] = (CALLS[which], leg)
            pair = pairing.connected(CALLS[which], leg, now_s)
        elif kind == "event":
            pair = pairing.announced(announcement(CALLS[which]), now_s)
        elif kind == "close" and open_legs:
            key = sorted(open_legs)[which % len(open_legs)]
            call, leg = open_legs.pop(key)
            pairing.closed(call, leg)
            ended.append(leg.name)
        else:
            deadline = pairing.next_deadline()
            gone = pairing.expired(now_s)
            assert (deadline is not None and deadline <= now_s) == bool(gone.legs or gone.announcements)
            for call, leg in gone.legs:
                assert open_legs.pop(leg.name)[0] == call
                ended.append(leg.name)
        if pair is not None:
            assert open_legs.pop(pair.leg.name)[0] == pair.announcement.call
            ended.append(pair.leg.name)
    for _, leg in pairing.expired(now_s + 1.0).legs:
        open_legs.pop(leg.name)
        ended.append(leg.name)
    assert not open_legs
    assert len(ended) == len(set(ended))
    assert pairing.waiting == 0
    assert pairing.next_deadline() is None


CALL = UUID("11111111-2222-4333-8444-555555555555")
FIELDS = {
    "UserEvent": "NabraCall",
    "Channel": "PJSIP/trunk-00000001",
    "CallerIDNum": "+4912345",
    "CallerIDName": "Ann",
    "Language": "en",
    "Uniqueid": "1700000000.1",
    "Linkedid": "1700000000.0",
    "CallUUID": str(CALL),
    "Dialled": "200",
    "CallLanguage": "ar",
}


def test_announcement_is_read_from_the_event() -> None:
    expected = Announcement(
        CALL, "main", "PJSIP/trunk-00000001", "1700000000.1", "1700000000.0", "+4912345", "Ann", "200", "ar"
    )
    assert announcement_from(AmiEvent("UserEvent", FIELDS), "main") == expected


def test_the_channels_own_language_is_not_taken_for_the_calls() -> None:
    read = announcement_from(AmiEvent("UserEvent", FIELDS | {"CallLanguage": ""}), "main")
    assert read is not None
    assert read.language is None


@pytest.mark.parametrize(
    "change",
    [
        {"UserEvent": "Other"},
        {"Channel": ""},
        {"CallUUID": ""},
        {"CallUUID": "nonsense"},
        {"CallUUID": "{" + str(CALL) + "}"},
        {"CallUUID": CALL.hex},
    ],
)
def test_other_events_are_no_announcement(change: dict[str, str]) -> None:
    assert announcement_from(AmiEvent("UserEvent", FIELDS | change), "main") is None


def test_caller_text_is_cut_and_freed_of_control_characters() -> None:
    name = "Eve\u2028Channel: PJSIP/evil\x0b\u202e" + "x" * 10_000
    read = announcement_from(AmiEvent("UserEvent", FIELDS | {"CallerIDName": name}), "main")
    assert read is not None
    assert read.caller_name.startswith("EveChannel: PJSIP/evilx")
    assert len(read.caller_name) <= 128
    unknown = announcement_from(AmiEvent("UserEvent", FIELDS | {"CallerIDNum": "<unknown>"}), "main")
    assert unknown is not None
    assert unknown.caller_number == ""


@pytest.mark.parametrize(
    ("sent", "name"), [(r"O\'Neill", "O'Neill"), (r"a\\b", r"a\b"), (r"a\r\nb", "ab"), ("a\\", "a\\")]
)
def test_escapes_of_the_manager_interface_are_undone(sent: str, name: str) -> None:
    read = announcement_from(AmiEvent("UserEvent", FIELDS | {"CallerIDName": sent}), "main")
    assert read is not None
    assert read.caller_name == name


def test_arabic_names_stay() -> None:
    read = announcement_from(AmiEvent("UserEvent", FIELDS | {"CallerIDName": "عبد الله"}), "main")
    assert read is not None
    assert read.caller_name == "عبد الله"
