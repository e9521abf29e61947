"""Tables of databases: the same values as of files, and whatever goes wrong, one line that holds no secret."""

import socket
import sqlite3

import duckdb
import pandas as pd
import psycopg
import pytest
from psycopg import sql as words

from clinflu.errors import LoaderError
from data_loaders import recognise
from data_loaders.tables import sql as module
from data_loaders.tables.fields import number, text, time, whole
from data_loaders.tables.source import open_store
from data_loaders.tables.url import database_url, is_url, without_secrets

FIELDS = {
    "id": text("id", required=True),
    "stay": whole("stay"),
    "small": whole("small"),
    "name": text("name"),
    "amount": number("amount"),
    "double": number("double"),
    "coded": whole("coded"),
    "day": time("day"),
    "at": time("at"),
    "empty": text("empty"),
}
COLUMNS = """
    id bigint, stay bigint, small smallint, name varchar(40), amount numeric(10, 2), "double" double precision,
    coded varchar(10), day date, "at" timestamp, empty varchar(3)
"""
ROWS = [
    (
        *(-9088915899266858953, -(2**62) - 1, 7, 'one "two",\nthree é', "1.50", 0.1, "42"),
        *("2024-05-31", "2024-05-31 13:05:07.9", None),
    ),
    (9223372036854775807, None, None, "x", None, None, None, None, None, None),
    (5, 2**53 + 1, -1, " y ", "-3.25", -1e-7, "-3", "1899-12-31", "1899-12-31 00:00:00", None),
]
INSERT = "INSERT INTO stays VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
CANARY = "Xq7canary"
WRONG = {"password": "Wr0ngpassword"}
NEW_YORK = "?timezone=America/New_York"


@pytest.fixture(scope="session")
def warehouse(postgresql):
    """A PostgreSQL with some tables, and a user who may read none of them."""
    with postgresql.connect() as connection:
        connection.execute(f"CREATE TABLE stays ({COLUMNS})")
        with connection.cursor() as cursor:
            cursor.executemany(INSERT.replace("?", "%s"), ROWS)
        connection.execute('CREATE SCHEMA "Cdm Schema"; CREATE TABLE "Cdm Schema"."PERSON" ("PERSON_ID" bigint)')
        connection.execute('INSERT INTO "Cdm Schema"."PERSON" VALUES (-7)')
        connection.execute("""
            CREATE TABLE odd (id int, word text, number double precision, at timestamp, zoned timestamptz);
            INSERT INTO odd VALUES (1, 'Xq7canary', 'Infinity', 'infinity', '2024-05-31 13:05:00+02'),
                (2, '', 1, '0044-03-15 BC', NULL), (3, repeat('y', 5000000), 1, '9999-12-31', NULL);
            CREATE TABLE long AS SELECT i AS id, repeat('z', 500) AS word FROM generate_series(1, 40000) i;
            CREATE VIEW seen AS SELECT id FROM stays;
            CREATE ROLE lockedout LOGIN PASSWORD 'Zk3lockedpassword'
        """)
    return postgresql


def read(url, fields=FIELDS, where=None, table="stays", query=None):
    with open_store(database_url(url), ()) as store:
        if query is not None:
            store.define(table, query)
        frame = store.read(table, fields, where)
        store.finish()
    return frame


def one_line(url, **asked):
    with pytest.raises(LoaderError) as caught:
        read(url, **asked)
    assert str(caught.value) == caught.value.one_line
    assert CANARY not in str(caught.value)
    return str(caught.value)


# The same values


def duckdb_file(folder):
    path = folder / "stays.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE TABLE stays ({COLUMNS})")
        connection.executemany(INSERT, ROWS)
    return f"duckdb:///{path}"


def sqlite_file(folder):
    path = folder / "stays.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE stays ({COLUMNS})")
        connection.executemany(INSERT, ROWS)
    connection.close()
    return f"sqlite:///{path}"


@pytest.fixture
def of_files(tmp_path):
    """The rows as they are read of a CSV."""
    folder = tmp_path / "csv"
    folder.mkdir()
    pd.DataFrame(ROWS, columns=list(FIELDS), dtype=object).to_csv(folder / "stays.csv", index=False)
    with open_store(folder, ("stays",)) as store:
        frame = store.read("stays", FIELDS)
        store.finish()
    return frame


