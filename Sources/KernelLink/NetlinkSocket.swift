internal import CNetfilter
internal import Glibc
internal import NetlinkBytes

/// Owns one netlink socket of the network namespace in which it was opened.
@safe public struct NetlinkSocket: ~Copyable {
    /// Which part of the kernel answers.
    public enum Bus: Int32, Sendable {
        case route = 0
        case sockets = 4
        case transform = 6
        case netfilter = 12
    }

    private let socket: OpaquePointer
    private var sequence: UInt32 = 0
    /// Long enough for the longest part of a dump (32 KiB) and for a trace event.
    private var buffer = [UInt8](repeating: 0, count: 1 << 17)

    public init(_ bus: Bus, isBlocking: Bool = true) throws(KernelFailure) {
        let flags = Int32(SOCK_CLOEXEC.rawValue) | (isBlocking ? 0 : Int32(SOCK_NONBLOCK.rawValue))
        guard let socket = unsafe mnl_socket_open2(bus.rawValue, flags) else { throw .last("netlink socket") }
        guard unsafe mnl_socket_bind(socket, 0, 0) == 0 else {
            let failure = KernelFailure.last("netlink bind")
            unsafe mnl_socket_close(socket)
            throw failure
        }
        unsafe self.socket = socket
    }

    deinit { unsafe mnl_socket_close(socket) }

    package var descriptor: Int32 { unsafe mnl_socket_get_fd(socket) }

    /// Has messages of a multicast group sent here.
    package mutating func join(group: Int32) throws(KernelFailure) {
        var group = group
        let done = unsafe mnl_socket_setsockopt(socket, NETLINK_ADD_MEMBERSHIP, &group, 4)
        guard done == 0 else { throw .last("netlink group", "group \(group)") }
    }

    /// Makes the receive buffer `bytes` long, or as long as the system lets one without the right to more.
    package mutating func setBuffer(bytes: Int32) {
        var size = bytes
        for option in [SO_RCVBUFFORCE, SO_RCVBUF] {
            if unsafe setsockopt(descriptor, SOL_SOCKET, option, &size, 4) == 0 { return }
        }
    }

    /// Sends a request and waits until the kernel says that it is done.
    public mutating func perform(_ request: NetlinkRequest, _ words: String = "") throws(KernelFailure) {
        _ = try exchange(request, flags: NLM_F_REQUEST | NLM_F_ACK, words)
    }

    /// The payloads of the answers to a request for one thing.
    public mutating func get(_ request: NetlinkRequest, _ words: String = "") throws(KernelFailure) -> [[UInt8]] {
        try exchange(request, flags: NLM_F_REQUEST | NLM_F_ACK, words).payloads
    }

    /// The payloads of all answers; read again where something changed meanwhile.
    public mutating func dump(_ request: NetlinkRequest, _ words: String = "") throws(KernelFailure) -> [[UInt8]] {
        for _ in 0..<16 {
            let found = try exchange(request, flags: NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH, words)
            if !found.isInterrupted { return found.payloads }
        }
        throw KernelFailure(call: "netlink dump", code: EINTR, words: words)
    }

    /// Sends requests to nf_tables that are done together or not at all.
    public mutating func perform(together requests: [NetlinkRequest], _ words: String = "") throws(KernelFailure) {
        guard !requests.isEmpty else { return }
        let subsystem = UInt16(NFNL_SUBSYS_NFTABLES)
        // NFNL_MSG_BATCH_BEGIN and NFNL_MSG_BATCH_END
        let first = NetlinkRequest(subsystem: 0, message: 0x10, flags: Int(NLM_F_REQUEST), resource: subsystem)
        let end = NetlinkRequest(subsystem: 0, message: 0x11, flags: Int(NLM_F_REQUEST), resource: subsystem)
        var bytes: [UInt8] = []
        let start = sequence &+ 1
        for (index, var request) in ([first] + requests + [end]).enumerated() {
            sequence &+= 1
            request.setSequence(sequence)
            request.add(flags: UInt16(NLM_F_REQUEST) | (index == requests.count ? UInt16(NLM_F_ACK) : 0))
            bytes += request.bytes
        }
        try send(bytes, words)
        _ = try answers(first: start, last: sequence &- 1, words)
    }

    /// What waits, without waiting for more: each message's type and where its payload lies in `bytes`.
    /// Returns false when nothing waited. ENOBUFS: the kernel threw some away.
    package mutating func readWaiting(
        _ visit: (_ type: Int, _ bytes: Span<UInt8>, _ payload: Range<Int>) -> Void
    ) throws(KernelFailure) -> Bool {
        let count = unsafe mnl_socket_recvfrom(socket, &buffer, buffer.count)
        if count < 0 {
            if errno == EAGAIN || errno == EINTR { return false }
            throw .last("netlink receive")
        }
        var walk = MessageWalk(0..<count)
        let span = buffer.span
        while let message = walk.next(in: span) { visit(message.type, span, message.payload) }
        return true
    }

    private struct Answers {
        var payloads: [[UInt8]] = []
        var isInterrupted = false
    }

    private mutating func exchange(
        _ request: NetlinkRequest, flags: Int32, _ words: String
    ) throws(KernelFailure) -> Answers {
        var request = request
        sequence &+= 1
        request.setSequence(sequence)
        request.add(flags: UInt16(flags))
        try send(request.bytes, words)
        return try answers(first: sequence, last: sequence, words)
    }

    private mutating func send(_ bytes: [UInt8], _ words: String) throws(KernelFailure) {
        let sent = unsafe bytes.withUnsafeBytes { unsafe mnl_socket_sendto(socket, $0.baseAddress, $0.count) }
        guard sent == bytes.count else { throw .last("netlink send", words) }
    }

    /// Reads until the request numbered `last` is done, or one of those from `first` on failed.
    private mutating func answers(first: UInt32, last: UInt32, _ words: String) throws(KernelFailure) -> Answers {
        var found = Answers()
        while true {
            let count = unsafe mnl_socket_recvfrom(socket, &buffer, buffer.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw .last("netlink receive", words)
            }
            var walk = MessageWalk(0..<count)
            let span = buffer.span
            while let message = walk.next(in: span) {
                guard message.sequence &- first <= last &- first else { continue }
                if message.flags & UInt16(NLM_F_DUMP_INTR) != 0 { found.isInterrupted = true }
                switch Int32(message.type) {
                case NLMSG_DONE, NLMSG_ERROR:
                    let code = Int32(bitPattern: span.native(UInt32.self, at: message.payload.lowerBound))
                    if code != 0 { throw KernelFailure(call: "netlink request", code: -code, words: words) }
                    if message.sequence == last { return found }
                default:
                    found.payloads.append(span.copied(message.payload))
                }
            }
        }
    }
}
