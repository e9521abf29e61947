"""The page opens offline, escapes what the data hold, and is for its owner alone."""

import dataclasses
import re

import pytest

from clinflu import Audit
from clinflu.data.pseudonym import Pseudonyms
from clinflu.errors import DataError
from clinflu.report.files import write_private
from clinflu.report.trace_page import trace_page

HOSTILE = "<img src=x onerror=alert(1)>"
NAMES = Pseudonyms(b"k" * 32)


@pytest.fixture(scope="module")
def page(simulated_audit):
    return trace_page(simulated_audit.trace(simulated_audit.example()), NAMES)


def without_scripts(page):
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def test_it_says_what_it_is(page):
    assert "INTERNAL working paper" in page
    assert "SIMULATED patients" in without_scripts(page)


def test_it_loads_nothing_and_the_browser_is_told_to_load_nothing(page):
    assert "default-src 'none'" in page
    assert not re.findall(r"<(?:script|img|link|iframe)[^>]*(?:src|href)=", page)
    assert "sendDataToCloud" not in without_scripts(page)
    assert page.count('"showSendToCloud": false') == 2


def test_plotly_is_embedded_once(page):
    assert 4e6 < len(page) < 6e6


def test_no_id_of_the_source_is_in_it(page, simulated_audit):
    trace = simulated_audit.trace(simulated_audit.example())
    shown = [trace.encounter_id, *trace.pushed_toward_error.index, *trace.pushed_against.index]
    text = without_scripts(page) + "".join(re.findall(r"Plotly\.newPlot\(.*?\);?\s*</script>", page, flags=re.DOTALL))
    assert not [name for name in (*shown, *simulated_audit.cohort.patients.loc[shown]) if name in text]
    assert NAMES.encounter(trace.encounter_id) in text


def test_hostile_values_stay_text(simulated_cohort):
    frame = simulated_cohort.frame.copy()
    frame["medical_specialty"] = frame["medical_specialty"].fillna(HOSTILE)
    cohort = dataclasses.replace(
        simulated_cohort,
        frame=frame,
        planted=(),
        provenance=dataclasses.replace(simulated_cohort.provenance, source=HOSTILE),
    )
    audit = Audit.fit(cohort)
    held = audit.cohort.frame["medical_specialty"] == HOSTILE
    wrong = audit.mistakes()
    audited = next(name for name in wrong.index if held[name])
    page = trace_page(audit.trace(audited), NAMES)
    assert "<img" not in without_scripts(page)
    assert "&lt;img src=x onerror=alert(1)&gt;" in without_scripts(page)
    assert "<img src=x" not in "".join(re.findall(r"Plotly\.newPlot\(.*", page))


def test_the_file_is_readable_by_its_owner_alone_and_replaced_whole(simulated_audit, tmp_path):
    path = tmp_path / "new" / "trace.html"
    path.parent.mkdir()
    path.write_text("old")
    path.chmod(0o644)
    write_private({path: trace_page(simulated_audit.trace(simulated_audit.example()), NAMES)})
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().startswith("<!doctype html>")
    assert [one.name for one in path.parent.iterdir()] == ["trace.html"]


def test_several_files_are_written_together_or_not_at_all(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="cannot write folder"):
        write_private({tmp_path / "first.json": "{}", tmp_path / "folder": "text"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder"]


def test_features_that_carry_next_to_nothing_are_not_named(simulated_audit):
    page = trace_page(simulated_audit.trace(simulated_audit.worst_miss()), NAMES)
    assert re.search(r"\(\d+ %\)", page)
    assert not re.search(r"\(-?0 %\)", page)
