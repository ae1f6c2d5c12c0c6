"""Other programs: data moves here from a real Redis server, and Node reads and goes on with the same files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import koru_delta

ROOT = Path(__file__).resolve().parents[2]
NPM = ROOT / "npm" / "dist" / "node.js"
# The suite runs with nothing but its environment on the PATH; other programs are found where they were before.
PATH = os.environ.get("KORU_PATH") or os.environ["PATH"]
NODE = shutil.which("node", path=PATH)
REDIS = shutil.which("redis-server", path=PATH)


@pytest.mark.skipif(REDIS is None, reason="there is no redis-server")
def test_migrate_from_redis(tmp_path: Path) -> None:
    redis = pytest.importorskip("redis")
    socket = tmp_path / "socket"
    command = [str(REDIS), "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            with redis.Redis(unix_socket_path=str(socket)) as source:
                for _ in range(500):
                    if socket.exists():
                        break
                    time.sleep(0.02)
                moved(source, socket, tmp_path / "new.koru")
        finally:
            server.terminate()


def moved(source: Any, socket: Path, new: Path) -> None:
    source.set("plain", "é")
    source.set("binary", b"\xff\0")
    source.set("user:17:name", "Ada", px=3_600_000)
    source.hset("user:18", mapping={"name": "Bob", "photo": b"\xff"})
    source.rpush("queue:jobs", "a", "b", "a")
    source.sadd("user:tags", "y", "x")
    source.zadd("board", {"ada": 1.5, "bob": 2})
    source.xadd("events", {"kind": "login"}, id="1-1")
    source.mset({f"many:{n:05}": n for n in range(2500)})

    def run() -> str:
        script = ROOT / "docs" / "examples" / "python" / "migrate_from_redis.py"
        command = [sys.executable, "-W", "error", str(script), f"unix://{socket}", str(new)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert run() == "2508 documents written, 0 deleted"
    with koru_delta.open(new, read_only=True) as db:
        assert db.collections() == ["many", "queue", "redis", "user"]
        plain = {row.key: row.value for row in db.collection("redis").scan()}
        assert plain == {
            "plain": "é",
            "binary": b"\xff\0",
            "board": {"ada": 1.5, "bob": 2.0},
            "events": [{"id": "1-1", "fields": {"kind": "login"}}],
        }
        users = {row.key: row.value for row in db.collection("user").scan()}
        assert users == {"17:name": "Ada", "18": {"name": "Bob", "photo": b"\xff"}, "tags": ["x", "y"]}
        assert db.collection("queue").get("jobs") == ["a", "b", "a"]
        ada = db.collection("user").document("17:name")
        assert ada is not None
        assert ada.expires_at is not None
        assert abs(ada.expires_at - time.time() * 1000 - 3_600_000) < 60_000
        assert db.collection("many").get("02499") == "2499"

    source.delete("plain")
    source.hset("user:18", "name", "Bob B.")
    assert run() == "1 documents written, 1 deleted"
    assert run() == "0 documents written, 0 deleted"
    with koru_delta.open(new, read_only=True) as db:
        names = [version.value["name"] for version in db.collection("user").history("18")]
        assert names == ["Bob B.", "Bob"]


SCRIPT = """
import { open } from %s;
const db = await open(process.argv[1]);
const c = db.collection("c");
const said = { commits: (await db.info()).commits, chain: (await db.verify()).chain, rows: [] };
for await (const row of c.scan()) said.rows.push([row.key, row.version, JSON.stringify(row.value)]);
await c.put("from node", { n: 1, big: 2n ** 62n, half: 0.5, bytes: new Uint8Array([0, 255]) }, { author: "node" });
await db.tag("node was here");
await db.close();
console.log(JSON.stringify(said));
"""


@pytest.mark.skipif(NODE is None or not NPM.exists(), reason="the npm package is not built, or there is no node")
def test_node_reads_what_python_wrote_and_the_reverse(tmp_path: Path) -> None:
    path = tmp_path / "db.koru"
    with koru_delta.open(path) as db:
        c = db.collection("c")
        c.put("text", {"é": ["\U0001f600", None, True]})
        c.put_many({f"{n:04}": n for n in range(1000)})
        commits, chain = db.info().commits, db.verify().chain
        rows = [[row.key, row.version] for row in c.scan()]
    command = [str(NODE), "--input-type=module", "-e", SCRIPT % json.dumps(NPM.as_uri()), str(path)]
    environment = {**os.environ, "PATH": PATH}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["commits"], said["chain"]) == (commits, chain)
    assert [row[:2] for row in said["rows"]] == rows
    assert json.loads(said["rows"][-1][2]) == {"é": ["\U0001f600", None, True]}
    with koru_delta.open(path) as db:
        assert db.collection("c").get("from node") == {"n": 1, "big": 2**62, "half": 0.5, "bytes": b"\0\xff"}
        assert db.as_of(koru_delta.Moment.tag("node was here")).collection("c").get("0999") == 999
        assert db.commit(db.collection("c").heads("from node")[0]).author == "node"
        assert db.verify().ok
