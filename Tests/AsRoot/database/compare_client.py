"""Debian's ovsdb-client, every subcommand that talks to a server, and ovsdb-tool on the file that
the server leaves behind: equal output and exit codes, with ours and with Debian's server.

    compare_client.py FOLDER
"""
import json
import sys

from servers import CHOSEN, SCHEMA, UUID, Pair, Tally, normalised

DB = "Open_vSwitch"


def chosen(number):
    return f"{CHOSEN}0000-4000-8000-{number:012x}"


def rows():
    """Four bridges, their ports, some queues: enough for tables to look at."""
    operations = [{"op": "insert", "table": DB, "uuid": chosen(0), "row": {
        "bridges": ["set", [["uuid", chosen(n)] for n in (10, 20, 30, 40)]], "next_cfg": 7}}]
    for n in (10, 20, 30, 40):
        operations += [
            {"op": "insert", "table": "Bridge", "uuid": chosen(n), "row": {
                "name": f"br{n}", "ports": ["set", [["uuid", chosen(n + 1)], ["uuid", chosen(n + 3)]]],
                "flood_vlans": ["set", [n, n + 1]], "other_config": ["map", [["k", str(n)], ["a b", "é"]]]}},
            {"op": "insert", "table": "Port", "uuid": chosen(n + 1), "row": {
                "name": f"br{n}", "interfaces": ["uuid", chosen(n + 2)]}},
            {"op": "insert", "table": "Interface", "uuid": chosen(n + 2), "row": {
                "name": f"br{n}", "type": "internal", "statistics": ["map", [["rx_bytes", n]]]}},
            {"op": "insert", "table": "Port", "uuid": chosen(n + 3), "row": {
                "name": f"p{n}", "interfaces": ["uuid", chosen(n + 4)], "tag": n,
                "trunks": ["set", [1, 2, n]], "vlan_mode": "access"}},
            {"op": "insert", "table": "Interface", "uuid": chosen(n + 4), "row": {"name": f"p{n}"}},
            {"op": "insert", "table": "Queue", "uuid": chosen(n + 5), "row": {"dscp": n}}]
    return operations


def transact(*operations, database=DB):
    return ["transact", "{db}", json.dumps([database, *operations])]


def query(*operations):
    return ["query", "{db}", json.dumps([DB, *operations])]


def select(table, *columns, **more):
    return {"op": "select", "table": table, "where": more.get("where", []),
            **({"columns": list(columns)} if columns else {})}


FORMATS = [["-f", form] for form in ("table", "list", "html", "csv", "json")]

