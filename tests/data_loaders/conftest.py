"""A real PostgreSQL for the tests of databases."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest


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


@pytest.fixture(scope="session")
def postgresql():
    """A PostgreSQL of our own in a private folder, stopped at the end."""
    programs = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
    root = os.geteuid() == 0
    if programs is None or (root and shutil.which("runuser") is None):
        pytest.skip("PostgreSQL is not installed: no /usr/lib/postgresql/*/bin")
    with tempfile.TemporaryDirectory(prefix="postgresql-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        password = folder / "password"
        password.write_text(secrets.token_hex(12))
        if root:  # it refuses to run as root
            owner = pwd.getpwnam("postgres")
            for path in (folder, password):
                os.chown(path, owner.pw_uid, owner.pw_gid)

        def run(program, *words):
            as_owner = ["runuser", "-u", "postgres", "--"] if root else []
            subprocess.run([*as_owner, programs / program, *words], check=True, capture_output=True, cwd=folder)

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
