"""The UCI table: what its authors published about it, a small table made by hand, and fetching it."""

import csv
import hashlib
import io
import zipfile
from pathlib import Path

import pandas as pd
import pooch
import pytest
import requests

from clinflu.data import Exclusion
from clinflu.errors import LoaderError
from data_loaders import diabetes130, fetch
from data_loaders.diabetes130_codes import DESCRIPTIONS
from data_loaders.icd9 import strack_group
from data_loaders.reading import read_member

ROW = {
    "encounter_id": "1",
    "patient_nbr": "10",
    "race": "Caucasian",
    "gender": "Female",
    "age": "[70-80)",
    "weight": "?",
    "admission_type_id": "1",
    "discharge_disposition_id": "1",
    "admission_source_id": "7",
    "time_in_hospital": "3",
    "payer_code": "MC",
    "medical_specialty": "?",
    "num_lab_procedures": "41",
    "num_procedures": "0",
    "num_medications": "15",
    "number_outpatient": "0",
    "number_emergency": "2",
    "number_inpatient": "1",
    "diag_1": "250.83",
    "diag_2": "428",
    "diag_3": "?",
    "number_diagnoses": "9",
    "max_glu_serum": "None",
    "A1Cresult": ">8",
    **dict.fromkeys(diabetes130.MEDICATIONS, "No"),
    "change": "Ch",
    "diabetesMed": "Yes",
    "readmitted": "NO",
}


def written(folder, *changes):
    """Write a row for each set of changes; its encounter and patient are numbered."""
    path = folder / "diabetic_data.csv"
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ROW)
        writer.writeheader()
        for n, change in enumerate(changes, start=1):
            writer.writerow({**ROW, "encounter_id": str(n), "patient_nbr": str(100 + n), **change})
    return path


def one_line(source):
    with pytest.raises(LoaderError) as caught:
        diabetes130.load(source)
    assert str(caught.value) == caught.value.one_line
    return str(caught.value)


def test_the_table_made_by_hand_has_the_published_50_columns():
    assert len(ROW) == 50


def test_what_is_missing_what_is_a_level_and_what_is_the_outcome(tmp_path):
    path = written(tmp_path, {"readmitted": "<30"}, {"readmitted": ">30", "A1Cresult": "None", "race": "?"}, {})

    cohort = diabetes130.load(path)

    frame = cohort.frame
    assert frame.index.tolist() == ["1", "2", "3"]
    assert cohort.patients.tolist() == ["101", "102", "103"]
    assert cohort.outcome.tolist() == [1, 0, 0]
    assert frame["A1Cresult"].tolist() == [">8", "None", ">8"]
    assert frame["max_glu_serum"].tolist() == ["None"] * 3
    assert frame["race"].isna().tolist() == [False, True, False]
    assert frame["medical_specialty"].isna().all()
    assert frame["diag_3"].isna().all()
    assert frame["admission_source_id"].tolist() == ["Emergency Room"] * 3
    assert frame["number_emergency"].tolist() == [2.0] * 3
    assert {"weight", "payer_code"}.isdisjoint(frame.columns)


def test_died_and_hospice_are_excluded_and_counted(tmp_path):
    codes = ["1", "11", "19", "20", "21", "13", "14", "14", "7", "18"]
    path = written(tmp_path, *({"discharge_disposition_id": code} for code in codes))

    cohort = diabetes130.load(path)

    assert cohort.frame.index.tolist() == ["1", "9", "10"]
    assert cohort.frame["discharge_disposition_id"].tolist() == ["Discharged to home", "Left AMA", "NULL"]
    provenance = cohort.provenance
    assert provenance.exclusions == (Exclusion("died in hospital", 4), Exclusion("discharged to a hospice", 3))
    assert provenance.rows_read == 10
    assert provenance.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (provenance.source, provenance.loader) == ("diabetic_data.csv", "diabetes130")


ICD9 = {
    "Circulatory": ("390", "428", "459", "459.9", "785", "785.4"),
    "Respiratory": ("460", "486", "519", "786"),
    "Digestive": ("520", "579", "787"),
    "Diabetes": ("250", "250.0", "250.83", "250.99"),
    "Injury": ("800", "999"),
    "Musculoskeletal": ("710", "739.9"),
    "Genitourinary": ("580", "629", "788"),
    "Neoplasms": ("140", "239"),
    "Other": ("1", "139", "240", "249.9", "251", "276", "389", "630", "679", "709", "740", "780", "784", "789", "799"),
    "Other, too": ("V57", "V10", "V58.67", "E888", "E812"),
}


@pytest.mark.parametrize(("group", "codes"), ICD9.items())
def test_icd9_codes_fall_into_the_groups_of_the_paper(group, codes):
    grouped = strack_group(pd.Series([*codes, None], dtype="str"))

    assert grouped.tolist()[:-1] == [group.removesuffix(", too")] * len(codes)
    assert pd.isna(grouped.iloc[-1])