CLIENT = [
    ["list-dbs", "{db}"], ["list-dbs"], ["get-schema", "{db}"], ["get-schema", "{db}", DB],
    ["get-schema", "{db}", "_Server"], ["get-schema", "{db}", "Nothing"],
    ["get-schema-version", "{db}"], ["get-schema-version", "{db}", DB], ["get-schema-version", "{db}", "x"],
    ["get-schema-cksum", "{db}", DB],
    ["list-tables", "{db}"], ["list-tables", "{db}", DB], ["list-tables", "{db}", "_Server"],
    *[form + ["list-tables", "{db}", DB] for form in FORMATS],
    ["list-columns", "{db}"], ["list-columns", "{db}", DB], ["list-columns", "{db}", DB, "Port"],
    ["list-columns", "{db}", "_Server", "Database"], ["list-columns", "{db}", DB, "Nothing"],
    transact(*rows()),
    transact(select("Port", "name", "tag")), transact(select("Port", "name", where=[["tag", ">", 20]])),
    transact({"op": "abort"}), transact({"op": "dance"}), transact(database="Nothing"),
    ["transact", "{db}", "[5]"], ["transact", "{db}", "nonsense"], ["transact", "{db}"],
    transact({"op": "update", "table": "Port", "where": [], "row": {"tag": 4096}}),
    transact({"op": "delete", "table": "Port", "where": []}),
    query(select("Queue", "dscp")), query({"op": "delete", "table": "Queue", "where": []}),
    query(select("Queue", "dscp")),
    *[form + ["dump", "{db}", DB, "Port", "name", "tag", "trunks", "vlan_mode"] for form in FORMATS],
    ["dump", "{db}", DB, "Bridge"], ["dump", "{db}", DB, "Interface", "name", "statistics"],
    ["dump", "{db}", DB, "Bridge", "name", "other_config"], ["dump", "{db}", DB, "Queue"],
    ["dump", "{db}", DB, "Nothing"], ["dump", "{db}", DB, "Port", "nothing"], ["dump", "{db}", "Nothing"],
    ["--data=json", "dump", "{db}", DB, "Bridge", "name", "other_config", "flood_vlans"],
    ["--data=bare", "dump", "{db}", DB, "Bridge", "name", "other_config", "flood_vlans"],
    ["--no-headings", "dump", "{db}", DB, "Port", "name"], ["-d", "string", "dump", "{db}", DB, "Port", "name", "tag"],
    ["dump", "{db}", "_Server", "Database", "name", "model", "connected", "leader"],
    ["wait", "{db}", DB, "added"], ["wait", "{db}", DB, "connected"], ["-t", "1", "wait", "{db}", "No", "added"],
    ["wait", "{db}", "No", "removed"],
    ["backup", "{db}", DB], ["needs-conversion", "{db}", SCHEMA], ["needs-conversion", "{db}", "/dev/null"],
    ["convert", "{db}", SCHEMA], ["dump", "{db}", DB, "Bridge", "name", "ports"],
    ["convert", "{db}", "{folder}/smaller.ovsschema"], ["get-schema-version", "{db}", DB],
    ["needs-conversion", "{db}", SCHEMA], ["list-columns", "{db}", DB, "Queue"],
    ["dump", "{db}", DB, "Queue", "_uuid", "dscp"], ["dump", "{db}", DB, "Port", "name", "tag"],
    ["convert", "{db}", SCHEMA], ["dump", "{db}", DB, "Port", "name", "tag", "vlan_mode"],
    ["convert", "{db}", "{folder}/other.ovsschema"],
    ["-t", "1", "lock", "{db}", "l"], ["-t", "1", "steal", "{db}", "l"], ["-t", "3", "unlock", "{db}", "l"],
    ["-t", "1", "monitor", "{db}", DB, "Port", "name", "tag"],
    ["-t", "1", "monitor", "{db}", DB, "Port", "name", "tag", "--", "Queue", "dscp"],
    ["-t", "1", "monitor", "{db}", DB, "Port", "!insert,name"], ["-t", "1", "monitor", "{db}", DB, "ALL"],
    ["-t", "1", "monitor", "{db}", DB, "Nothing"],
    ["-t", "1", "monitor-cond", "{db}", DB, '[["tag",">",20]]', "Port", "name", "tag"],
    ["-t", "1", "monitor-cond-since", "{db}", DB, "00000000-0000-0000-0000-000000000000", "[true]", "Port", "name"],
    ["query", "{db}", "[5]"], ["echo"], [],
]

# What needs a file at its input.
RESTORE = [
    "ovsdb-client backup {db} Open_vSwitch > {folder}/snapshot",
    "ovsdb-client transact {db} '[\"Open_vSwitch\",{\"op\":\"delete\",\"table\":\"Queue\",\"where\":[]}]'",
    "ovsdb-client restore {db} Open_vSwitch < {folder}/snapshot",
    "ovsdb-client dump {db} Open_vSwitch Queue _uuid dscp",
    "ovsdb-client --force restore {db} Open_vSwitch < {folder}/snapshot",
    "ovsdb-client dump {db} Open_vSwitch Port name tag trunks",
    "ovsdb-client restore {db} Open_vSwitch < /dev/null",
]

