"""Patients and stays of MEDS events: each admission with the discharge that follows it."""

import pandas as pd

from data_loaders.hospital.ages import age_at, died_within
from data_loaders.hospital.lookup import looked_up
from data_loaders.hospital.records import in_form
from data_loaders.hospital.words import DIED, admission_type, disposition, is_planned, plain_words
from data_loaders.meds_codes import BETWEEN, BIRTH, DEATH, RACE, SEX, SEXES


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
    sex, race = _word_of(people, SEX).str[:1].str.upper().map(SEXES).astype("str"), _word_of(people, RACE)
    return in_form("patients", {"patient_id": ids, "sex": looked_up(ids, sex), "race": looked_up(ids, race)})


def stays(people: pd.DataFrame, starts: pd.DataFrame, ends: pd.DataFrame) -> pd.DataFrame:
    """Return the stays; an admission after which no discharge comes before the next has none.

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
    moments = pd.concat([starts.assign(order=1), ends.assign(order=0)], ignore_index=True)
    moments = moments.sort_values(["patient_id", "at", "order"], kind="stable", ignore_index=True)
    after = moments.groupby("patient_id", sort=False)[["at", "code", "order"]].shift(-1)
    ended = after["order"] == 0
    paired = moments.assign(
        admitted=moments["at"], discharged=after["at"].where(ended), went=_word(after["code"].where(ended), 1)
    )
    paired = paired[moments["order"] == 1].reset_index(drop=True)
    number = (paired.groupby("patient_id").cumcount() + 1).astype("str")
    return paired.assign(encounter_id=paired["encounter_id"].fillna(paired["patient_id"] + "-" + number))


def _word_of(people: pd.DataFrame, prefixes: tuple[str, ...]) -> pd.Series:
    some = people[people["code"].str.startswith(prefixes)].drop_duplicates("patient_id")
    return pd.Series(_word(some["code"], 1).array, index=some["patient_id"])


def _time_of(people: pd.DataFrame, code: str) -> pd.Series:
    return people[people["code"].str.startswith(code)].groupby("patient_id")["at"].min()


def _word(codes: pd.Series, place: int) -> pd.Series:
    """Return the word of each code at a place, missing where it has none."""
    parts = {code: [*code.split(BETWEEN), *[None] * place][place] for code in codes.dropna().unique()}
    return codes.map(parts).astype("str")
