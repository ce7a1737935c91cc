import Annotations
import ChainGraph
import RuleModel
import Snapshot
import SourceText
import Testing

@Suite struct KubeProxyRulesTests {
    private func annotated(_ text: String) throws -> AnnotatedRuleset {
        let node = try readSnapshot(files: [SourceFile(path: "save", bytes: Array(text.utf8))])
        return AnnotatedRuleset(LinkedRuleset(node.ruleset, names: node.names))
    }

    private func chain(_ name: String, of rules: AnnotatedRuleset) throws -> ChainID {
        let linked = rules.linked
        return try #require(
            linked.chainIDs.map { ChainID($0) }.first { linked.name(linked.chain($0).name) == name })
    }

    private func texts(_ name: String, of rules: AnnotatedRuleset) throws -> [String] {
        let id = try chain(name, of: rules)
        return rules.linked.chain(id).rules.indices.map {
            rules.purpose(of: RuleReference(chain: id, index: $0))?.text ?? "-"
        }
    }

    static let web = """
        *nat
        :PREROUTING ACCEPT [0:0]
        :KUBE-SERVICES - [0:0]
        :KUBE-SVC-CDGGSHYLG3RE2FKL - [0:0]
        :KUBE-SEP-USKAY64JPFHIPHIG - [0:0]
        :KUBE-EXT-CDGGSHYLG3RE2FKL - [0:0]
        :KUBE-MARK-MASQ - [0:0]
        :KUBE-SVC-AAAAAAAAAAAAAAAA - [0:0]
        -A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
        -A KUBE-SERVICES -d 10.96.10.10/32 -p tcp -m comment --comment "default/web:http cluster IP" -m tcp --dport 80 -j KUBE-SVC-CDGGSHYLG3RE2FKL
        -A KUBE-SVC-CDGGSHYLG3RE2FKL ! -s 10.244.0.0/16 -d 10.96.10.10/32 -p tcp -m comment --comment "default/web:http cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ
        -A KUBE-SVC-CDGGSHYLG3RE2FKL -m comment --comment "default/web:http -> 10.244.1.10:80" -j KUBE-SEP-USKAY64JPFHIPHIG
        -A KUBE-SEP-USKAY64JPFHIPHIG -s 10.244.1.10/32 -m comment --comment "default/web:http" -j KUBE-MARK-MASQ
        -A KUBE-SEP-USKAY64JPFHIPHIG -p tcp -m comment --comment "default/web:http" -m tcp -j DNAT --to-destination 10.244.1.10:80
        -A KUBE-EXT-CDGGSHYLG3RE2FKL -m comment --comment "masquerade traffic for default/web:http external destinations" -j KUBE-MARK-MASQ
        COMMIT

        """

    @Test func rulesNameTheirService() throws {
        let rules = try annotated(Self.web)
        #expect(try texts("PREROUTING", of: rules) == ["finds the Service that a packet is for"])
        #expect(try texts("KUBE-SERVICES", of: rules) == ["cluster IP of service default/web:http"])
        #expect(
            try texts("KUBE-SVC-CDGGSHYLG3RE2FKL", of: rules) == [
                "marks the connection for masquerading: it comes from outside the pod network to service default/web:http",
                "service default/web:http: endpoint 10.244.1.10:80",
            ])
        #expect(
            try texts("KUBE-SEP-USKAY64JPFHIPHIG", of: rules) == [
                "marks the connection for masquerading: endpoint 10.244.1.10:80 of service default/web:http reaches itself",
                "endpoint 10.244.1.10:80 of service default/web:http",
            ])
        #expect(
            try texts("KUBE-EXT-CDGGSHYLG3RE2FKL", of: rules) == [
                "marks the connection for masquerading: it comes to service default/web:http by an address from outside"
            ])
    }

    @Test func aChainWithoutCommentsIsNotGuessed() throws {
        let rules = try annotated(Self.web)
        let id = try chain("KUBE-SVC-AAAAAAAAAAAAAAAA", of: rules)
        #expect(rules.purpose(of: id) == .kubeProxy(.unnamed("a service")))
    }
}
