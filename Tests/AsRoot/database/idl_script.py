"""Sixty and more steps with the Python `ovs` library's IDL against one server; prints what each saw.

    idl_script.py unix:SOCKET SCHEMA
"""
import sys

import ovs.db.idl
import ovs.jsonrpc
import ovs.poller
import ovs.stream

remote, schema = sys.argv[1:]


def connect(*tables):
    helper = ovs.db.idl.SchemaHelper(schema)
    if tables:
        for table, columns in tables:
            helper.register_columns(table, columns)
    else:
        helper.register_all()
    return ovs.db.idl.Idl(remote, helper)


def run(idl, until, limit=8000):
    end = ovs.timeval.msec() + limit
    while not until():
        if ovs.timeval.msec() > end:
            return "never"
        idl.run()
        if until():
            break
        poller = ovs.poller.Poller()
        idl.wait(poller)
        poller.timer_wait_until(end)
        poller.block()
    return "yes"


def value(row, column):
    """A column as text: rows by their names."""
    def plain(one):
        return getattr(one, "name", getattr(one, "target", "row")) if isinstance(one, ovs.db.idl.Row) else one
    found = getattr(row, column)
    if isinstance(found, dict):
        return {str(plain(k)): plain(v) for k, v in sorted(found.items(), key=str)}
    return sorted((plain(v) for v in found), key=str) if isinstance(found, list) else plain(found)


step = 0


def say(*words):
    global step
    step += 1
    print(step, *words, flush=True)


idl = connect()
watcher = connect(("Bridge", ["name", "ports", "other_config"]), ("Port", ["name", "tag"]))
say("first picture", run(idl, idl.has_ever_connected))
say("the watcher's", run(watcher, watcher.has_ever_connected))


def commit(what, change):
    """One transaction; its status, and whether both pictures came to hold it."""
    txn = ovs.db.idl.Transaction(idl)
    txn.add_comment(what)
    try:
        made = change(txn)
    except Exception as error:  # What the library refuses by itself is a result too.
        txn.abort()
        say(what, "raises", type(error).__name__)
        return None
    status = txn.commit_block()
    say(what, txn.status_to_string(status), (txn.get_error() or "").split(":")[0])
    if made is not None and status == txn.SUCCESS:
        return txn.get_insert_uuid(made.uuid)
    return None


def find(table, name):
    return next((row for row in idl.tables[table].rows.values() if row.name == name), None)


def root():
    return next(iter(idl.tables["Open_vSwitch"].rows.values()))


def assign(row, /, **columns):
    for column, new in columns.items():
        setattr(row, column, new)


def add_bridge(name):
    def change(txn):
        interface, port, bridge = (txn.insert(idl.tables[t]) for t in ("Interface", "Port", "Bridge"))
        assign(interface, name=name, type="internal")
        assign(port, name=name, interfaces=[interface])
        assign(bridge, name=name, ports=[port])
        root().addvalue("bridges", bridge)
        return bridge
    return change


def add_port(bridge, name, **columns):
    def change(txn):
        interface, port = txn.insert(idl.tables["Interface"]), txn.insert(idl.tables["Port"])
        assign(interface, name=name)
        assign(port, name=name, interfaces=[interface], **columns)
        find("Bridge", bridge).addvalue("ports", port)
        return port
    return change


def on(table, which, /, **columns):
    return lambda txn: assign(find(table, which), **columns)


def look(table, *columns):
    rows = [[value(row, column) for column in columns] for row in idl.tables[table].rows.values()]
    say(table, sorted(rows, key=str))


def key(row, column, name, new):
    return lambda txn: row().setkey(column, name, new)


commit("init", lambda txn: assign(txn.insert(idl.tables["Open_vSwitch"]), next_cfg=1))
run(idl, lambda: idl.tables["Open_vSwitch"].rows)
for bridge in ("br0", "br1", "br2"):
    commit(f"add {bridge}", add_bridge(bridge))
commit("add br0 again", add_bridge("br0"))
look("Bridge", "name", "ports")
for number in range(6):
    commit(f"add p{number}", add_port(f"br{number % 3}", f"p{number}", tag=number + 1, trunks=[1, 2, number]))
