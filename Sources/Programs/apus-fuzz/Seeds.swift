// What honest clients send, in little: the material that the fuzzer breaks.

import DatabaseProtocol

enum Seeds {
    /// Calls as they stand in `text`, and its arrays as the operations of a transaction.
    static var messages: [JSON] {
        var stream = JSONStream()
        stream.append(Array(text.utf8))
        var messages: [JSON] = []
        do throws(JSONError) {
            while let json = try stream.next() {
                guard let operations = json.array else {
                    messages.append(json)
                    continue
                }
                messages.append(
                    RPCMessage.request(
                        method: "transact", parameters: ["Open_vSwitch"] + operations, id: 1
                    ).json)
            }
        } catch {
            fatalError("the seeds are no JSON: \(error)")
        }
        return messages
    }

    static let conversion: JSON = [
        "method": "convert", "id": 1,
        "params": [
            "Open_vSwitch",
            [
                "name": "Open_vSwitch", "version": "1.0.0",
                "tables": ["Queue": ["columns": ["dscp": ["type": "string"]]]],
            ],
        ],
    ]

    /// Values that are special to somebody.
    static let values: [JSON] = [
        nil, true, false, 0, -1, 0.5, "", "_uuid", "_version", [], [:], ["set", []], ["map", []],
        .integer(.max), .integer(.min), .real(1e300), ["named-uuid", "b"], ["uuid", "x"],
        ["uuid", .string(UUIDValue.zero.description)], "é\u{0301}", "Open_vSwitch",
    ]

    private static let text = #"""
        {"method":"list_dbs","params":[],"id":1}
        {"method":"get_schema","params":["_Server"],"id":1}
        {"method":"get_server_id","params":[],"id":[1,{"a":2}]}
        {"method":"echo","params":[1.5e3,-0.25,"\u00e9\ud83d\ude00"],"id":"e"}
        {"method":"lock","params":["l"],"id":1}
        {"method":"steal","params":["l"],"id":1}
        {"method":"unlock","params":["l"],"id":1}
        {"method":"set_db_change_aware","params":[true],"id":1}
        {"method":"monitor","id":1,
         "params":["Open_vSwitch",["a",1],{"Port":[{"columns":["name"]}],"Bridge":{}}]}
        {"method":"monitor_cond","id":1,
         "params":["Open_vSwitch",2,{"Port":[{"where":[["tag","==",5],false]}]}]}
        {"method":"monitor_cond_since","id":1,"params":["Open_vSwitch",null,
         {"Queue":{}},"00000000-0000-0000-0000-000000000000"]}
        {"method":"monitor_cond_change","id":1,"params":[2,3,{"Port":[{"where":[["tag",">",1]]}]}]}
        {"method":"monitor_cancel","params":[3],"id":1}
        {"method":"cancel","params":[1],"id":null}
        {"id":"echo","result":[],"error":null}

        [{"op":"insert","table":"Open_vSwitch","row":{"next_cfg":1}}]
        [{"op":"update","table":"Open_vSwitch","where":[],"row":{"bridges":["named-uuid","b"]}},
         {"op":"insert","table":"Bridge","row":{"name":"br0","ports":["named-uuid","p"]},
          "uuid-name":"b"},
         {"op":"insert","table":"Interface","row":{"name":"br0","type":"internal"},"uuid-name":"i"},
         {"op":"insert","table":"Port","row":{"name":"br0","interfaces":["named-uuid","i"]},
          "uuid-name":"p"}]
        [{"op":"update","table":"Open_vSwitch","where":[],"row":{"bridges":["set",[]]}}]
        [{"op":"insert","table":"Port","row":{"name":"p","interfaces":["named-uuid","i"]},
          "uuid-name":"p"},
         {"op":"insert","table":"Interface","row":{"name":"p"},"uuid-name":"i"},
         {"op":"mutate","table":"Bridge","where":[],
          "mutations":[["ports","insert",["named-uuid","p"]]]}]
        [{"op":"insert","table":"QoS","row":{"queues":["map",[[7,["named-uuid","q"]]]]}},
         {"op":"insert","table":"Queue","row":{"dscp":5,"other_config":["map",[["a","b"]]]},
          "uuid-name":"q"}]
        [{"op":"mutate","table":"Open_vSwitch","where":[],
          "mutations":[["next_cfg","+=",9223372036854775807],
           ["other_config","delete",["set",["a"]]],["iface_types","insert",["set",["a","b"]]]]}]
        [{"op":"insert","table":"Mirror","row":{"name":"m","output_port":["named-uuid","p"],
          "select_src_port":["set",[["named-uuid","p"]]]},"uuid-name":"m"},
         {"op":"mutate","table":"Bridge","where":[],
          "mutations":[["mirrors","insert",["named-uuid","m"]],
           ["ports","insert",["named-uuid","p"]]]},
         {"op":"insert","table":"Interface","row":{"name":"q"},"uuid-name":"i"},
         {"op":"insert","table":"Port","row":{"name":"q","interfaces":["named-uuid","i"]},
          "uuid-name":"p"}]
        [{"op":"wait","table":"Port","where":[],"until":"!=","rows":[{"name":"x"}],
          "columns":["name"],"timeout":50}]
        [{"op":"comment","comment":"x"},{"op":"commit","durable":true},{"op":"assert","lock":"l"}]
        [{"op":"delete","table":"Queue",
          "where":[["dscp","<=",5],["_uuid","!=",["named-uuid","q"]]]}]
        [{"op":"delete","table":"QoS","where":[]},{"op":"abort"}]
        [{"op":"delete","table":"Port","where":[["name","==","p"]]}]
        [{"op":"update","table":"Port","where":[["tag","==",["set",[]]]],
          "row":{"tag":5,"trunks":["set",[1,2]],"statistics":["map",[["a",1]]],
           "vlan_mode":"access"}}]
        [{"op":"select","table":"Interface","where":[["name","==","br0"]],
          "columns":["name","_uuid","_version"]}]
        [{"op":"mutate","table":"Port","where":[],
          "mutations":[["trunks","+=",1],["tag","delete",5]]}]
        """#
}
