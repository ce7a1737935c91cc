import Foundation
import Testing

@Suite("Several nodes: what is not sure to arrive, and the answer's way over all of them")
struct ClusterReplyTests {
    private static let packet = ["--from", "10.244.1.11:40000", "--to", "10.244.2.20:80/tcp"]
    /// A rule in front of all others of filter/FORWARD.
    private static func first(_ rule: String) -> (String) -> String {
        {
            $0.replacing(
                "[0:0] -A FORWARD -m comment --comment \"cali:wUHhoiAYhphO9Mso\"",
                with: "[1:60] \(rule)\n[0:0] -A FORWARD -m comment --comment \"cali:wUHhoiAYhphO9Mso\"")
        }
    }
    private static let noCheck: @Sendable (String) -> String = { $0.replacing("rp_filter = 1", with: "rp_filter = 0") }

    private func trace(_ nodes: TwoNodes, _ packet: [String] = packet) -> Call {
        call(["trace", nodes.path, "--round-trip", "--expect", "accept"] + packet)
    }

    private func json(_ nodes: TwoNodes, _ packet: [String] = packet) throws -> [String: Any] {
        let answer = call(["trace", nodes.path, "--round-trip", "--json"] + packet)
        return try #require(try JSONSerialization.jsonObject(with: Data(answer.output.utf8)) as? [String: Any])
    }

    @Test func `an answer that comes back is told as before`() throws {
        let nodes = try TwoNodes()
        let answer = trace(nodes)
        #expect(answer.status == 0 && !answer.output.contains("on the way back"), "\(answer.error)")
        let object = try json(nodes)
        #expect(object["clientSees"] as? String == "answer" && object["finalReply"] as? String == "arrives")
        let service = trace(nodes, ["--from", "10.244.1.11:40000", "--to", "svc:default/web:80/tcp"])
        #expect(service.status == 0 && !service.output.contains("on the way back"))
        #expect(service.output.contains("The reply on node-a if"))
    }

