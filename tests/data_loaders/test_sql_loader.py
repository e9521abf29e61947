"""Described rows of a database: the TOML says where they are and what they mean, and nothing else is read."""

import sqlite3
import textwrap

import duckdb
import numpy as np
import pytest

from clinflu.data import Exclusion
from clinflu.errors import LoaderError
from data_loaders import load, recognise, sql, table

ROWS = [
    ("003", "B", "no", "home", None, 1, "-"),
    ("001", "A", "yes", "home", 71, 0, "F"),
    ("002", "A", "no", "home", 64.5, 3, "M"),
    ("004", "C", "no", "died", 80, 1, "M"),
]
INSERT = 'INSERT INTO "Discharges" VALUES (?, ?, ?, ?, ?, ?, ?)'
COLUMNS = 'visit varchar(9), person varchar(9), readmitted varchar(3), went varchar(9), age real, ed int, "Sex" char(1)'
DESCRIPTION = """
[database]
url = "URL"
table = "Discharges"

[table]
encounter_id = "visit"
patient_id = "person"
outcome = "readmitted"
outcome_event = "yes"
missing = ["", "-"]

[[exclude]]
column = "went"
values = ["died"]
reason = "died in hospital"

[features.age]
unit = "years"
bounds = [0, 120]

[features.ed]
bounds = [0, 400]
log1p = true

[features.Sex]
levels = ["F", "M"]
"""
QUERY = """SELECT * FROM "Discharges" WHERE visit LIKE '00%' AND went <> 'a:b' AND ed % 100 < 50;"""
WRITING = "SELECT * FROM t) LIMIT 0; COPY (SELECT 42) TO 'written.csv'; SELECT * FROM (SELECT * FROM t"


def filled(connection, mark):
    connection.execute(f'CREATE TABLE "Discharges" ({COLUMNS})')
    for row in ROWS:
        connection.execute(INSERT.replace("?", mark), row)


@pytest.fixture(params=["duckdb", "sqlite", "postgresql"])
def url(request, tmp_path):
    """The URL of a database of each kind with the same rows."""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql")
        with server.connect("postgres") as connection:
            connection.execute("DROP DATABASE IF EXISTS described WITH (FORCE)")
            connection.execute("CREATE DATABASE described")
        with server.connect("described") as connection:
            filled(connection, "%s")
        return server.url("described")
    path = tmp_path / f"rows.{request.param}"
    connection = {"duckdb": duckdb, "sqlite": sqlite3}[request.param].connect(str(path))
    filled(connection, "?")
    connection.commit()
    connection.close()
    return f"{request.param}:///{path}"


@pytest.fixture
def duckdb_url(tmp_path):
    """The URL of a DuckDB file with the rows."""
    with duckdb.connect(str(tmp_path / "rows.duckdb")) as connection:
        filled(connection, "?")
    return f"duckdb:///{tmp_path / 'rows.duckdb'}"


def described(folder, url, *changes):
    toml = DESCRIPTION.replace("URL", url)
    for old, new in changes:
        assert old in toml
        toml = toml.replace(old, textwrap.dedent(new))
    path = folder / "discharges.toml"
    path.write_text(toml)
    return path


def by_query(query):
    return 'table = "Discharges"', f"query = '''{query}'''"


def one_line(path):
    with pytest.raises(LoaderError) as caught:
        load("sql", path)
    assert str(caught.value) == caught.value.one_line
    return str(caught.value)


# Reading


@pytest.mark.parametrize("change", [("[database]", "[database]"), by_query(QUERY)], ids=["table", "query"])
def test_rows_are_read_as_they_are_described(change, url, tmp_path):
    cohort = load(path=described(tmp_path, url, change))

    assert cohort.frame.index.tolist() == ["001", "002", "003"]
    assert cohort.patients.tolist() == ["A", "A", "B"]
    assert cohort.outcome.tolist() == [1, 0, 0]
    np.testing.assert_array_equal(cohort.frame["age"], [71, 64.5, np.nan])
    np.testing.assert_array_equal(cohort.frame["ed"], [0, 3, 1])
    assert cohort.frame["Sex"].fillna("?").tolist() == ["F", "M", "?"]
    assert cohort.provenance.exclusions == (Exclusion("died in hospital", 1),)
    assert (cohort.provenance.loader, cohort.provenance.rows_read) == ("sql", 4)


def test_they_are_what_a_table_of_a_file_is(duckdb_url, tmp_path):
    names = "visit,person,readmitted,went,age,ed,Sex"
    lines = [",".join("" if value is None else str(value) for value in row) for row in sorted(ROWS)]
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "discharges.csv").write_text("\n".join([names, *lines]) + "\n")
    of_file = DESCRIPTION.partition("[table]")
    (tmp_path / "file" / "discharges.toml").write_text("".join(of_file[1:]))

    told = load("table", tmp_path / "file" / "discharges.toml").content_hash

    assert load("sql", described(tmp_path, duckdb_url)).content_hash == told


def test_the_provenance_names_the_database_and_no_secret(url, tmp_path):
    provenance = load("sql", described(tmp_path, url)).provenance

    assert provenance.source.split()[1:] == ["database", url.rpartition("/")[2]]
    assert "://" not in repr(provenance)
    assert len(provenance.sha256) == 64


def test_the_same_rows_in_another_order_are_the_same_cohort(duckdb_url, tmp_path):
    queries = (f'TABLE "Discharges" ORDER BY visit {way}' for way in ("ASC", "DESC"))
    cohorts = [load("sql", described(tmp_path, duckdb_url, by_query(query))) for query in queries]

    assert cohorts[0].content_hash == cohorts[1].content_hash
    assert cohorts[0].provenance.sha256 == cohorts[1].provenance.sha256


