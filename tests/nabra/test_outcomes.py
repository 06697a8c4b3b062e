"""Outcomes: manager events, in the order that Asterisk raises them, become what happened to a call."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from nabra.operations.bus import EventKind
from nabra.operations.outcomes import Outcome, Outcomes

CALLER = {"Uniqueid": "1700.1", "Linkedid": "1700.1"}


def followed() -> Outcomes:
    outcomes = Outcomes()
    outcomes.follow("call-a", "main", "1700.1", "1700.1", 100.0)
    return outcomes


def feed(outcomes: Outcomes, *events: tuple[float, str, Mapping[str, str]]) -> list[Outcome]:
    return [out for now_s, name, fields in events for out in outcomes.receive("main", name, fields, now_s)]


def kinds(told: list[Outcome]) -> list[str]:
    return [outcome.kind.value for outcome in told]


JOIN = {**CALLER, "Queue": "sales", "Position": "3"}


def test_an_answered_call() -> None:
    told = feed(
        followed(),
        (101.0, "QueueCallerJoin", JOIN),
        (108.5, "QueueCallerLeave", {**CALLER, "Queue": "sales"}),
        (108.5, "AgentConnect", {**CALLER, "Queue": "sales", "MemberName": "PJSIP/7", "HoldTime": "7"}),
        (
            200.0,
            "AgentComplete",
            {**CALLER, "Queue": "sales", "MemberName": "PJSIP/7", "TalkTime": "91", "Reason": "caller"},
        ),
        (200.1, "Hangup", {**CALLER, "Cause": "16", "Cause-txt": "Normal Clearing"}),
    )
    assert kinds(told) == ["queue_join", "queue_answer", "queue_complete", "hung_up"]
    assert told[0].data == {"queue": "sales", "position": 3}
    assert told[1].data == {"queue": "sales", "agent": "PJSIP/7", "waited_s": 7.5}
    assert told[2].data["talked_s"] == 91.0
    assert told[3].data == {"cause": 16, "text": "Normal Clearing"}
    assert {outcome.call for outcome in told} == {"call-a"}


def test_an_abandoned_call() -> None:
    told = feed(
        followed(),
        (101.0, "QueueCallerJoin", JOIN),
        (131.0, "QueueCallerAbandon", {**CALLER, "Queue": "sales", "HoldTime": "30"}),
        (131.0, "QueueCallerLeave", {**CALLER, "Queue": "sales"}),
        (131.1, "Hangup", CALLER),
    )
    assert kinds(told) == ["queue_join", "queue_abandon", "hung_up"]
    assert told[1].data == {"queue": "sales", "waited_s": 30.0}


def test_a_queue_that_gave_up_is_told_with_its_own_time() -> None:
    told = feed(
        followed(),
        (101.0, "QueueCallerJoin", JOIN),
        (161.0, "QueueCallerLeave", {**CALLER, "Queue": "sales"}),
        (161.2, "QueueCallerJoin", {**CALLER, "Queue": "reception", "Position": "1"}),
        (162.0, "QueueCallerAbandon", {**CALLER, "Queue": "reception"}),
    )
    assert kinds(told) == ["queue_join", "queue_leave", "queue_join", "queue_abandon"]
    assert (told[1].at_s, told[1].data) == (161.0, {"queue": "sales", "waited_s": 60.0})
    assert told[3].data["waited_s"] == 0.8


def test_transfers_are_found_by_channel_or_by_conversation() -> None:
    blind = {"Result": "Success", "TransfereeUniqueid": "1700.1", "Extension": "7001"}
    attended = {
        "Result": "Success",
        "OrigTransfererUniqueid": "1700.5",
        "OrigTransfererLinkedid": "1700.1",
        "TransferTargetCallerIDNum": "7002",
    }
    refused = {**blind, "Result": "Not Permitted"}
    told = feed(
        followed(),
        (1.0, "BlindTransfer", blind),
        (2.0, "AttendedTransfer", attended),
        (3.0, "BlindTransfer", refused),
    )
    assert [outcome.data for outcome in told] == [
        {"how": "blind", "to": "7001"},
        {"how": "attended", "to": "7002"},
    ]


def test_numbers_that_are_none_do_no_harm() -> None:
    told = feed(
        followed(),
        (1.0, "QueueCallerJoin", {**CALLER, "Queue": "q", "Position": "nan"}),
        (2.0, "Hangup", {**CALLER, "Cause": "inf"}),
    )
    assert [outcome.data for outcome in told] == [{"queue": "q", "position": 0}, {"cause": 0, "text": ""}]


def test_other_channels_and_other_pbxs_are_not_ours() -> None:
    outcomes = followed()
    assert (
        outcomes.receive("main", "QueueCallerJoin", {"Uniqueid": "1700.2", "Linkedid": "1700.1"}, 1.0) == []
    )
    assert outcomes.receive("branch", "QueueCallerJoin", JOIN, 1.0) == []
    assert outcomes.receive("main", "Newstate", CALLER, 1.0) == []


def test_an_answer_without_a_seen_join_takes_the_pbxs_word_for_the_wait() -> None:
    told = feed(followed(), (9.0, "AgentConnect", {**CALLER, "Queue": "sales", "HoldTime": "12"}))
    assert told[0].data["waited_s"] == 12.0


def test_a_hang_up_is_told_once_and_the_call_forgotten_later() -> None:
    outcomes = followed()
    assert kinds(feed(outcomes, (101.0, "Hangup", CALLER), (101.0, "Hangup", CALLER))) == ["hung_up"]
    outcomes.follow("call-b", "main", "1700.9", "1700.9", 105.0)
    assert len(outcomes) == 2
    outcomes.follow("call-c", "main", "1700.10", "1700.10", 120.0)
    assert len(outcomes) == 2
    assert outcomes.forgotten == 0


def test_memory_is_bounded_even_when_no_hang_up_is_ever_seen() -> None:
    outcomes = Outcomes(max_calls=10, keep_s=100.0)
    for number in range(1000):
        outcomes.follow(f"c{number}", "main", f"u{number}", f"l{number}", number * 0.01)
    assert len(outcomes) == 10
    assert outcomes.forgotten == 990
    outcomes.follow("last", "main", "u", "l", 1000.0)
    assert len(outcomes) == 1


def test_the_line_for_the_store_says_when_and_what() -> None:
    told = feed(followed(), (101.0, "QueueCallerJoin", JOIN))
    assert told[0].line(1_800_014_400.25) == {
        "kind": "outcome",
        "call": "call-a",
        "pbx": "main",
        "outcome": "queue_join",
        "time": "2027-01-15T12:00:00.250+00:00",
        "queue": "sales",
        "position": 3,
    }


names = st.sampled_from(
    [
        "QueueCallerJoin",
        "QueueCallerLeave",
        "QueueCallerAbandon",
        "AgentConnect",
        "AgentComplete",
        "BlindTransfer",
        "AttendedTransfer",
        "Hangup",
        "Other",
    ]
)
values = st.dictionaries(
    st.sampled_from(
        [
            "Uniqueid",
            "Linkedid",
            "Queue",
            "Position",
            "HoldTime",
            "TalkTime",
            "Cause",
            "Result",
            "TransfereeUniqueid",
        ]
    ),
    st.one_of(st.sampled_from(["1700.1", "Success", "3", "", "nan"]), st.text(max_size=5)),
    max_size=6,
)


@given(st.lists(st.tuples(names, values), max_size=30))
def test_no_event_breaks_it(events: list[tuple[str, dict[str, str]]]) -> None:
    outcomes = followed()
    for number, (name, fields) in enumerate(events):
        for outcome in outcomes.receive("main", name, fields, 100.0 + number):
            assert outcome.call == "call-a"
            assert isinstance(outcome.kind, EventKind)


def test_what_the_dialplan_did_is_told_whatever_was_asked_for() -> None:
    outcomes = Outcomes()
    outcomes.follow("c", "main", "1.1", "1.1", 0.0)
    fields = {"UserEvent": "NabraRoute", "Uniqueid": "1.1", "Route": "reception", "Why": "watchdog"}
    (told,) = outcomes.receive("main", "UserEvent", fields, 20.0)
    assert told.kind is EventKind.PBX_ROUTE
    assert told.line(0.0)["why"] == "watchdog"


def test_a_channel_that_comes_twice_is_followed_once_and_forgotten_once() -> None:
    outcomes = Outcomes(keep_s=100.0)
    outcomes.follow("first", "main", "1.1", "1.1", 0.0)
    outcomes.follow("second", "main", "1.1", "1.1", 50.0)
    assert len(outcomes) == 1
    (told,) = outcomes.receive("main", "QueueCallerJoin", {"Uniqueid": "1.1", "Queue": "q"}, 51.0)
    assert told.call == "second"
    outcomes.follow("third", "main", "2.2", "2.2", 200.0)
    assert len(outcomes) == 1, "the second is forgotten in its time"


def test_a_channel_without_an_id_is_not_followed() -> None:
    outcomes = Outcomes()
    outcomes.follow("c", "main", "", "", 0.0)
    assert len(outcomes) == 0
    assert outcomes.receive("main", "QueueCallerJoin", {"Queue": "q"}, 1.0) == []
