import Foundation
import NetTypes
import Questions
import RuleModel
import SourceText
import Testing

@Suite("Doctor: masquerading")
struct MasqueradeTests {
    @Test func `Docker masquerades what pods send to other nodes' pods`() throws {
        let found = try Clinic(folder: "flannel-docker").findings("pod-masquerade")
        #expect(
            found.map(\.title) == [
                "pods of other nodes see 172.30.24.0 and not the pod: nat/POSTROUTING:2 masquerades what pods of this node send to them"
            ])
        let remedy = try #require(found.first?.remedies.first)
        #expect(remedy.hasPrefix("start dockerd with --ip-masq=false"))
        // Behind KUBE-POSTROUTING's jump, and for no more packets than Docker's rule takes.
        #expect(
            remedy.contains("iptables -t nat -I POSTROUTING 2 -s 172.30.24.0/24 -d PODS ! -o docker0 -j ACCEPT"))
        #expect(try Clinic(folder: "flannel-docker-replaced").titles("pod-masquerade").isEmpty)
    }

    @Test func `a rule that leaves pods' packets alone leaves out what kube-proxy has marked and not yet seen`() throws
    {
        let masquerade = "[0:0] -A POSTROUTING -s 172.30.24.0/24 ! -o docker0 -j MASQUERADE\n"
        let jump =
            "[1:40] -A POSTROUTING -m comment --comment \"kubernetes postrouting rules\" -j KUBE-POSTROUTING\n"
        let found = try Clinic(folder: "flannel-docker")
            .replacing("iptables-save.txt", masquerade, "").replacing("iptables-save.txt", jump, masquerade + jump)
            .findings("pod-masquerade")
        #expect(
            found.first?.remedies.first?.contains(
                "-I POSTROUTING 1 -s 172.30.24.0/24 -d PODS ! -o docker0 -m mark ! --mark 0x4000/0x4000 -j ACCEPT")
                == true)
        // The bit may be another.
        let other = try Clinic(folder: "flannel-docker")
            .replacing("iptables-save.txt", masquerade, "").replacing("iptables-save.txt", jump, masquerade + jump)
            .replacing("iptables-save.txt", "--set-xmark 0x4000/0x4000", "--set-xmark 0x8000/0x8000")
            .findings("pod-masquerade")
        #expect(other.first?.remedies.first?.contains("-m mark ! --mark 0x8000/0x8000 -j ACCEPT") == true)
    }

    @Test func `a pool that Calico is not told of is masqueraded`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(try node.titles("pod-masquerade").isEmpty)
        let found = try node.replacing(
            "ipset-save.txt", "add cali40all-ipam-pools 10.244.0.0/16", "add cali40all-ipam-pools 10.244.1.0/24"
        ).findings("pod-masquerade")
        #expect(found.count == 1)
        #expect(found.first?.remedies.first?.contains("IPPool") == true)
        #expect(
            found.first?.title
                == "pods of other nodes see 10.244.1.0 and not the pod: nat/cali-nat-outgoing:1 masquerades what pods of this node send to them"
        )
    }

    @Test func `ip-masq-agent masquerades ranges that it is not told of`() throws {
        func node(_ range: String) throws -> Clinic {
            let chain = ":KUBE-MARK-MASQ - [0:0]\n"
            let cali = "[0:0] -A POSTROUTING -m comment --comment \"cali:0i8pjzKKPyA34aQD\" -j cali-POSTROUTING\n"
            return try Clinic(folder: "calico-node")
                .replacing("iptables-save.txt", chain, ":IP-MASQ-AGENT - [0:0]\n" + chain)
                .replacing(
                    "iptables-save.txt", cali,
                    cali + "[0:0] -A POSTROUTING -m addrtype ! --dst-type LOCAL -j IP-MASQ-AGENT\n"
                        + "[0:0] -A IP-MASQ-AGENT -d \(range) -m comment --comment \"ip-masq-agent: local traffic is not subject to MASQUERADE\" -j RETURN\n"
                        + "[0:0] -A IP-MASQ-AGENT -m comment --comment \"ip-masq-agent: outbound traffic is subject to MASQUERADE (must be last in chain)\" -j MASQUERADE\n"
                )
        }
        #expect(
            try node("192.168.0.0/16").findings("pod-masquerade").first?.remedies == [
                "add the range of the pods to nonMasqueradeCIDRs in ip-masq-agent's ConfigMap"
            ])
        #expect(try node("10.0.0.0/8").titles("pod-masquerade").isEmpty)
    }

    @Test func `kube-proxy masquerades what pods ask of Services where its range is another`() throws {
        let node = try Clinic(folder: "calico-node").replacing(
            "iptables-save.txt", "! -s 10.244.0.0/16 -d 10.96", "! -s 10.32.0.0/16 -d 10.96")
        #expect(
            try node.titles("pod-masquerade") == [
                "risk: endpoints of Services see the node's address when pods ask them: kube-proxy takes 10.244.1.10 for a client from outside, since it is not in 10.32.0.0/16"
            ])
        let all = try Clinic(folder: "calico-node").replacing(
            "iptables-save.txt", "! -s 10.244.0.0/16 -d 10.96", "-d 10.96")
        #expect(
            try all.titles("pod-masquerade") == [
                "risk: endpoints of Services see the node's address when pods ask them: kube-proxy masquerades all (--masquerade-all)"
            ])
    }

    @Test func `a pool that covers the node's own network keeps pods' addresses there`() throws {
        let node = try Clinic(folder: "calico-node")
        #expect(try node.titles("nat-outgoing-surprise").isEmpty)
        let found = try node.adding("ipset-save.txt", "add cali40all-ipam-pools 192.0.0.0/16\n")
            .findings("nat-outgoing-surprise")
        #expect(
            found.map(\.title) == [
                "the pool 192.0.0.0/16 covers this node's own network 192.0.2.0/24: what pods send to hosts there is not masqueraded"
            ])
        #expect(found.first?.severity == .problem)
        #expect(found.first?.example == "--in cali11111111111 --from 10.244.1.10:40000 --to 192.0.2.9:80/tcp")
    }

    @Test func `a pool of the objects covers the node's own network too`() throws {
        var cluster = ClusterObjects()
        let range = IPPrefix(IPAddress(v4: 0xc000_0200), length: 23)
        cluster.pools = [IPPool(name: "wide", range: range, place: Place(file: FileID(0), line: 1, start: 0, end: 1))]
        let node = try Clinic(folder: "calico-node")
            .replacing("ipset-save.txt", "add cali40all-ipam-pools 10.244.0.0/16", "")
        // Without the set's element what pods send there is masqueraded.
        #expect(try node.with(cluster).titles("nat-outgoing-surprise").isEmpty)
    }

    @Test func `SNAT to an address that is not here is a risk`() throws {
        func node(_ address: String) throws -> Clinic {
            try Clinic(folder: "calico-node").replacing(
                "iptables-save.txt", "cali40all-ipam-pools dst -j MASQUERADE --random-fully",
                "cali40all-ipam-pools dst -j SNAT --to-source \(address)")
        }
        #expect(
            try node("198.51.100.7").titles("nat-outgoing-surprise") == [
                "risk: what pods send out of the cluster leaves as 198.51.100.7, which is no address of this host (natOutgoingAddress)"
            ])
        #expect(try node("192.0.2.10").titles("nat-outgoing-surprise").isEmpty)
    }
}
