import CommandLineTool
import KernelLab
import SourceText
import Testing

/// `--kernel`: the machine's own kernel beside the answer.
@Suite(.serialized) struct KernelOptionTests {
    @Test func aSnapshotWithoutAddressesIsNotMadeAgain() throws {
        var around = Around()
        around.input = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j DROP\nCOMMIT\n"
        let call = call("trace - --in eth0 --from 198.51.100.7 --to 192.0.2.1:22/tcp --kernel --json", around)
        let answer = try readJSON(Array(call.output.utf8).span)
        #expect(
            answer["kernel"]?["refused"]?.string
                == "the snapshot does not have what the node is made of: ip -d addr, ip route show table all")
        #expect(answer["kernel"]?["agrees"] == nil)
        #expect(call.status == 0)
    }

    /// No kernel at hand has IPVS.
    @Test func whatIPVSTakesIsNotPutToTheKernel() throws {
        var around = Around()
        around.input = """
            *filter
            :INPUT ACCEPT [0:0]
            COMMIT
            # ip -d addr
            1: eth0: <BROADCAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP group default
                link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff
                inet 192.0.2.1/24 scope global eth0
            # ip route show table all
            192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.1
            local 192.0.2.1 dev eth0 table local proto kernel scope host src 192.0.2.1
            # ipvsadm -Ln
            IP Virtual Server version 1.2.1 (size=4096)
            TCP  192.0.2.1:22 rr

            """
        let call = call("trace - --in eth0 --from 192.0.2.7 --to 192.0.2.1:22/tcp --kernel --json", around)
        let answer = try readJSON(Array(call.output.utf8).span)
        #expect(answer["reason"]?.string == "ipvs-no-server")
        #expect(
            answer["kernel"]?["refused"]?.string
                == "IPVS takes the packet, whose virtual services are not built again in the laboratory")
    }

    @Test func flowsAreNotPutToTheKernel() {
        let call = call("trace - --packets p --flows --kernel")
        #expect(call.status == 2)
        #expect(call.error == "hookline: error: --kernel asks for one packet at a time; --flows does not go with it\n")
    }

    @Test(
        "the kernel is asked, and agrees",
        .enabled(if: ScratchNamespace.isPossible(), "needs root and /dev/net/tun"),
        arguments: [
            "--in eth0 --from 198.51.100.7 --to 192.0.2.1:22/tcp",
            "--in eth0 --from 198.51.100.7 --to 192.0.2.1:23/tcp",
            "--in eth0 --from 198.51.100.7 --to 10.1.0.9:80/tcp", "--from host --to 10.1.0.9:80/tcp",
            "--in eth0 --from 192.0.2.9 --to 192.0.2.1:22/tcp --round-trip",
        ])
    func agrees(_ packet: String) throws {
        let result = call("trace - \(packet) --kernel --json")
        let answer = try readJSON(Array(result.output.utf8).span)
        #expect(answer["kernel"]?["agrees"]?.boolean == true, "\(result.output)")
        #expect(answer["kernel"]?["account"]?.array?.isEmpty == false)
        #expect(result.status == 0)
        let text = call("trace - \(packet) --kernel").output
        #expect(text.contains("agrees, rule by rule."))
    }

    @Test(
        "where the kernel does otherwise, that is told, with status 1",
        .enabled(if: ScratchNamespace.isPossible(), "needs root and /dev/net/tun"))
    func disagrees() throws {
        // The first packet is never over a limit, whatever is assumed.
        let packet = "trace - --in eth0 --from 198.51.100.7 --to 192.0.2.1 --assume limit=over --kernel"
        let answer = try readJSON(Array(call(packet + " --json").output.utf8).span)
        #expect(answer["outcome"]?.string == "dropped")
        #expect(answer["kernel"]?["agrees"]?.boolean == false)
        #expect(answer["kernel"]?["differences"]?.array?.isEmpty == false)
        let text = call(packet)
        #expect(text.status == 1)
        #expect(text.output.contains("DISAGREES:"))
        #expect(text.output.contains("input ip filter INPUT rule 3: accept"))
    }
}