    @Test(arguments: ["node-a", "node-b"])
    func `an answer that one of the nodes drops is lost`(_ node: String) throws {
        let nodes = try TwoNodes([
            "\(node)/iptables-save.txt": Self.first("-A FORWARD -p tcp -m tcp --sport 80 -j DROP")
        ])
        let answer = trace(nodes)
        let lines = answer.output.split(separator: "\n")
        #expect(answer.status == 1)
        #expect(
            lines.dropFirst().first
                == "DROPPED on the way back, on \(node): its answer is dropped by rule 1 of filter/FORWARD.")
        let object = try json(nodes)
        #expect(object["finalOutcome"] as? String == "forwarded")
        #expect(object["finalReply"] as? String == "lost" && object["clientSees"] as? String == "timeout")
    }

    @Test func `of several ends the answer of each counts`() throws {
        let rule = "-A FORWARD -p tcp -m tcp --sport 80"
        for (interface, node) in [("cali51111111111", "node-b"), ("cali11111111111", "node-a")] {
            let nodes = try TwoNodes(["\(node)/iptables-save.txt": Self.first("\(rule) -i \(interface) -j DROP")])
            let answer = trace(nodes, ["--from", "10.244.1.11:40000", "--to", "svc:default/web:80/tcp"])
            #expect(answer.status == 1)
            #expect(answer.output.contains("its answer is dropped by rule 1 of filter/FORWARD. So if chance "))
        }
    }

    @Test func `an answer that leaves for no node is not known to arrive`() throws {
        let nodes = try TwoNodes([
            "node-a/sysctl.txt": Self.noCheck, "node-b/sysctl.txt": Self.noCheck,
            "node-b/ip-route.txt": { $0.withoutLines(with: "10.244.1.0/24 via 10.244.1.0") },
        ])
        let answer = trace(nodes)
        #expect(answer.status == 1)
        #expect(
            answer.output.contains(
                "UNDECIDED on the way back, on node-b: its answer leaves by eth0 for 192.0.2.1, which is none of the nodes; "
                    + "10.244.1.11 is on node-a, and whether it gets there is not known."))
        let object = try json(nodes)
        #expect(object["clientSees"] == nil && object["finalReply"] as? String == "unknown")
    }

    @Test func `forwarding that is off on the other node loses the answer`() throws {
        let nodes = try TwoNodes([
            "node-b/sysctl.txt": { $0.replacing("net.ipv4.ip_forward = 1", with: "net.ipv4.ip_forward = 0") }
        ])
        #expect(trace(nodes).output.contains("FILTERED on the way back, on node-b: "))
        #expect(trace(nodes).status == 1)
    }

    @Test func `a packet for a pod of another node that leaves for a router is undecided`() throws {
        let nodes = try TwoNodes([
            "node-a/ip-route.txt": { $0.withoutLines(with: "10.244.2.0/24 via 10.244.2.0") }
        ])
        let answer = trace(nodes)
        #expect(answer.status == 1)
        #expect(answer.output.hasPrefix("UNDECIDED beyond this node; here FORWARDED: "))
        #expect(
            answer.output.contains(
                "it leaves by eth0 for 192.0.2.1, which is none of the nodes; 10.244.2.20 is on node-b, "
                    + "and whether it gets there is not known."))
        #expect(!answer.output.contains("The reply"))
        let object = try json(nodes)
        #expect(object["finalOutcome"] as? String == "undecided" && object["clientSees"] == nil)
        #expect((object["astray"] as? [String: Any])?["node"] as? String == "node-b")
        // Nobody's pod leaves as ever.
        let outside = trace(nodes, ["--from", "10.244.1.11:40000", "--to", "203.0.113.7:443/tcp"])
        #expect(outside.status == 0 && outside.output.hasPrefix("FORWARDED: "))
    }

    /// Observed on Linux 6.18: a VXLAN device drops what has another VNI, and IP drops what is in a frame to another host.
    @Test func `the other end of a tunnel takes what has its number and its hardware address`() throws {
        let number = try TwoNodes(["node-b/ip-link.txt": { $0.replacing("vxlan id 4096", with: "vxlan id 4097") }])
        #expect(trace(number).status == 1)
        #expect(
            trace(number).output.contains(
                "Then, on node-b: FILTERED: it is not taken out of its tunnel: its VNI is 4096, and this host has 4097 (vxlan.calico)."
            ))
        let object = try json(number)
        #expect((object["onward"] as? [String: Any])?["reason"] as? String == "other-tunnel")
        #expect(object["clientSees"] as? String == "timeout")
        // By an entry of its own the number is another.
        let entry = try TwoNodes([
            "node-b/ip-link.txt": { $0.replacing("vxlan id 4096", with: "vxlan id 4097") },
            "node-a/bridge-fdb.txt": { $0.replacing("dst 192.0.2.20", with: "dst 192.0.2.20 vni 4097") },
        ])
        #expect(trace(entry).output.contains("Then, on node-b: FORWARDED"))
        let frame: (String) -> String = { $0.replacing("66:00:00:00:00:02", with: "66:00:00:00:00:77") }
        let address = try TwoNodes(["node-a/ip-neigh.txt": frame, "node-a/bridge-fdb.txt": frame])
        #expect(trace(address).status == 1)
        #expect(
            trace(address).output.contains(
                "its frame is addressed to another host (66:00:00:00:00:77; vxlan.calico has 66:00:00:00:00:02)."))
    }

    @Test func `what no tunnel of the other node takes out is not there`() throws {
        let nodes = try TwoNodes(["node-b/ip-link.txt": { $0.replacing("dstport 4789", with: "dstport 8472") }])
        #expect(trace(nodes).status == 1)
        #expect(trace(nodes).output.hasPrefix("UNDECIDED beyond this node"), "\(trace(nodes).output)")
    }

    /// C4: the fdb has an address that no node has.
    @Test func `of a tunnel's end that is no node no answer is made up`() throws {
        let nodes = try TwoNodes([
            "node-a/bridge-fdb.txt": { $0.replacing("dst 192.0.2.20", with: "dst 192.0.2.99") }
        ])
        let answer = trace(nodes)
        #expect(answer.status == 1 && answer.output.contains("for 192.0.2.99, which is none of the nodes; "))
        #expect(!answer.output.contains("192.0.2.99 ->") && !answer.output.contains("192.0.2.99:1-65535 ->"))
    }

    /// Without a source translation the answer does not pass the node that translated the destination.
    @Test(arguments: [false, true]) func `an answer from who was not asked is lost`(_ isMasqueraded: Bool) throws {
        func files(_ number: Int, _ rules: String, _ routes: String) -> [String: String] {
            let address = "192.0.2.\(number)"
            return [
                "node-\(number)/rules": "*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n\(rules)COMMIT\n"
                    + "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n",
                "node-\(number)/addr": """
                2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP
                    inet \(address)/24 scope global eth0
                3: docker0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP
                    inet 10.2.\(number).1/24 scope global docker0

                """,
                "node-\(number)/route": """
                default via 192.0.2.1 dev eth0
                \(routes)10.2.\(number).0/24 dev docker0 proto kernel scope link src 10.2.\(number).1
                192.0.2.0/24 dev eth0 proto kernel scope link src \(address)

                """,
                "node-\(number)/sysctl": "net.ipv4.ip_forward = 1\nnet.ipv4.conf.all.rp_filter = 0\n",
            ]
        }
        var rules = "-A PREROUTING -p tcp -m tcp --dport 30080 -j DNAT --to-destination 10.2.20.5:80\n"
        if isMasqueraded { rules += "-A POSTROUTING -o eth0 -j MASQUERADE\n" }
        let first = files(10, rules, "10.2.20.0/24 via 192.0.2.20 dev eth0\n")
        let folder = try Folder(first.merging(files(20, "", "")) { one, _ in one })
        let answer = call([
            "trace", folder.path, "--from", "203.0.113.7:40000", "--to", "192.0.2.10:30080/tcp", "--round-trip",
            "--expect", "accept",
        ])
        #expect(answer.output.contains("Then, on node-20: FORWARDED"), "\(answer.output)")
        #expect(answer.status == (isMasqueraded ? 0 : 1))
        let lost =
            "LOST on the way back, on node-20: its answer comes from 10.2.20.5, which the client never asked: it asked 192.0.2.10."
        #expect(answer.output.contains(lost) != isMasqueraded, "\(answer.output)")
        #expect(answer.output.contains("The sender sees nothing") != isMasqueraded)
    }
}

