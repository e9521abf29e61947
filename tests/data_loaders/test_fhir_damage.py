"""FHIR references, times, problems and damage: a cohort or an error of ours, told by place and never by value."""

import gzip
import re
import time

import pytest
from sources.fhir_resources import encounter, ndjson, small
from sources.fhir_stays import message, noticed, pack, records, us_core_race

from clinflu.errors import ClinfluError, LoaderError
from data_loaders import fhir
from data_loaders.fhir_lines import MOST_LINE_BYTES
from data_loaders.fhir_nodes import A_TIME, IN_YEARS, NO_TIME, Log, id_in, moment

LONGEST_SECONDS = 10


# References and times


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        *(
            ("Patient/x", "x"),
            ("https://h.org/fhir/Patient/x", "x"),
            ("urn:uuid:x", "x"),
            ("Patient/x/_history/2", "x"),
        ),
        *(("#x", None), ("Patient?identifier=a|b", None), ("Group/x", None), ("MyPatient/x", None), ("Patient/", None)),
    ],
)
def test_references(reference, found):
    assert id_in(reference, "Patient") == found


def test_subjects_other_than_patients_are_counted_and_unreadable_ones_are_problems(tmp_path):
    given = small()
    group = {**encounter("g", "2020-01-01", "2020-01-02"), "subject": {"reference": "Group/1"}}
    cohort = fhir.load(ndjson(tmp_path / "group", **{**given, "Encounter": [*given["Encounter"], group]}))

    assert noticed(cohort)["Encounter", "subject"] == 1
    search = {**group, "subject": {"reference": "Patient?identifier=a|b"}}
    assert "row 1, subject: expected a reference to a Patient" in message(ndjson(tmp_path / "s", Encounter=[search]))


@pytest.mark.parametrize("text", ["2020-02-30", "2020-1-1", "20200101", "2020-01-01T24:00:00Z", "x" * 10**6, "٢٠٢٠"])
def test_what_is_no_time(text):
    with pytest.raises(ValueError, match=A_TIME):
        moment(text)


@pytest.mark.parametrize("text", ["9999-12-31", "1699", "0000-00-00"])
def test_times_out_of_all_years(text):
    with pytest.raises(ValueError, match=IN_YEARS):
        moment(text)


def test_a_leap_second_a_fraction_and_a_missing_zone_are_read():
    assert moment("1970-01-01T00:00:60.123456Z").seconds == 59
    assert moment("1970-01-02T00:00").seconds == 86_400
    assert moment("1969").latest == -1
    assert moment("1700-01-01").seconds > NO_TIME


# Problems and damage


def test_all_problems_of_all_files_are_told_at_once_by_place_and_never_by_value(tmp_path):
    given = small()
    given["Encounter"][2]["period"]["start"] = "SECRET"
    given["Encounter"][3]["subject"] = "SECRET"
    given["Patient"][0]["birthDate"] = 19500601
    given["Condition"][1] = b'{"resourceType": "Condition", "id": "SECRET"'
    given["Procedure"][0]["performedDateTime"] = "9999-12-31"
    del given["Observation"][0]["id"]
    given["Observation"][1]["valueQuantity"]["value"] = "SECRET"

    said = message(ndjson(tmp_path, **given))

    assert said.startswith("nothing was loaded: 8 problems: ")
    for place in (
        "Condition.000.ndjson row 2: is not a JSON object",
        "Encounter.000.ndjson row 3, period.start: expected a time",
        "Encounter.000.ndjson row 4, subject: expected an object",
        "Observation.000.ndjson row 1, id: missing",
        "Observation.000.ndjson row 2, valueQuantity.value: expected a finite number",
        "Patient.000.ndjson row 1, birthDate: expected text",
        "Procedure.000.ndjson row 1, performedDateTime: expected a time of the years 1700 to 2300",
    ):
        assert place in said
    assert "SECRET" not in said
    assert said.endswith("Mend the files and load them again")


def test_of_many_problems_the_first_are_named_and_all_are_counted(tmp_path):
    said = message(ndjson(tmp_path, Encounter=[b"nonsense"] * 1000))

    assert said.startswith("nothing was loaded: 1,000 problems: ")
    assert said.count("is not a JSON object") == 20
    assert "and 980 more" in said


def test_the_log_does_not_grow_with_problems_or_notices():
    log = Log()
    for place in range(100_000):
        log.wrong(f"problem {place}")
        log.notice("a", "b", "c")

    assert log.count == log.findings()[0].rows == 100_000
    with pytest.raises(LoaderError) as caught:
        log.require_none()
    assert len(str(caught.value)) < 1000


