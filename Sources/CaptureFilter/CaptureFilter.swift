internal import CPcap

/// A filter as tcpdump takes it: `host 10.0.0.1 and tcp port 443`.
///
/// What an expression compiles to depends on the link, so each link's frames have a program of their own.
@safe public final class CaptureFilter {
    /// Why an expression is none, in libpcap's words.
    public struct Failure: Error, Hashable, Sendable {
        public let message: String
    }

    private let expression: String
    private var programs: [UInt32: Program] = [:]

    public init(_ expression: String) { self.expression = expression }

    /// Whether the filter takes a frame.
    ///
    /// - Parameters:
    ///   - linkType: by its number among libpcap's `LINKTYPE_…`.
    ///   - length: bytes on the wire, of which `bytes` were captured.
    public func takes(_ bytes: [UInt8], length: Int, linkType: UInt32) throws(Failure) -> Bool {
        let program: Program
        if let known = programs[linkType] {
            program = known
        } else {
            program = try Program(expression, linkType: linkType)
            programs[linkType] = program
        }
        return program.takes(bytes, length: length)
    }
}

/// Owns one compiled program and frees it once. The pointer never leaves this type.
@safe private final class Program {
    private var code = unsafe bpf_program()

    init(_ expression: String, linkType: UInt32) throws(CaptureFilter.Failure) {
        guard let handle = unsafe pcap_open_dead(Program.dataLink(linkType), 1 << 18) else {
            throw CaptureFilter.Failure(message: "out of memory")
        }
        defer { unsafe pcap_close(handle) }
        // No netmask is known: `ip broadcast` is refused then.
        let mask = bpf_u_int32(PCAP_NETMASK_UNKNOWN)
        guard unsafe pcap_compile(handle, &code, expression, 1, mask) == 0 else {
            throw CaptureFilter.Failure(message: unsafe String(cString: pcap_geterr(handle)))
        }
    }

    deinit { unsafe pcap_freecode(&code) }

    func takes(_ bytes: [UInt8], length: Int) -> Bool {
        var header = pcap_pkthdr()
        header.caplen = bpf_u_int32(clamping: bytes.count)
        header.len = bpf_u_int32(clamping: max(length, bytes.count))
        return unsafe bytes.withUnsafeBufferPointer { buffer in
            unsafe pcap_offline_filter(&code, &header, buffer.baseAddress) != 0
        }
    }

    /// libpcap's own number of a link on this system, which differs from the file's for raw IP.
    private static func dataLink(_ linkType: UInt32) -> Int32 {
        linkType == 101 ? DLT_RAW : Int32(clamping: linkType)
    }
}
