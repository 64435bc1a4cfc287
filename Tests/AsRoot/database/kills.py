"""Kills the server with SIGKILL, 500 times, while clients write; after each restart, every change
that was acknowledged must be there, and none by half.

    kills.py FOLDER [COUNT]

Each transaction inserts one row into each of two tables, with one number. Every fifth time the file
is compacted meanwhile. Prints the seed: KILLS_SEED repeats a run as far as time lets it.
"""
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import time

from servers import Connection, Server, Tally, ours

DB = "Open_vSwitch"
WRITERS = 4
IN_FLIGHT = 8


def pair(number):
    marked = {"external_ids": ["map", [["n", str(number)]]]}
    return {"method": "transact", "id": number, "params": [
        DB, {"op": "insert", "table": "Queue", "row": marked},
        {"op": "insert", "table": "QoS", "row": marked}]}


def numbers(connection, table):
    question = {"op": "select", "table": table, "where": [], "columns": ["_uuid", "external_ids"]}
    rows = connection.call("transact", [DB, question])[-1]["result"][0]["rows"]
    return {int(row["external_ids"][1][0][1]) for row in rows}


class Writer:
    """Keeps a few transactions in flight, and remembers which were acknowledged."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.text, self.acknowledged = "", set()
        self.decoder = json.JSONDecoder()

    def write(self, number):
        self.socket.sendall(json.dumps(pair(number)).encode())

    def read(self):
        """How many replies came; -1 at the end."""
        try:
            piece = self.socket.recv(65536)
        except OSError:
            return -1
        if not piece:
            return -1
        self.text += piece.decode()
        count = 0
        while self.text:
            try:
                message, end = self.decoder.raw_decode(self.text)
            except ValueError:
                break
            self.text = self.text[end:]
            count += 1
            if all("uuid" in (result or {}) for result in message["result"]):
                self.acknowledged.add(message["id"])
        return count


def compact(server):
    control = f"{server.folder}/ovsdb-server.{server.process.pid}.ctl"
    try:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(control)
        connection.sendall(b'{"method":"ovsdb-server/compact","params":[],"id":0}')
        return connection
    except OSError:
        return None


def one_life(server, dice, number, compacts):
    """Writes until a random moment, kills; the acknowledged numbers, and the next free one."""
    writers = [Writer(server.socket) for _ in range(WRITERS)]
    for writer in writers:
        for _ in range(IN_FLIGHT):
            number += 1
            writer.write(number)
    end = time.monotonic() + dice.uniform(0.001, 0.06)
    control = None
    while (left := end - time.monotonic()) > 0:
        if compacts and control is None and left < 0.02:
            control = compact(server)
        ready, _, _ = select.select([w.socket for w in writers], [], [], left)
        for writer in writers:
            if writer.socket in ready:
                for _ in range(max(0, writer.read())):
                    number += 1
                    writer.write(number)
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    for writer in writers:
        while writer.read() >= 0:
            pass
        writer.socket.close()
    if control:
        control.close()
    return set().union(*(writer.acknowledged for writer in writers)), number


def main():
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 500
    seed = int(os.environ.get("KILLS_SEED", time.time_ns() % 1_000_000))
    print(f"seed {seed}")
    dice = random.Random(seed)
    tally = Tally()
    server = Server("kills", ours(sys.argv[1]))
    number, total, cuts, began = 0, 0, 0, time.monotonic()
    try:
        kept = set()
        for life in range(count):
            acknowledged, number = one_life(server, dice, number, life % 5 == 4)
            total += len(acknowledged)
            server.start()
            connection = server.connect()
            queues, sets = numbers(connection, "Queue"), numbers(connection, "QoS")
            wrong = ((kept | acknowledged) - queues, queues ^ sets)
            tally.compare(f"life {life}: (lost, by half)", tuple(map(sorted, wrong)), ([], []))
            kept = queues
            if len(queues) > 400:
                emptied = [{"op": "delete", "table": table, "where": []} for table in ("QoS", "Queue")]
                connection.call("transact", [DB, *emptied])
                kept = set()
            connection.close()
        cuts = open(server.folder + "/log", errors="replace").read().count("cut off")
        server.stop()
        code, out, err = server.run(["ovsdb-tool", "query", "{file}", f'["{DB}"]'])
        tally.compare("ovsdb-tool reads the file", (code, out), (0, "[]\n"))
    finally:
        server.remove()
    print(f"{count} kills in {time.monotonic() - began:.0f} s, {total} transactions acknowledged, "
          f"{cuts} torn ends cut")
    tally.finish()


main()
