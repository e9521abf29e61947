"""The terminal view only says what it says."""

import dataclasses
import io
import re

from rich.console import Console

from clinflu import Audit
from clinflu.analysis.trace_values import trace_values
from clinflu.data.pseudonym import Pseudonyms
from clinflu.figures.attribution import attribution_figure
from clinflu.figures.removal import removal_figure
from clinflu.report.page import render
from clinflu.report.terminal import trace_view
from clinflu.report.trace_page import trace_page


def printed(audit, name):
    stream = io.StringIO()
    view = trace_view(trace_values(audit.trace(name), Pseudonyms(b"k" * 32)))
    Console(file=stream, force_terminal=False, width=200).print(view)
    return stream.getvalue()


def test_control_characters_of_the_data_do_not_reach_the_terminal(small_cohort):
    team = small_cohort.frame["ward_team"].replace({"red": "\x1b[2J\x07red"})
    audit = Audit.fit(dataclasses.replace(small_cohort, frame=small_cohort.frame.assign(ward_team=team)))
    held = audit.cohort.frame.index[team.to_numpy() == "\x1b[2J\x07red"]
    text = printed(audit, next(name for name in audit.mistakes().index if name in held))
    assert "[2J red" in text
    assert not {"\x1b", "\x07"} & set(text)


def test_a_model_of_few_variables_has_no_row_for_others(small_cohort):
    schema = dataclasses.replace(small_cohort.schema, features=small_cohort.schema.features[:2], subgroups=())
    audit = Audit.fit(dataclasses.replace(small_cohort, schema=schema))
    text = printed(audit, audit.worst_miss())
    assert not re.search(r"\d+ others", text)
    assert "Subgroups" not in text
    assert "Which subgroups" not in trace_page(audit.trace(audit.worst_miss()), Pseudonyms(b"k" * 32))


def test_an_estimate_that_is_not_there_says_nothing_of_the_refit(small_cohort):
    audit = Audit.fit(small_cohort)
    trace, names = audit.trace(audit.worst_miss()), Pseudonyms(b"k" * 32)
    values = trace_values(trace, names)
    values["pushed_against"][0]["risk_change_estimate_pp"] = None
    stream = io.StringIO()
    Console(file=stream, force_terminal=False, width=200).print(trace_view(values))
    assert "no estimate" in stream.getvalue()
    assert "no finite fit" not in stream.getvalue()
    page = render(
        "trace.html.j2",
        [attribution_figure(trace), removal_figure(trace, names)],
        {},
        trace={**values, "fragility": None},
    )
    assert "no estimate" in page
    assert "no finite fit" not in page
