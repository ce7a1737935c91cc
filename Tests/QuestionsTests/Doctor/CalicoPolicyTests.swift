import Questions
import Testing

@Suite("Doctor: what policies deny that nobody meant")
struct CalicoPolicyTests {
    /// The policy of p1, which is alone in its tier.
    static let policy =
        "-m comment --comment \"cali:4eu5Sd7zKgEQM48z\" -m comment --comment \"Policy default/knp.default.allow-http ingress\" -m set --match-set cali40s:hashedsetid_selector_cl src -m multiport --dports 80 -j MARK --set-xmark 0x10000/0x10000"

    @Test func `a policy that only logs drops all`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(try node.titles("log-only-policy").isEmpty)
        let found = try node.replacing(
            "iptables-save.txt", Self.policy,
            "-m comment --comment \"cali:4eu5Sd7zKgEQM48z\" -m comment --comment \"Policy default/knp.default.allow-http ingress\" -j LOG --log-prefix \"calico-packet: \" --log-level 5"
        ).findings("log-only-policy")
        #expect(
            found.map { "\($0.severity.name): \($0.title)" } == [
                "problem: Kubernetes NetworkPolicy default/allow-http only logs (ingress): all that it selects is dropped at the end of the tier"
            ])
        #expect(found.first?.evidence.count == 2)
    }

    @Test func `an egress policy that forgets DNS`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(try node.titles("forgotten-dns").isEmpty)
        // p2's tier ends with a drop, and its policy allows web only.
        let returns =
            "[0:0] -A cali-fw-cali12222222222 -m comment --comment \"cali:8OFQ_g3wDrZ3oUvj\" -j cali-pro-kns.default\n"
        let end =
            "[0:0] -A cali-fw-cali12222222222 -m comment --comment \"cali:gGw9-8EUzwqxFS8k\" -m comment --comment \"End of tier security. Drop if no policies passed packet\" -m mark --mark 0x0/0x20000 -j DROP\n"
        let selected = try node.replacing("iptables-save.txt", returns, end + returns)
            .without("iptables-save.txt", "cali:JlTg72Mae6RVBK9D")
        let silent = try selected.findings("forgotten-dns")
        #expect(silent.map(\.severity) == [.note] && silent.first?.doubts.isEmpty == false)
        let found = try selected.replacing(
            "iptables-save.txt", "-m multiport --dports 25 -j MARK --set-xmark 0x40000/0x40000",
            "-m multiport --dports 80 -j MARK --set-xmark 0x10000/0x10000"
        ).findings("forgotten-dns")
        #expect(
            found.map { "\($0.severity.name): \($0.title)" } == [
                "problem: the pod 10.244.1.11 (cali12222222222) can't ask DNS: no egress policy allows port 53 to kube-system/kube-dns"
            ])
        #expect(found.first?.example == "--in cali12222222222 --from 10.244.1.11:40000 --to 10.96.0.10:53/udp")
    }

    @Test func `packets that fell at the end of a tier are counted`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(try node.titles("default-deny").isEmpty)
        let rule = "[0:0] -A cali-tw-cali11111111111 -m comment --comment \"cali:gGw9-8EUzwqxFS8k\""
        let found = try node.replacing(
            "iptables-save.txt", rule,
            "[17:1020] -A cali-tw-cali11111111111 -m comment --comment \"cali:gGw9-8EUzwqxFS8k\""
        ).findings("default-deny")
        #expect(
            found.map { "\($0.severity.name): \($0.title)" } == [
                "note: 17 packets to the workload behind cali11111111111 fell at the end of a tier: policies select it, and none allowed them; asked before: Kubernetes NetworkPolicy default/allow-http"
            ])
    }

    @Test func `a policy behind one that denies everything is never asked`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(try node.titles("policy-order").isEmpty)
        let jump =
            "[0:0] -A cali-tw-cali11111111111 -m comment --comment \"cali:0SbncQ0cNtMka4B5\" -m mark --mark 0x0/0x20000 -j cali-pi-_1RSqhBrdziv6gtAChgp\n"
        let before =
            "[0:0] -A cali-tw-cali11111111111 -m comment --comment \"cali:0SbncQ0cNtMka4B6\" -m mark --mark 0x0/0x20000 -j cali-pi-_g793MoklaroR4oJlST7\n"
        let order = try node.replacing("iptables-save.txt", jump, before + jump)
        #expect(try order.titles("policy-order").isEmpty)
        let found = try order.replacing(
            "iptables-save.txt",
            "-A cali-pi-_g793MoklaroR4oJlST7 -p tcp -m comment --comment \"cali:Bh4PPzdxCRkpFDZv\" -m comment --comment \"Policy default.host-allow ingress\" -m multiport --dports 9100 -j MARK --set-xmark 0x10000/0x10000",
            "-A cali-pi-_g793MoklaroR4oJlST7 -m comment --comment \"cali:Bh4PPzdxCRkpFDZv\" -m comment --comment \"Policy default.host-allow ingress\" -j MARK --set-xmark 0x40000/0x40000"
        ).findings("policy-order")
        #expect(
            found.map { "\($0.severity.name): \($0.title)" } == [
                "problem: Kubernetes NetworkPolicy default/allow-http is never asked for what goes to the workload behind cali11111111111: GlobalNetworkPolicy host-allow comes before and denies everything"
            ])
    }

    @Test func `a policy that allows everything hides the denials behind it`() throws {
        let node = try Clinic(folder: "calico-node")
        let jump =
            "[0:0] -A cali-tw-cali11111111111 -m comment --comment \"cali:0SbncQ0cNtMka4B5\" -m mark --mark 0x0/0x20000 -j cali-pi-_1RSqhBrdziv6gtAChgp\n"
        let before = jump.replacing("0SbncQ0cNtMka4B5", with: "0SbncQ0cNtMka4B6")
            .replacing("_1RSqhBrdziv6gtAChgp", with: "_g793MoklaroR4oJlST7")
        let found = try node.replacing("iptables-save.txt", jump, before + jump)
            .replacing(
                "iptables-save.txt",
                "-A cali-pi-_g793MoklaroR4oJlST7 -p tcp -m comment --comment \"cali:Bh4PPzdxCRkpFDZv\" -m comment --comment \"Policy default.host-allow ingress\" -m multiport --dports 9100 -j",
                "-A cali-pi-_g793MoklaroR4oJlST7 -m comment --comment \"cali:Bh4PPzdxCRkpFDZv\" -m comment --comment \"Policy default.host-allow ingress\" -j"
            )
            .replacing(
                "iptables-save.txt",
                "-m set --match-set cali40s:hashedsetid_selector_cl src -m multiport --dports 80 -j MARK --set-xmark 0x10000/0x10000",
                "-m set --match-set cali40s:hashedsetid_selector_cl src -m multiport --dports 80 -j MARK --set-xmark 0x40000/0x40000"
            ).findings("policy-order")
        #expect(found.map(\.severity) == [.risk])
        #expect(found.first?.title.hasSuffix("comes before and allows everything") == true)
    }

    static func objects(_ label: String, policy: String = "allow-http") -> String {
        """
        apiVersion: v1
        kind: List
        items:
        - apiVersion: v1
          kind: Pod
          metadata: {name: p1, namespace: default, labels: {app: \(label)}}
          spec: {nodeName: node-a}
          status: {podIP: 10.244.1.10, phase: Running}
        - apiVersion: v1
          kind: Pod
          metadata: {name: kube-proxy-x, namespace: kube-system}
          spec: {nodeName: node-a, hostNetwork: true}
          status: {podIP: 192.0.2.10, phase: Running}
        - apiVersion: projectcalico.org/v3
          kind: WorkloadEndpoint
          metadata: {name: node--a-k8s-p1-eth0, namespace: default}
          spec: {interfaceName: cali11111111111, ipNetworks: [10.244.1.10/32], node: node-a, pod: p1}
        - apiVersion: networking.k8s.io/v1
          kind: NetworkPolicy
          metadata: {name: \(policy), namespace: default}
          spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: [{ports: [{port: 80}]}]}

        """
    }

    @Test func `a policy that selects no pod, and one that Felix has not applied`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(try node.with(Self.objects("web")).titles("policy-without-effect").isEmpty)
        #expect(
            try node.with(Self.objects("shop")).titles("policy-without-effect") == [
                "note: default/allow-http (app=web) selects no pod"
            ])
        let found = try node.with(Self.objects("web", policy: "allow-db")).findings("policy-without-effect")
        #expect(
            found.map { "\($0.severity.name): \($0.title)" } == [
                "problem: the rules of pod default/p1 do not ask default/allow-db, which selects it (ingress)"
            ])
    }
}
