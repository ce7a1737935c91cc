import Annotations
import PathModel
import RuleModel
import Snapshot
import SourceText
import Testing

@testable import Questions

/// What is a node's own makes no difference between nodes.
@Suite("Diff: what is local to a node") struct LocalPartsTests {
    private func node(_ name: String, _ texts: String...) throws -> DiffNode {
        let files = texts.enumerated().map { SourceFile(path: "\(name)-\($0.offset)", text: $0.element) }
        let state = try readSnapshot(files: files)
        let model = HostModel(state.ruleset, state.host, names: state.names)
        return DiffNode(name: name, model: model, annotations: AnnotatedRuleset(model.linked))
    }

    private func addresses(_ interface: String, _ address: String) -> String {
        """
        2: \(interface): <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP group default qlen 1000
            link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff
            inet \(address)/24 brd 192.0.2.255 scope global \(interface)
               valid_lft forever preferred_lft forever

        """
    }

    private func routes(_ interface: String, _ more: String = "") -> String {
        "default via 192.0.2.254 dev \(interface)\n\(more)"
    }

    private func filter(_ rules: String, _ chains: String = "") -> String {
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\(chains)\(rules)\nCOMMIT\n"
    }

    private var exact: DiffSettings {
        var settings = DiffSettings()
        settings.isExact = true
        return settings
    }

    @Test func theNodesOwnAddressAndInterface() throws {
        let a = try node(
            "a", filter("-A INPUT -i eth0 -d 192.0.2.1/32 -j ACCEPT"), addresses("eth0", "192.0.2.1"), routes("eth0"))
        let b = try node(
            "b", filter("-A INPUT -i ens3 -d 192.0.2.2/32 -j ACCEPT"), addresses("ens3", "192.0.2.2"), routes("ens3"))
        #expect(!compare(a, b).isDifferent)
        #expect(compare(a, b, exact).isDifferent)
        // Somebody else's address is not the node's own.
        let c = try node(
            "c", filter("-A INPUT -i ens3 -d 192.0.2.9/32 -j ACCEPT"), addresses("ens3", "192.0.2.2"), routes("ens3"))
        #expect(compare(a, c).isDifferent)
    }

    /// A rule that both have word for word is the same, though it speaks of one node's own address.
    @Test func oneNodesAddressInARuleOfAllNodes() throws {
        let rules = filter("-A INPUT -s 192.0.2.1/32 -j ACCEPT")
        let a = try node("a", rules, addresses("eth0", "192.0.2.1"), routes("eth0"))
        let b = try node("b", rules, addresses("eth0", "192.0.2.2"), routes("eth0"))
        #expect(!compare(a, b).isDifferent)
    }

    private func calico(_ pods: [String], policy: String = "-A cali-pi-default.p -j RETURN") -> String {
        var chains = ":cali-FORWARD - [0:0]\n:cali-from-wl-dispatch - [0:0]\n:cali-pi-default.p - [0:0]\n"
        var rules = "-A FORWARD -j cali-FORWARD\n-A cali-FORWARD -i cali+ -j cali-from-wl-dispatch\n\(policy)\n"
        for pod in pods {
            chains += ":cali-fw-cali\(pod) - [0:0]\n"
            rules += "-A cali-from-wl-dispatch -i cali\(pod) -g cali-fw-cali\(pod)\n"
            rules += "-A cali-fw-cali\(pod) -j cali-pi-default.p\n"
        }
        rules += "-A cali-from-wl-dispatch -j DROP"
        return filter(rules, chains)
    }

    @Test func chainsOfPods() throws {
        let a = try node("a", calico(["11111111111", "22222222222"]))
        let b = try node("b", calico(["33333333333"]))
        let diff = compare(a, b)
        #expect(!diff.isDifferent)
        #expect(diff.leftOut.chainsOfA == 2)
        #expect(diff.leftOut.chainsOfB == 1)
        #expect(compare(a, b, exact).isDifferent)
        // The same pod on both sides is compared.
        let c = try node(
            "c",
            calico(["11111111111", "22222222222"]).replacing(
                "-A cali-fw-cali11111111111 -j cali-pi-default.p", with: "-A cali-fw-cali11111111111 -j DROP"))
        #expect(compare(a, c).isDifferent)
    }