def test_every_category_of_icd9_has_one_group():
    codes = pd.Series([str(code) for code in range(1, 1000)])

    counts = strack_group(codes).value_counts()

    widths = {"Circulatory": 71, "Respiratory": 61, "Digestive": 61, "Diabetes": 1, "Injury": 200}
    widths |= {"Musculoskeletal": 30, "Genitourinary": 51, "Neoplasms": 100}
    assert counts.to_dict() == {**widths, "Other": 999 - sum(widths.values())}


WRONG = {
    "outcome": ({"readmitted": "secret"}, "column 'readmitted'"),
    "lower-case outcome": ({"readmitted": "no"}, "column 'readmitted'"),
    "missing outcome": ({"readmitted": "?"}, "column 'readmitted'"),
    "code": ({"admission_type_id": "9"}, "column 'admission_type_id'"),
    "code as text": ({"discharge_disposition_id": "secret"}, "column 'discharge_disposition_id'"),
    "source code 16": ({"admission_source_id": "16"}, "column 'admission_source_id'"),
    "age": ({"age": "[100-110)"}, "row 3, column 'age': expected one of [0-10), "),
    "length of stay": ({"time_in_hospital": "15"}, "row 3, column 'time_in_hospital': expected a number from 1 to 14"),
    "count as text": ({"number_inpatient": "secret"}, "row 3, column 'number_inpatient': expected a number"),
    "medication": ({"insulin": "secret"}, "row 3, column 'insulin': expected one of No, Steady, Up, Down"),
    "patient": ({"patient_nbr": "?"}, "row 3, column 'patient_nbr': missing"),
    "duplicate": ({"encounter_id": "1"}, "row 3, column 'encounter_id': this encounter id stands more than once"),
}


@pytest.mark.parametrize(("change", "expected"), WRONG.values(), ids=WRONG)
def test_a_value_that_the_table_does_not_define(tmp_path, change, expected):
    message = one_line(written(tmp_path, {}, change))

    assert expected in message
    assert "row 3" in message
    assert "secret" not in message


def test_a_bad_value_of_an_excluded_row_does_no_harm_and_rows_keep_their_numbers(tmp_path):
    died = {"discharge_disposition_id": "11", "age": "unknown"}

    assert len(diabetes130.load(written(tmp_path, died, {})).frame) == 1
    assert "row 4, column 'age'" in one_line(written(tmp_path, died, {}, {"age": "unknown"}))


def test_absent_columns_are_named_together(tmp_path):
    path = written(tmp_path, {})
    pd.read_csv(path, dtype=str).drop(columns=["age", "insulin", "weight"]).to_csv(path, index=False)

    message = one_line(path)

    assert "lacks the columns age, insulin;" in message  # weight is not used


def test_zip_folder_and_file_are_recognised_and_load_alike(tmp_path):
    path = written(tmp_path, {}, {"readmitted": "<30"})
    archive = tmp_path / "any.zip"
    with zipfile.ZipFile(archive, "w") as stream:
        stream.write(path, "dataset_diabetes/diabetic_data.csv")
    other = tmp_path / "other.csv"
    other.write_bytes(path.read_bytes())

    assert [diabetes130.recognises(source) for source in (path, archive, tmp_path, other)] == [True, True, True, False]
    assert not diabetes130.recognises(tmp_path / "absent.csv")
    hashes = {diabetes130.load(source).content_hash for source in (path, archive, tmp_path, other)}
    assert len(hashes) == 1


# Fetching


class Answer:
    """What the repository sends in place of pooch.retrieve."""

    def __init__(self, content=None, error=None):
        self.content, self.error, self.asked = content, error, []

    def __call__(self, url, known_hash, fname, path):
        assert known_hash is None
        self.asked.append(url)
        if self.error:
            raise self.error
        target = Path(path) / fname
        target.write_bytes(self.content)
        return str(target)


def archived(content):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("diabetic_data.csv", content)
    return packed.getvalue()


def failed_fetch(folder):
    with pytest.raises(LoaderError) as caught:
        fetch.fetch_diabetes130(folder)
    assert str(caught.value) == caught.value.one_line
    return str(caught.value)


FAILURES = {
    "offline": (Answer(error=requests.ConnectionError("host")), "cannot reach"),
    "timeout": (Answer(error=requests.Timeout()), "cannot reach"),
    "not found": (Answer(error=requests.HTTPError("404")), "cannot reach"),
    "disk": (Answer(error=OSError("full")), "cannot reach"),
    "another table": (Answer(archived(b"a,b\n1,2\n")), "not the published table"),
    "a web page": (Answer(b"<html>"), "damaged"),
    "nothing": (Answer(b""), "is empty"),
}


@pytest.mark.parametrize(("answer", "expected"), FAILURES.values(), ids=FAILURES)
def test_a_failed_download_is_one_line_and_leaves_nothing_behind(tmp_path, monkeypatch, answer, expected):
    monkeypatch.setattr(pooch, "retrieve", answer)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))

    assert expected in failed_fetch(tmp_path / "new")

    assert sorted(tmp_path.rglob("*")) == [scratch]


