"""Processes: forked ones, several on one database, and ones that are killed in mid-write."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

import koru_delta

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def in_child(body: object) -> str:
    """Runs a body in a forked child, and returns what it says."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        # That forking with threads is dangerous is what is tested here.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        said = "nothing"
        try:
            said = body()  # type: ignore[operator]
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        finally:
            os.write(write, said.encode())
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said


@posix
def test_a_handle_is_refused_in_a_forked_child_and_works_on_in_the_parent(tmp_path: Path) -> None:
    with koru_delta.open(tmp_path / "db.koru") as db:
        documents = db.collection("c")
        documents.put("k", 1)
        rows = documents.scan()
        snapshot = db.snapshot()
        watch = db.watch()
        calls = [
            lambda: documents.get("k"),
            lambda: documents.put("k", 2),
            lambda: next(rows),
            lambda: snapshot.collection("c"),
            lambda: watch.next(timeout=0),
            lambda: db.transaction().__enter__(),
            db.info,
        ]
        for call in calls:
            said = in_child(call)
            assert said.startswith("ClosedError: ") and "forked" in said
        documents.put("k", 2)
        assert db.verify().ok


@posix
def test_a_child_that_lets_go_of_its_parents_handle_leaves_the_files_alone(tmp_path: Path) -> None:
    path = tmp_path / "db.koru"
    handles = [koru_delta.open(path)]
    handles[0].collection("c").put("k", 1)
    before = {each.name: each.read_bytes() for each in path.iterdir()}

    def body() -> str:
        handles[0].close()
        handles.clear()
        return "done"

    assert in_child(body) == "done"
    assert {each.name: each.read_bytes() for each in path.iterdir()} == before
    handles[0].collection("c").put("k", 2)
    handles[0].close()


@posix
def test_a_forked_child_opens_its_own(tmp_path: Path) -> None:
    with koru_delta.open(tmp_path / "db.koru") as db:
        db.collection("c").put("k", 1)

        def body() -> str:
            with koru_delta.open(tmp_path / "db.koru", read_only=True) as own:
                return f"{own.collection('c').get('k')}"

        assert in_child(body) == "1"


def read_all(path: Path) -> int:
    """What a process of a pool does."""
    with koru_delta.open(path, read_only=True) as db:
        return sum(row.value["n"] for row in db.collection("c").scan())


@pytest.mark.parametrize("method", ["spawn", "forkserver"] if hasattr(os, "fork") else ["spawn"])
def test_processes_of_multiprocessing_read_beside_a_writer(tmp_path: Path, method: str) -> None:
    path = tmp_path / "db.koru"
    with koru_delta.open(path) as db:
        db.collection("c").put_many((str(n), {"n": n}) for n in range(1000))
        with multiprocessing.get_context(method).Pool(4) as pool:
            assert pool.map(read_all, [path] * 8) == [sum(range(1000))] * 8


WRITER = """
import sys, koru_delta
with koru_delta.open(sys.argv[1]) as db:
    documents = db.collection("c")
    n = documents.get("n", 0)
    while True:
        n += 1
        with db.transaction() as tx:
            tx.collection("c").put("n", n)
            tx.collection("c").put(f"k{n % 100}", {"n": n})
        print(n, flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL here")
def test_what_was_acknowledged_survives_a_hundred_kills(tmp_path: Path) -> None:
    path = tmp_path / "db.koru"
    choice = random.Random(1)
    for _ in range(100):
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(choice.random() * 0.1)
            writer.send_signal(signal.SIGKILL)
            said = writer.stdout.read().splitlines()
        acknowledged = int(said[-1]) if said else 0
        with koru_delta.open(path) as db:
            n = db.collection("c").get("n", 0)
            assert n >= acknowledged
            assert n == 0 or db.collection("c").get(f"k{n % 100}") == {"n": n}, "a commit is never there by half"
    with koru_delta.open(path) as db:
        assert db.verify().ok
        # Each of them was killed while it wrote.
        assert db.collection("c").get("n", 0) > 100


WAITS = """
import koru_delta, threading
db = koru_delta.open("memory:")
begun, interrupted = threading.Event(), threading.Event()

def other():
    with db.transaction() as tx:
        tx.collection("c").put("other", 1)
        begun.set()
        assert interrupted.wait(60)

holder = threading.Thread(target=other)
holder.start()
begun.wait()
print("ready", flush=True)
try:
    %s
except KeyboardInterrupt:
    interrupted.set()
    holder.join()
    assert list(db.collection("c").keys()) == ["other"], "nothing was written"
    db.collection("c").put("later", 1)
    db.close()
    raise
"""
"""Beside a transaction of another thread, which ends when what waits for it was interrupted."""

INTERRUPTED = {
    "a watch": "import koru_delta\ndb = koru_delta.open('memory:')\nprint('ready', flush=True)\nnext(db.watch())\n",
    "a put": WAITS % "db.collection('c').put('waiting', 1)",
    "a transaction": WAITS % "db.transaction().__enter__()",
    "a restore": WAITS % "db.collection('c').restore('k', koru_delta.Moment.now())",
    "a checkpoint": WAITS % "db.checkpoint()",
    "verify": """
import koru_delta, sys, timeit
db = koru_delta.open("memory:")
documents = db.collection("c")
# It takes some times as long as Ctrl-C takes to come and to be looked for.
while min(timeit.repeat(db.verify, number=1, repeat=2)) < 0.6:
    for n in range(50_000):
        documents.put(str(n), n)
events = []
sys.setprofile(lambda frame, event, what: events.append(event) if getattr(what, "__name__", "") == "verify" else None)
print("ready", flush=True)
try:
    db.verify()
except KeyboardInterrupt:
    assert events == ["c_call", "c_exception"], "within the call, and not when it had come to its end"
    raise
""",
    "many searches": """
import koru_delta
db = koru_delta.open("memory:")
documents = db.collection("c")
documents.put_many({str(n): n for n in range(20_000)}, vectors=[[float(n), 1.0] for n in range(20_000)])
print("ready", flush=True)
documents.search_many([[1.0, 2.0]] * 100_000, exact=True)
""",
}


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGINT here")
@pytest.mark.parametrize("what", INTERRUPTED)
def test_ctrl_c_ends(what: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED[what]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.15)
        child.send_signal(signal.SIGINT)
        try:
            _, errors = child.communicate(timeout=20)
        finally:
            child.kill()
    assert errors.splitlines()[-1] == "KeyboardInterrupt", errors


def test_the_command_line_comes_along(tmp_path: Path) -> None:
    path = tmp_path / "db.koru"
    with koru_delta.open(path) as db:
        db.collection("users").put("ada", {"born": 1815})
    command = [sys.executable, "-m", "koru_delta", "--db", str(path)]
    got = subprocess.run([*command, "get", "users/ada"], capture_output=True, text=True, check=False)
    assert (got.returncode, json.loads(got.stdout), got.stderr) == (0, {"born": 1815}, "")
    missing = subprocess.run([*command, "get", "users/none"], capture_output=True, text=True, check=False)
    assert missing.returncode == 3
    assert "none" in missing.stderr
    script = Path(sys.executable).with_name("koru")
    version = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.strip() == f"koru {koru_delta.__version__}"
