"""The benchmark runs: each measurement on a small problem gives finite figures, and says what it skipped."""

import dataclasses
import importlib
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from clinflu.audit import Audit
from clinflu.influence.training import TrainingRows

pytestmark = pytest.mark.thorough

NAMES = (
    *("rows", "rounds", "problems", "fits", "fit_memory", "influences", "agreement", "refits", "diagnostics"),
    *(
        "planted",
        "streams",
        "flipsets",
        "weak_subgroups",
        "commands",
        "coverage",
        "adversarial_rows",
        "certified_rows",
        "labels_rows",
        "outlook_rows",
        "validation_rows",
        "scale_dask",
        "scale_rows",
        "tabmat_worker",
        "exports",
        "omop_size",
        "fhir_size",
        "peers",
        "peer_worker",
        "run",
    ),
)
CHILD_COLUMN = 3


@pytest.fixture(scope="module")
def bench():
    """The modules beside this file, importable by name as ``python run.py`` has them."""
    here = str(Path(__file__).parent)
    sys.path.insert(0, here)
    try:
        yield {name: importlib.import_module(name) for name in NAMES}
    finally:
        sys.path.remove(here)
        for name in NAMES:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def problem(bench):
    rng = np.random.default_rng(5)
    x = np.column_stack([rng.normal(size=(500, 3)), rng.random(500) < 0.1, np.ones(500)])
    y = (rng.random(500) < 1 / (1 + np.exp(-x @ [1.0, -0.5, 0.2, 1.0, -0.7]))).astype(float)
    train = TrainingRows.fit(x, y, np.ones(500), np.full(5, 0.05))
    groups = {"1 row": np.array([3]), "a group": np.flatnonzero(x[:, CHILD_COLUMN])}
    return bench["problems"].Problem("small", train, np.array([0.5, 1.0, -1.0, 1.0, 1.0]), 1.0, groups)


@pytest.fixture(autouse=True)
def no_pause(bench, monkeypatch):
    monkeypatch.setattr(bench["rounds"].time, "sleep", lambda seconds: None)  # noqa: ARG005


def figures(rows):
    found = {row.name: row.figure for row in rows if row.figure is not None}
    assert found
    assert all(math.isfinite(figure) for figure in found.values()), found
    return found


def not_met(rows):
    return [row.name for row in rows if row.met is False]


def test_bars_hold_at_their_limit_and_not_beyond(bench):
    rows = bench["rows"]
    for bar, good, bad in (
        (rows.at_most(1.0), 1.0, 1.01),
        (rows.below(3), 2.9, 3.0),
        (rows.at_least(30), 30, 29.9),
        (rows.between(0.655, 0.68), 0.68, 0.6549),
    ):
        assert rows.Row("good", good, "", bar).met is True
        assert rows.Row("bad", bad, "", bar).met is False
        assert rows.Row("no number", math.nan, "", bar).met is False
        assert rows.Row("skipped", None, "", bar).met is None
    assert rows.Row("informs", 1.0, "").met is None


def test_the_table_shows_figure_bar_and_what_was_skipped(bench):
    rows = bench["rows"]
    lines = rows.as_table([rows.Row("a", 0.5, "s", rows.below(1)), rows.Row("b", None, "s", rows.below(1))])
    first, second = lines.splitlines()[2:]
    assert first.split() == ["a", "0.5", "s", "<", "1", "yes"]
    assert second.split() == ["b", "skipped", "s", "<", "1"]


def test_turns_are_taken_and_the_warm_up_is_not_counted(bench):
    order = []
    clock = {"a": iter([99.0, 2.0, 4.0, 8.0]), "b": iter([99.0, 1.0, 4.0, 2.0])}

    def action(name):
        return lambda: order.append(name) or next(clock[name])

    times = bench["rounds"].take_turns({name: action(name) for name in "ab"}, rounds=3)

    assert order == ["a", "b"] * 4
    assert times.median("a") == 4.0
    assert times.ratio("a", "b") == 2.0


def test_databases_and_exports_of_any_size_are_loaded_in_processes_of_their_own(bench):
    found = figures([*bench["omop_size"].size_rows(patients=30), *bench["fhir_size"].size_rows(size=2**18)])
    assert sum("cohort of" in name and "peak" not in name for name in found) in (3, 4)  # without PostgreSQL 3


def test_audits_of_any_size_are_measured_in_processes_of_their_own(bench):
    rows = bench["scale_rows"].scale_rows((3_000,))
    found = figures(rows)
    assert found["3,000 rows: passes"] >= 1
    assert 0.5 < found["3,000 rows: training rows"] / 3_000 < 0.65
    barred = {row.name for row in rows if row.bar}
    assert {
        f"3,000 rows: {what}" for what in ("fit", "fit, peak", "its refits", "a prediction, one-step values")
    } < barred