def test_only_columns_that_are_described_are_read(duckdb_url, tmp_path):
    query = """SELECT *, error('never read') AS "not described" FROM "Discharges\""""

    assert len(load("sql", described(tmp_path, duckdb_url, by_query(query))).frame) == 3


def test_a_schema_is_named_in_the_url(postgresql, tmp_path):
    with postgresql.connect() as connection:
        connection.execute('DROP SCHEMA IF EXISTS "My Ward" CASCADE; CREATE SCHEMA "My Ward"')
        connection.execute('SET search_path TO "My Ward"')
        filled(connection, "%s")

    cohort = load("sql", described(tmp_path, f"{postgresql.url()}?schema=My+Ward"))

    assert len(cohort.frame) == 3


# What is recognised


def test_a_description_of_a_database_is_recognised_by_this_loader_alone(tmp_path):
    path = described(tmp_path, "duckdb:///absent.duckdb")
    (tmp_path / "discharges.csv").write_text("visit\n")

    assert recognise(path) == "sql"
    assert not table.recognises(path)


@pytest.mark.parametrize("content", ["[table]\n", "[database\n", "\xff", "database = 1\n[table]\n"])
def test_other_files_are_not_recognised(content, tmp_path):
    path = tmp_path / "a.toml"
    path.write_bytes(content.encode("latin-1"))

    assert sql.recognises(path) == (content.startswith("database"))
    assert not sql.recognises(tmp_path)
    assert not sql.recognises(tmp_path / "absent.toml")


def test_the_loader_of_files_sends_a_database_here(tmp_path):
    with pytest.raises(LoaderError, match=r"discharges\.toml describes rows of a database; name the loader sql"):
        load("table", described(tmp_path, "duckdb:///absent.duckdb"))


@pytest.mark.parametrize("source", [None, "folder", "a.csv"])
def test_anything_else_than_a_description_is_refused(source, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.csv").write_text("visit\n1\n")

    with pytest.raises(LoaderError, match=r"this loader needs a TOML with a section \[database\]"):
        load("sql", source and tmp_path / source)


# What is wrong

MISTAKES = {
    "file and database": (("[table]", '[table]\nfile = "a.csv"'), "file and [database] both say where the rows are"),
    "query and table": (("[table]", 'query = "SELECT 1"\n[table]'), "needs either a query or the name of a table"),
    "neither": (('table = "Discharges"', ""), "[database]: needs either a query or the name of a table"),
    "another key": (('table = "Discharges"', 'tabel = "x"'), "[database]: 'tabel' is not a key that can stand there"),
    "a number as query": (('table = "Discharges"', "query = 1.5"), "[database]: query must be a text in quotes"),
    "an absent table": (('"Discharges"', '"Other"'), "the DuckDB database rows.duckdb has no table 'Other'"),
    "an absent column": (("features.ed]", "features.eds]"), "the table has no column 'eds'; did you mean 'ed'?"),
    "an absent event": (('"yes"', '"YES"'), "outcome_event stands in no row of column 'readmitted'"),
    "no query": (by_query("nonsense"), "the query is none that the DuckDB database rows.duckdb understands"),
    "a query that changes": (by_query('DELETE FROM "Discharges"'), "is only ever read; give one query"),
    "a query that writes a file": (by_query(WRITING), "the query is none that the DuckDB database"),
    "a query that reads a file": (by_query("SELECT * FROM read_text('/etc/hostname')"), "the query is none that the"),
    "an empty query": (by_query(""), "query must be a text in quotes"),
    "no rows": (by_query('SELECT * FROM "Discharges" LIMIT 0'), "gives no rows; check the query"),
    "a value out of bounds": (("[0, 120]", "[0, 70]"), "row 1, column 'age': expected a number from 0 to 70"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_description_with(mistake, duckdb_url, tmp_path):
    change, told = MISTAKES[mistake]

    assert told in one_line(described(tmp_path, duckdb_url, change))


def test_everything_wrong_comes_in_one_message(duckdb_url, tmp_path):
    changes = (("bounds = [0, 120]", "bounds = [120, 0]"), ('reason = "died in hospital"', ""), ("went", "left"))

    told = one_line(described(tmp_path, duckdb_url, *changes))

    assert told.startswith("discharges.toml: 3 problems: ")
    for one in ("'age': bounds must be", "[[exclude]] 1: reason is missing", "the table has no column 'left'"):
        assert one in told


def test_what_is_wrong_with_the_database_is_told_with_the_description(tmp_path):
    told = one_line(described(tmp_path, "sqlite:///absent.db", ("bounds = [0, 120]", "bounds = [120, 0]")))

    assert "2 problems: feature 'age': bounds must be" in told
    assert "there is no database file 'absent.db' there" in told


def test_a_secret_in_the_description_is_never_told(postgresql, tmp_path, clinflu):
    wrong = {"password": "Wr0ngpassword"}
    url = postgresql.url("described", **wrong)

    code, out, err = clinflu("trace", "--data", described(tmp_path, url, ("[0, 120]", "[120, 0]")))

    assert (code, err.count("\n")) == (2, 1)
    assert not [one for one in (*postgresql.secrets(), "Wr0ngpassword") if one in out + err]


def test_without_a_section_for_a_database(tmp_path):
    (tmp_path / "a.toml").write_text(DESCRIPTION.partition("[table]")[1] + DESCRIPTION.partition("[table]")[2])

    assert "a.toml has no section [database]" in one_line(tmp_path / "a.toml")