look("Port", "name", "tag", "trunks", "interfaces")
commit("tag of p0", on("Port", "p0", tag=99))
commit("tag out of range", on("Port", "p0", tag=5000))
commit("no tag", on("Port", "p0", tag=[]))
commit("immutable name", on("Port", "p0", name="x"))
commit("trunks", on("Port", "p1", trunks=[7, 8, 9]))
commit("the same again", on("Port", "p1", trunks=[9, 8, 7]))
commit("vlan mode", on("Port", "p1", vlan_mode="trunk"))
commit("a mode that is none", on("Port", "p1", vlan_mode="strange"))
look("Port", "name", "tag", "trunks", "vlan_mode")
port = lambda: find("Port", "p2")
commit("a key", key(port, "other_config", "a", "1"))
commit("another key", key(port, "other_config", "b", "2"))
commit("the key changed", key(port, "other_config", "a", "3"))
commit("a key gone", lambda txn: port().delkey("other_config", "b"))
commit("a key gone with its value", lambda txn: port().delkey("other_config", "a", "3"))
commit("a whole map", on("Port", "p2", external_ids={"x": "y", "é": "😀"}))
look("Port", "name", "other_config", "external_ids")
commit("value added", lambda txn: find("Port", "p3").addvalue("trunks", 100))
commit("value removed", lambda txn: find("Port", "p3").delvalue("trunks", 1))
look("Port", "name", "trunks")
commit("increment", lambda txn: root().increment("next_cfg") if hasattr(root(), "increment")
       else txn._increment(root(), "next_cfg", True) if hasattr(txn, "_increment") else None)
look("Open_vSwitch", "next_cfg", "bridges")
commit("a mirror", lambda txn: find("Bridge", "br0").addvalue("mirrors", (
    lambda m: (assign(m, name="m", output_port=[find("Port", "p0")], select_all=True), m)[1])(
        txn.insert(idl.tables["Mirror"]))))
look("Mirror", "name", "output_port", "select_all")
commit("its port goes", lambda txn: find("Bridge", "br0").delvalue("ports", find("Port", "p0")))
look("Mirror", "name", "output_port")
look("Interface", "name", "type")
commit("queues", lambda txn: assign(txn.insert(idl.tables["QoS"]), type="linux-htb", queues={
    n: (lambda q: (assign(q, dscp=n), q)[1])(txn.insert(idl.tables["Queue"])) for n in (0, 1, 5)}))
look("Queue", "dscp")
say("queues of the QoS", [sorted(row.queues) for row in idl.tables["QoS"].rows.values()])
commit("a queue that is used goes", lambda txn: next(iter(idl.tables["Queue"].rows.values())).delete())
commit("QoS goes", lambda txn: [row.delete() for row in list(idl.tables["QoS"].rows.values())][:0] or None)
commit("managers", lambda txn: root().addvalue("manager_options", (
    lambda m: (assign(m, target="ptcp:6640", inactivity_probe=[5000]), m)[1])(
        txn.insert(idl.tables["Manager"]))))
commit("a second of that target", lambda txn: root().addvalue("manager_options", (
    lambda m: (assign(m, target="ptcp:6640"), m)[1])(txn.insert(idl.tables["Manager"]))))
look("Manager", "target", "inactivity_probe", "is_connected")
commit("statistics", on("Interface", "p1", statistics={"rx_bytes": 5, "tx_bytes": 6}))
look("Interface", "name", "statistics")
commit("bridge goes", lambda txn: root().delvalue("bridges", find("Bridge", "br1")))
look("Bridge", "name", "ports")
look("Port", "name")
commit("nothing", lambda txn: None)


def verified(txn):
    row = find("Port", "p2")
    row.verify("tag")
    row.tag = 50


commit("verified", verified)
say("the watcher sees it", run(watcher, lambda: [50] in [r.tag for r in watcher.tables["Port"].rows.values()]))
say("the watcher's ports", sorted(row.name for row in watcher.tables["Port"].rows.values()))
say("the watcher's bridges", sorted(str(value(row, "ports")) for row in watcher.tables["Bridge"].rows.values()))
idl.set_lock("l")
say("the lock", run(idl, lambda: idl.has_lock))
other = connect(("Open_vSwitch", ["next_cfg"]))
other.set_lock("l")
say("contended", run(other, lambda: other.is_lock_contended), other.has_lock)
commit("with the lock", on("Port", "p2", tag=51))
idl.set_lock(None)
say("the lock passes on", run(idl, lambda: True), run(other, lambda: other.has_lock))
some = connect(("Port", ["name", "tag"]))
if hasattr(some, "cond_change"):
    some.cond_change("Port", [["tag", "==", 51]])
    say("some rows", run(some, some.has_ever_connected), sorted(r.name for r in some.tables["Port"].rows.values()))
    some.cond_change("Port", [["tag", ">", 4]])
    say("others", run(some, lambda: len(some.tables["Port"].rows) > 1),
        sorted(r.name for r in some.tables["Port"].rows.values()))
    some.cond_change("Port", [True])
    say("all", run(some, lambda: len(some.tables["Port"].rows) > 4),
        sorted(r.name for r in some.tables["Port"].rows.values()))
commit("the rest goes", lambda txn: assign(root(), bridges=[]))
for table in ("Bridge", "Port", "Interface", "Mirror"):
    look(table, "name")
look("Open_vSwitch", "bridges", "next_cfg", "external_ids")
