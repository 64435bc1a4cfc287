import DatabaseProtocol
import Testing

/// Operations, conditions, mutations and messages are what RFC 7047 says, and nothing else is.
@Suite struct OperationTests {
    @Test(arguments: [
        #"{"op":"insert","table":"Port","row":{"name":"p","tag":5},"uuid-name":"x"}"#,
        #"{"op":"select","table":"Port","#
            + #""where":[["tag","==",5],["trunks","includes",["set",[1,2]]]],"#
            + #""columns":["name","_uuid"]}"#,
        #"{"op":"update","table":"Bridge","where":[["_uuid","==",["named-uuid","x"]]],"#
            + #""row":{"ports":["set",[["uuid","00000000-0000-0000-0000-000000000001"],"#
            + #"["named-uuid","p"]]]}}"#,
        #"{"op":"mutate","table":"Open_vSwitch","where":[],"#
            + #""mutations":[["next_cfg","+=",1],["other_config","delete",["set",["a","b"]]]]}"#,
        #"{"op":"delete","table":"Port","where":[["tag","<=",5],true]}"#,
        #"{"op":"wait","table":"Open_vSwitch","where":[],"until":"==","rows":[],"timeout":0}"#,
        #"{"op":"wait","table":"Port","where":[],"columns":["name"],"#
            + #""until":"!=","rows":[{"name":"x"}]}"#,
        #"{"op":"commit","durable":true}"#, #"{"op":"abort"}"#, #"{"op":"comment","comment":"é"}"#,
        #"{"op":"assert","lock":"l"}"#,
    ])
    func survivesItsJSON(_ text: String) throws {
        let operation = try Operation(parsing: JSON(parsing: text), schema: .openVSwitch)
        #expect(operation.json.text == text)
    }

    @Test(arguments: [
        (#"[]"#, DatabaseError.Name.syntaxError), (#"{}"#, .syntaxError),
        (#"{"op":"dance"}"#, .syntaxError),
        (#"{"op":"insert"}"#, .syntaxError),
        (#"{"op":"insert","table":"Prot","row":{}}"#, .syntaxError),
        (#"{"op":"insert","table":"Port","row":{"nam":"x"}}"#, .unknownColumn),
        (#"{"op":"insert","table":"Port","row":{"tag":4096}}"#, .constraintViolation),
        (#"{"op":"insert","table":"Port","row":{},"uuid-name":"1a"}"#, .syntaxError),
        (#"{"op":"insert","table":"Port","row":{},"uuid":"x"}"#, .syntaxError),
        (#"{"op":"select","table":"Port"}"#, .syntaxError),
        (#"{"op":"select","table":"Port","where":[["name","<","x"]]}"#, .syntaxError),
        (#"{"op":"select","table":"Port","where":[["name","=",5]]}"#, .unknownFunction),
        (#"{"op":"select","table":"Port","where":[],"columns":["name","name"]}"#, .syntaxError),
        (
            #"{"op":"mutate","table":"Port","where":[],"mutations":[["name","insert","x"]]}"#,
            .constraintViolation
        ),
        (
            #"{"op":"mutate","table":"Port","where":[],"mutations":[["mac","+=",1]]}"#,
            .syntaxError
        ),
        (
            #"{"op":"mutate","table":"Port","where":[],"mutations":[["bond_updelay","insert",1]]}"#,
            .syntaxError
        ),
        (#"{"op":"wait","table":"Port","where":[],"until":"=","rows":[]}"#, .syntaxError),
        (
            #"{"op":"wait","table":"Port","where":[],"until":"==","rows":[],"timeout":-1}"#,
            .syntaxError
        ),
        (#"{"op":"commit"}"#, .syntaxError), (#"{"op":"comment","comment":5}"#, .syntaxError),
    ])
    func refuses(_ text: String, _ name: DatabaseError.Name) throws {
        let json = try JSON(parsing: text)
        let error = #expect(throws: DatabaseError.self) {
            try Operation(parsing: json, schema: .openVSwitch)
        }
        #expect(error?.name == name)
    }

    @Test(arguments: [
        (
            #"{"method":"m","params":[1],"id":[2]}"#,
            RPCMessage.request(method: "m", parameters: [1], id: [2])
        ),
        (#"{"method":"m","params":[],"id":null}"#, .notification(method: "m", parameters: [])),
        (#"{"result":{},"error":null,"id":"a"}"#, .reply(result: [:], id: "a")),
        (#"{"result":null,"error":"no","id":0}"#, .failure(error: "no", id: 0)),
    ])
    func messagesSurviveTheirJSON(_ text: String, _ message: RPCMessage) throws {
        #expect(try RPCMessage(parsing: JSON(parsing: text)) == message)
        #expect(message.json.text == text)
    }

    @Test(arguments: [
        ("[]", RPCError.notObject), (#"{"method":1}"#, .badMethod),
        (#"{"method":"m","id":1}"#, .badParameters),
        (#"{"result":1}"#, .missingID), (#"{"id":1}"#, .neitherRequestNorReply),
    ])
    func refusesOtherMessages(_ text: String, _ error: RPCError) throws {
        let json = try JSON(parsing: text)
        #expect(throws: error) { try RPCMessage(parsing: json) }
    }
}