def test_a_good_download_is_put_in_place_and_not_fetched_twice(tmp_path, monkeypatch):
    content = b"a,b\n1,2\n"
    answer = Answer(archived(content))
    monkeypatch.setattr(pooch, "retrieve", answer)
    monkeypatch.setattr(fetch, "DIABETES130_SHA256", hashlib.sha256(content).hexdigest())

    target = fetch.fetch_diabetes130(tmp_path / "new")

    assert target.read_bytes() == answer.content
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["dataset_diabetes.zip"]
    assert fetch.fetch_diabetes130(tmp_path / "new") == target
    assert answer.asked == [fetch.DIABETES130_URL]

    target.write_bytes(archived(b"changed"))
    assert "remove it and fetch it again" in failed_fetch(tmp_path / "new")


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    content = b"a,b\n1,2\n"
    monkeypatch.setattr(pooch, "retrieve", Answer(archived(content)))
    monkeypatch.setattr(fetch, "DIABETES130_SHA256", hashlib.sha256(content).hexdigest())
    (tmp_path / "file").touch()

    assert "may write to" in failed_fetch(tmp_path / "file" / "new")


def test_without_a_path_the_fetched_table_is_read_or_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_data_dir", lambda _: str(tmp_path))
    assert "clinflu data fetch diabetes130" in one_line(None)

    path = written(tmp_path, {})
    (tmp_path / "dataset_diabetes.zip").write_bytes(archived(path.read_bytes()))
    assert len(diabetes130.load(None).frame) == 1


# The published table


@pytest.fixture(scope="module")
def uci(uci_cohort):
    return uci_cohort


@pytest.mark.uci
def test_the_published_counts(uci):
    assert uci.provenance.flowchart() == (
        ("encounters read", 101_766),
        ("excluded: died in hospital", 1_652),
        ("excluded: discharged to a hospice", 771),
        ("encounters at risk", 99_343),
    )
    assert round(100 * uci.outcome.mean(), 2) == 11.39
    assert len(uci.frame) == 99_343


@pytest.mark.uci
def test_all_101766_encounters_are_of_71518_patients(uci_zip, uci_table):
    raw, sha256 = uci_table

    assert raw.shape == (101_766, 50)
    assert raw["patient_nbr"].nunique() == 71_518
    assert raw["encounter_id"].is_unique
    assert sha256 == hashlib.sha256(uci_zip.read_bytes()).hexdigest()
    died = raw["discharge_disposition_id"].isin(diabetes130.DIED)
    assert (raw.loc[died, "readmitted"] != "<30").all()
    assert set(ROW) == set(raw.columns)


@pytest.mark.uci
def test_children_are_850_encounters_of_687_patients_with_43_events(uci):
    children = uci.frame[uci.frame["age"].isin(["[0-10)", "[10-20)"])]

    assert (len(children), children["patient_nbr"].nunique()) == (850, 687)
    assert uci.outcome[children.index].sum() == 43
    youngest = uci.frame["age"] == "[0-10)"
    assert (youngest.sum(), uci.outcome[youngest].sum()) == (160, 3)


@pytest.mark.uci
def test_rates_of_transfers_are_those_measured_elsewhere(uci):
    place = uci.frame["discharge_disposition_id"]
    rates = uci.outcome.groupby(place).mean()
    for code, rate in {"22": 27.7, "28": 36.7, "15": 44.4, "9": 42.9}.items():
        assert round(100 * rates[DESCRIPTIONS["discharge_disposition_id"][code]], 1) == rate
    assert (place == "Left AMA").sum() == 623
    assert (place == DESCRIPTIONS["discharge_disposition_id"]["2"]).sum() == 2_128


@pytest.mark.uci
def test_the_literal_none_is_a_level_and_a_question_mark_is_missing(uci):
    frame = uci.frame
    assert set(frame["A1Cresult"]) == {"None", "Norm", ">7", ">8"}
    assert set(frame["max_glu_serum"]) == {"None", "Norm", ">200", ">300"}
    assert round(100 * frame["medical_specialty"].isna().mean()) == 49
    assert (frame["gender"] == "Unknown/Invalid").sum() == 3
    for name in uci.schema.feature_names:
        assert not (frame[name].astype(object) == "?").any()


@pytest.mark.uci
def test_codes_are_described_as_the_archive_describes_them(uci_zip):
    content, _ = read_member(uci_zip, "IDs_mapping.csv")
    published, name = {}, ""
    for row in csv.reader(io.StringIO(content.decode("utf-8"))):
        if row[1:2] == ["description"]:
            name = row[0]
            published[name] = {}
        elif row[:1] != [""]:
            published[name][row[0]] = row[1].strip()

    assert published == DESCRIPTIONS


@pytest.mark.uci
def test_the_archive_holds_the_table_that_fetching_asks_for(uci_zip, tmp_path, monkeypatch):
    monkeypatch.setattr(pooch, "retrieve", Answer(uci_zip.read_bytes()))

    assert fetch.fetch_diabetes130(tmp_path).read_bytes() == uci_zip.read_bytes()