    /// A policy's chain is there where a pod needs it; where two nodes have it, it must be the same.
    @Test func chainsOfPoliciesOnDifferentNodes() throws {
        func whole(_ name: String, _ rules: String, _ address: String) throws -> DiffNode {
            try node(name, rules, addresses("eth0", address), routes("eth0"))
        }
        let a = try whole("a", calico(["11111111111"]), "192.0.2.1")
        let without = filter(
            "-A FORWARD -j cali-FORWARD\n-A cali-FORWARD -i cali+ -j cali-from-wl-dispatch\n"
                + "-A cali-from-wl-dispatch -j DROP",
            ":cali-FORWARD - [0:0]\n:cali-from-wl-dispatch - [0:0]\n")
        #expect(!compare(a, try whole("b", without, "192.0.2.2")).isDifferent)
        // The same node at another time has lost it.
        #expect(compare(a, try whole("b", without, "192.0.2.1")).isDifferent)
        let stale = calico(["33333333333"], policy: "-A cali-pi-default.p -s 10.0.0.0/8 -j RETURN")
        #expect(compare(a, try whole("c", stale, "192.0.2.3")).isDifferent)
    }

    @Test func anEndpointThatWasReplacedIsOneChainThatChanged() throws {
        func proxy(_ hash: String, _ address: String) -> String {
            """
            *nat
            :PREROUTING ACCEPT [0:0]
            :INPUT ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            :POSTROUTING ACCEPT [0:0]
            :KUBE-SERVICES - [0:0]
            :KUBE-SVC-ERIFXISQEP7F7OF4 - [0:0]
            :KUBE-SEP-\(hash) - [0:0]
            -A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
            -A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m comment --comment "kube-system/kube-dns:dns-tcp cluster IP" -m tcp --dport 53 -j KUBE-SVC-ERIFXISQEP7F7OF4
            -A KUBE-SVC-ERIFXISQEP7F7OF4 -m comment --comment "kube-system/kube-dns:dns-tcp -> \(address):53" -j KUBE-SEP-\(hash)
            -A KUBE-SEP-\(hash) -p tcp -m comment --comment "kube-system/kube-dns:dns-tcp" -m tcp -j DNAT --to-destination \(address):53
            COMMIT

            """
        }
        let diff = compare(
            try node("a", proxy("AAAAAAAAAAAAAAAA", "10.244.0.5")),
            try node("b", proxy("BBBBBBBBBBBBBBBB", "10.244.0.9")))
        guard case .chains(let chains)? = diff.sections.first else {
            Issue.record("no chains differ")
            return
        }
        let all = chains.filter { $0.a == nil || $0.b == nil }
        #expect(all.isEmpty)
        let edited = chains.flatMap(\.changes).filter { if case .changed = $0 { true } else { false } }
        #expect(edited.count == chains.flatMap(\.changes).count)
    }

    @Test func groupsOfEqualNodesAndTheOddOneOut() throws {
        let nodes = try (0..<5).map { index in
            try node(
                "n\(index)",
                filter("-A INPUT -d 192.0.2.\(index + 1)/32 -p tcp -m tcp --dport \(index == 3 ? 23 : 22) -j ACCEPT"),
                addresses("eth0", "192.0.2.\(index + 1)"), routes("eth0"))
        }
        let comparison = compare(nodes)
        #expect(comparison.groups.map(\.nodes) == [[0, 1, 2, 4], [3]])
        #expect(comparison.groups.first?.difference == nil)
        let odd = comparison.groups.last?.difference
        #expect(odd?.a == 0)
        #expect(odd?.b == 3)
        #expect(odd?.isDifferent == true)
        #expect(!comparison.areOneNode)
    }
}
