"""Readmission labels: every trap by hand, and random stays against a plain loop over patients."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from clinflu.data.episodes import COLUMNS, count_before, episodes
from clinflu.data.readmission import (
    AGAINST_ADVICE,
    ELECTIVE,
    EMERGENCY,
    HOME,
    HOSPICE,
    HOSPITAL_WIDE,
    OTHER_HOSPITAL,
    PSYCHIATRY,
    REHABILITATION,
    ReadmissionSpec,
)
from clinflu.errors import DataError

ANY = ReadmissionSpec()
PLAIN = {
    "patient_id": "p",
    "age_years": 70.0,
    "admission_type": EMERGENCY,
    "disposition": HOME,
    "died": False,
    "planned": False,
    "died_at": None,
    "followed_until": "2021-01-01",
}
TIMES = ("admitted", "discharged", "died_at", "followed_until")


def table(*rows):
    """Stays as (admitted, discharged, what differs from PLAIN)."""
    stays = []
    for place, (admitted, discharged, *other) in enumerate(rows):
        given = {"encounter_id": f"e{place}", "admitted": admitted, "discharged": discharged}
        stays.append(PLAIN | given | (other[0] if other else {}))
    frame = pd.DataFrame(stays)[list(COLUMNS)]
    return frame.assign(**{name: pd.to_datetime(frame[name], format="ISO8601") for name in TIMES})


def labels(stays, spec=ANY):
    return episodes(stays, spec).frame["readmitted"].to_dict()


def counted(stays, spec=ANY):
    return {one.reason: one.rows for one in episodes(stays, spec).exclusions if one.rows}


@pytest.mark.parametrize(
    ("again", "spec", "event"),
    [
        ("2020-01-31 23:59", ANY, 1),  # day 30 by the calendar, although 30.5 days have passed
        ("2020-02-01 00:00", ANY, 0),
        ("2020-01-31 11:59", replace(ANY, calendar_days=False), 1),
        ("2020-01-31 12:00", replace(ANY, calendar_days=False), 1),
        ("2020-01-31 12:01", replace(ANY, calendar_days=False), 0),
        ("2020-01-08 12:00", replace(ANY, window_days=7), 1),
        ("2020-01-09 00:00", replace(ANY, window_days=7), 0),
    ],
)
def test_the_last_day_of_the_window_is_included(again, spec, event):
    stays = table(("2019-12-30", "2020-01-01 12:00"), (again, "2020-02-10"))
    assert labels(stays, spec)["e0"] == event


def test_a_last_stay_counts_where_it_was_followed_and_is_never_a_silent_negative():
    ends = {day: {"followed_until": f"2020-01-{day}"} for day in ("31", "30")}
    assert labels(table(("2019-12-30", "2020-01-01", ends["31"]))) == {"e0": 0}
    short = table(("2019-12-30", "2020-01-01", ends["30"]))
    assert counted(short) == {"not followed for the whole window": 1}
    seen = table(("2019-12-30", "2020-01-01", ends["30"]), ("2020-01-20", "2020-01-22", ends["30"]))
    assert labels(seen) == {"e0": 1}


def test_unknown_follow_up_is_taken_for_complete_only_where_the_definition_says_so():
    stays = table(("2019-12-30", "2020-01-01", {"followed_until": None}))
    found = episodes(stays, ANY)
    assert found.frame["readmitted"].to_dict() == {"e0": 0}
    assert "known of no stay" in found.notes[-1]
    assert counted(stays, replace(ANY, unknown_follow_up="excluded")) == {"not followed for the whole window": 1}


def test_overlapping_and_nested_stays_are_one_episode_named_by_the_stay_that_ends_last():
    stays = table(
        ("2020-01-01", "2020-01-10", {"disposition": AGAINST_ADVICE}),
        ("2020-01-02", "2020-01-03"),
        ("2020-01-09", "2020-01-12", {"age_years": 71.0}),
        ("2020-01-20", "2020-01-21"),
    )
    found = episodes(stays, ANY).frame
    assert found["readmitted"].to_dict() == {"e2": 1, "e3": 0}
    row = found.loc["e2"]
    assert (row["first_stay"], row["stays"], row["age_years"], row["disposition"]) == ("e0", 3, 70.0, HOME)
    assert counted(stays) == {"part of a longer episode: a transfer or an overlapping stay": 2}


@pytest.mark.parametrize(
    ("hours", "went", "spec", "kept"),
    [
        (24, OTHER_HOSPITAL, ANY, 1),
        (25, OTHER_HOSPITAL, ANY, 2),
        (2, HOME, ANY, 2),
        (2, None, ANY, 2),
        (2, HOME, replace(ANY, gap_hours=2.0), 1),
        (3, HOME, replace(ANY, gap_hours=2.0), 2),
        (0, HOME, ANY, 1),
    ],
)
def test_a_transfer_goes_on_with_the_same_episode(hours, went, spec, kept):
    again = pd.Timestamp("2020-01-05 10:00") + timedelta(hours=hours)
    stays = table(("2020-01-01", "2020-01-05 10:00", {"disposition": went}), (again, again + timedelta(days=2)))
    assert len(episodes(stays, spec).frame) == kept


def test_a_chain_of_transfers_is_one_episode():
    moved = {"disposition": OTHER_HOSPITAL}
    stays = table(
        ("2020-01-01", "2020-01-03", moved),
        ("2020-01-03 20:00", "2020-01-05", moved),
        ("2020-01-05 20:00", "2020-01-09"),
    )
    assert labels(stays) == {"e2": 0}


def test_who_died_in_hospital_is_left_out_and_is_still_a_readmission_of_the_stay_before():
    stays = table(("2020-01-01", "2020-01-03"), ("2020-01-10", "2020-01-12", {"died": True}))
    assert labels(stays) == {"e0": 1}
    assert counted(stays) == {"died in hospital": 1}


@pytest.mark.parametrize(("policy", "found"), [("no event", {"e0": 0}), ("event", {"e0": 1}), ("excluded", {})])
def test_a_death_in_the_window_is_what_the_definition_says(policy, found):
    late = {"died_at": "2020-01-31 10:00", "followed_until": "2020-01-31 10:00"}
    assert labels(table(("2019-12-30", "2020-01-01", late)), replace(ANY, after_death=policy)) == found
    after = {"died_at": "2020-02-01", "followed_until": "2020-02-01"}
    assert labels(table(("2019-12-30", "2020-01-01", after)), replace(ANY, after_death=policy)) == {"e0": 0}


def test_a_planned_next_stay_is_no_readmission_and_shields_what_follows():
    planned = {"planned": True, "admission_type": ELECTIVE}
    stays = table(("2020-01-01", "2020-01-03"), ("2020-01-10", "2020-01-12", planned), ("2020-01-20", "2020-01-22"))
    assert labels(stays) == {"e0": 0, "e1": 1, "e2": 0}
    assert labels(stays, replace(ANY, planned_count=True)) == {"e0": 1, "e1": 1, "e2": 0}


def test_index_stays_can_be_narrowed_and_each_reason_is_counted():
    stays = table(
        ("2020-01-01", "2020-01-03", {"patient_id": "a", "disposition": HOSPICE}),
        ("2020-01-01", "2020-01-03", {"patient_id": "b", "age_years": 17.9}),
        ("2020-01-01", "2020-01-03", {"patient_id": "c", "age_years": np.nan}),
        ("2020-01-01", "2020-01-03", {"patient_id": "d", "admission_type": ELECTIVE}),
        ("2020-01-01", None, {"patient_id": "e"}),
        ("2020-01-01", "2020-01-03", {"patient_id": "f"}),
    )
    spec = replace(ANY, min_age_years=18.0, admission_types=(EMERGENCY,))
    assert labels(stays, spec) == {"e5": 0}
    assert counted(stays, spec) == {
        "no discharge is recorded": 1,
        "discharged: hospice": 1,
        "age is not known": 1,
        "under 18 years": 1,
        "not emergency": 1,
    }


def test_a_stay_without_an_end_swallows_nothing():
    stays = table(("2020-01-01", None), ("2020-03-01", "2020-03-03"))
    assert labels(stays) == {"e1": 0}


def test_what_the_source_does_not_say_is_said():
    silent = {"planned": None, "disposition": None, "admission_type": None}
    notes = " ".join(episodes(table(("2020-01-01", "2020-01-03", silent)), HOSPITAL_WIDE).notes)
    assert "which stays were planned" in notes
    assert "who died after discharge" in notes
    assert "where patients went" in notes
    assert "type of admission" not in notes


def put_together(own, spec):
    """Merge the stays of one patient, one after the other."""
    whole = []
    for stay in sorted(own.to_dict("records"), key=lambda one: (one["admitted"], one["discharged"])):
        last = whole[-1] if whole else None
        moved = last is not None and last["disposition"] == OTHER_HOSPITAL
        hours = max(spec.gap_hours, spec.transfer_hours) if moved else spec.gap_hours
        if last is None or stay["admitted"] - last["discharged"] > timedelta(hours=hours):
            whole.append(dict(stay))
            continue
        last["died"] = last["died"] or stay["died"]
        if stay["discharged"] >= last["discharged"]:
            ending = ("encounter_id", "discharged", "disposition", "followed_until", "died_at")
            last.update({name: stay[name] for name in ending})
    return whole


def days_after(one, time):
    return (time.date() - one["discharged"].date()).days if pd.notna(time) else np.inf


def label_by_hand(one, after, spec):
    """Return the label of an episode; None where it is left out."""
    if one["died"] or one["disposition"] in spec.leave_out:
        return None
    if spec.min_age_years is not None and not one["age_years"] >= spec.min_age_years:
        return None
    if after and days_after(one, after["admitted"]) <= spec.window_days:
        return int(spec.planned_count or not after["planned"])
    if 0 <= days_after(one, one["died_at"]) <= spec.window_days:
        return {"excluded": None, "event": 1, "no event": 0}[spec.after_death]
    return 0 if after or days_after(one, one["followed_until"]) >= spec.window_days else None


def by_hand(stays, spec):
    """The same, patient by patient and stay by stay."""
    found = {}
    for _, own in stays.groupby("patient_id"):
        whole = put_together(own, spec)
        for one, after in zip(whole, [*whole[1:], None], strict=True):
            found[one["encounter_id"]] = label_by_hand(one, after, spec)
    return {name: label for name, label in found.items() if label is not None}


def random_stays(seed):
    rng = np.random.default_rng(seed)
    n = 400
    admitted = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 300 * 24, n), unit="h")
    length = pd.to_timedelta(rng.integers(1, 20 * 24, n), unit="h")
    patients = rng.integers(0, 90, n)
    dies = pd.Timestamp("2020-03-01") + pd.to_timedelta(rng.integers(0, 500, 90), unit="D")
    dies = np.where(rng.random(90) < 0.4, dies.to_numpy(), np.datetime64("NaT"))
    return pd.DataFrame(
        {
            "encounter_id": [f"e{place}" for place in range(n)],
            "patient_id": [f"p{one}" for one in patients],
            "admitted": admitted,
            "discharged": admitted + length,
            "age_years": rng.integers(0, 100, n).astype(float),
            "admission_type": EMERGENCY,
            "disposition": rng.choice([HOME, HOSPICE, OTHER_HOSPITAL, AGAINST_ADVICE], n, p=[0.5, 0.1, 0.3, 0.1]),
            "died": rng.random(n) < 0.1,
            "planned": rng.random(n) < 0.3,
            "died_at": dies[patients],
            "followed_until": pd.Timestamp("2020-12-01"),
        }
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "spec",
    [
        ANY,
        replace(ANY, planned_count=True, after_death="event", gap_hours=12.0),
        replace(ANY, after_death="excluded", window_days=7),
        HOSPITAL_WIDE,
    ],
)
def test_random_stays_are_labelled_as_a_plain_loop_labels_them(seed, spec):
    stays = random_stays(seed)
    found = episodes(stays, spec)
    expected = by_hand(stays, spec)
    assert found.frame["readmitted"].to_dict() == expected
    assert 0 < found.frame["readmitted"].sum() < len(expected)
    assert len(stays) - sum(one.rows for one in found.exclusions) == len(found.frame)


def test_earlier_episodes_are_counted_over_the_year_before():
    stays = table(
        ("2018-12-01", "2019-01-01 11:00"),
        ("2019-02-01", "2019-02-03"),
        ("2019-06-01", "2019-06-03", {"patient_id": "another"}),
        ("2020-01-01 12:00", "2020-01-05"),
        ("2020-01-05", "2020-01-09"),
        ("2020-03-01", "2020-03-02"),
    )
    found = episodes(stays, ANY)
    assert found.frame["episodes_before"].to_dict() == {"e0": 0, "e1": 1, "e2": 0, "e4": 1, "e5": 1}
    assert found.members.to_dict() == {"e0": "e0", "e1": "e1", "e2": "e2", "e3": "e4", "e4": "e4", "e5": "e5"}


@pytest.mark.parametrize("seed", range(5))
def test_times_before_a_moment_are_counted_as_a_plain_loop_counts_them(seed):
    rng = np.random.default_rng(seed)
    patients, at_patients = rng.integers(0, 7, 200), rng.integers(0, 8, 60)
    times, at = (
        pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), unit="D")) for n in (200, 60)
    )
    expected = [
        sum(
            p == q and timedelta(0) < moment - time <= timedelta(days=180)
            for q, time in zip(patients, times, strict=True)
        )
        for p, moment in zip(at_patients, at, strict=True)
    ]
    assert count_before(patients, times, at_patients, at, 180).tolist() == expected
    assert count_before(patients[:0], times[:0], at_patients, at, 180).tolist() == [0] * 60


def test_the_order_of_the_rows_does_not_matter():
    stays = random_stays(3)
    shuffled = stays.sample(frac=1.0, random_state=1)
    pd.testing.assert_frame_equal(episodes(stays, ANY).frame, episodes(shuffled, ANY).frame)


@pytest.mark.parametrize(
    "wrong",
    [
        {"window_days": 0},
        {"window_days": 30.5},
        {"transfer_hours": -1},
        {"gap_hours": 24 * 31},
        {"after_death": "censored"},
        {"unknown_follow_up": "maybe"},
        {"leave_out": ("mars",)},
        {"admission_types": ()},
        {"admission_types": ("fun",)},
        {"min_age_years": -1},
        {"planned_count": 1},
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(DataError):
        ReadmissionSpec(**wrong)


def test_a_definition_says_all_of_itself():
    said = " ".join(replace(HOSPITAL_WIDE, gap_hours=4.0, admission_types=(EMERGENCY,), after_death="event").in_words())
    for part in ("CMS", "30 calendar days", "24 hours", "4 hours", "do not count", "is an event", "aged 65", EMERGENCY):
        assert part in said
    assert AGAINST_ADVICE in said


def test_the_hospital_wide_measure_says_what_of_it_is_not_done():
    assert "enrolment in Medicare" in HOSPITAL_WIDE.in_words()[-1]
    assert replace(ANY, note="Ours alone.").in_words() == (*ANY.in_words(), "Ours alone.")


def test_a_death_before_the_stay_is_no_death_after_it():
    before = {"died_at": "2019-06-01"}
    stays = table(("2020-01-01", "2020-01-03", before))
    assert labels(stays, replace(ANY, after_death="event")) == {"e0": 0}


@pytest.mark.parametrize("kind", [PSYCHIATRY, REHABILITATION])
def test_a_stay_in_psychiatry_or_rehabilitation_is_no_readmission_and_hides_none(kind):
    between = {"admission_type": kind, "planned": True}
    stays = table(("2020-01-01", "2020-01-03"), ("2020-01-04", "2020-01-09", between), ("2020-01-20", "2020-01-22"))
    assert labels(stays) == {"e0": 1, "e1": 1, "e2": 0}
    assert labels(table(("2020-01-01", "2020-01-03"), ("2020-01-04", "2020-01-09", between))) == {"e0": 0, "e1": 0}
    assert counted(stays, replace(HOSPITAL_WIDE, min_age_years=None)) == {f"a stay in {kind}": 1}
