import Bridges
import LinkValues
import Testing

/// What options of a row ask for which link.
@Suite struct MadeLinksTests {
    static func kind(_ type: String, _ options: [String: String]) -> WantedInterface.Kind {
        WantedInterface.kind(ofType: type, name: "v0") { options[$0] }
    }

    @Test func optionsAreReadAsOrders() {
        #expect(
            Self.kind("veth", ["peer": "v1", "peer-netns": "red"])
                == .link(LinkOrder(name: "v0", kind: .veth(peer: "v1", peerNamespace: "red"))))
        #expect(
            Self.kind("vlan", ["parent": "eth0", "id": "10"])
                == .link(LinkOrder(name: "v0", kind: .vlan(parent: "eth0", id: 10))))
        var settings = BondSettings()
        settings.mode = .lacp
        #expect(
            Self.kind("bond", ["members": "a, b", "mode": "802.3ad"])
                == .link(LinkOrder(name: "v0", kind: .bond(settings, members: ["a", "b"]))))
    }

    @Test(arguments: [
        ("veth", [:]), ("veth", ["peer": "a/b"]), ("veth", ["peer": "v1", "peer-netns": "a b"]),
        ("vlan", ["parent": "eth0"]), ("vlan", ["parent": "eth0", "id": "4095"]),
        ("bond", [:]), ("bond", ["members": "a", "mode": "x"]), ("bond", ["members": "a,b c:d"]),
    ])
    func whatIsMissingIsSaid(type: String, options: [String: String]) {
        guard case .invalid(let text) = Self.kind(type, options) else {
            Issue.record("it was taken")
            return
        }
        #expect(text.contains("options:"))
    }
}
