"""A device at the edge: little memory, many small writes, and the power may go at any time.

With relaxed durability a write is acknowledged when the operating system has it: it survives the end of the process,
and power loss from about a tenth of a second on. The process is killed here on purpose.
"""

import os
import subprocess
import sys

import koru_delta

MEMORY_BYTES = 1 << 20


def measure(path: str, count: int) -> None:
    """What runs on the device: it goes on where it was."""
    with koru_delta.open(path, durability="relaxed", cache_bytes=MEMORY_BYTES) as db:
        readings = db.collection("readings")
        last = next(readings.keys(descending=True, limit=1), "0")
        for n in range(int(last) + 1, int(last) + count + 1):
            readings.put(f"{n:08}", {"celsius": 20 + n % 7 / 10})
            print(n, flush=True)


def main(path: str) -> None:
    for _ in range(3):
        command = [sys.executable, __file__, path, "measure"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as device:
            assert device.stdout is not None
            acknowledged = 0
            for line in device.stdout:
                acknowledged = int(line)
                if acknowledged % 50 == 0:
                    device.kill()
        with koru_delta.open(path, read_only=True) as db:
            last = next(db.collection("readings").keys(descending=True, limit=1))
            assert int(last) >= acknowledged, "what was acknowledged is there"
            print(f"killed behind {acknowledged}, and all of it is there; {db.info().torn_bytes} torn bytes")
    with koru_delta.open(path) as db:
        assert db.verify().ok
        sizes = sum(entry.stat().st_size for entry in os.scandir(path))
        print(f"{db.info().commits} commits in {sizes} bytes")


if __name__ == "__main__":
    if sys.argv[2:] == ["measure"]:
        measure(sys.argv[1], 1000)
    else:
        main(sys.argv[1] if len(sys.argv) > 1 else "device.koru")