def test_bars_of_scale_are_missed_where_time_or_planted_causes_are(bench):
    scale = bench["scale_rows"]
    told = {"load_s": 1.0, "fit_s": 1.0, "fit_peak_gib": 1.0, "training_rows": 60_000, "passes": 5}
    told |= {"gradient_norm": 1e-16, "first_estimates_s": 9.0, "estimates_s": 1.0, "refits_s": 1.0, scale.WITHOUT: 1.0}
    told |= {"planted_peak_gib": 1.0, "planted": {"unit error": 0.9}, "top_ten": {"unit error": math.nan}}
    ten = told | {"fit_s": 10.9, "training_rows": 600_000}
    rows = scale.rows_of({100_000: told, 1_000_000: ten})
    assert not_met(rows) == []
    assert not any(row.bar for row in rows if row.name.startswith("100,000 rows"))
    assert figures(rows)["fit, 100,000 to 1,000,000 rows: time of a training row grows"] == pytest.approx(1.09)
    worse = ten | {"fit_s": 181.0, "passes": 6, "planted": {"unit error": 0.7, "not judged before": 0.5}}
    assert not_met(scale.rows_of({100_000: told, 1_000_000: worse})) == [
        "1,000,000 rows: fit",
        "1,000,000 rows: unit error, average precision",
        "fit, 100,000 to 1,000,000 rows: time of a training row grows",
    ]


def test_thousands_of_sparse_columns_are_fitted_in_a_process_of_their_own(bench):
    rows = bench["scale_rows"].wide_rows(4_000, 300)
    assert figures(rows)
    assert not_met(rows) == []


def test_products_are_compared_with_those_of_tabmat_where_it_is(bench, monkeypatch):
    scale = bench["scale_rows"]
    assert scale.tabmat_rows(5_000, None)[0].figure is None
    pytest.importorskip("tabmat")
    monkeypatch.setattr(bench["tabmat_worker"], "ROUNDS", 1)
    rows = scale.tabmat_rows(5_000, Path(sys.executable))
    assert len(figures(rows)) == 10
    assert not_met(rows) == []


def test_fits_are_compared_at_equal_gradient(bench, problem):
    found = figures(bench["fits"].fit_rows(problem, None))
    assert found["fit: mean gradient left by clinflu"] < 1e-12
    assert found["fit: mean gradient left by newton-cholesky"] < 1e-10
    assert "fit: clinflu / glum irls-ls" not in found


def test_memory_of_the_fit_is_measured_in_its_own_process(bench, problem):
    rows = bench["fits"].memory_rows(problem)
    assert figures(rows)["fit memory: peak traced in Python"] > 0
    assert [row.bar.text for row in rows] == ["< 3", "< 3"]


def test_influence_is_timed(bench, problem):
    timed = bench["influences"].influence_rows(problem, None)
    assert figures(timed)["influence: clinflu, a prediction"] > 0
    assert sum(row.figure is None for row in timed) == 10


def test_estimates_are_graded_by_refits(bench, problem):
    found = figures(bench["agreement"].agreement_rows(problem, each=20))
    assert found["agreement: one-step: Pearson r"] > 0.999
    assert found["agreement: second-order: median error"] < found["agreement: first-order: median error"]


def test_all_influences_are_streamed_and_nothing_is_missed(bench, problem):
    rows = bench["streams"].stream_rows(problem, problem.x[:300])
    assert len(figures(rows)) == 6
    assert not_met(rows) == []


def test_flip_sets_are_confirmed_by_cold_refits(bench, problem):
    for relabel in (False, True):
        rows = bench["flipsets"].flipset_rows(problem, problem.x[:60], audited=6, relabel=relabel)
        found = {name.rsplit(": ")[1]: figure for name, figure in figures(rows).items()}
        assert found["sets that a cold refit confirms"] == 100


def test_rankings_are_judged_by_planted_causes(bench):
    found = figures(bench["planted"].planted_rows(3_000, [0]))
    assert all(0 <= value <= 1 for value in found.values())
    rows = bench["planted"].planted_refit_rows(1_500, [0])
    assert figures(rows)[rows[-1].name] < 0.1


def test_diagnostics_are_timed_and_near_refits(bench, problem, monkeypatch):
    monkeypatch.setattr(bench["diagnostics"], "CHECKED", 20)
    rows = bench["diagnostics"].diagnostics_rows(problem)
    assert not_met(rows) == []
    assert all(row.figure < 0.2 for row in rows if "error" in row.name)


def test_refits_end_where_a_cold_fit_ends(bench, problem):
    refits = bench["refits"]
    rows = refits.refit_rows(problem, beside_sklearn=True)
    rows += refits.screen_rows(problem)
    assert len(figures(rows)) == 4 * len(problem.groups) + 1
    assert not_met([row for row in rows if "/" not in row.name]) == []  # times of so small a problem mean nothing


