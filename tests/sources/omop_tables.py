"""OMOP tables of two persons, of which the answer is known."""

import pytest

from clinflu.errors import LoaderError
from data_loaders import load

PERSON = "person_id,gender_concept_id,year_of_birth\n1,8507,1950\n2,8532,1960\n"
VISIT = "visit_occurrence_id,person_id,visit_concept_id,visit_start_datetime,visit_end_datetime"
INDEX = "11,1,9201,2020-01-01 10:00:00,2020-01-05 12:00:00"
LATER = "12,1,9201,2020-01-20 10:00:00,2020-01-25 12:00:00"
OTHER = "21,2,9201,2020-03-01 10:00:00,2020-03-04 12:00:00"


def source(folder, *, visits=(INDEX, LATER, OTHER), header=VISIT, **tables):
    """OMOP of two persons; the first comes back after 15 days."""
    folder.mkdir(exist_ok=True)
    tables = {"person": PERSON, "visit_occurrence": "\n".join([header, *visits, ""]), **tables}
    for name, content in tables.items():
        (folder / f"{name}.csv").write_text(content)
    return folder


def frame(folder, spec=None, **tables):
    return load("omop", source(folder, **tables), spec).frame


def one_line(folder, **tables):
    with pytest.raises(LoaderError) as caught:
        load("omop", source(folder, **tables))
    assert str(caught.value) == caught.value.one_line
    return str(caught.value)


CONDITION = (
    "person_id,visit_occurrence_id,condition_start_date,condition_source_value,condition_source_concept_id,"
    "condition_concept_id"
)


MEASUREMENT = (
    "person_id,visit_occurrence_id,measurement_datetime,measurement_concept_id,value_as_number,unit_concept_id,"
    "unit_source_value"
)
