"""A real PostgreSQL of the tests' own, which asks for a password."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

OWNER = "postgres"  # PostgreSQL refuses to run as root


@dataclass(frozen=True)
class Server:
    """A PostgreSQL that asks for a password; its user may do anything."""

    port: int
    password: str
    host: str = "127.0.0.1"
    user: str = "wardreader"

    def url(self, database="warehouse", **changed):
        """Return a URL with, say, another password."""
        parts = {"user": self.user, "password": self.password, "host": self.host, "port": self.port, **changed}
        return "postgresql://{user}:{password}@{host}:{port}/{database}".format(**parts, database=database)

    def connect(self, database="warehouse", **changed):
        """Return a connection of the tests' own, which commits at once."""
        import psycopg

        return psycopg.connect(self.url(database, **changed), autocommit=True)

    def secrets(self):
        """What no message may ever hold."""
        return self.password, self.user, self.host, str(self.port), "://"


def absence() -> str:
    """Return why no PostgreSQL can be started; nothing where one can."""
    if programs() is None:
        return "PostgreSQL is not installed: no /usr/lib/postgresql/*/bin"
    if os.geteuid() == 0 and (owner() is None or shutil.which("runuser") is None):
        return f"PostgreSQL cannot run as root, and there is no user {OWNER} or no runuser"
    return ""


def programs() -> Path | None:
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


def owner() -> pwd.struct_passwd | None:
    return next((one for one in pwd.getpwall() if one.pw_name == OWNER), None)


@contextmanager
def running() -> Iterator[Server]:
    """Run a PostgreSQL with an empty database in a private folder, and stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="postgresql-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        password = folder / "password"
        password.write_text(secrets.token_hex(12))
        as_owner = []
        if os.geteuid() == 0:
            as_owner = ["runuser", "-u", OWNER, "--"]
            for path in (folder, password):
                shutil.chown(path, OWNER)

        def run(program: str, *words: object) -> None:
            command = [*as_owner, str(programs() / program), *map(str, words)]
            subprocess.run(command, check=True, capture_output=True, cwd=folder)

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            server = Server(free.getsockname()[1], password.read_text())
        data, log = folder / "data", folder / "log"
        run("initdb", "-D", data, "-U", server.user, "-A", "scram-sha-256", f"--pwfile={password}", "-N", "-E", "UTF8")
        options = f"-p {server.port} -k {folder} -c listen_addresses={server.host} -c fsync=off -c timezone=UTC"
        run("pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start")
        try:
            with server.connect("postgres") as connection:
                connection.execute("CREATE DATABASE warehouse")
            yield server
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "stop")
