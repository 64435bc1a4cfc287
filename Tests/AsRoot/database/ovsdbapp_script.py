"""Sixty and more commands of ovsdbapp's Open_vSwitch API against one server; prints their results.

    ovsdbapp_script.py unix:SOCKET
"""
import sys
import uuid

from ovsdbapp.backend.ovs_idl import connection
from ovsdbapp.schema.open_vswitch import impl_idl

idl = connection.OvsdbIdl.from_server(sys.argv[1], "Open_vSwitch")
api = impl_idl.OvsdbIdl(connection.Connection(idl, timeout=10))
step = 0


def plain(value):
    if isinstance(value, uuid.UUID):
        return "uuid"
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in sorted(value.items(), key=str) if k != "_uuid"}
    if isinstance(value, (list, tuple, set)):
        return sorted((plain(v) for v in value), key=str)
    return getattr(value, "name", None) or ("row" if hasattr(value, "_data") else value)


def do(name, *arguments, **more):
    global step
    step += 1
    try:
        result = plain(getattr(api, name)(*arguments, **more).execute(check_error=True))
    except Exception as error:
        result = f"raises {type(error).__name__}"
    print(step, name, arguments, more, "->", result, flush=True)


def together(*commands):
    """Several commands in one transaction."""
    global step
    step += 1
    try:
        with api.transaction(check_error=True) as txn:
            results = [txn.add(getattr(api, name)(*arguments)) for name, *arguments in commands]
        result = plain([command.result for command in results])
    except Exception as error:
        result = f"raises {type(error).__name__}"
    print(step, "together", commands, "->", result, flush=True)


do("db_list", "Open_vSwitch", columns=["next_cfg", "bridges"])
do("db_create", "Open_vSwitch", next_cfg=3)
do("db_list", "Open_vSwitch", columns=["next_cfg", "bridges"])
for bridge in ("br0", "br1"):
    do("add_br", bridge)
do("add_br", "br0")
do("add_br", "br0", may_exist=False)
do("add_br", "br2", datapath_type="netdev")
do("list_br")
do("br_exists", "br0")
do("br_exists", "br9")
for port in range(4):
    do("add_port", "br0", f"p{port}")
do("add_port", "br9", "p9")
do("add_port", "br0", "p0")
do("add_port", "br1", "p0", may_exist=False)
do("list_ports", "br0")
do("list_ifaces", "br0")
do("list_ports", "br9")
do("iface_to_br", "p1")
do("port_to_br", "p1")
do("iface_to_br", "nobody")
do("db_set", "Port", "p0", ("tag", 5))
do("db_set", "Port", "p0", ("tag", 5000))
do("db_set", "Port", "p1", ("trunks", [3, 1, 2]))
do("db_set", "Port", "p1", ("other_config", {"a": "1", "b": "2"}))
do("db_set", "Port", "p1", ("other_config", {"b": "3"}))
do("db_set", "Port", "nobody", ("tag", 5))
do("db_get", "Port", "p0", "tag")
do("db_get", "Port", "p1", "trunks")
do("db_get", "Port", "p1", "other_config")
do("db_get", "Port", "p1", "nothing")
do("db_add", "Port", "p1", "trunks", 7)
do("db_add", "Port", "p1", "other_config", {"c": "4"})
do("db_remove", "Port", "p1", "trunks", 1)
do("db_remove", "Port", "p1", "other_config", "a")
do("db_get", "Port", "p1", "other_config")
do("db_clear", "Port", "p1", "trunks")
do("db_get", "Port", "p1", "trunks")
do("db_clear", "Port", "p0", "tag")
do("db_get", "Port", "p0", "tag")
do("db_list", "Port", columns=["name", "tag", "trunks", "other_config"])
do("db_list", "Port", ["p0", "p1"], columns=["name"])
do("db_list", "Port", ["nobody"], columns=["name"])
do("db_list", "Port", ["nobody"], columns=["name"], if_exists=True)
do("db_find", "Port", ("name", "=", "p2"), columns=["name", "tag"])
do("db_find", "Port", ("name", "!=", "p2"), columns=["name"])
do("db_find", "Bridge", ("datapath_type", "=", "netdev"), columns=["name"])
do("br_set_external_id", "br0", "k", "v")
do("br_get_external_id", "br0", "k")
do("iface_set_external_id", "p0", "iface-id", "x")
do("iface_get_external_id", "p0", "iface-id")
do("set_controller", "br0", ["tcp:192.0.2.1:6653", "tcp:192.0.2.2:6653"])
do("get_controller", "br0")
do("del_controller", "br0")
do("get_controller", "br0")
do("set_fail_mode", "br0", "secure")
do("db_get", "Bridge", "br0", "fail_mode")
do("set_fail_mode", "br0", "strange")
do("set_manager", ["ptcp:6640"]) if hasattr(api, "set_manager") else None
do("add_manager", "ptcp:6640:127.0.0.1")
do("get_manager")
do("remove_manager", "ptcp:6640:127.0.0.1")
do("add_bridge_mirror", "br0", "m") if hasattr(api, "add_bridge_mirror") else None
do("db_create", "QoS", type="linux-htb")
do("db_create", "Queue", dscp=5)
do("db_create", "Queue", dscp=64)
do("db_list", "Queue", columns=["dscp"])
together(("add_br", "br5"), ("add_port", "br5", "p50"), ("db_set", "Port", "p50", ("tag", 7)))
together(("add_br", "br6"), ("add_port", "br9", "p60"))
do("list_br")
together(("del_port", "p50", "br5"), ("del_br", "br5"))
do("del_port", "p0", "br0")
do("del_port", "p0", "br0")
do("del_port", "p0", "br0", if_exists=False)
do("del_port", "p1", "br1", if_exists=False)
do("list_ports", "br0")
do("del_br", "br1")
do("del_br", "br9")
do("del_br", "br9", if_exists=False)
do("list_br")
do("db_destroy", "Queue", "nobody")
do("db_list", "Interface", columns=["name", "type", "external_ids"])
do("db_list", "Bridge", columns=["name", "external_ids", "fail_mode", "controller"])
