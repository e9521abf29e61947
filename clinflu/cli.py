"""Command line: parse, delegate, print; no logic."""

import os
import shlex
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer
from typer.exceptions import TyperException

from clinflu.errors import ClinfluError, DataError

if TYPE_CHECKING:
    from clinflu.analysis.review import Rule
    from clinflu.audit import Audit
    from clinflu.data import Cohort
    from clinflu.verdicts import VerdictStore

app = typer.Typer(
    name="clinflu",
    help="Trace a wrong readmission prediction to the past patients, features and subgroups that taught it.",
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(help="Fetch, check and simulate data.")
app.add_typer(data_app, name="data")

Data = Annotated[
    str | None, typer.Option(help="File, folder, zip or database URL; default: the built-in simulated cohort.")
]
Readmission = Annotated[
    str | None,
    typer.Option(help="What counts, where stays are recorded: unplanned, hospital-wide, own-label, or a TOML file."),
]
Source = tuple[str | None, str | None, str | None]  # data, loader and the definition of a readmission
LoaderName = Annotated[str | None, typer.Option(help="Default: whichever recognises the data.")]
AuditFolder = Annotated[Path | None, typer.Option("--audit", help="A saved audit, instead of --data.")]
Encounter = Annotated[str | None, typer.Option(help="Encounter id or pseudonym; default: the worst miss.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the numbers to this file.")]
Threshold = Annotated[float | None, typer.Option(help="Alert threshold; default: 90th percentile of training risks.")]
Penalty = Annotated[float | None, typer.Option(help="L2 penalty on the summed loss; default: 1.0.")]
Seed = Annotated[int, typer.Option(help="Of the split by patient.")]
Family = Annotated[str | None, typer.Option(help="logistic, smooth_hinge, rbf_svm or mlp; default: logistic.")]
Holder = Annotated[
    str | None,
    typer.Option(
        "--backend",
        help="What holds a large table: dense, compact, sparse, streamed, gpu, dask, or the address of a Dask "
        "scheduler (tcp://...); default: by its size.",
    ),
]
Port = Annotated[int | None, typer.Option(help="Default: a free one.")]
Host = Annotated[str, typer.Option(help="Address to listen on; beyond this machine only with a password or a proxy.")]
Role = Annotated[Literal["clinician", "analyst"], typer.Option(help="Whom the page is for.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(help="Holds a password instead of the token; yours alone. Default: the variable CLINFLU_PASSWORD."),
]
Proxy = Annotated[str | None, typer.Option(help="Public address of a TLS proxy in front of the page: https://...")]


@app.command()
def run(
    data: Data = None,
    loader: LoaderName = None,
    readmission: Readmission = None,
    audit: AuditFolder = None,
    encounter: Annotated[
        str | None,
        typer.Option(help="Encounter id or pseudonym; default: the worst miss, or one with a planted cause."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the page.")] = Path("out"),
    save: Annotated[Path | None, typer.Option(help="Keep the audit in this folder.")] = None,
    threshold: Threshold = None,
    penalty: Penalty = None,
    family: Family = None,
    backend: Holder = None,
    seed: Seed = 0,
) -> None:
    """Fit the model, trace a wrong prediction and write out/trace.html; the built-in cohort shows a planted case."""
    fitted = _audit((data, loader, readmission), audit, penalty, seed, family, backend)
    chosen = fitted.find(encounter) if encounter else fitted.example(threshold)
    page = out / "trace.html"
    if save:
        fitted.save(save)
    _trace(fitted, chosen, threshold, html=page)
    unseen = {**fitted.study.unseen, **fitted.study.unseen_codes}
    if unseen:
        count = sum(sum(levels.values()) for levels in unseen.values())
        variables = ", ".join(unseen)
        typer.echo(f"{count:,} recorded values were never seen in training and say nothing ({variables}).")
    if save:
        typer.echo(f"Audit kept in {save} (patient data: readable by you alone).")
    source = {"--data": _told(data), "--loader": loader, "--readmission": readmission}
    given = {**source, "--penalty": penalty, "--seed": seed or None, "--family": family, "--backend": backend}
    same = {"--audit": save or audit} if save or audit else given
    words = " ".join(f"{name} {shlex.quote(str(value))}" for name, value in same.items() if value is not None)
    typer.echo(f"\nThe page: {page}")
    typer.echo(f"The app in the browser: {shlex.quote(sys.argv[0])} app {words}".rstrip())
    typer.echo("Your own table: describe its columns in a TOML file beside it, then clinflu trace --data TABLE.csv")


@app.command()
def trace(
    data: Data = None,
    loader: LoaderName = None,
    readmission: Readmission = None,
    audit: AuditFolder = None,
    encounter: Encounter = None,
    json: JsonFile = None,
    html: Annotated[Path | None, typer.Option(help="Write an offline page to this file.")] = None,
    threshold: Threshold = None,
    penalty: Penalty = None,
    family: Family = None,
    backend: Holder = None,
    seed: Seed = 0,
    *,
    fragility: Annotated[
        bool, typer.Option("--fragility", help="Say too how much one altered past record could change it.")
    ] = False,
) -> None:
    """Trace one prediction to the patients, features and subgroups that taught it; default: the worst miss."""
    from clinflu.model.family import chosen_family
    from clinflu.model.logistic import LOGISTIC

    if fragility and not audit and chosen_family(family or LOGISTIC.name) != LOGISTIC:
        raise DataError("--fragility is worked out for logistic models alone; leave it out, or leave out --family")
    fitted = _audit((data, loader, readmission), audit, penalty, seed, family, backend)
    if fragility:
        fitted.study.require_logistic("how much one altered record could change")  # before anything is traced
    chosen = fitted.find(encounter) if encounter else fitted.worst_miss(threshold)
    _trace(fitted, chosen, threshold, json=json, html=html, fragility=fragility)


@app.command(name="check")
def check_command(
    data: Data = None,
    loader: LoaderName = None,
    readmission: Readmission = None,
    audit: AuditFolder = None,
    encounter: Annotated[
        list[str] | None, typer.Option(help="Encounter id or pseudonym, once or more; default: five, chosen.")
    ] = None,
    json: JsonFile = None,
    html: Annotated[Path | None, typer.Option(help="Write an offline page to this file.")] = None,
    each: Annotated[int, typer.Option(help="Strongest, and as many random, encounters for each prediction.")] = 250,
    groups: Annotated[int, typer.Option(help="Groups of each sort; 0 for none.")] = 40,
    penalty: Penalty = None,
    family: Family = None,
    backend: Holder = None,
    seed: Seed = 0,
) -> None:
    """Compare every estimate with refits: without each of 500 encounters and many groups; --audit keeps the grades."""
    from clinflu.analysis.check.points import Plan
    from clinflu.analysis.check.values import check_values
    from clinflu.report.check_terminal import check_view
    from clinflu.report.files import as_json, write_private
    from clinflu.report.terminal import console

    if json and json == html:
        raise DataError("--json and --html name the same file; give each a file of its own")
    Plan(each, each, groups, seed)  # what cannot be asked is refused before anything is read
    fitted = _audit((data, loader, readmission), audit, penalty, 0 if audit else seed, family, backend)
    names = [fitted.find(one) for one in encounter] if encounter else None
    found = fitted.check(names, each=each, groups=groups, seed=seed)
    values = check_values(found, fitted.pseudonyms)
    contents = {json: as_json(values)} if json else {}
    if html:
        from clinflu.report.check_page import check_page

        contents[html] = check_page(found, fitted.pseudonyms)
    write_private(contents)
    if audit:
        fitted.save(audit)
    console().print(check_view(values))


@app.command()
def report(
    out: Annotated[Path, typer.Option(help="Folder to write the report into.")],
    data: Data = None,
    loader: LoaderName = None,
    readmission: Readmission = None,
    audit: AuditFolder = None,
    by: Annotated[
        str | None,
        typer.Option(help="Variables and intersections: age_group,gender,age_group*gender; default: chosen."),
    ] = None,
    formats: Annotated[str | None, typer.Option(help="Some of html,pdf,xlsx,csv,figures,json; default: all.")] = None,
    bootstraps: Annotated[int, typer.Option(help="Draws of patients behind the intervals.")] = 1000,
    threshold: Threshold = None,
    penalty: Penalty = None,
    family: Family = None,
    backend: Holder = None,
    seed: Seed = 0,
    *,
    internal: Annotated[
        bool, typer.Option("--internal", help="Show small cells; every page then says INTERNAL.")
    ] = False,
) -> None:
    """Write the subgroup report: HTML, PDF, workbook, CSV, figures and JSON; small cells are folded away."""
    from clinflu.analysis.subgroups import Bootstrap
    from clinflu.findings.material import Options
    from clinflu.report.subgroup_report import subgroup_report
    from clinflu.report.write import FORMATS, check_target

    variables = None if by is None else tuple(part.strip() for part in by.split(",") if part.strip())
    wanted = FORMATS if formats is None else tuple(part.strip() for part in formats.split(",") if part.strip())
    options = Options(variables, threshold, Bootstrap(bootstraps, 0 if audit else seed), internal=internal)
    check_target(out, wanted)  # before a model is fitted
    fitted = _audit((data, loader, readmission), audit, penalty, seed, family, backend)
    written = subgroup_report(fitted, out, options=options, formats=wanted)
    for path in written.paths:
        typer.echo(f"{path}")
    if internal:
        typer.echo("INTERNAL: small cells are shown; not for distribution.")


@app.command()
def review(
    data: Data = None,
    loader: LoaderName = None,
    readmission: Readmission = None,
    audit: AuditFolder = None,
    order: Annotated[
        str | None, typer.Option(help="Of the queue; default: the one that finds most planted errors in this cohort.")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many records to list.")] = 10,
    accept: Annotated[str | None, typer.Option(help="Past record, by pseudonym or encounter id, to judge.")] = None,
    says: Annotated[
        str | None, typer.Option(help="With --accept: correct, planned, transfer, died, wrong_patient or unclear.")
    ] = None,
    note: Annotated[str, typer.Option(help="With --accept; it cannot be erased.")] = "",
    author: Annotated[str, typer.Option(help="Who says it; default: this account.")] = "",
    undo: Annotated[
        str | None, typer.Option(help="Past record whose last verdict by the author is taken back.")
    ] = None,
    budget: Annotated[int | None, typer.Option(help="Charts that there is time for.")] = None,
    log: Annotated[
        str | None, typer.Option(help="File or PostgreSQL URL of the log; default: CLINFLU_VERDICTS, or your own file.")
    ] = None,
    json: JsonFile = None,
    html: Annotated[Path | None, typer.Option(help="Write an offline page to this file.")] = None,
    penalty: Penalty = None,
    family: Family = None,
    backend: Holder = None,
    seed: Seed = 0,
    *,
    verify: Annotated[bool, typer.Option("--verify", help="Only say whether the log is as it was written.")] = False,
) -> None:
    """List the past records to check first and why, keep verdicts in a signed log, and measure what they gain."""
    from clinflu.analysis.review import Rule, give_verdict, withdraw_verdict
    from clinflu.verdicts import VerdictStore

    if json and json == html:
        raise DataError("--json and --html name the same file; give each a file of its own")
    if bool(accept) != bool(says) or (note and not accept) or (accept and undo):
        raise DataError("give --accept RECORD --says WORD [--note TEXT], or --undo RECORD, one at a time")
    place = (log or os.environ.get("CLINFLU_VERDICTS") or "").removeprefix("sqlite:///")
    if verify and place and "://" not in place and not Path(place).exists():
        raise DataError(f"there is no log {Path(place).name!r} to verify; check --log, or CLINFLU_VERDICTS")
    store, rule = VerdictStore(log) if log else VerdictStore.of_this_user(), Rule(budget=budget)
    if verify:
        typer.echo(store.verified_words())
        return
    fitted = _audit((data, loader, readmission), audit, penalty, seed, family, backend)
    record = fitted.find(accept or undo or "") if accept or undo else ""
    if says:
        said = give_verdict(fitted.study, store, fitted.pseudonyms, record, says, note=note, author=author)
        typer.echo(f"Kept: {said.encounter}, {said.words}, said by {said.author}.")
    elif undo:
        said = withdraw_verdict(fitted.study, store, fitted.pseudonyms, record, author)
        typer.echo(f"Taken back: {said.encounter}, {said.words}, said by {said.author}.")
    _review(fitted, store, order, limit, rule, json=json, html=html)


@app.command()
def casestudy(
    data: Annotated[Path, typer.Option(help="The UCI Diabetes table: zip, csv or folder.")],
    json: JsonFile = None,
    test_position: Annotated[int | None, typer.Option(help="Row of the test set; default: the published one.")] = None,
    save: Annotated[Path | None, typer.Option(help="Keep it as an audit for clinflu app --audit FOLDER.")] = None,
    *,
    children: Annotated[bool, typer.Option("--children", help="List all test children with both risks.")] = False,
) -> None:
    """Reproduce the hospital case study of Koh & Liang (2017)."""
    from clinflu.analysis.case_study import AUDITED_POSITION, case_study
    from clinflu.analysis.case_study_audit import case_study_study
    from clinflu.audit import Audit
    from clinflu.report.files import as_json, write_private
    from clinflu.report.terminal import case_study_view, console
    from data_loaders.diabetes130 import read_raw

    with _working("Fitting the case study"):
        raw, sha256 = read_raw(data)
        result = case_study(raw, AUDITED_POSITION if test_position is None else test_position)
        if save:
            Audit(case_study_study(raw, data.name, sha256)).save(save)
    if json:
        write_private({json: as_json(result.to_dict())})
    console().print(case_study_view(result, with_children=children))
    if save:
        typer.echo(f"Audit kept in {save}; in the browser: clinflu app --audit {shlex.quote(str(save))}")


@app.command(name="app")
def app_command(
    data: Data = None,
    loader: LoaderName = None,
    readmission: Readmission = None,
    audit: AuditFolder = None,
    penalty: Penalty = None,
    family: Family = None,
    backend: Holder = None,
    seed: Seed = 0,
    host: Host = "127.0.0.1",
    port: Port = None,
    role: Role = "clinician",
    password_file: PasswordFile = None,
    proxy: Proxy = None,
    *,
    browser: Annotated[bool, typer.Option(help="Open the page.")] = True,
) -> None:
    """Serve the page, on this machine alone and behind a token unless told otherwise."""
    import tempfile

    from clinflu.dashboard.serving.access import granted
    from clinflu.dashboard.serving.app import serve
    from clinflu.dashboard.serving.processes import end_cleanly, require_port

    require_port(port)
    access = granted(host, password_file, proxy)  # what may not be reached is refused before anything is read
    end_cleanly()
    fitted = _audit((data, loader, readmission), audit, penalty, seed, family, backend)
    with tempfile.TemporaryDirectory(prefix="clinflu-", ignore_cleanup_errors=True) as place:
        folder = audit or Path(place) / "audit"
        if not audit:
            fitted.save(folder)
        del fitted  # the server has its own, and this process only waits
        serve(folder, Path(place), access=access, role=role, port=port, open_browser=browser)


@app.command()
def lab(port: Port = None) -> None:
    """Open JupyterLab on this machine alone, at the notebooks; they are saved without what their cells put out."""
    from clinflu.dashboard.serving.lab import serve_lab

    serve_lab(Path("notebooks"), port=port)


@data_app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="diabetes130")],
    to: Annotated[Path | None, typer.Option(help="Folder; default: this user's data folder.")] = None,
) -> None:
    """Download a public table and check its hash."""
    from data_loaders.fetch import default_folder, fetch_diabetes130

    if name != "diabetes130":
        raise DataError(f"no public table is called {name!r}; there is: diabetes130")
    typer.echo(f"{fetch_diabetes130(to or default_folder())}")


@data_app.command()
def check(
    path: Annotated[str | None, typer.Argument(help="The same as --data.")] = None,
    data: Data = None,
    loader: LoaderName = None,
    readmission: Readmission = None,
    html: Annotated[Path | None, typer.Option(help="Write an offline page to this file.")] = None,
    json: JsonFile = None,
) -> None:
    """Read a source and print what it holds and what looks wrong in it, or every problem that it has."""
    from clinflu.analysis.source_check import source_check
    from clinflu.report.files import as_json, write_private
    from clinflu.report.source_check_terminal import source_check_view
    from clinflu.report.terminal import console

    if path and data and path != data:
        raise DataError("PATH and --data name different sources; give one of them")
    if json and json == html:
        raise DataError("--json and --html name the same file; give each a file of its own")
    with _working("Reading and checking"):
        cohort = _cohort(path or data, loader, readmission)
        found = source_check(cohort)
    values = found.to_dict()
    contents = {json: as_json(values)} if json else {}
    if html:
        from clinflu.report.source_check_page import source_check_page

        contents[html] = source_check_page(found)
    write_private(contents)
    if cohort.provenance.simulated:
        typer.echo("SIMULATED patients: nobody here is real.")
    for step, encounters in cohort.provenance.flowchart():
        typer.echo(f"{step}: {encounters:,}")
    typer.echo(f"patients: {cohort.patients.nunique():,}")
    typer.echo(f"{cohort.schema.outcome_label}: {int(cohort.outcome.sum()):,} ({100 * cohort.outcome.mean():.1f} %)")
    console().print(source_check_view(values))


@data_app.command()
def simulate(
    to: Annotated[Path | None, typer.Option(help="CSV file to write.")] = None,
    encounters: Annotated[int, typer.Option(help="How many, in a CSV.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Of the simulator.")] = 0,
    rows: Annotated[int | None, typer.Option(help="How many, any number, in a folder of Parquet parts.")] = None,
    out: Annotated[Path | None, typer.Option(help="New folder for these parts.")] = None,
    part_rows: Annotated[int, typer.Option(help="How many go into each part.")] = 100_000,
) -> None:
    """Write the simulated table: a CSV in the columns of the UCI table, or a folder of Parquet parts of any size."""
    from clinflu.report.files import write_private
    from data_loaders.simulated import simulate as simulated_table

    if to is None and rows is not None and out is not None:
        typer.echo(_simulated_folder(out, rows, seed, part_rows))
        return
    if to is None or rows is not None or out is not None:
        raise DataError("give --to FILE.csv for one table, or --rows N and --out FOLDER for a folder of parts")
    write_private({to: simulated_table(encounters, seed).to_csv(index=False, na_rep="?")})
    typer.echo(
        f"{encounters:,} SIMULATED encounters in {to.name}, in the columns of the UCI table: read them with "
        "--loader diabetes130, or describe those you want in a TOML file beside it"
    )


def _simulated_folder(out: Path, rows: int, seed: int, part_rows: int) -> str:
    from clinflu.progress import shown
    from data_loaders.simulate_folder import write_simulated

    with shown("Simulating") as progress:
        described = write_simulated(out, rows, seed, part_rows, progress=progress)
    return (
        f"{rows:,} SIMULATED encounters, {described.rows:,} of them at risk, in {len(described.parts):,} parts in "
        f"{out.name}: read them with --data {out.name}"
    )


def main() -> None:
    """Exit 0 when done, 2 with one line when the user can fix it, 1 on a defect of ours."""
    warnings.formatwarning = lambda message, *_, **__: f"clinflu: note: {message}\n"
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # two spin against each other as soon as the machine is busy
    try:
        status = app(standalone_mode=False)
    except ClinfluError as error:
        _stop(error.one_line, 2)
    except TyperException as error:
        _stop(_usage(error), 2)
    except (KeyboardInterrupt, typer.Abort):
        _stop("stopped; nothing was half-written", 130)
    except Exception as error:
        if os.environ.get("CLINFLU_TRACEBACK"):
            raise
        _stop(
            f"a defect ({type(error).__name__} at {_place(error)}); nothing of your data is in this line. "
            "Set CLINFLU_TRACEBACK=1 to see more.",
            1,
        )
    raise SystemExit(status or 0)


def _stop(line: str, code: int) -> NoReturn:
    """Print one line on stderr and end."""
    typer.secho(f"clinflu: {line}", err=True, fg="red")
    raise SystemExit(code) from None


def _usage(error: TyperException) -> str:
    """Return what is wrong with the words of a command, and where its help is."""
    context = getattr(error, "ctx", None)
    words = error.format_message() if hasattr(error, "format_message") else str(error)
    return f"{' '.join(words.split()).rstrip('.')}; see {context.command_path if context else 'clinflu'} --help"


def _place(error: Exception) -> str:
    """Return where an exception arose, without its message, which may hold values of the data."""
    last = error.__traceback__
    while last and last.tb_next:
        last = last.tb_next
    return f"{Path(last.tb_frame.f_code.co_filename).name}:{last.tb_lineno}" if last else "unknown"


def _working(what: str) -> Any:
    from rich.console import Console

    return Console(stderr=True).status(f"{what} …")


def _cohort(data: str | None, loader: str | None, readmission: str | None) -> "Cohort":
    from data_loaders import load
    from data_loaders.readmission_option import definition

    return load(loader, data, None if readmission is None else definition(readmission))


def _told(data: str | None) -> str | None:
    """Return a source as it may be printed: a database without what is secret of its URL."""
    from data_loaders.tables.url import without_secrets

    return None if data is None else without_secrets(data)


def _audit(
    source: Source,
    folder: Path | None,
    penalty: float | None,
    seed: int,
    family: str | None,
    backend: str | None,
) -> "Audit":
    from clinflu.audit import Audit
    from clinflu.data.backends import named_backend
    from clinflu.model.family import chosen_family
    from clinflu.model.logistic import LOGISTIC
    from clinflu.study import DEFAULT_PENALTY

    if folder and (any((*source, family, backend)) or seed or penalty is not None):
        raise DataError(
            "--audit holds its own data and model; leave out --data, --loader, --readmission, --penalty, --seed, "
            "--family and --backend"
        )
    form = chosen_family(family or LOGISTIC.name)  # what is none is refused before anything is read
    holder = named_backend(backend)
    with _working("Reading and fitting"):
        if folder:
            return Audit.open(folder)
        return Audit.fit(_cohort(*source), DEFAULT_PENALTY if penalty is None else penalty, seed, form, holder)


def _trace(
    fitted: "Audit",
    encounter: str,
    threshold: float | None,
    *,
    json: Path | None = None,
    html: Path | None = None,
    fragility: bool = False,
) -> None:
    """Trace, write what was asked for, and print."""
    from clinflu.analysis.adversarial.fragility_values import fragility_values
    from clinflu.analysis.trace_values import trace_values
    from clinflu.report.files import as_json, write_private
    from clinflu.report.terminal import console, trace_view

    if json and json == html:
        raise DataError("--json and --html name the same file; give each a file of its own")
    with _working("Tracing and refitting"):
        traced = fitted.trace(encounter, threshold)
    altered = fitted.fragility(encounter, threshold=threshold) if fragility else None
    values = trace_values(traced, fitted.pseudonyms)
    if altered is not None:
        values["fragility"] = fragility_values(altered, fitted.pseudonyms)
    contents = {json: as_json(values)} if json else {}
    if html:
        from clinflu.report.trace_page import trace_page

        contents[html] = trace_page(traced, fitted.pseudonyms, altered)
    write_private(contents)
    console().print(trace_view(values))


def _review(
    fitted: "Audit",
    store: "VerdictStore",
    order: str | None,
    limit: int,
    rule: "Rule",
    *,
    json: Path | None = None,
    html: Path | None = None,
) -> None:
    """Review, write what was asked for, and print."""
    from clinflu.analysis.review import review as reviewed
    from clinflu.analysis.review import review_values
    from clinflu.report.files import as_json, write_private
    from clinflu.report.review_terminal import review_view
    from clinflu.report.terminal import console

    standing = store.current(fitted.study.fingerprint)
    with _working("Ranking the past records and refitting"):
        found = reviewed(fitted.study, standing, fitted.pseudonyms, order=order, limit=limit, rule=rule)
    values = review_values(found, fitted.pseudonyms)
    contents = {json: as_json(values)} if json else {}
    if html:
        from clinflu.report.review_page import review_page

        contents[html] = review_page(values)
    write_private(contents)
    console().print(review_view(values))


if __name__ == "__main__":
    main()
