import Testing

@testable import Annotations

/// Known answers of FIPS 180-4's examples, and names that kube-proxy gave (a k3s node).
@Suite struct SHA2Tests {
    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }

    @Test func digests() {
        #expect(
            hex(SHA2.digest(Array("abc".utf8))) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            hex(SHA2.digest(Array("abc".utf8), .bits224)) == "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7")
        // 56 bytes: the length does not fit into the first block.
        let long = Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8)
        #expect(
            hex(SHA2.digest(long)) == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
    }

    @Test func namesOfServiceChains() throws {
        let dns = try #require(ServicePortName("kube-system/kube-dns:dns"))
        #expect(KubeProxyRules.hash(dns, "udp") == "TCOU7JCQXEZGVUNU")
        let apiServer = try #require(ServicePortName("default/kubernetes:https"))
        #expect(KubeProxyRules.hash(apiServer, "tcp") == "NPX46M4PTMTKRN6Y")
    }
}
