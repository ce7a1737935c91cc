import Foundation
import NetTypes
import PacketPath
import PathModel
import RuleModel
import Testing

/// Connections made under other rules than those in force. Each was sent through Linux 6.18 with `kernel-compare`.
@Suite struct ExchangedRulesTests {
    private static let filter = """
        *filter
        :FORWARD ACCEPT [0:0]
        -A FORWARD -m state --state NEW
        COMMIT

        """

    /// The rules that a packet meets where one of the same flow passed under `before`.
    private func second(_ before: String, _ rules: String) throws -> [String] {
        let settings = routerSettings + "net.netfilter.nf_conntrack_acct = 0\n"
        let old = try World(before, routerAddresses, routerRoutes, settings)
        let new = try World(rules, routerAddresses, routerRoutes, settings)
        let packet = try old.packet("203.0.113.9", "198.51.100.7", .udp)
        let first = old.trace(packet, in: "eth0")
        let table = ConnectionIndex(first.connections)
        let request = TraceRequest(packet: packet, origin: .interface(new.interface("eth0")))
        let trace = PacketPath.trace(request, on: new.model, connections: table)
        return new.rules(trace)
    }

    /// net/netfilter/nf_conntrack_labels.c `nf_ct_labels_ext_add`, net/netfilter/xt_connlabel.c.
    @Test func aConnectionFromBeforeLabelsCanHaveNone() throws {
        let labels = """
            *filter
            :FORWARD ACCEPT [0:0]
            -A FORWARD -m connlabel --label 3 --set -j DROP
            -A FORWARD -m connlabel ! --label 3 --set -j ACCEPT
            COMMIT

            """
        #expect(try second(labels, labels) == ["filter/FORWARD:1 drop"])
        #expect(try second(Self.filter, labels) == ["filter/FORWARD:2 accept"])
    }

    /// include/net/netfilter/nf_conntrack_acct.h `nf_ct_acct_ext_add`, net/netfilter/xt_connbytes.c.
    @Test func aConnectionFromBeforeCountersHasNone() throws {
        let counters = """
            *filter
            :FORWARD ACCEPT [0:0]
            -A FORWARD -m connbytes --connbytes 1: --connbytes-mode packets --connbytes-dir original -j DROP
            COMMIT

            """
        // A range that has every number has none of what was not counted.
        for rules in [counters, counters.replacingOccurrences(of: "1:", with: "0:")] {
            #expect(try second(rules, rules) == ["filter/FORWARD:1 drop"])
            #expect(try second(Self.filter, rules) == ["filter/FORWARD policy accept"])
        }
    }
}
