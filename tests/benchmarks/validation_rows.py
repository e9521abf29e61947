"""How well influence foretells leave-one-out retraining, for every model, and how well solvers agree."""

from functools import partial
from pathlib import Path

from rows import Bar, Row, at_least, at_most

from clinflu.analysis.case_study import Protocol, prepare
from clinflu.analysis.validation import (
    ONE_STEP,
    FromScratch,
    FromTheFit,
    LeaveOneOutAgreement,
    Plan,
    Problem,
    TrueHinge,
    case_study_problem,
    digits_problem,
    leave_one_out_agreement,
    rivals_table,
    solver_agreement,
    study_problem,
    true_hinge,
)
from clinflu.influence.solvers import SOLVERS, LissaLimits, Solver
from clinflu.model.cnn import Cnn
from clinflu.model.logistic import LOGISTIC
from clinflu.model.mlp import Mlp
from clinflu.model.smooth_hinge import SmoothHinge
from clinflu.model.softmax import Softmax
from clinflu.study import Study

PLAN = Plan(50, 50)
ONE_OR_SEVEN = (1, 7)
PENALTY = 10.0
CNN = Cnn(2, channels=3, hidden=6)
TEMPERATURES = (0.001, 0.01, 0.1)
CONVEX, HINGE, NETWORK = at_least(0.999), at_least(0.95), at_least(0.80)
EXACT_TO = {"cg": at_most(1e-6), "lissa": at_most(1e-3)}
UCI_SOLVERS: dict[str, Solver] = {
    "cg": partial(SOLVERS["cg"], preconditioner="sampled"),
    "lissa": partial(SOLVERS["lissa"], limits=LissaLimits(depth=60_000, steps=600_000)),
}


def convex_rows(study: Study, protocol: Protocol, plan: Plan = PLAN) -> list[Row]:
    """Logistic and softmax regression; a weak penalty on few rows beside the strong one."""
    problems = (
        *(
            study_problem("logistic, UCI cohort", study),
            case_study_problem("logistic, hospital case", LOGISTIC, protocol),
        ),
        digits_problem("logistic, digits 1 and 7", LOGISTIC, ONE_OR_SEVEN, PENALTY),
        digits_problem("softmax, ten digits", Softmax(10), penalty=PENALTY),
    )
    weak = digits_problem("logistic, digits 1 and 7, penalty 1", LOGISTIC, ONE_OR_SEVEN)
    rows = [row for one in problems for row in rows_of(leave_one_out_agreement(one, plan), CONVEX)]
    return [*rows, *rows_of(leave_one_out_agreement(weak, plan))]


def hinge_rows(protocol: Protocol, plan: Plan = PLAN) -> list[Row]:
    """Smooth hinges against the true one: of the hospital case, and of few rows by another library too."""
    rows = []
    sharp = case_study_problem("sharpest", SmoothHinge(min(TEMPERATURES)), protocol)
    truth = FromTheFit(sharp, true_hinge(sharp))
    for temperature in TEMPERATURES:
        family, bar = SmoothHinge(temperature), HINGE if temperature <= 0.001 else None
        large = case_study_problem(f"smooth hinge {temperature:g}, hospital case", family, protocol)
        rows += rows_of(leave_one_out_agreement(large, plan, truth=truth), bar)
        small = digits_problem(f"smooth hinge {temperature:g}, digits 1 and 7", family, ONE_OR_SEVEN)
        rows += rows_of(leave_one_out_agreement(small, plan, truth=TrueHinge(small)))
    return rows


def network_rows(plan: Plan = PLAN, seeds: tuple[int, ...] = (0, 1, 2)) -> list[Row]:
    """Networks trained again from where they are, and from scratch."""
    mlp = digits_problem("mlp, digits 1 and 7", Mlp(4), ONE_OR_SEVEN)
    cnn = digits_problem("cnn, digits 1 and 7", CNN, ONE_OR_SEVEN, intercept=False)
    rows = [row for one in (mlp, cnn) for row in rows_of(leave_one_out_agreement(one, plan), NETWORK)]
    again = Plan(plan.strongest // 5, plan.random // 5)
    scratch = [(mlp, again), (cnn, plan)]
    return [
        *rows,
        *(
            row
            for one, rows_left_out in scratch
            for row in rows_of(leave_one_out_agreement(one, rows_left_out, truth=FromScratch(one, seeds)), rivals=False)
        ),
    ]


def solver_rows(study: Study) -> list[Row]:
    """Conjugate gradients and LiSSA against the factorisation."""
    digits = (
        digits_problem("logistic, digits 1 and 7", LOGISTIC, ONE_OR_SEVEN, PENALTY),
        digits_problem("softmax, ten digits", Softmax(10), penalty=PENALTY),
    )
    uci = study_problem("logistic, UCI cohort", study)
    return [*(row for one in digits for row in _solved(one, SOLVERS)), *_solved(uci, UCI_SOLVERS)]


def validation_rows(table: Path, study: Study) -> list[Row]:
    """Return all of them."""
    from data_loaders.diabetes130 import read_raw

    protocol = prepare(read_raw(table)[0])
    return [*convex_rows(study, protocol), *hinge_rows(protocol), *network_rows(), *solver_rows(study)]


def rows_of(found: LeaveOneOutAgreement, bar: Bar | None = None, *, rivals: bool = True) -> list[Row]:
    """Return the correlations of influence, of one Newton step and of each rival with the refits."""
    title = f"validation: {found.name}, {len(found.rows)} refits {found.truth_words}"
    rows = [
        Row(f"{title}: influence", found.pearson(), "r", bar, 6),
        Row(f"{title}: influence, ranks", found.spearman(), "rho", None, 6),
        Row(f"{title}: influence, slope of the refits", found.slope(), ""),
        Row(f"{title}: {ONE_STEP}", found.pearson(ONE_STEP), "r", None, 7),
    ]
    if rivals:
        others = rivals_table([found]).iloc[0].iloc[1:]
        rows += [Row(f"{title}: {name}", float(value), "r") for name, value in others.items()]
    return rows


def _solved(problem: Problem, solvers: dict[str, Solver]) -> list[Row]:
    found = solver_agreement(problem, solvers)
    title = f"validation: influences of all rows, {found.name}"
    return [Row(f"{title}: {name} - cholesky", found.error(name), "relative", bar) for name, bar in EXACT_TO.items()]
