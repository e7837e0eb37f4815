"""A past launch to write into a book, and places where a book may lie: a file, and a PostgreSQL server of our own."""

import datetime as dt
import multiprocessing
import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest

from forecast_eval.align import Deltas, Launch, OnlineTest

PASSWORD = "correct horse @ battery/staple"  # noqa: S105 - of a server that lives as long as the tests
USER = "keeper"
TABLE = "launch_book"
FORKED = multiprocessing.get_context("fork")


@pytest.fixture(name="make_launch", scope="session")
def make_launch_fixture():
    """Give the function that makes a launch."""
    return make_launch


def make_launch(name="spring", seed=3, *, decision="launched", **more):
    """Launch of two offline and two online metrics with correlated errors, and numbers of all digits."""
    rng = np.random.default_rng(seed)
    root = rng.normal(0.01, 0.02, (9, 4))
    covariance = root.T @ root / 9
    offline = Deltas.of(
        ["profit", "rmse"], rng.normal(0.02, 0.03, 2), covariance[:2, :2], better=["higher", "lower"],
        units=["share", "units"], base=[1234.5, np.nan],
    )  # fmt: skip
    tested = {} if decision == "not tested" else {
        "online": Deltas.of(
            ["profit", "waste"], rng.normal(0.01, 0.02, 2), covariance[2:, 2:], better=["higher", "lower"],
        ),
        "cross": covariance[:2, 2:],
        "test": OnlineTest("store", (10, 12), dt.date(2026, 1, 5), dt.date(2026, 2, 1), 4, 1, "complete", "cuped"),
    }  # fmt: skip
    told = {"groups": {"region": "Østfold"}, "source": {"run": f"runs/{seed}"}}
    return Launch(name, "trees", "AutoETS", dt.date(2026, 1, 4), decision, offline, **(tested | told | more))


class FilePlace:
    """A book in a file."""

    def __init__(self, file):
        self.where = file

    def raw(self, *statements):
        """Do what the database lets nobody do, after its triggers are gone; give the rows of the last statement."""
        with sqlite3.connect(self.where) as connection:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            rows = [connection.execute(statement).fetchall() for statement in statements]
        connection.close()
        return rows[-1]

    def refused(self, statement):
        """What the database says to a statement; None where it does as told."""
        connection = sqlite3.connect(self.where)
        try:
            connection.execute(statement)
        except sqlite3.Error as error:
            return str(error)
        finally:
            connection.close()
        return None


class ServerPlace:
    """A book in a database of a server."""

    def __init__(self, port, database):
        self.port, self.database = port, database
        self.where = f"postgresql://{USER}@127.0.0.1:{port}/{database}"

    def raw(self, *statements):
        return self.run(f"ALTER TABLE {TABLE} DISABLE TRIGGER ALL", *statements)

    def run(self, *statements):
        from pg8000.native import Connection

        with Connection(USER, "127.0.0.1", self.database, self.port, PASSWORD) as connection:
            return [connection.run(statement) for statement in statements][-1]

    def refused(self, statement):
        from pg8000 import DatabaseError

        try:
            self.run(statement)
        except DatabaseError as error:
            return error.args[0]["M"]
        return None


@pytest.fixture(scope="session")
def binaries():
    """Folder of the server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    path = found[-1] if found else shutil.which("initdb")
    if path is not None:
        return Path(path).parent
    if os.environ.get("CI") == "true":
        pytest.fail("there is no PostgreSQL server, and CI=true: the launch book must be seen to work with one")
    pytest.skip("there is no PostgreSQL server (apt-get install postgresql)")


@pytest.fixture(scope="session")
def server(binaries):
    """Port of a PostgreSQL server on loopback that asks for a password; it is gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="forecast-eval-postgres-"))
    owner = unprivileged()
    (folder / "password").write_text(PASSWORD)
    for path in (folder, folder / "password"):
        os.chown(path, owner.pw_uid, owner.pw_gid)
    data = str(folder / "data")

    def call(program, *arguments):
        command = [str(binaries / program), "-D", data, *arguments]
        # to a file: a server that goes on would hold a pipe open
        with (folder / "log").open("ab") as log:
            done = subprocess.run(
                command, check=False, cwd=folder, stdout=log, stderr=log, timeout=120, **as_user(owner)
            )
        if done.returncode:
            pytest.fail((folder / "log").read_text())

    try:
        asks = ("-U", USER, "-A", "scram-sha-256", "--pwfile", str(folder / "password"))
        call("initdb", *asks, "--no-sync", "-E", "UTF8", "--locale=C")
        port = free_port()
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off -c max_connections=20"
        call("pg_ctl", "-w", "-o", options, "start")
        yield port
        call("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def unprivileged():
    """User who runs the server, which root may not."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    names = {user.pw_name for user in pwd.getpwall()}
    return pwd.getpwnam("postgres" if "postgres" in names else "nobody")


def as_user(owner):
    if os.geteuid() != 0:
        return {}
    return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def server_place(server, monkeypatch):
    """A database of the server without a book, and its password in the environment."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    found = ServerPlace(server, "postgres")
    found.run(
        f"DROP TABLE IF EXISTS {TABLE}", *(f"DROP FUNCTION IF EXISTS {TABLE}_{name}" for name in ("stays", "follows"))
    )
    return found


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def place(request, tmp_path):
    """Where a book may lie."""
    if request.param == "sqlite":
        return FilePlace(tmp_path / "launches.db")
    return request.getfixturevalue("server_place")


@pytest.fixture
def start():
    """Run a function in a process of its own; give the process."""
    running = []

    def started(target, *arguments):
        process = FORKED.Process(target=target, args=arguments)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads of other libraries, which the child lacks
            process.start()
        running.append(process)
        return process

    yield started
    for process in running:
        process.kill()
        process.join()
