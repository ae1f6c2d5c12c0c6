"""An audit trail: every change of an account with its author and its cause, the state as of a date, and evidence that
nobody altered it afterwards."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import koru_delta


def main(path: str) -> None:
    with koru_delta.open(path) as db:
        accounts, orders = db.collection("accounts"), db.collection("orders")

        # Each change says who made it, why, and because of what.
        accounts.put("alice", {"balance": 100}, author="bank", message="opening")
        order = orders.put("o-1", {"from": "alice", "amount": 30}, author="alice")
        with db.transaction(author="clerk", message="order o-1", causes=[orders.at("o-1", order)]) as tx:
            inside = tx.collection("accounts")
            balance = inside.get("alice")["balance"]
            inside.put("alice", {"balance": balance - 30})
        between = datetime.now(UTC)
        # A time means the end of its millisecond.
        time.sleep(0.01)
        accounts.put("alice", {"balance": 1000}, author="mallory", message="a gift")

        print("every change of the account, newest first:")
        for version in accounts.history("alice"):
            commit = db.commit(version.version)
            causes = [f"{cause.collection}/{cause.key}" for cause in commit.causes]
            print(f"  {version.value['balance']:>5}  {commit.author}: {commit.message} {causes}")

        print("what came of the order:")
        for edge in orders.lineage("o-1", order, direction="effects").edges:
            print(f"  {edge.effect.collection}/{edge.effect.key}")

        # Nothing was overwritten: the books as of a date are read, not reconstructed.
        assert db.as_of(between).collection("accounts").get("alice") == {"balance": 70}

        # Keep the chain where the database is not: whoever alters an entry cannot make the same chain again.
        report = db.verify()
        assert report.ok
        print("verified", report.commits, "commits")

    # Somebody edits the file.
    (log,) = Path(path).glob("*.log")
    altered = log.read_bytes().replace(b"mallory", b"malorie")
    assert altered != log.read_bytes()
    log.write_bytes(altered)
    try:
        with koru_delta.open(path, read_only=True) as db:
            problems = list(db.verify().problems)
    except koru_delta.CorruptError as error:
        problems = [str(error)]
    print("after the edit:", problems[0])
    assert problems


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "bank.koru")
