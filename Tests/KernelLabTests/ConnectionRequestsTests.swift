import HostText
import NetTypes
import RuleModel
import SourceText
import Testing

@testable import KernelLab
@testable import KernelLink

/// Observed on Linux 6.18.
@Suite("the kernel's connections", .serialized, .enabled(if: canMakeNamespaces, "needs root and /dev/net/tun"))
struct ConnectionRequestsTests {
    @Test func entryThatIsMadeIsTheOneThatIsRead() throws {
        let client = try #require(IPAddress("10.0.0.9")), service = try #require(IPAddress("10.0.0.1"))
        let server = try #require(IPAddress("10.1.0.9"))
        var original = ConnectionTuple(source: client, destination: service, protocol: .tcp)
        (original.sourcePort, original.destinationPort) = (4000, 81)
        var reply = ConnectionTuple(source: server, destination: client, protocol: .tcp)
        (reply.sourcePort, reply.destinationPort) = (80, 4000)
        var entry = ConnectionEntry(original: original, reply: reply, place: .none)
        entry.status = [.seenReply, .assured, .confirmed]
        (entry.mark, entry.zone, entry.tcpState, entry.expires) = (0x42, 5, .established, 500)
        var ping = ConnectionTuple(source: client, destination: server, protocol: .icmp)
        (ping.icmpType, ping.sourcePort) = (8, 77)
        var pong = ConnectionTuple(source: server, destination: client, protocol: .icmp)
        pong.sourcePort = 77
        var echo = ConnectionEntry(original: ping, reply: pong, place: .none)
        (echo.status, echo.expires) = ([.confirmed], 500)
        try Router.run(rules: LaboratoryTests.rules) { laboratory in
            for wanted in [entry, echo] {
                try laboratory.netfilter.add(wanted)
                let found = try laboratory.netfilter.connections()
                #expect(try laboratory.netfilter.connection(like: wanted)?.id == found.first?.id)
                #expect(found.count == 1)
                var read = try #require(found.first).entry
                // It may be a second later.
                if let left = read.expires, (490...500).contains(left) { read.expires = 500 }
                #expect(read == wanted)
                try laboratory.netfilter.delete(wanted)
            }
            try laboratory.netfilter.add(echo)
            #expect(throws: LabFailure(call: "netlink request", code: 17, words: "a new connection")) {
                try laboratory.netfilter.add(echo)
            }
            entry.zone = 0
            try laboratory.forget()
            try laboratory.netfilter.add(entry)
            let seen = try laboratory.observe(
                Dispatch(Router.tcp("10.0.0.9", "10.0.0.1", port: 81), .interface("eth0")))
            #expect(seen.decoded?.destination == server)
            #expect(seen.decoded?.destinationPort == 80)
        }
    }
}
