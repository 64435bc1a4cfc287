"""Two OVSDB servers side by side, ours and Debian's, each in a directory of its own.

    with Pair(folder_of_our_programs) as pair:
        for side in pair: side.call("transact", [...])

Whatever differs by nature (random row names, versions, state names) is normalised before comparing.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# Rows whose names the scripts choose themselves begin so; they are compared as they are.
CHOSEN = "c0ffee00-"


class Connection:
    """One client that speaks JSON-RPC by itself."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(path)
        self.text = ""
        self.decoder = json.JSONDecoder()

    def send(self, message):
        self.socket.sendall((message if isinstance(message, str) else json.dumps(message)).encode())

    def receive(self):
        """The next message, None when the server has closed the connection."""
        while True:
            text = self.text.lstrip()
            try:
                message, end = self.decoder.raw_decode(text)
                self.text = text[end:]
                return message
            except ValueError:
                pass
            piece = self.socket.recv(1 << 20)
            if not piece:
                return None
            self.text += piece.decode()

    def call(self, method, params, id=0):
        """All messages up to the reply, which is the last."""
        self.send({"method": method, "params": params, "id": id})
        heard = []
        while True:
            message = self.receive()
            heard.append(message)
            if message is None or ("method" not in message and message.get("id") == id):
                return heard

    def close(self):
        self.socket.close()


class Server:
    def __init__(self, name, command, create=True):
        self.name = name
        self.folder = tempfile.mkdtemp(prefix=f"apus-db-{name}-")
        self.socket = self.folder + "/db.sock"
        self.file = self.folder + "/conf.db"
        self.environment = dict(os.environ, OVS_RUNDIR=self.folder, OVS_DBDIR=self.folder,
                                OVS_LOGDIR=self.folder, OVN_RUNDIR=self.folder)
        self.command = command
        if create:
            subprocess.run(["ovsdb-tool", "create", self.file, SCHEMA], check=True,
                           env=self.environment)
        self.start()

    def start(self):
        command = [word.format(folder=self.folder) for word in self.command]
        self.log = open(self.folder + "/log", "ab")
        self.process = subprocess.Popen(command, env=self.environment, stdout=self.log,
                                        stderr=self.log, cwd=self.folder)
        for _ in range(400):
            try:
                Connection(self.socket).close()
                return
            except OSError:
                time.sleep(0.025)
        raise SystemExit(f"{self.name} does not start: {open(self.folder + '/log').read()[-500:]}")

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def connect(self):
        return Connection(self.socket)

    def remove(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder)

    def run(self, command, timeout=20, **more):
        """Runs a client of this server; its output and code, with what is ours normalised."""
        words = [word.replace("{db}", "unix:" + self.socket).replace("{file}", self.file)
                 .replace("{folder}", self.folder) for word in command]
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True,
                              timeout=timeout, cwd=self.folder, **more)
        return done.returncode, self.plain(done.stdout), self.plain(done.stderr)

    def plain(self, text):
        return text.replace(self.folder, "FOLDER")


def ours(programs, *more):
    return ["{}/apus-ovsdb".format(os.path.abspath(programs)), "--remote=punix:{folder}/db.sock",
            *more, "{folder}/conf.db"]


THEIRS = ["ovsdb-server", "--remote=punix:{folder}/db.sock", "--unixctl={folder}/ctl",
          "--pidfile={folder}/ovsdb-server.pid", "{folder}/conf.db"]


class Pair:
    """Ours and theirs."""

    def __init__(self, programs, create=True):
        self.sides = []
        self.make = lambda: [Server("ours", ours(programs), create),
                             Server("theirs", THEIRS, create)]

    def __enter__(self):
        self.sides = self.make()
        return self.sides

    def __exit__(self, *_):
        for side in self.sides:
            side.remove()


def normalised(value, names=None):
    """Random UUIDs become #1, #2, … in the order of their appearance; sets and rows are sorted after
    that; members that are null, "_version" and
    "cksum" go; of an error only its name stays."""
    names = {} if names is None else names

    def name(match):
        text = match.group(0)
        if text.startswith(CHOSEN) or text == "00000000-0000-0000-0000-000000000000":
            return text
        return names.setdefault(text, f"#{len(names) + 1}")

    def walk(value):
        if isinstance(value, dict):
            if "error" in value and "details" in value or set(value) == {"error", "syntax"}:
                return {"error": value["error"]}
            walked = {walk(key): walk(value[key]) for key in sorted(value, key=rank)
                      if value[key] is not None and key not in ("_version", "cksum")}
            if isinstance(walked.get("rows"), list):
                walked["rows"].sort(key=json.dumps)
            return walked
        if isinstance(value, list):
            if len(value) == 2 and value[0] in ("set", "map") and isinstance(value[1], list):
                return [value[0], sorted((walk(v) for v in value[1]), key=json.dumps)]
            return [walk(element) for element in value]
        return UUID.sub(name, value) if isinstance(value, str) else value

    def rank(key):
        return UUID.sub("~", key), key

    return walk(value)


class Tally:
    """Counts and prints what is equal and what is not."""

    def __init__(self):
        self.passed = self.failed = 0

    def compare(self, what, ours, theirs):
        if ours == theirs:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAIL  {what}\n        ours:   {text(ours)}\n        theirs: {text(theirs)}")

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed")
        raise SystemExit(1 if self.failed else 0)


def text(value):
    written = value if isinstance(value, str) else json.dumps(value)
    return written if len(written) < 1500 else written[:1500] + "…"
