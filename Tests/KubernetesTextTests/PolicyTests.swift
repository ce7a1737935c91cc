import KubernetesText
import NetTypes
import RuleModel
import SourceText
import Testing

@Suite struct PolicyTests {
    @Test func readsAPolicyOfKubernetes() throws {
        let text = """
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata: {name: allow-http, namespace: shop}
            spec:
              podSelector:
                matchLabels: {app: web}
                matchExpressions:
                - {key: tier, operator: In, values: [front, back]}
                - {key: old, operator: DoesNotExist}
              policyTypes: [Ingress, Egress]
              ingress:
              - from:
                - ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}
                - namespaceSelector: {}
                  podSelector: {matchLabels: {app: client}}
                ports:
                - {port: 80, protocol: TCP}
                - {port: 8000, endPort: 8010}
                - {port: dns, protocol: UDP}
                - {protocol: SCTP}
              egress:
              - {}
            """
        let reading = read(text)
        let policy = try #require(reading.objects.policies.first)
        #expect(reading.diagnostics.isEmpty && policy.kind == .kubernetes && policy.tier == "default")
        #expect(policy.order == 1000 && policy.appliesToIngress && policy.appliesToEgress)
        #expect(policy.selector.text == "app=web,tier in (front,back),!old")
        let rule = try #require(policy.ingress.first)
        #expect(rule.action == .allow && rule.place.line == 12 && rule.destination.isEverything)
        let peers = rule.source.alternatives
        #expect(peers.count == 2 && peers[0].nets.map(\.description) == ["10.0.0.0/8"])
        #expect(peers[0].exceptNets.map(\.description) == ["10.1.0.0/16"])
        #expect(peers[1].namespaceSelector?.text == "" && peers[1].selector?.text == "app=client")
        #expect(
            rule.ports == [
                PolicyPort(.range(PortRange(80)), protocol: .tcp),
                PolicyPort(.range(PortRange(8000, 8010)), protocol: .tcp),
                PolicyPort(.name("dns"), protocol: .udp), PolicyPort(nil, protocol: .sctp),
            ])
        #expect(policy.egress.count == 1 && policy.egress[0].destination.isEverything)
    }

    @Test(arguments: [
        ("", true, false), ("egress: [{}]", true, true), ("policyTypes: [Egress]", false, true),
    ])
    func typesThatAreNotToldFollowFromTheRules(_ spec: String, _ ingress: Bool, _ egress: Bool) throws {
        let policy = try #require(
            read(
                """
                apiVersion: networking.k8s.io/v1
                kind: NetworkPolicy
                metadata: {name: a}
                spec:
                  podSelector: {}
                  \(spec)
                """
            ).objects.policies.first)
        #expect(policy.appliesToIngress == ingress && policy.appliesToEgress == egress)
    }

    static let calico = """
        apiVersion: projectcalico.org/v3
        items:
        - apiVersion: projectcalico.org/v3
          kind: GlobalNetworkPolicy
          metadata: {name: security.block-smtp}
          spec:
            tier: security
            order: 10.5
            selector: all()
            namespaceSelector: has(name)
            types: [Egress]
            egress:
            - action: Deny
              protocol: TCP
              destination:
                ports: [25, '465:587', smtp]
                notNets: [10.0.0.0/8]
                notSelector: role == 'mail'
            - action: Pass
              notProtocol: UDP
              ipVersion: 4
              source: {nets: [10.244.0.0/16], serviceAccounts: {names: [a], selector: x == 'y'}}
            - {action: Log, protocol: ICMP, icmp: {type: 8, code: 0}}
            - {action: Allow, http: {methods: [GET]}, destination: {services: {name: web, namespace: shop}}}
        - apiVersion: projectcalico.org/v3
          kind: NetworkPolicy
          metadata: {name: knp.default.allow-http, namespace: shop}
          spec: {selector: app == 'web', types: [Ingress], order: 1000, tier: default}
        - apiVersion: projectcalico.org/v3
          kind: StagedGlobalNetworkPolicy
          metadata: {name: default.try}
          spec: {doNotTrack: true, applyOnForward: true, ingress: [{action: Allow}]}
        - apiVersion: projectcalico.org/v3
          kind: Tier
          metadata: {name: security}
          spec: {order: 100, defaultAction: Pass}
        kind: List
        """

    @Test func readsPoliciesOfCalico() throws {
        let reading = read(Self.calico)
        #expect(reading.diagnostics.isEmpty && reading.objects.policies.count == 3)
        let policy = reading.objects.policies[0]
        #expect(policy.kind == .calicoGlobal && policy.tier == "security" && policy.order == 10.5)
        #expect(policy.selector.text == "all()" && policy.namespaceSelector?.text == "has(name)")
        #expect(!policy.appliesToIngress && policy.appliesToEgress && policy.egress.count == 4)
        let deny = policy.egress[0]
        #expect(deny.action == .deny && deny.protocol == .is(.tcp) && deny.source.isEverything)
        #expect(
            deny.destination.ports.map(\.value) == [
                .range(PortRange(25)), .range(PortRange(465, 587)), .name("smtp"),
            ])
        #expect(deny.destination.exceptNets.map(\.description) == ["10.0.0.0/8"])
        #expect(deny.destination.exceptSelector?.text == "role == 'mail'")
        let pass = policy.egress[1]
        #expect(pass.action == .pass && pass.protocol == .not(.udp) && pass.version == .v4)
        #expect(pass.source.serviceAccounts == ["a"] && pass.source.serviceAccountSelector?.text == "x == 'y'")
        #expect(policy.egress[2].action == .log && policy.egress[2].icmpType == 8 && policy.egress[2].icmpCode == 0)
        #expect(policy.egress[3].asksHTTP && policy.egress[3].destination.service == "shop/web")
        let staged = reading.objects.policies[2]
        #expect(staged.kind == .stagedGlobal && staged.isUntracked && staged.appliesOnForward)
        #expect(staged.appliesToIngress && !staged.appliesToEgress && staged.tier == "default" && staged.order == nil)
        let tier = try #require(reading.objects.tiers.first)
        #expect(tier.order == 100 && tier.defaultAction == .pass)
    }

    @Test func onePolicyInTwoApisIsOne() {
        let reading = read(
            Self.calico + """

                ---
                apiVersion: crd.projectcalico.org/v1
                kind: GlobalNetworkPolicy
                metadata: {name: default.open}
                ---
                apiVersion: projectcalico.org/v3
                kind: GlobalNetworkPolicy
                metadata: {name: open}
                ---
                apiVersion: networking.k8s.io/v1
                kind: NetworkPolicy
                metadata: {name: allow-http, namespace: shop}
                """)
        let names = reading.objects.policies.map { "\($0.kind) \($0.namespace)/\($0.name)" }
        #expect(
            names == [
                "calicoGlobal /security.block-smtp", "kubernetes shop/allow-http", "stagedGlobal /default.try",
                "calicoGlobal /default.open",
            ])
    }

    @Test func readsPoliciesOfAdministrators() throws {
        let reading = read(
            """
            apiVersion: policy.networking.k8s.io/v1alpha1
            kind: AdminNetworkPolicy
            metadata: {name: deny-db}
            spec:
              priority: 7
              subject: {pods: {namespaceSelector: {matchLabels: {kind: prod}}, podSelector: {matchLabels: {app: db}}}}
              ingress:
              - action: Deny
                from: [{namespaces: {matchLabels: {kind: test}}}]
                ports: [{portNumber: {port: 5432, protocol: TCP}}, {portRange: {start: 1, end: 9}}, {namedPort: x}]
              - {action: Frown}
            ---
            apiVersion: policy.networking.k8s.io/v1alpha2
            kind: ClusterNetworkPolicy
            metadata: {name: base}
            spec:
              tier: Baseline
              subject: {namespaces: {}}
              egress: [{action: Accept, to: [{networks: [10.0.0.0/8]}]}]
            """)
        #expect(reading.diagnostics.map(\.message) == ["'Frown' is no action of a policy"])
        let policy = reading.objects.policies[0]
        #expect(policy.kind == .admin && policy.order == 7 && policy.tier == "adminnetworkpolicy")
        #expect(policy.selector.text == "app=db" && policy.namespaceSelector?.text == "kind=prod")
        #expect(policy.appliesToIngress && !policy.appliesToEgress && policy.ingress.count == 1)
        #expect(policy.ingress[0].source.alternatives[0].namespaceSelector?.text == "kind=test")
        #expect(policy.ingress[0].ports.map(\.value) == [.range(PortRange(5432)), .range(PortRange(1, 9)), .name("x")])
        let base = reading.objects.policies[1]
        #expect(base.kind == .cluster && base.tier == "kube-baseline" && base.egress[0].action == .allow)
        #expect(base.egress[0].destination.alternatives[0].nets.map(\.description) == ["10.0.0.0/8"])
    }
}
