"""The two tables of the log, events and their seals, and what keeps them from being changed, for each database."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

EVENT_TEXTS = (
    *("audit", "session", "kind", "recorded", "subject", "encounter", "about", "says", "note", "author", "time"),
    "digest",
)
SEAL_TEXTS = ("previous", "link", "how", "signer", "signature")
KINDS = {"kind": ("given", "withdrawn"), "how": ("added", "found")}
STAY = "events stay as they are"
IN_ORDER = "events are added in order"


@dataclass(frozen=True)
class Tables:
    """The tables in one database.

    Parameters
    ----------
    event, seal : Table
    """

    event: "sa.Table[Any]"
    seal: "sa.Table[Any]"


@cache
def tables(prefix: str = "") -> Tables:
    """Return the tables whose names begin with a prefix."""
    metadata = sa.MetaData()
    return Tables(_table(metadata, f"{prefix}event", EVENT_TEXTS), _table(metadata, f"{prefix}seal", SEAL_TEXTS))


def _table(metadata: sa.MetaData, name: str, texts: tuple[str, ...]) -> "sa.Table[Any]":
    number = sa.Column("number", sa.Integer, primary_key=True, autoincrement=False)
    columns = [sa.Column(one, sa.Text, *_checks(one), nullable=False) for one in texts]
    return sa.Table(name, metadata, number, *columns)


def _checks(column: str) -> list[sa.CheckConstraint]:
    words = ", ".join(f"'{one}'" for one in KINDS.get(column, ()))
    return [sa.CheckConstraint(f"{column} IN ({words})")] if words else []


def _only_after(table: str) -> str:
    """Return what refuses INSERT OR REPLACE, which would remove an event without a word."""
    return (
        f"CREATE TRIGGER {table}_in_order BEFORE INSERT ON {table} "  # noqa: S608 -- a name of ours
        f"WHEN NEW.number <= (SELECT coalesce(max(number), 0) FROM {table}) "
        f"BEGIN SELECT RAISE(ABORT, '{IN_ORDER}'); END"
    )


SQLITE_EVENT = (
    """CREATE TABLE event (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        audit TEXT NOT NULL,
        session TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('given', 'withdrawn')),
        recorded TEXT NOT NULL,
        subject TEXT NOT NULL,
        encounter TEXT NOT NULL,
        about TEXT NOT NULL,
        says TEXT NOT NULL,
        note TEXT NOT NULL,
        author TEXT NOT NULL,
        time TEXT NOT NULL,
        digest TEXT NOT NULL
    )""",
    f"CREATE TRIGGER never_changed BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, '{STAY}'); END",
    f"CREATE TRIGGER never_removed BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, '{STAY}'); END",
)
SQLITE_SEAL = (
    """CREATE TABLE seal (
        number INTEGER PRIMARY KEY,
        previous TEXT NOT NULL,
        link TEXT NOT NULL,
        how TEXT NOT NULL CHECK (how IN ('added', 'found')),
        signer TEXT NOT NULL,
        signature TEXT NOT NULL
    )""",
    f"CREATE TRIGGER seal_never_changed BEFORE UPDATE ON seal BEGIN SELECT RAISE(ABORT, '{STAY}'); END",
    f"CREATE TRIGGER seal_never_removed BEFORE DELETE ON seal BEGIN SELECT RAISE(ABORT, '{STAY}'); END",
    *(_only_after("event"), _only_after("seal")),
)


def postgresql_guards(tables: Tables) -> tuple[str, ...]:
    """Return the statements that keep the tables of a PostgreSQL from being changed."""
    stay, in_order = "clinflu_events_stay", "clinflu_events_in_order"
    guards = [f"{_FUNCTION.format(stay)} BEGIN RAISE EXCEPTION '{STAY}'; END $$"]
    for name in (tables.event.name, tables.seal.name):
        ordered, stays = f"{in_order}_{name}", f"EXECUTE FUNCTION {stay}()"
        guards += [
            f"{_FUNCTION.format(ordered)} {_NEXT.format(name)}",
            f"CREATE TRIGGER {name}_stays BEFORE UPDATE OR DELETE ON {name} FOR EACH ROW {stays}",
            f"CREATE TRIGGER {name}_is_kept BEFORE TRUNCATE ON {name} FOR EACH STATEMENT {stays}",
            f"CREATE TRIGGER {name}_in_order BEFORE INSERT ON {name} FOR EACH ROW EXECUTE FUNCTION {ordered}()",
        ]
    return tuple(guards)


_FUNCTION = "CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS $$"
_NEXT = (
    "BEGIN IF NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM {}) THEN "  # noqa: S608 -- a name of ours
    f"RAISE EXCEPTION '{IN_ORDER}'; END IF; RETURN NEW; END $$"
)
