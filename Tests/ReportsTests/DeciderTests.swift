import NetTypes
import PacketPath
import PathModel
import Reports
import RuleModel
import SourceText
import Testing

/// What may decide beside the rules that are followed.
@Suite struct DeciderTests {
    private static let rules = """
        table inet t {
            flowtable f {
                hook ingress priority 0
                devices = { "eth0", "eth1" }
            }
            chain c {
                type filter hook forward priority 0; policy accept;
                ct state established flow add @f
            }
        }

        """

    private func deciders(_ rules: String, _ listing: String?, to destination: String = "10.1.0.5") throws -> [String] {
        let header = "# conntrack -L\n"
        var world = try World(rules, World.network + (listing.map { header + $0 + "\n" } ?? ""))
        var packet = try World.packet("198.51.100.7", destination)
        packet.tcpFlags = .ack
        let answer = world.answer(packet) { if listing == nil { $0.state = .established } }
        return relevantDeciders(answer.trace, answer.request, on: world.model).map(\.text)
    }

    private static let entry =
        "tcp 6 ESTABLISHED src=198.51.100.7 dst=10.1.0.5 sport=40000 dport=22 src=10.1.0.5 dst=198.51.100.7 sport=22 "
        + "dport=40000 [ASSURED] mark=0 use=1"

    /// Source: net/netfilter/nf_flow_table_ip.c `nf_flow_offload_ip_hook`, nf_conntrack_standalone.c `ct_seq_show`, Linux
    /// 6.18.
    @Test func aConnectionThatWasHandedToAFlowtableBypassesForward() throws {
        let told = try deciders(Self.rules, Self.entry.replacing("[ASSURED]", with: "[OFFLOAD]"))
        #expect(told.contains { $0.hasPrefix("the connection was handed to flowtable f of table inet t") })
    }

    @Test func oneThatWasNotPassesItAsTheListingSays() throws {
        #expect(try deciders(Self.rules, Self.entry) == [])
    }

    @Test func withoutAListingItIsNotKnown() throws {
        let told = try deciders(Self.rules, nil)
        #expect(told.count == 1)
        #expect(told[0].hasSuffix("whether this one was is not known"))
        #expect(try deciders(Self.rules, nil, to: "192.0.2.1") == [])
        #expect(try deciders(Self.rules.replacing("flow add @f", with: "accept"), nil) == [])
    }

    /// A device's chain that the packet has met, or does not meet, is no other decider.
    @Test func chainsOfDevicesThatMayHaveBeenPassedAreTold() throws {
        func told(_ devices: String, _ links: String) throws -> [String] {
            let rules = """
                table netdev d {
                    chain i {
                        type filter hook ingress devices = { \(devices) } priority 0; policy accept;
                        ip saddr 10.0.0.1 drop
                    }
                }

                """
            var world = try World(rules, links + World.network)
            let answer = world.answer(try World.packet())
            return relevantDeciders(answer.trace, answer.request, on: world.model).map(\.name)
        }
        #expect(try told("\"eth0\"", "") == [])
        #expect(try told("\"eth1\"", "") == [])
        let port =
            "9: bond1: <BROADCAST,SLAVE,UP,LOWER_UP> mtu 1500 qdisc fq master eth0 state UP group default qlen 1000\n"
        #expect(try told("\"bond1\"", port) == ["ingress"])
    }
}
