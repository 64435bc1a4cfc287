"""Clients that mean no good, and a disk that is full: the server stays small, and serves the others.

    hostile.py FOLDER
"""
import json
import os
import socket
import subprocess
import sys
import time

from servers import Server, Tally, ours

DB = "Open_vSwitch"
# Above what the server had before: the largest message it may hold, twice while it grows, or the
# largest heap of unsent replies.
GROWTH_MAX = 320 << 20


def resident(process):
    for line in open(f"/proc/{process.pid}/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) << 10
    return 0


def pour(path, first, piece, limit):
    """Sends `first`, then `piece` again and again; how much went out before the server had enough."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.connect(path)
    sent = 0
    try:
        client.sendall(first)
        while sent < limit:
            client.sendall(piece)
            sent += len(piece)
        while client.recv(1 << 16):
            pass
    except (ConnectionError, BrokenPipeError):
        pass
    except socket.timeout:
        return "still connected"
    return "cut off" if sent < limit else "cut off at the end"


def deaf(path):
    """Asks and never reads, until the server closes the connection."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.connect(path)
    question = json.dumps({"method": "get_schema", "params": [DB], "id": 1}).encode() * 50
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            client.sendall(question)
        except (ConnectionError, BrokenPipeError):
            return "cut off"
        except socket.timeout:
            return "waits"
    return "never cut off"


def answers(server):
    connection = server.connect()
    reply = connection.call("transact", [DB, {"op": "select", "table": DB, "where": []}])[-1]
    connection.close()
    return "result" in reply


def clients(tally, programs):
    server = Server("hostile", ours(programs))
    try:
        for what, try_it in [
            ("a string of 1 GiB", lambda: pour(server.socket, b'{"a":"', b"x" * (1 << 20), 1 << 30)),
            ("1 GiB of white space and commas", lambda: pour(
                server.socket, b"[1", b"," * (1 << 20), 1 << 30)),
            ("100,000 brackets", lambda: pour(server.socket, b"[" * 100_000, b"[", 1)),
            ("a client that never reads", lambda: deaf(server.socket)),
        ]:
            before = resident(server.process)
            began = time.monotonic()
            outcome = try_it()
            grown = resident(server.process) - before
            print(f"      {what}: {outcome} after {time.monotonic() - began:.1f} s, "
                  f"at most {grown >> 20} MiB more")
            tally.compare(f"{what} is cut off", outcome.startswith("cut off"), True)
            tally.compare(f"{what} costs bounded memory", grown < GROWTH_MAX, True)
            tally.compare(f"after {what} others are served", answers(server), True)
    finally:
        server.remove()


def full_disk(tally, programs):
    """In a mount namespace of its own, with 2 MiB of tmpfs."""
    server = Server.__new__(Server)
    small = subprocess.run(["mktemp", "-d", "/tmp/apus-full-XXXXXX"], capture_output=True, text=True)
    folder = small.stdout.strip()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], check=True)
    try:
        server.name, server.folder = "full", folder
        server.socket, server.file = folder + "/db.sock", folder + "/conf.db"
        server.environment = dict(os.environ, OVS_RUNDIR=folder, OVS_DBDIR=folder, OVS_LOGDIR=folder)
        server.command = ours(programs)
        server.start()
        connection = server.connect()
        row = {"external_ids": ["map", [["x", "y" * 3000]]]}

        def insert():
            return connection.call("transact", [DB, {"op": "insert", "table": "Queue", "row": row}])[-1]["result"]

        def count():
            question = {"op": "select", "table": "Queue", "where": [], "columns": ["_uuid"]}
            return len(connection.call("transact", [DB, question])[-1]["result"][0]["rows"])

        kept = 0
        while len(result := insert()) == 1 and kept < 2000:
            kept += 1
        tally.compare("a full disk refuses", result[-1].get("error"), "I/O error")
        tally.compare("and again", insert()[-1].get("error"), "I/O error")
        tally.compare("and keeps what was acknowledged", count(), kept)
        connection.call("transact", [DB, {"op": "delete", "table": "Queue", "where": []}])
        deleted = count()
        subprocess.run(["mount", "-o", "remount,size=4m", folder], check=True)
        tally.compare("with space again it writes", len(insert()), 1)
        present = count()
        tally.compare("the file is whole", subprocess.run(
            ["ovsdb-tool", "query", server.file, f'["{DB}"]'], capture_output=True, text=True).returncode, 0)
        server.process.kill()
        server.process.wait()
        server.start()
        connection = server.connect()
        tally.compare("after a restart all is there", count(), present)
        tally.compare("what was there is what was told", present, deleted + 1)
        server.stop()
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()
        server.log.close()
        subprocess.run(["umount", folder])
        os.rmdir(folder)


def main():
    tally = Tally()
    clients(tally, sys.argv[1])
    full_disk(tally, sys.argv[1])
    tally.finish()


main()
