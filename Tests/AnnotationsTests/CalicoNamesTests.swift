import ChainGraph
import NetTypes
import RuleModel
import SourceText
import Testing

@testable import Annotations

@Suite struct CalicoNamesTests {
    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }

    /// FIPS 180-4 and FIPS 202 examples (NIST's "abc", two blocks, and the empty message).
    @Test func digests() {
        #expect(hex(SHA1.digest("abc".utf8)) == "a9993e364706816aba3e25717850c26c9cd0d89d")
        #expect(
            hex(SHA1.digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8))
                == "84983e441c3bd26ebaae4aa1f95129e5e54670f1")
        #expect(hex(SHA3.digest224("".utf8)) == "6b4e03423667dbb73b6e15454f0eb1abd4597f9a1b078e3f5b5a6bc7")
        #expect(hex(SHA3.digest224("abc".utf8)) == "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf")
        #expect(
            hex(SHA3.digest224([UInt8](repeating: 0xa3, count: 200)))
                == "9376816aba503f72f96ce7eb65ac095deee3be4bf9bbc2a1cb7e11e0")
    }

    /// Seen on nodes: the AKS dump of the fixtures, and felix/fv of v3.28.
    @Test func idsThatAreTooLongAreHashed() {
        #expect(lengthLimitedID("ksa.kube-system.coredns", prefixLength: 9) == "_u2Tn2rSoAPffvE7JO6")
        #expect(
            lengthLimitedID("kube-system/knp.default.konnectivity-agent", prefixLength: 8) == "_rWDSk9LLgWIl_lpnJE2")
        #expect(lengthLimitedID("default.xdp-filter", prefixLength: 8) == "default.xdp-filter")
        // 28 characters in all are hashed only where they could be taken for a hash.
        #expect(lengthLimitedID("abcdefghijklmnopqrst", prefixLength: 8) == "abcdefghijklmnopqrst")
        #expect(lengthLimitedID("_bcdefghijklmnopqrst", prefixLength: 8).hasPrefix("_bcd") == false)
    }

    // MARK: Policies

    @Test(arguments: [
        (
            "Policy default/knp.default.allow-http ingress", "x", "Kubernetes NetworkPolicy default/allow-http",
            "default"
        ),
        ("Policy fv/default.policy-1 ingress", "x", "NetworkPolicy fv/policy-1", "default"),
        (
            "Policy security.block-smtp egress", "_GS_GXIgK01XC2Q-j_hG", "GlobalNetworkPolicy security.block-smtp",
            "security"
        ),
        (
            "Policy aaa-allow-konnectivity-agent egress", "_j5sVgQTfF-APgMw0kN9",
            "GlobalNetworkPolicy aaa-allow-konnectivity-agent", "default"
        ),
        (
            "Policy kanp.adminnetworkpolicy.deny ingress", "x", "AdminNetworkPolicy deny of tier adminnetworkpolicy",
            "adminnetworkpolicy"
        ),
        ("Policy ossg.default.0123 ingress", "x", "OpenStack security group 0123", "default"),
        ("NetworkPolicy shop/allow-web egress", "x", "NetworkPolicy shop/allow-web", ""),
        (
            "KubernetesNetworkPolicy default/allow-http ingress", "x", "Kubernetes NetworkPolicy default/allow-http",
            "default"
        ),
        ("GlobalNetworkPolicy block-smtp egress", "gnp/block-smtp", "GlobalNetworkPolicy block-smtp", ""),
        ("KubernetesClusterNetworkPolicy admin.all ingress", "x", "Kubernetes ClusterNetworkPolicy admin.all", ""),
    ])
    func namesInComments(_ comment: String, _ id: String, _ text: String, _ tier: String) throws {
        let name = try #require(PolicyName(comment: comment, id: id))
        #expect(name.text == text)
        #expect(name.tier == tier)
    }

    @Test(arguments: ["Start of tier default", "Profile kns.default ingress", "Policy a b c", "team=web"])
    func otherComments(_ comment: String) { #expect(PolicyName(comment: comment, id: "x") == nil) }

    @Test(arguments: [
        ("gnp/block-smtp", "GlobalNetworkPolicy block-smtp"), ("np/shop/allow", "NetworkPolicy shop/allow"),
        ("knp/default/allow-http", "Kubernetes NetworkPolicy default/allow-http"),
        ("default/default.xdpf", "GlobalNetworkPolicy xdpf"),
        ("security/security.block-smtp", "GlobalNetworkPolicy security.block-smtp"),
        ("default/shop/default.allow", "NetworkPolicy shop/allow"),
        ("default/knp.default.allow-http", "Kubernetes NetworkPolicy default/allow-http"),
        ("default.xdp-filter", "GlobalNetworkPolicy xdp-filter"), ("fv/default.policy-1", "NetworkPolicy fv/policy-1"),
    ])
    func namesInIDs(_ id: String, _ text: String) { #expect(PolicyName(id: id)?.text == text) }

    /// The ids of v3.28, v3.30 and v3.32 lead to the object.
    @Test(arguments: [
        "kube-system/knp.default.konnectivity-agent", "default/kube-system/knp.default.konnectivity-agent",
        "knp/kube-system/konnectivity-agent",
    ])
    func policiesAreFoundByTheHashOfTheirName(_ id: String) throws {
        var cluster = ClusterObjects()
        cluster.policies = [
            NetworkPolicy(kind: .kubernetes, namespace: "kube-system", name: "konnectivity-agent", place: .none)
        ]
        let hashed = lengthLimitedID(id, prefixLength: 8)
        let rules = try chains("cali-po-\(hashed)", cluster)
        #expect(rules == "Kubernetes NetworkPolicy kube-system/konnectivity-agent, egress")
        #expect(
            try chains("cali-po-\(hashed)", ClusterObjects()).hasPrefix("the policy of chain id ")
                == hashed.hasPrefix("_"))
    }

    /// The other direction's chain has the same id, and may have the comment.
    @Test func aPolicyIsKnownByItsOtherChain() throws {
        let linked = try Annotated(
            """
            *filter
            :cali-pi-_abcdefghijklmnopqrs - [0:0]
            :cali-po-_abcdefghijklmnopqrs - [0:0]
            -A cali-pi-_abcdefghijklmnopqrs -m comment --comment "Policy shop/default.web ingress" -j DROP
            -A cali-po-_abcdefghijklmnopqrs -j DROP
            COMMIT

            """)
        #expect(try linked.purpose("filter/cali-po-_abcdefghijklmnopqrs") == "Calico: NetworkPolicy shop/web, egress")
    }

    @Test func profilesAreFoundByTheHashOfTheirName() throws {
        var cluster = ClusterObjects()
        var pod = Pod(namespace: "kube-system", name: "coredns-1", place: .none)
        pod.serviceAccount = "coredns"
        cluster.pods = [pod]
        #expect(
            try chains("cali-pri-_u2Tn2rSoAPffvE7JO6", cluster)
                == "profile of service account kube-system/coredns, ingress")
        #expect(
            try chains("cali-pri-_u2Tn2rSoAPffvE7JO6", ClusterObjects())
                == "the profile of chain id _u2Tn2rSoAPffvE7JO6, ingress")
    }

    /// Source: libcalico-go/lib/backend/k8s/conversion/conversion_test.go: pod podA of namespace default.
    @Test func podsAreFoundByTheirInterface() throws {
        #expect(CalicoNames.digits(namespace: "default", pod: "podA") == "7f94ce7c295")
        var cluster = ClusterObjects()
        cluster.pods = [Pod(namespace: "default", name: "podA", place: .none)]
        #expect(
            try chains("cali-tw-cali7f94ce7c295", cluster) == "ingress policy of pod default/podA (cali7f94ce7c295)")
        // AKS gives interfaces another prefix.
        #expect(try chains("cali-tw-azv7f94ce7c295", cluster) == "ingress policy of pod default/podA (azv7f94ce7c295)")
        var endpoint = WorkloadEndpoint(namespace: "vm", name: "w", place: .none)
        endpoint.pod = "machine"
        endpoint.interface = "tap0"
        cluster.workloadEndpoints = [endpoint]
        #expect(try chains("cali-fw-tap0", cluster) == "egress policy of pod vm/machine (tap0)")
    }

    private func chains(_ name: String, _ cluster: ClusterObjects) throws -> String {
        let linked = try Annotated("*filter\n:\(name) - [0:0]\n-A \(name) -j DROP\nCOMMIT\n").linked
        let rules = AnnotatedRuleset(linked, cluster: cluster)
        return try #require(rules.purpose(of: ChainID(0))).text
    }

    // MARK: Sets

    /// Source: libcalico-go/lib/selector/parser/parser_test.go `canonicalisationTests`.
    @Test(arguments: [
        ("", "all()", "s:5y5I3VdRZfDU01O--xXAPx2yxCQQqMf0M6IWug"),
        (" (all() )", "all()", "s:5y5I3VdRZfDU01O--xXAPx2yxCQQqMf0M6IWug"),
        ("! (has( b)||! has(a ))", "!(has(b) || !has(a))", "s:Iss0uCleLYv1GSv_pNm7hAO58kE9jAx1NKyG3Q"),
        ("! (a == \"b\"&&! c != \"d\")", "!(a == \"b\" && !c != \"d\")", "s:lh3haoY1ikTRkd4UZu0nWSaIBknYLPJLX16d-w"),
        ("a in {\"z\", \"z\", \"x\", \"y\"}", "a in {\"x\", \"y\", \"z\"}", nil), ("a!='\"'", "a != '\"'", nil),
        ("a not in {'b'} && c contains 'd'", "(a not in {\"b\"} && c contains \"d\")", nil),
    ])
    func selectorsHaveOneSpelling(_ text: String, _ spelling: String, _ id: String?) throws {
        let selector = try #require(CalicoSelector(text))
        #expect(selector.text == spelling)
        if let id { #expect(selector.id == id) }
    }

    @Test(arguments: [
        "b == b", "'b1' == b", "b", "!", "foo in \"\"", "(a == \"foo\"", "()", "a == \"b\" && %", "has(foo) &&",
    ])
    func whatIsNoSelectorIsNotRead(_ text: String) { #expect(CalicoSelector(text) == nil) }

    @Test func deepSelectorsEndTheReading() {
        let text = String(repeating: "(", count: 10_000) + "all()" + String(repeating: ")", count: 10_000)
        #expect(CalicoSelector(text) == nil)
        #expect(CalicoSelector(String(repeating: "!", count: 10_000) + "all()") == nil)
    }

    /// What Calico makes of a peer of a Kubernetes policy, and of its own.
    @Test func setsAreNamedByTheirSelectors() throws {
        var web = PolicyPeer()
        web.selector = LabelSelector(requirements: [LabelRequirement(key: "app", relation: .isIn, values: ["web"])])
        var team = PolicyPeer()
        team.namespaceSelector = LabelSelector(requirements: [])
        var rule = PolicyRule(.allow, place: .none)
        rule.source.alternatives = [web, team]
        rule.ports = [PolicyPort(.name("http"), protocol: IPProtocol(rawValue: 6))]
        var kubernetes = NetworkPolicy(kind: .kubernetes, namespace: "shop", name: "p", place: .none)
        kubernetes.ingress = [rule]
        var own = PolicyRule(.allow, place: .none)
        own.destination.selector = LabelSelector(text: "role == 'db'")
        own.destination.namespaceSelector = LabelSelector(text: "env == 'prod'")
        var global = NetworkPolicy(kind: .calicoGlobal, namespace: "", name: "g", place: .none)
        global.egress = [own]
        var cluster = ClusterObjects()
        cluster.policies = [kubernetes, global]
        cluster.services = [Service(namespace: "shop", name: "web", place: .none)]
        let rules = AnnotatedRuleset(try Annotated("*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n").linked, cluster: cluster)
        func set(_ kind: String, _ content: String, _ separator: String = ":") -> String? {
            let id = String(CalicoSelector.id(kind, content).prefix(25))
            let name = separator == ":" ? id : "\(kind)-\(id.dropFirst(kind.utf8.count + 1))"
            return rules.purpose(ofSet: "cali40" + name)?.text
        }
        let pods = "projectcalico.org/orchestrator == \"k8s\""
        #expect(
            set("s", "(projectcalico.org/namespace == \"shop\" && (\(pods) && app == \"web\"))")
                == "pods with app=web in namespace shop")
        #expect(
            set("s", "(projectcalico.org/namespace == \"shop\" && (\(pods) && app in {\"web\"}))", "-")
                == "pods with app=web in namespace shop")
        #expect(set("s", "(has(projectcalico.org/namespace) && \(pods))") == "pods in all namespaces")
        #expect(
            set("s", "(pcns.env == \"prod\" && role == \"db\")")
                == "endpoints with role == 'db' in namespaces with env == 'prod'")
        #expect(
            set("n", "s:5y5I3VdRZfDU01O--xXAPx2yxCQQqMf0M6IWug,tcp,http")
                == "endpoints with a port called http (tcp)")
        #expect(set("svcnoport", "shop/web") == "backends of service shop/web")
        #expect(set("svc", "shop/web") == "backends of service shop/web, with their ports")
        #expect(set("s", "nothing") == "endpoints that a selector chooses")
    }

    @Test(arguments: [
        ("cali40masq-ipam-pools", "pods' addresses that are masqueraded when they leave the cluster (natOutgoing)"),
        ("cali40all-ipam-pools", "all pods' addresses (IP pools)"),
        ("cali60network-ip-pools", "all pods' addresses (IP pools)"), ("cali40all-hosts-net", "Calico's hosts"),
        ("cali60all-vxlan-net", "hosts that VXLAN packets may come from"), ("cali40this-host", "this host's addresses"),
        ("cali4t3", "a set that Felix is filling"), ("cali40n:abc", "endpoints with a named port"),
        ("felix-masq-ipam-pools", "pods' addresses that are masqueraded when they leave the cluster (natOutgoing)"),
    ])
    func setsAreNamed(_ name: String, _ text: String) throws {
        let rules = AnnotatedRuleset(try Annotated("*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n").linked)
        #expect(rules.purpose(ofSet: name)?.text == text)
        #expect(rules.purpose(ofSet: name)?.maker == .calico)
    }
}
