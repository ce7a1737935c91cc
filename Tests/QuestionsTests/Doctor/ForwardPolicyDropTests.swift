import Foundation
import Questions
import Testing

@Suite("Doctor: the policy of FORWARD")
struct ForwardPolicyDropTests {
    @Test func `what no rule of FORWARD accepts falls to its policy`() throws {
        let node = try Clinic(folder: "docker-forward-drop")
        let found = try node.findings("forward-policy-drop")
        #expect(
            found.map(\.title) == [
                "the policy of filter/FORWARD is DROP, and no rule there accepts what this host routes from eth0 to eth1"
            ])
        #expect(found.first?.severity == .problem)
        #expect(try node.quotes(try #require(found.first)) == [":FORWARD DROP [0:0]"])
        #expect(found.first?.example == "--in eth0 --from 192.168.1.9:40000 --to 10.8.0.9:80/tcp")
        #expect(found.first?.remedies.first?.contains("DOCKER-USER") == true)
    }

    @Test func `a policy of ACCEPT, or a rule that accepts, is none`() throws {
        let node = try Clinic(folder: "docker-forward-drop")
        #expect(
            try node.replacing("iptables-save.txt", ":FORWARD DROP", ":FORWARD ACCEPT").titles("forward-policy-drop")
                .isEmpty)
        let jump = "[0:0] -A FORWARD -j DOCKER-USER\n"
        #expect(
            try node.replacing(
                "iptables-save.txt", jump, "[0:0] -A FORWARD -i eth0 -o eth1 -j ACCEPT\n" + jump
            ).titles("forward-policy-drop").isEmpty)
    }

    @Test func `pods of Calico without its own accept rule fall to the policy`() throws {
        let accept =
            "[0:0] -A FORWARD -m comment --comment \"cali:S93hcgKJrXEqnTfs\" -m comment --comment \"Policy explicitly accepted packet.\" -m mark --mark 0x10000/0x10000 -j ACCEPT\n"
        let node = try Clinic(folder: "calico-node").replacing(
            "iptables-save.txt", ":FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:KUBE",
            ":FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:KUBE")
        #expect(try node.titles("forward-policy-drop").isEmpty)
        let found = try node.replacing("iptables-save.txt", accept, "").findings("forward-policy-drop")
        #expect(found.count == 1)
        #expect(found.first?.example?.hasPrefix("--in cali11111111111 ") == true)
    }
}