@Suite("Several nodes: check, and where a packet starts")
struct ClusterStartTests {
    private func check(_ nodes: TwoNodes, _ set: String) throws -> Call {
        var around = Around()
        around.files = ["policy.yaml": ["statements:\n  - name: it\n    allow: {\(set), ip: 4}\n    node: node-a\n"]]
        return call(["check", nodes.path, "policy.yaml"], around)
    }

    @Test func `a statement does not hold where the next node drops the packet`() throws {
        let set = "from: 10.244.1.11, to: '10.244.2.20:80/tcp'"
        let healthy = try check(TwoNodes(), set)
        #expect(healthy.status == 0 && healthy.output.hasPrefix("HOLDS"), "\(healthy.output)\(healthy.error)")
        let lost = try check(
            TwoNodes(["node-b/ip-link.txt": { $0.replacing("vxlan id 4096", with: "vxlan id 4097") }]), set)
        #expect(lost.status == 1 && lost.output.hasPrefix("FAILS"), "\(lost.output)\(lost.error)")
        #expect(lost.output.contains(" --start node-a --in cali"), "\(lost.output)")
        #expect(lost.output.contains(", and then, on node-b, is not taken out of its tunnel: its VNI is 4096"))
        let astray = try check(
            TwoNodes(["node-a/ip-route.txt": { $0.withoutLines(with: "10.244.2.0/24 via 10.244.2.0") }]), set)
        #expect(astray.status == 1 && astray.output.hasPrefix("NOT PROVED"), "\(astray.output)")
        #expect(astray.output.contains("for 192.0.2.1, which is none of the nodes; 10.244.2.20 is on node-b"))
    }

    @Test func `a packet from outside starts where it is said to, and goes on`() throws {
        let nodes = try TwoNodes()
        let packet = ["--from", "203.0.113.7:40000", "--to", "10.96.10.10:80/tcp"]
        let unknown = call(["trace", nodes.path] + packet)
        #expect(unknown.status == 2)
        #expect(
            unknown.error.contains(
                "no one node has 203.0.113.7; --start says which node the packet comes to first: node-a, node-b"),
            "\(unknown.error)")
        let wrong = call(["trace", nodes.path, "--start", "node-c"] + packet)
        #expect(wrong.status == 2 && wrong.error.contains("no node is called 'node-c'; there are node-a, node-b"))
        let answer = call(["trace", nodes.path, "--start", "node-a", "--in", "eth0"] + packet)
        #expect(answer.output.contains("Then, on node-b: "), "\(answer.output)\(answer.error)")
    }
}
