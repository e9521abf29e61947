"""Patients and stays of MEDS events: each admission with the discharge of its id, or else that follows it."""

import pandas as pd

from data_loaders.hospital.ages import age_at, died_within
from data_loaders.hospital.lookup import looked_up
from data_loaders.hospital.records import in_form
from data_loaders.hospital.words import DIED, admission_type, disposition, is_planned, plain_words
from data_loaders.meds_codes import BETWEEN, BIRTH, DEATH, RACE, SEX, SEXES

WHOSE = ["patient_id", "encounter_id"]


def patients(people: pd.DataFrame, starts: pd.DataFrame) -> pd.DataFrame:
    """Return the patients who were ever admitted.

    Parameters
    ----------
    people : DataFrame
        Events of birth, death, sex and race.
    starts : DataFrame
        Admissions.
    """
    ids = starts["patient_id"].drop_duplicates()
    sex, race = _word_of(people, SEX).str[:1].str.upper().map(SEXES).astype("str"), _race_of(people, starts)
    return in_form("patients", {"patient_id": ids, "sex": looked_up(ids, sex), "race": looked_up(ids, race)})


def stays(people: pd.DataFrame, starts: pd.DataFrame, ends: pd.DataFrame) -> pd.DataFrame:
    """Return the stays: admissions, each with the discharge of its id, or else with one that has no id of another.

    Without ids, an admission after which no discharge comes before the next has none.

    Parameters
    ----------
    people : DataFrame
        Events of birth, death, sex and race.
    starts, ends : DataFrame
        Admissions and discharges. A stay without an id is known by its patient and its number.
    """
    paired = _paired(starts, ends)
    born, dead = (_time_of(people, code) for code in (BIRTH, DEATH))
    died_at = looked_up(paired["patient_id"], dead)
    kind = admission_type(_word(paired["code"], 1))
    went = disposition(paired["went"])
    columns = {
        **{name: paired[name] for name in ("encounter_id", "patient_id", "admitted", "discharged")},
        "admission_type": kind,
        "admission_source": plain_words(_word(paired["code"], 2)),
        "disposition": went.mask(went == DIED),
        "died": (went == DIED) | died_within(died_at, paired["admitted"], paired["discharged"]),
        "planned": is_planned(kind),
        "died_at": died_at,
        "age_years": age_at(looked_up(paired["patient_id"], born), paired["admitted"]),
    }
    return in_form("stays", columns)


def _paired(starts: pd.DataFrame, ends: pd.DataFrame) -> pd.DataFrame:
    """Return the admissions with ``admitted``, ``discharged`` and ``went``, the words of the discharge."""
    starts, ends = (one.sort_values(["patient_id", "at"], kind="stable", ignore_index=True) for one in (starts, ends))
    closed_by = _by_id(starts, ends)
    left = ~pd.MultiIndex.from_frame(ends[WHOSE]).isin(_with_an_id(starts))
    for pair in (_in_time, _at_once):
        more = pair(starts[closed_by.isna()], ends[left & ~ends.index.isin(closed_by)])
        closed_by = closed_by.fillna(more.reindex(closed_by.index))
    closing = ends.reindex(closed_by).set_axis(starts.index)
    number = (starts.groupby("patient_id").cumcount() + 1).astype("str")
    return starts.assign(
        admitted=starts["at"],
        discharged=closing["at"],
        went=_word(closing["code"], 1),
        encounter_id=starts["encounter_id"].fillna(starts["patient_id"] + "-" + number),
    )


def _with_an_id(events: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(events.loc[events["encounter_id"].notna(), WHOSE])


def _by_id(starts: pd.DataFrame, ends: pd.DataFrame) -> pd.Series:
    """Return the row of the first discharge of the same patient and id, by row of the admission."""
    known = ends[ends["encounter_id"].notna()].drop_duplicates(WHOSE)
    found = starts[WHOSE].merge(known[WHOSE].assign(end=known.index), on=WHOSE, how="left")
    return found["end"].astype("float64").set_axis(starts.index)


def _in_time(starts: pd.DataFrame, ends: pd.DataFrame) -> pd.Series:
    """Return the row of the discharge that comes next, if no other admission comes before it.

    A discharge at the moment of an admission comes before it.
    """
    moments = pd.concat([starts.assign(row=starts.index, order=1), ends.assign(row=ends.index, order=0)])
    moments = moments.sort_values(["patient_id", "at", "order"], kind="stable", ignore_index=True)
    after = moments.groupby("patient_id", sort=False)[["row", "order", "encounter_id"]].shift(-1)
    own = moments["encounter_id"].isna() | after["encounter_id"].isna()
    closed = (moments["order"] == 1) & (after["order"] == 0) & own
    return pd.Series(after.loc[closed, "row"].array, index=moments.loc[closed, "row"], dtype="float64")


def _at_once(starts: pd.DataFrame, ends: pd.DataFrame) -> pd.Series:
    """Return the row of the discharge at the moment of the admission."""
    at = ["patient_id", "at"]
    first, last = (
        one[one["at"].notna()].assign(row=one.index, place=one.groupby(at).cumcount()) for one in (starts, ends)
    )
    found = first.merge(last, on=[*at, "place"], suffixes=("", "_of_end"))
    found = found[found["encounter_id"].isna() | found["encounter_id_of_end"].isna()]
    return pd.Series(found["row_of_end"].array, index=found["row"], dtype="float64")


def _race_of(people: pd.DataFrame, starts: pd.DataFrame) -> pd.Series:
    """Return the race of each patient, as it was told at the first admission at the latest or at no time."""
    admitted = looked_up(people["patient_id"], starts.groupby("patient_id")["at"].min())
    return _word_of(people[people["at"].isna() | (people["at"] <= admitted)], RACE)


def _word_of(people: pd.DataFrame, prefixes: tuple[str, ...]) -> pd.Series:
    some = people[people["code"].str.startswith(prefixes)].sort_values("at", kind="stable", na_position="first")
    some = some.drop_duplicates("patient_id")
    return pd.Series(_word(some["code"], 1).array, index=some["patient_id"])


def _time_of(people: pd.DataFrame, code: str) -> pd.Series:
    return people[people["code"].str.startswith(code)].groupby("patient_id")["at"].min()


def _word(codes: pd.Series, place: int) -> pd.Series:
    """Return the word of each code at a place, missing where it has none."""
    parts = {code: [*code.split(BETWEEN), *[None] * place][place] for code in codes.dropna().unique()}
    return codes.map(parts).astype("str")
