"""Which records belong to which episode: traps by hand, and random records against a plain loop."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_loaders.hospital.timing import NONE, Timeline

EPISODES = pd.DataFrame(
    {
        "encounter_id": ["a1", "a2", "b1"],
        "patient_id": ["a", "a", "b"],
        "admitted": pd.to_datetime(["2020-01-10 08:00", "2020-06-01 00:00", "2020-01-11 12:00"]),
        "discharged": pd.to_datetime(["2020-01-15 17:00", "2020-06-03 00:00", "2020-01-11 20:00"]),
    }
).set_index("encounter_id")
MEMBERS = pd.Series(["a1", "a1", "a2", "b1"], index=["a0", "a1", "a2", "b1"])
ENDS = ["2020-01-12", "2020-01-15 17:00", "2020-06-03", "2020-01-11 20:00", "2019-01-02"]
STAYS = pd.DataFrame(
    {"patient_id": ["a", "a", "a", "b", "a"], "discharged": pd.to_datetime(ENDS, format="ISO8601")},
    index=["a0", "a1", "a2", "b1", "gone"],
)
TIMELINE = Timeline(EPISODES, MEMBERS, STAYS)
A1, A2, B1 = 0, 1, 2


def events(*rows):
    frame = pd.DataFrame(rows, columns=["patient_id", "encounter_id", "at"]).astype({"encounter_id": "str"})
    return frame.assign(at=pd.to_datetime(frame["at"], format="ISO8601"))


@pytest.mark.parametrize(
    ("event", "row"),
    [
        (("a", None, "2020-01-10 08:00"), A1),  # the moment of the admission
        (("a", None, "2020-01-10 07:59"), NONE),
        (("a", None, "2020-01-15 17:00"), A1),  # the moment of the discharge
        (("a", None, "2020-01-15 17:01"), NONE),
        (("a", None, "2020-01-14"), A1),  # a date alone is the end of that day
        (("a", None, "2020-01-15"), NONE),
        (("a", None, "2020-01-10"), A1),
        (("a", None, None), NONE),
        (("nobody", None, "2020-01-12 10:00"), NONE),
        (("b", None, "2020-01-12 10:00"), NONE),  # the time of another patient's episode
        (("a", "a1", None), A1),  # a stay is named, its time is not known
        (("a", "a0", None), A1),  # a stay that is part of a longer episode
        (("a", "a1", "2020-01-15"), A1),  # a date alone on the day of the discharge, but the stay is named
        (("a", "a1", "2020-01-16"), NONE),  # recorded after the discharge
        (("a", "a1", "2020-01-15 17:00:01"), NONE),
        (("a", "a1", "2020-01-09 23:00"), A1),  # in the emergency room, before the admission
        (("a", "a0", "2020-01-13 10:00"), A1),  # after its own stay, but within the episode
        (("a", "gone", "2020-01-12 10:00"), NONE),  # a stay that is part of no episode
        (("a", "a2", "2020-06-03 18:00"), A2),  # only the date of the discharge is known, and the stay is named
        (("a", None, "2020-06-03 18:00"), NONE),
        (("a", "a2", "2020-06-04 00:00"), NONE),
        (("b", "a1", "2020-01-11 13:00"), B1),  # a stay of another patient: the time tells
        (("b", "a1", "2020-01-12 13:00"), NONE),
        (("b", "a1", None), NONE),
        (("a", "unheard of", "2020-01-12 10:00"), A1),  # a visit that is no stay: the time tells
    ],
)
def test_an_event_belongs_to_one_episode_or_to_none(event, row):
    assert TIMELINE.within(events(event)).tolist() == [row]


@pytest.mark.parametrize(
    ("event", "known"),
    [
        (("a", "a1", "2020-01-11 09:00"), "2020-01-15 17:00"),  # coded at the end of its stay
        (("a", "a1", None), "2020-01-15 17:00"),
        (("a", "a1", "2020-01-20 09:00"), "2020-01-20 09:00"),  # or later
        (("a", None, "2020-01-11 09:00"), "2020-01-11 09:00"),
        (("a", None, "2020-01-11"), "2020-01-11 23:59:59"),
        (("a", None, None), None),
    ],
)
def test_a_diagnosis_is_known_from_the_end_of_its_stay(event, known):
    found = TIMELINE.coded_at(events(event))
    np.testing.assert_array_equal(found, np.array([known], dtype="datetime64[s]"))


@pytest.mark.parametrize(
    ("at", "row_a1", "row_a2"),
    [
        ("2019-01-10 08:00", True, False),  # 365 days before the admission
        ("2019-01-10 07:59", False, False),
        ("2020-01-15 17:00", True, True),
        ("2020-01-15 17:01", False, True),
        ("2020-06-03 00:00", False, True),
        ("2020-06-03 00:01", False, False),
    ],
)
def test_shortly_before_is_the_episode_and_the_year_before(at, row_a1, row_a2):
    keys = TIMELINE.keys(pd.Series(["a"]), np.array([at], dtype="datetime64[s]"))
    assert TIMELINE.shortly_before(keys).tolist() == [row_a1, row_a2, False]


def test_events_that_name_a_stay_of_another_patient_are_counted():
    named = events(("b", "a1", "2020-01-11 13:00"), ("a", "a1", None), ("b", "b1", None), ("b", None, None))
    assert TIMELINE.strangers(named) == 1


def test_nothing_known_is_nothing_before():
    assert not TIMELINE.shortly_before(np.array([NONE])).any()
    assert not TIMELINE.count_before(np.zeros(0, dtype=np.int64), 365).any()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_random_events_are_placed_as_a_plain_loop_places_them(seed):
    rng = np.random.default_rng(seed)
    episodes, members, stays = random_episodes(rng)
    found = random_events(rng, episodes)
    timeline = Timeline(episodes, members, stays)
    keys = timeline.keys(found["patient_id"], found["at"].to_numpy("datetime64[s]"))
    expected = [plain_place(event, episodes, stays) for event in found.itertuples()]
    assert timeline.within(found).tolist() == expected
    before = timeline.count_before(keys, 30, gap_days=1), timeline.shortly_before(keys)
    for place, one in enumerate(episodes.itertuples()):
        own = [
            event.at for event in found.itertuples() if event.patient_id == one.patient_id and event.at is not pd.NaT
        ]
        start, stop = (one.admitted - timedelta(days=days) for days in (30, 1))
        assert before[0][place] == sum(start <= at < stop for at in own)
        assert before[1][place] == any(one.admitted - timedelta(days=365) <= at <= one.discharged for at in own)


def random_episodes(rng):
    rows = []
    for patient in range(rng.integers(1, 5)):
        at = pd.Timestamp("2020-01-01") + timedelta(hours=int(rng.integers(0, 500)))
        for _ in range(rng.integers(1, 4)):
            end = at + timedelta(minutes=int(rng.integers(0, 9000)))
            rows.append((f"e{len(rows)}", str(patient), at, end))
            at = end + timedelta(minutes=int(rng.integers(1, 60_000)))
    frame = pd.DataFrame(rows, columns=["encounter_id", "patient_id", "admitted", "discharged"])
    frame = frame.set_index("encounter_id")
    return frame, pd.Series(frame.index, index=frame.index), frame[["patient_id", "discharged"]]


def random_events(rng, episodes):
    n = 40
    whose = rng.integers(0, len(episodes), n)
    at = episodes["admitted"].iloc[whose].reset_index(drop=True)
    at = at + pd.to_timedelta(rng.integers(-60_000, 60_000, n), unit="m")
    at = at.where(rng.random(n) < 0.7, at.dt.normalize()).where(rng.random(n) < 0.95)
    named = pd.Series(episodes.index[whose]).where(rng.random(n) < 0.5)
    patients = episodes["patient_id"].iloc[whose].reset_index(drop=True)
    return pd.DataFrame({"patient_id": patients, "encounter_id": named.astype("str"), "at": at})


def plain_place(event, episodes, stays):
    at = event.at
    if event.encounter_id in stays.index:
        place = episodes.index.get_loc(event.encounter_id)
        end = episodes["discharged"].iloc[place]
        end += timedelta(hours=23, minutes=59, seconds=59) if end == end.normalize() else timedelta(0)
        return NONE if at is not pd.NaT and at > end else place
    if at is pd.NaT:
        return NONE
    if at == at.normalize():
        at += timedelta(hours=23, minutes=59, seconds=59)
    inside = (
        (episodes["patient_id"] == event.patient_id) & (episodes["admitted"] <= at) & (episodes["discharged"] >= at)
    )
    return int(np.flatnonzero(inside)[0]) if inside.any() else NONE
