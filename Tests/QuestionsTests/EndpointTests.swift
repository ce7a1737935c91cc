import NetTypes
import Questions
import Testing

@Suite struct EndpointTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var text: String
        var end: PacketEnd
        var port: UInt16?
        var ipProtocol: IPProtocol?
        var testDescription: String { text }
    }

    static let v4 = PacketEnd.address(IPAddress(v4: 0xc000_0201))
    static let v6 = PacketEnd.address(IPAddress(v6High: 0x2001_0db8_0000_0000, low: 1))

    static let cases: [Case] = [
        Case(text: "192.0.2.1", end: v4),
        Case(text: "192.0.2.1:53", end: v4, port: 53),
        Case(text: "192.0.2.1:53/udp", end: v4, port: 53, ipProtocol: .udp),
        Case(text: "192.0.2.1/gre", end: v4, ipProtocol: .gre),
        Case(text: "2001:db8::1", end: v6),
        Case(text: "[2001:db8::1]", end: v6),
        Case(text: "[2001:db8::1]:443/tcp", end: v6, port: 443, ipProtocol: .tcp),
        Case(text: "2001:db8::1/icmp6", end: v6, ipProtocol: .icmpv6),
        Case(text: "2001:db8::1/ipv6-icmp", end: v6, ipProtocol: .icmpv6),
        Case(text: "host", end: .host),
        Case(text: "host:22/tcp", end: .host, port: 22, ipProtocol: .tcp),
        Case(text: "internet:443", end: .internet, port: 443),
        Case(text: "pod:default/client", end: .named(kind: "pod", name: "default/client")),
        Case(text: "svc:kube-system/kube-dns:53/udp", end: .named(kind: "svc", name: "kube-system/kube-dns:53/udp")),
        Case(text: "node:worker-1", end: .named(kind: "node", name: "worker-1")),
    ]

    @Test("reads an end", arguments: cases) func reads(_ example: Case) throws {
        let endpoint = try readEndpoint(example.text)
        #expect(endpoint.end == example.end)
        #expect(endpoint.port == example.port)
        #expect(endpoint.protocol == example.ipProtocol)
    }

    @Test(
        "tells why an end can't be read",
        arguments: [
            ("", "has no address"), ("300.0.0.1", "'300.0.0.1' is not an address"), ("192.0.2.1:", "is not a port"),
            ("192.0.2.1:65536", "'65536' is not a port"), ("192.0.2.1:+5", "is not a port"),
            ("192.0.2.1:http", "'http' is not a port"), ("192.0.2.0/24", "'/24' in '192.0.2.0/24' is a prefix length"),
            ("192.0.2.1/xyz", "'xyz' is not a protocol"), ("[2001:db8::1", "no closing ']'"),
            ("[2001:db8::1]443", "and not ':PORT'"), (":80", "has no address"), ("web.example", "is not an address"),
        ])
    func refuses(_ text: String, _ message: String) {
        #expect {
            _ = try readEndpoint(text)
        } throws: { error in
            guard let failure = error as? PacketFailure else { return false }
            return failure.message.contains(message)
        }
    }
}
