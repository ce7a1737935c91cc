import ChainGraph
import NetTypes
import PathModel
import RuleModel
import Snapshot
import SourceText
import Testing

/// Which rules of a long chain are looked at for a packet, and which are passed over.
@Suite struct RuleIndexTests {
    /// A chain with these rules behind twenty that ask for other addresses.
    private func index(_ rules: String...) throws -> (index: RuleIndex, model: HostModel) {
        let others = (0..<20).map { "-A INPUT -d 198.51.100.\($0)/32 -j ACCEPT\n" }.joined()
        let text = "*filter\n:INPUT ACCEPT [0:0]\n" + others + rules.map { "-A INPUT \($0)\n" }.joined() + "COMMIT\n"
        let node = try readSnapshot(files: [SourceFile(path: "iptables-save.txt", text: text)])
        let model = HostModel(node.ruleset, node.host, names: node.names)
        return (try #require(model.compiled.index(of: ChainID(0))), model)
    }

    /// The candidates among the rules given, from 0.
    private func candidates(_ index: RuleIndex, _ key: PacketKey) -> [Int] {
        var search = RuleSearch(index, key, from: 0)
        var found: [Int] = []
        var start = 0
        while let next = search.next(from: start) {
            if next >= 20 { found.append(next - 20) }
            start = next + 1
        }
        return found
    }

    private func key(
        _ destination: String, port: UInt16 = 80, mark: UInt32 = 0, in interface: PacketKey.Interface = .none
    ) throws -> PacketKey {
        var packet = Packet(
            source: try #require(IPAddress("10.0.0.1")), destination: try #require(IPAddress(destination)),
            protocol: .tcp)
        packet.destinationPort = port
        packet.mark = mark
        return PacketKey(packet, in: interface, out: .none)
    }

    @Test func rulesAreFoundByAddressAndPrefixInOrder() throws {
        let (index, _) = try index(
            "-d 192.0.2.1/32 -j ACCEPT", "-d 192.0.2.2/32 -j ACCEPT", "-d 192.0.2.0/24 -j DROP", "-j LOG",
            "-d 192.0.2.1/32 -j DROP", "! -d 192.0.2.1/32 -j DROP")
        #expect(candidates(index, try key("192.0.2.1")) == [0, 2, 3, 4, 5])
        #expect(candidates(index, try key("192.0.2.2")) == [1, 2, 3, 5])
        #expect(candidates(index, try key("203.0.113.1")) == [3, 5])
    }

    @Test func rangesAreCutAtPowersOfTwo() throws {
        let (index, _) = try index(
            "-p tcp -m tcp --dport 79:83 -j ACCEPT", "-p tcp -m multiport --dports 22,443,8000:8003 -j ACCEPT",
            "-m iprange --dst-range 192.0.2.3-192.0.2.9 -j ACCEPT", "-p tcp -m tcp --dport 0:65535 -j ACCEPT")
        let ports: [(port: UInt16, found: [Int])] = [
            (78, [3]), (79, [0, 3]), (83, [0, 3]), (84, [3]), (443, [1, 3]), (8003, [1, 3]), (8004, [3]),
        ]
        for (port, found) in ports {
            #expect(candidates(index, try key("203.0.113.1", port: port)) == found, "\(port)")
        }
        for (last, found) in [(2, [3]), (3, [2, 3]), (9, [2, 3]), (10, [3])] {
            #expect(candidates(index, try key("192.0.2.\(last)", port: 1)) == found, "\(last)")
        }
    }

    @Test func interfacesAndMarksAreLookedUp() throws {
        let (index, model) = try index(
            "-i eth0 -j ACCEPT", "-i eth1 -j ACCEPT", "-i cali+ -j ACCEPT", "-m mark --mark 0x1/0x3 -j ACCEPT",
            "-m mark --mark 0x2/0x3 -j ACCEPT")
        let names = try ["eth0", "eth1"].map { try #require(model.names.find($0)) }
        #expect(candidates(index, try key("203.0.113.1", in: .known(names[0]))) == [0, 2])
        #expect(candidates(index, try key("203.0.113.1", mark: 5, in: .known(names[1]))) == [1, 2, 3])
        #expect(candidates(index, try key("203.0.113.1", in: .none)) == [2])
        // Any may be the one.
        #expect(candidates(index, try key("203.0.113.1", in: .unknown)) == [0, 1, 2])
    }

    /// What stands behind a match that does something is not asked before it.
    @Test func noRuleStandsUnderWhatIsAskedAfterAnEffect() throws {
        let (index, _) = try index("-m limit --limit 1/sec -m mark --mark 0x1 -j ACCEPT")
        #expect(candidates(index, try key("203.0.113.1")) == [0])
    }

    @Test func shortChainsHaveNoIndex() throws {
        let text = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -d 192.0.2.1/32 -j ACCEPT\nCOMMIT\n"
        let node = try readSnapshot(files: [SourceFile(path: "iptables-save.txt", text: text)])
        #expect(HostModel(node.ruleset, node.host, names: node.names).compiled.index(of: ChainID(0)) == nil)
    }
}