def test_duckdb_gives_what_files_give(tmp_path, of_files):
    pd.testing.assert_frame_equal(read(duckdb_file(tmp_path)), of_files)


def test_sqlite_gives_what_files_give(tmp_path, of_files):
    pd.testing.assert_frame_equal(read(sqlite_file(tmp_path)).drop(columns="amount"), of_files.drop(columns="amount"))


def test_postgresql_gives_what_files_give(warehouse, of_files):
    pd.testing.assert_frame_equal(read(warehouse.url()), of_files)


def test_postgresql_gives_it_also_in_small_blocks(warehouse, of_files, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_ROWS", 1)

    pd.testing.assert_frame_equal(read(warehouse.url()), of_files)


@pytest.mark.parametrize("kind", ["duckdb", "sqlite", "postgresql"])
def test_no_rows_have_the_same_types(kind, tmp_path, of_files, request):
    make = {"duckdb": duckdb_file, "sqlite": sqlite_file, "postgresql": None}[kind]
    url = make(tmp_path) if make else request.getfixturevalue("warehouse").url()

    frame = read(url, where=lambda values: values["small"] > 1000)

    pd.testing.assert_frame_equal(frame, of_files.iloc[:0])


@pytest.mark.parametrize("kind", ["duckdb", "sqlite", "postgresql"])
def test_a_condition_is_asked_of_the_database(kind, tmp_path, request):
    make = {"duckdb": duckdb_file, "sqlite": sqlite_file, "postgresql": None}[kind]
    url = make(tmp_path) if make else request.getfixturevalue("warehouse").url()

    frame = read(url, where=lambda values: values["coded"].in_((42, 43)))

    assert frame["id"].tolist() == ["-9088915899266858953"]


def test_the_same_rows_have_the_same_sha256_in_whatever_order(warehouse):
    found = set()
    for order in ("SELECT * FROM stays", "SELECT * FROM stays ORDER BY id", "SELECT * FROM stays ORDER BY id DESC"):
        with open_store(database_url(warehouse.url()), ()) as store:
            store.define("rows", order)
            store.read("rows", FIELDS)
            found.add(store.sha256())

    assert len(found) == 1


def test_a_schema_is_named_in_the_url(warehouse):
    frame = read(f"{warehouse.url()}?schema=Cdm+Schema", {"id": text("person_id")}, table="person")

    assert frame["id"].tolist() == ["-7"]


def test_a_view_is_a_table_too(warehouse):
    assert len(read(warehouse.url(), {"id": text("id")}, table="seen")) == 3


def test_an_empty_text_is_no_missing_one(warehouse):
    frame = read(warehouse.url(), {"word": text("word")}, table="odd", query="SELECT '' AS word UNION ALL SELECT NULL")

    assert frame["word"].isna().tolist() == [False, True]


def test_a_time_with_a_zone_is_told_by_one_clock_whoever_reads_it(warehouse, monkeypatch):
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    with warehouse.connect() as connection:
        connection.execute("ALTER DATABASE warehouse SET timezone = 'America/New_York'")
    try:
        frames = [read(warehouse.url() + zone, {"at": time("zoned")}, table="odd") for zone in ("", NEW_YORK)]
    finally:
        with warehouse.connect() as connection:
            connection.execute("ALTER DATABASE warehouse RESET timezone")

    told = [frame["at"].dropna().item() for frame in frames]
    assert told == [pd.Timestamp("2024-05-31 11:05:00"), pd.Timestamp("2024-05-31 07:05:00")]
    assert without_secrets(warehouse.url() + NEW_YORK).endswith("timezone=America%2FNew_York")


def test_an_unknown_zone_is_one_line(warehouse):
    with pytest.raises(LoaderError, match="does not know that time zone"):
        read(warehouse.url() + "?timezone=Nowhere", {"at": time("zoned")}, table="odd")


def test_a_text_of_5_mb_comes_whole(warehouse):
    frame = read(warehouse.url(), {"id": whole("id"), "word": text("word")}, table="odd")

    assert frame["word"].str.len().max() == 5_000_000


@pytest.mark.parametrize(
    ("make", "name"), [(duckdb_file, "data[1] o'x"), (sqlite_file, "data[1] o'x"), (sqlite_file, "a?b#c%41")]
)
def test_any_name_of_a_folder_will_do(make, name, tmp_path):
    folder = tmp_path / name
    folder.mkdir()
    url = make(folder).replace("%", "%25").replace("?", "%3F").replace("#", "%23")

    assert len(read(url)) == 3


# What is no value


@pytest.mark.parametrize(
    "fields",
    [{"n": number("word")}, {"w": whole("word")}, {"t": time("word")}, {"t": time("at")}],
    ids=["a text as number", "a text as whole number", "a text as time", "a time without end"],
)
def test_postgresql_says_that_there_is(fields, warehouse):
    told = one_line(warehouse.url(), fields=fields, table="odd")

    assert told == "the PostgreSQL database warehouse holds a value that is none of what its column should hold"


def test_infinity_is_no_number(warehouse):
    told = one_line(warehouse.url(), fields={"n": number("number")}, table="odd")

    assert "table 'odd', column 'number': expected a number in 1 row." in told


@pytest.mark.parametrize("held", ["1e30", "'NaN'", "NULL"])
def test_required_values_are_counted_where_they_are_none(held, warehouse):
    query = f"SELECT {held}::double precision AS n UNION ALL SELECT 1"

    told = one_line(warehouse.url(), fields={"n": number("n", required=True)}, query=query)

    assert "column 'n': expected a number in 1 row." in told


def test_several_problems_come_in_one_message(warehouse):
    query = "SELECT NULL AS id, timestamp '1600-01-01' AS at UNION ALL SELECT NULL, timestamp '9999-12-31'"
    fields = {"id": text("id", required=True), "at": time("at"), "n": whole("n", required=False)}

    told = one_line(warehouse.url(), fields=fields, query=query)

    assert "2 problems: table 'stays', column 'id': expected text in 2 rows; table 'stays', column 'at': " in told


@pytest.mark.parametrize("held", [CANARY, "", "1,5", "-", "3.5"])
@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_file_never_makes_a_number_of_a_text(kind, held, tmp_path):
    path = tmp_path / "a.file"
    library = {"sqlite": sqlite3, "duckdb": duckdb}[kind]
    connection = library.connect(str(path))
    connection.execute("CREATE TABLE stays (coded varchar(20))")
    connection.execute("INSERT INTO stays VALUES (?), ('7')", [held])
    connection.commit()
    connection.close()

    told = one_line(f"{kind}:///{path}", fields={"w": whole("coded")})

    assert "expected a whole number" in told or "holds a value that is none of what its column should hold" in told


# What goes wrong


def hanging():
    """A server that takes every call and never answers."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    return server


FAULTS = {
    "a wrong password": (WRONG, "refused the user or the password"),
    "an unknown user": ({"user": "nobodyknown"}, "refused the user or the password"),
    "an unknown database": ({"database": "nowhere"}, "has no database of that name; check the end of the URL"),
    "a user who may not read": (
        {"user": "lockedout", "password": "Zk3lockedpassword"},
        "does not let this user read; ask for the right to SELECT",
    ),
    "a closed port": ({"port": 1}, "does not answer; check the address"),
    "an unknown host": ({"host": "no.such.host.invalid"}, "does not answer; check the address"),
    "an unknown option": ({"database": "warehouse?nonsense=Xq7canary"}, "does not answer as it should"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_in_one_line_without_a_secret(fault, warehouse, clinflu, monkeypatch):
    monkeypatch.delenv("CLINFLU_TRACEBACK", raising=False)
    changed, told = FAULTS[fault]
    url = warehouse.url(**changed)
    parts = database_url(url).url

    code, out, err = clinflu("trace", "--data", url, "--loader", "omop")
    code2, out2, err2 = described(clinflu, url)

    assert (code, code2) == (2, 2)
    for shown in (out + err, out2 + err2):
        assert shown.count("\n") == 1
        secret = (*warehouse.secrets(), parts.password, parts.username, parts.host, CANARY)
        assert not [one for one in secret if one in shown]
    assert told in err2


def described(clinflu, url, query="SELECT * FROM stays"):
    """Run on a description of rows of a database."""
    with open("rows.toml", "w", encoding="utf-8") as stream:  # noqa: PTH123 -- where the command runs
        stream.write(f"""
            [database]
            url = '{url}'
            query = '{query}'
            [table]
            encounter_id = "id"
            patient_id = "small"
            outcome = "coded"
            [features.double]
        """)
    return clinflu("trace", "--data", "rows.toml")


def test_a_server_that_hangs_is_given_up(warehouse, monkeypatch):
    assert module.PATIENCE_SECONDS < 10
    assert module.PATIENCE["psycopg"]["connect_timeout"] == module.PATIENCE_SECONDS
    monkeypatch.setitem(module.PATIENCE["psycopg"], "connect_timeout", 2)  # the least that it allows

    with hanging() as server:
        told = one_line(warehouse.url(port=server.getsockname()[1]))

    assert told == "the PostgreSQL database warehouse does not answer; check the address"


def test_a_connection_that_breaks_off_while_rows_come(warehouse, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_ROWS", 1000)
    given = []

    def broken_off(block, fields):
        given.append(len(block))
        if len(given) == 2:
            with warehouse.connect() as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE query LIKE 'COPY%' AND pid <> pg_backend_pid()"
                )
        return from_csv(block, fields)

    from_csv = module._from_csv
    monkeypatch.setattr(module, "_from_csv", broken_off)

    told = one_line(warehouse.url(), fields={"id": text("id"), "word": text("word")}, table="long")

    assert told == "the PostgreSQL database warehouse broke off while it was read; nothing was loaded, so try again"
    assert len(given) < 40


CHANGES = {
    "an insert": "INSERT INTO stays (id) VALUES (1) RETURNING id",
    "a delete": "DELETE FROM stays",
    "an insert within": "WITH x AS (INSERT INTO stays (id) VALUES (1) RETURNING id) SELECT * FROM x",
    "a second command": "SELECT id FROM stays) AS x; INSERT INTO stays (id) VALUES (1); SELECT * FROM (SELECT 1",
    "a transaction of its own": (
        "SELECT id FROM stays) AS x; COMMIT; BEGIN READ WRITE; DELETE FROM stays; COMMIT; SELECT * FROM (SELECT 1"
    ),
    "a function": "SELECT add_one() AS id",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_query_can_change_nothing(change, warehouse):
    with warehouse.connect() as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION add_one() RETURNS bigint LANGUAGE sql VOLATILE AS "
            "'INSERT INTO stays (id) VALUES (1) RETURNING id'"
        )

    told = one_line(warehouse.url(), query=CHANGES[change], table="rows")

    assert "cannot answer the query" in told or "is only ever read" in told
    with warehouse.connect() as connection:
        assert connection.execute("SELECT count(*) FROM stays").fetchone() == (3,)


@pytest.mark.parametrize(("make", "library"), [(duckdb_file, duckdb), (sqlite_file, sqlite3)])
@pytest.mark.parametrize("change", ["an insert", "a delete", "a second command"])
def test_a_query_can_change_no_file(change, make, library, tmp_path):
    url = make(tmp_path)

    one_line(url, query=CHANGES[change], table="rows")

    connection = library.connect(url.partition(":///")[2])
    assert connection.execute("SELECT count(*) FROM stays").fetchone() == (3,)
    connection.close()


@pytest.mark.parametrize("kind", ["duckdb", "sqlite", "postgresql"])
@pytest.mark.parametrize("query", ["SELECT nothing FROM stays", "SELECT 1 FROM nowhere", "nonsense", "SELECT password"])
def test_a_query_that_is_none(query, kind, tmp_path, request):
    make = {"duckdb": duckdb_file, "sqlite": sqlite_file, "postgresql": None}[kind]
    url = make(tmp_path) if make else request.getfixturevalue("warehouse").url()

    assert "quer" in one_line(url, query=query, table="rows")


QUERIES = {
    "a cast": "SELECT '7'::varchar AS word",
    "a semicolon": "SELECT '7' AS word ; ",
    "a remark": "SELECT '7' AS word -- that is all",
    "a colon": "SELECT '7' AS word WHERE ':word' <> '12:30:00'",
    "percent": "SELECT '7' AS word WHERE 'a%b' LIKE 'a%' AND 7 % 5 = 2",
    "a quote": "SELECT '7' AS word WHERE 'it''s' <> \"current_user\"()",
    "a backslash": r"SELECT '7' AS word WHERE '\:' <> ':'",
    "parts": "WITH x AS (SELECT '7' AS word) SELECT * FROM x",
}


@pytest.mark.parametrize("kind", ["duckdb", "postgresql"])
@pytest.mark.parametrize("what", QUERIES)
def test_a_query_may_hold(what, kind, tmp_path, request):
    url = duckdb_file(tmp_path) if kind == "duckdb" else request.getfixturevalue("warehouse").url()

    assert read(url, {"word": text("word")}, query=QUERIES[what], table="rows")["word"].tolist() == ["7"]


@pytest.mark.parametrize("url", ["duckdb:///absent.duckdb", "sqlite:///absent.db", "duckdb://", "sqlite://"])
def test_a_database_file_that_is_not_there_is_not_made(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert "there is no database file" in one_line(url)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["duckdb", "sqlite"])
def test_a_database_file_that_is_none(kind, tmp_path):
    path = tmp_path / "a.file"
    path.write_bytes(b"no database " * 1000)

    assert "damaged" in one_line(f"{kind}:///{path}")


def test_a_driver_that_is_not_installed():
    assert "the driver MySQLdb is not installed" in one_line("mysql://reader:Xq7canary@server/x")


def test_what_goes_wrong_is_told_where_no_loader_is_named(warehouse):
    with pytest.raises(LoaderError, match="refused the user or the password"):
        recognise(database_url(warehouse.url(**WRONG)))


def test_no_connection_stays_open(warehouse):
    read(warehouse.url())
    one_line(warehouse.url(), query="nonsense", table="rows")

    with psycopg.connect(warehouse.url("postgres"), autocommit=True) as connection:
        asked = words.SQL("SELECT count(*) FROM pg_stat_activity WHERE datname = 'warehouse' AND state <> 'idle'")
        for _ in range(100):  # a server needs a moment to see that a client has gone
            (open_now,) = connection.execute(asked).fetchone()
            if not open_now:
                break
        assert open_now == 0


# The URL

URL = "postgresql://reader:Zk3password@db.example.org:5432/warehouse?schema=cdm&sslpassword=Zk3other"


def test_a_url_is_never_shown():
    where = database_url(URL)

    for shown in (repr(where), str(where), f"{where}", f"{where!r}"):
        assert shown == "PostgreSQL database warehouse"


def test_a_url_is_printed_without_what_is_secret():
    assert without_secrets(URL) == "postgresql://reader@db.example.org:5432/warehouse?schema=cdm"
    assert without_secrets("duckdb:///a b/c.duckdb") == "duckdb:///a b/c.duckdb"
    assert without_secrets("folder/table.csv") == "folder/table.csv"


def test_what_is_printed_leads_to_the_same_tables(warehouse):
    shown = database_url(without_secrets(f"{warehouse.url()}?schema=Cdm+Schema"))

    assert (shown.schema, shown.url.database, shown.url.password) == ("Cdm Schema", "warehouse", None)


@pytest.mark.parametrize("text", ["C:\\data", "folder", "a:b", "/a/b.csv", "http:/x"])
def test_a_path_is_no_url(text):
    assert not is_url(text)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:Xq7canary@h:port/x",
        "nonsense://u:Xq7canary@h/x",
        "postgresql+nonsense://u:Xq7canary@h/x",
        "postgresql://u:Xq7canary@h/x?schema=a&schema=b",
    ],
)
def test_a_url_that_is_none_is_told_without_it(url, clinflu):
    code, out, err = clinflu("trace", "--data", url)

    assert (code, err.count("\n")) == (2, 1)
    assert CANARY not in out + err