def test_commands_imports_and_discrimination_are_measured(bench, small_study):
    commands = bench["commands"]
    stand_in = (sys.executable, "-c", "")
    assert not_met(commands.trace_rows(Path("table.zip"), runs=1, command=stand_in)) == []
    assert len(figures(commands.import_rows(runs=1))) == 2
    auroc = figures(commands.discrimination_rows(Audit(small_study)))
    assert all(0.4 < value < 1 for value in auroc.values())


class StandIn:
    """Peers that agree with us, but for one row of dattri, and are slow."""

    def __init__(self, values):
        self._values = values

    def seconds(self, task, **options):  # noqa: ARG002
        return 1.0

    def values(self, task):
        off = np.zeros(len(self._values))
        off[0] = 1e-6 * np.abs(self._values).max() * (task == "dattri")
        return self._values + off


def test_a_peer_that_disagrees_does_not_meet_its_bar(bench, problem):
    train = problem.train
    audited_residual = problem.y_audited - 1 / (1 + np.exp(-problem.x_audited @ train.model.theta))
    hessian = (train.x.T * train.curvature) @ train.x + np.diag(problem.penalty)
    by_hand = audited_residual * train.residual * (train.x @ np.linalg.solve(hessian, problem.x_audited))

    rows = bench["influences"].influence_rows(problem, StandIn(by_hand))

    assert [name for name in not_met(rows) if "differs" in name] == ["influence: dattri differs, of the largest effect"]
    assert all(row.figure is not None for row in rows)


def test_a_peer_that_is_not_installed_is_named(bench, problem):
    with bench["peers"].Peers(Path(sys.executable), problem) as peers:
        with pytest.raises(bench["peers"].PeerError, match="glum: ModuleNotFoundError: No module named 'glum'"):
            peers.seconds("glum", tolerance=1e-8)
        with pytest.raises(bench["peers"].PeerError, match="no task is called 'lime'"):
            peers.seconds("lime")


def test_without_table_and_peers_the_bench_says_what_it_skipped(bench, tmp_path, capsys):
    to = tmp_path / "bench.json"
    bench["run"].main(["--data", str(tmp_path), "--only", "fit", "trace", "--json", str(to)])
    told = capsys.readouterr().out
    assert "skipped, no table: fit needs" in told
    kept = json.loads(to.read_text())
    assert [(row["name"], row["figure"]) for row in kept["rows"]] == [("fit", None), ("trace", None)]


def test_without_peers_their_rows_are_skipped(bench, problem, tmp_path):
    run = bench["run"]
    table = tmp_path / "table.zip"
    table.touch()
    measured = run.Bench(table, tmp_path / "no" / "python")
    measured.case_study = problem
    rows = run.measure(measured, "influence")
    assert any(row.figure is None for row in rows)
    assert "no Python at" in measured.notes[0]


def test_peers_that_fail_are_given_up_and_the_rest_is_measured(bench, problem, tmp_path):
    run = bench["run"]
    table = tmp_path / "table.zip"
    table.touch()
    measured = run.Bench(table, Path(sys.executable))
    measured.case_study = problem
    found = figures(run.measure(measured, "fit"))
    assert "fit: clinflu / newton-cholesky" in found
    assert "No package metadata was found for pyDVL" in measured.notes[0]


@pytest.mark.parametrize("content", ["", "#!/bin/sh\n"])
def test_a_python_that_does_not_start_or_ends_is_given_up(bench, problem, tmp_path, content):
    python = tmp_path / "python"
    python.write_text(content)
    python.chmod(0o755 if content else 0o644)
    run = bench["run"]
    measured = run.Bench(tmp_path, python)
    measured.case_study = problem
    with pytest.raises(bench["peers"].PeerError, match=r"does not start|ended at versions"):
        _ = measured.peers
    measured.close()


def test_wrong_labels_are_found_on_digits(bench):
    labels = bench["labels_rows"]
    plan = dataclasses.replace(labels.ON_DIGITS, repeats=2, checked=(0.05, 0.1), refitted_at=(0.1,))
    assert not_met(labels.digit_rows(plan)) == []


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
def test_what_lies_beyond_one_fit_gives_finite_figures(bench, small_study):
    outlook = bench["outlook_rows"]
    rows = [*outlook.shift_rows(small_study, ["ward"]), *outlook.sgd_rows(small_study, (1, 3), 5)]
    rows += [*outlook.network_rows((1,), 3), *outlook.membership_rows(small_study, 32)]
    assert all(row.figure is None or math.isfinite(row.figure) for row in rows)


def test_a_measurement_that_fails_leaves_the_others(bench, tmp_path):
    run = bench["run"]
    table = tmp_path / "table.zip"
    table.write_bytes(b"no zip")
    measured = run.Bench(table, None)
    rows = run.measure_all(measured, ["agreement", "auroc"])
    assert [row.name for row in rows] == ["agreement, failed", "auroc, failed"]
    assert all(note.startswith("failed: ") for note in measured.notes)