LARGE = b"1" * 10_000
DAMAGES = {
    "cut": lambda text: text[: len(text) // 2],
    "empty": lambda text: b"",  # noqa: ARG005
    "blank": lambda text: b"\n \n",  # noqa: ARG005
    "UTF-16": lambda text: text.decode().encode("utf-16"),
    "Latin-1": lambda text: text.replace(b'"id": "', b'"id": "\xe9\xff'),
    "NUL": lambda text: text.replace(b'"id"', b'"i\0d"'),
    "NULs": lambda text: b"\0" * 10**6 + text,
    "large numbers": lambda text: re.sub(
        rb'"(id|start|code|value|reference)": ("[^"]*"|\d+)', rb'"\1": ' + LARGE, text
    ),
    "4000 digits": lambda text: re.sub(rb'"(id|start|code|value)": ("[^"]*"|\d+)', rb'"\1": ' + LARGE[:4000], text),
    "infinite": lambda text: re.sub(rb'"(value|code)": ("[^"]*"|\d+)', rb'"\1": 1e999', text),
    "year 9999": lambda text: re.sub(rb'"\d{4}-', b'"9999-', text),
    "deep": lambda text: text.replace(b'"id": ', b'"id": ' + b"[" * 10**5),
    "deep objects": lambda text: text.replace(b'"id": "', b'"x": ' + b'{"a":' * 150 + b"1" + b"}" * 150 + b', "id": "'),
    "objects for texts": lambda text: re.sub(rb': "[^"]*"', b': {"a": 1}', text),
    "texts for objects": lambda text: re.sub(rb": (\{[^{}]*\}|\[[^\[\]]*\])", b': "x"', text),
    "lists for objects": lambda text: re.sub(rb": (\{[^{}]*\})", rb": [\1, 3]", text),
    "numbers for texts": lambda text: re.sub(rb': "[^"]*"', b": 7", text),
    "nothing for texts": lambda text: re.sub(rb': "[^"]*"', b": null", text),
    "one long line": lambda text: text.replace(b"\n", b" "),
    "no end": lambda text: text[:-1] + b" " * (MOST_LINE_BYTES + 2),
    "surrogates": lambda text: text.replace(b'"id": "', b'"id": "\\ud800'),
    "escaped NUL": lambda text: text.replace(b'"id": "', b'"id": "\\u0000'),
    "the same key twice": lambda text: text.replace(b'"id": "', b'"id": {}, "id": "'),
    "long id": lambda text: text.replace(b'"id": "', b'"id": "' + b"x" * 10**5),
    "gzip": gzip.compress,
    "binary": lambda text: bytes(range(256)) * 4096 + text,
}


@pytest.mark.thorough
@pytest.mark.parametrize("kind", list(small()))
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damage_is_a_cohort_or_an_error_of_ours_and_never_takes_long(tmp_path, kind, damage):
    folder = ndjson(tmp_path, **small())
    path = folder / f"{kind}.000.ndjson"
    path.write_bytes(damage(path.read_bytes()))
    start = time.process_time()  # whatever else the machine does

    fhir.recognises(folder)
    try:
        cohort = fhir.load(folder)
    except ClinfluError as error:
        assert len(str(error)) < 5000  # noqa: PT017
    else:
        assert len(cohort.frame) >= 1
    assert time.process_time() - start < LONGEST_SECONDS


@pytest.mark.parametrize("where", [0, 10, 40, -40, -5])
def test_a_packed_file_that_is_damaged_is_named(tmp_path, where):
    folder = pack(ndjson(tmp_path, **small()))
    path = folder / "Encounter.000.ndjson.gz"
    packed = bytearray(path.read_bytes())
    path.write_bytes(packed[:where] if where < 0 else bytes(packed[:where] + b"\xff\xff\xff" + packed[where + 3 :]))

    assert "Encounter.000.ndjson.gz" in message(folder)


def test_what_would_unpack_to_far_too_much_is_refused(tmp_path):
    folder = ndjson(tmp_path, **small())
    (folder / "Patient.001.ndjson.gz").write_bytes(gzip.compress(b" " * 2**27))

    assert "Patient.001.ndjson.gz would unpack to far more than it should" in message(folder)


SWAPS = (None, 7, "x", [], {}, [[]], {"coding": [3]}, {"reference": []}, 10**3000)


def _places(part, *before):
    """Every place in a resource, as the keys that lead there."""
    inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for key, value in inner:
        yield (*before, key)
        yield from _places(value, *before, key)


def _replaced(part, place, value):
    first, *others = place
    copy = part.copy()
    copy[first] = _replaced(part[first], others, value) if others else value
    return copy


FULL = {
    "Patient": {"extension": us_core_race({"code": "1"}), "deceasedDateTime": "2021-01-01", "meta": {"source": "y"}},
    "Encounter": {
        "hospitalization": {"dischargeDisposition": {"coding": [{"code": "home"}]}},
        "diagnosis": [{"condition": {"reference": "Condition/c1"}, "rank": 1, "use": {"coding": [{"code": "DD"}]}}],
    },
    "MedicationRequest": {
        "medicationReference": {"reference": "#m"},
        "contained": [{"resourceType": "Medication", "id": "m", "code": {"text": "a"}}],
    },
}


@pytest.mark.thorough
@pytest.mark.parametrize("kind", list(small()))
def test_any_part_may_be_of_another_type(tmp_path, kind):
    given = small()
    whole = {**given[kind][0], **FULL.get(kind, {})}
    ndjson(tmp_path, **given)
    for place in _places(whole):
        for swap in SWAPS:
            ndjson(tmp_path, **{kind: [_replaced(whole, place, swap), *given[kind][1:]]})
            try:
                records(tmp_path)
            except ClinfluError:
                continue