TOOL = [
    ["db-name", "{file}"], ["db-version", "{file}"], ["db-cksum", "{file}"], ["db-is-standalone", "{file}"],
    ["db-is-clustered", "{file}"], ["needs-conversion", "{file}", SCHEMA], ["check-cluster", "{file}"],
    *[["query", "{file}", json.dumps([DB, select(table)])] for table in (
        "Open_vSwitch", "Bridge", "Port", "Interface", "Queue", "QoS", "Mirror", "Manager", "Controller", "SSL",
        "NetFlow", "sFlow", "IPFIX", "Flow_Table", "AutoAttach", "Datapath", "CT_Zone", "CT_Timeout_Policy",
        "Flow_Sample_Collector_Set")],
    *[["query", "{file}", json.dumps([DB, select("Port", "name", "tag", where=where)])] for where in (
        [["tag", "==", 10]], [["tag", "<", 30]], [["tag", ">=", 30]], [["trunks", "includes", ["set", [1, 2]]]],
        [["trunks", "excludes", 10]], [["name", "==", "p20"]], [["name", "!=", "p20"]], [False],
        [["vlan_mode", "==", "access"]], [["_uuid", "==", ["uuid", chosen(13)]]])],
    ["query", "{file}", "[5]"], ["query", "{file}", json.dumps(["X"])],
    ["query", "{file}", json.dumps([DB, select("Nothing")])],
    *[["transact", "{file}", json.dumps([DB, *operations])] for operations in (
        [{"op": "insert", "table": "Queue", "row": {"dscp": 1}, "uuid": chosen(100)}],
        [{"op": "update", "table": "Port", "where": [["name", "==", "p10"]], "row": {"tag": 11}}],
        [{"op": "mutate", "table": "Port", "where": [], "mutations": [["trunks", "delete", 1]]}],
        [{"op": "delete", "table": "Queue", "where": [["dscp", "==", 10]]}],
        [{"op": "mutate", "table": "Open_vSwitch", "where": [],
          "mutations": [["bridges", "delete", ["uuid", chosen(40)]]]}],
        [{"op": "delete", "table": "Bridge", "where": []}], [{"op": "abort"}],
        [{"op": "update", "table": "Port", "where": [], "row": {"tag": 4096}}],
        [{"op": "comment", "comment": "by hand"}])],
    ["query", "{file}", json.dumps([DB, select("Port", "name", "tag", "trunks")])],
    ["compact", "{file}"], ["query", "{file}", json.dumps([DB, select("Bridge", "name")])],
    ["db-version", "{file}"], ["compact", "{file}", "{folder}/second.db"], ["db-name", "{folder}/second.db"],
    ["query", "{folder}/second.db", json.dumps([DB, select("Interface", "name")])],
    ["convert", "{file}", "{folder}/smaller.ovsschema"], ["db-version", "{file}"],
    ["needs-conversion", "{file}", SCHEMA], ["convert", "{file}", SCHEMA],
    ["query", "{file}", json.dumps([DB, select("Port", "name", "tag", "trunks")])],
    ["convert", "{folder}/second.db", SCHEMA, "{folder}/third.db"], ["db-cksum", "{folder}/third.db"],
    ["schema-name", SCHEMA], ["schema-version", SCHEMA], ["create", "{file}", SCHEMA], ["db-name", "/dev/null"],
    ["query", "{file}", json.dumps([DB, select("Queue", "dscp", "_uuid")])],
]


def schemas(folder):
    """The switch's schema with less in it, and under another name. (A column of another type makes
    Debian's server 3.1 crash; ours is tested elsewhere.)"""
    def write(name, change):
        schema = json.load(open(SCHEMA))
        change(schema)
        json.dump(schema, open(f"{folder}/{name}.ovsschema", "w"))

    def smaller(schema):
        schema["version"] = "9.0.0"
        del schema["tables"]["Queue"]["columns"]["external_ids"]
        del schema["tables"]["Port"]["columns"]["vlan_mode"]

    write("smaller", smaller)
    write("other", lambda schema: schema.update(name="Other"))


def comparable(output):
    """Code and text, with random names, and lines and elements in an order of their own, sorted."""
    code, out, err = output

    def plain(line):
        try:
            value = normalised(json.loads(line))
        except ValueError:
            text = UUID.sub(lambda m: m[0] if m[0].startswith(CHOSEN) else "#", line)
            return " ".join(sorted(text.replace("-", " ").split(" ")))
        if isinstance(value, dict):
            value.pop("_date", None)
            if isinstance(value.get("data"), list):
                value["data"].sort(key=json.dumps)
        return json.dumps(value, sort_keys=True)

    # "OVSDB JSON …" stands above a record and tells its checksum, which dates and order change.
    lines = sorted(plain(line) for line in out.split("\n") if not line.startswith("OVSDB JSON"))
    # What an error says in detail is the server's own wording; that there is one is not.
    return code, lines, bool(err.strip())


def main():
    tally = Tally()
    with Pair(sys.argv[1]) as sides:
        for side in sides:
            schemas(side.folder)
        for number, words in enumerate(CLIENT):
            command = ["ovsdb-client", *(["--timeout=10"] if "-t" not in words else []), *words]
            tally.compare(f"ovsdb-client {number} {words}",
                          *[comparable(side.run(command)) for side in sides])
        for side in sides:
            side.stop()
        for number, words in enumerate(TOOL):
            tally.compare(f"ovsdb-tool {number} {words}",
                          *[comparable(side.run(["ovsdb-tool", *words])) for side in sides])
        for side in sides:
            side.start()
        command = ["ovsdb-client", "dump", "{db}", DB]
        tally.compare("what the servers read of what ovsdb-tool wrote",
                      *[comparable(side.run(command)) for side in sides])
        # Last, for it gives the rows new names.
        for words in RESTORE:
            tally.compare(f"ovsdb-client {words}",
                          *[comparable(side.run(["sh", "-c", words])) for side in sides])
    tally.finish()


main()
