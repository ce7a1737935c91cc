internal import CNetfilter
internal import Glibc
public import KernelLink
internal import NetlinkBytes

/// Owns the outer end of a network interface: what is written arrives by it, and what leaves by it is read.
///
/// The interface itself ends with its namespace: the kernel takes 30 ms to remove one of them, and no longer for all
/// those of a namespace, which it removes behind our back.
public struct TapDevice: ~Copyable {
    public let name: String
    /// Whether frames begin with an Ethernet header (a TAP); else they are IP packets (a TUN).
    public let hasLinkHeader: Bool
    fileprivate let descriptor: OwnedDescriptor

    /// Makes an interface, with the index that is wanted where one is. Without `carrier` its cable is out.
    public init(
        _ name: String, index: UInt32? = nil, hasLinkHeader: Bool = true, carrier: Bool = true
    ) throws(LabFailure) {
        let file = unsafe open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)
        guard file >= 0 else { throw .last("open /dev/net/tun", "needs root, or the right to read and write it") }
        let descriptor = OwnedDescriptor(file)
        // struct ifreq: 16 bytes of name, then the flags.
        var request = Array(name.utf8.prefix(15))
        request += [UInt8](repeating: 0, count: 16 - request.count)
        request.append(native: UInt16((hasLinkHeader ? IFF_TAP : IFF_TUN) | IFF_NO_PI))
        request += [UInt8](repeating: 0, count: 22)
        var number = index ?? 0, cable: UInt32 = 0
        var failed = false
        if index != nil { failed = unsafe ioctl(file, tap_set_index, &number) < 0 }
        if !failed { failed = unsafe ioctl(file, tap_set_interface, &request) < 0 }
        if !failed, !carrier { failed = unsafe ioctl(file, tap_set_carrier, &cable) < 0 }
        if !failed { failed = ioctl(descriptor.number, tap_set_lasting, 1) < 0 }
        guard !failed else { throw .last("TUNSETIFF", "interface \(name)") }
        self.name = name
        self.hasLinkHeader = hasLinkHeader
        self.descriptor = descriptor
    }

    /// Has `frame` arrive; when this returns the kernel has mostly done with it.
    public func write(_ frame: [UInt8]) throws(LabFailure) { try put(frame, descriptor.number, name) }

    /// The next frame that left, or `nil` where none waits.
    public func read() -> [UInt8]? { take(descriptor.number) }
}

/// The TAPs of one namespace, by name.
public struct TapSet: ~Copyable {
    public private(set) var names: [String] = []
    private var haveLinkHeaders: [Bool] = []
    private var waits: [pollfd] = []

    public init() {}

    deinit { for wait in waits { close(wait.fd) } }

    public mutating func add(_ device: consuming TapDevice) {
        names.append(device.name)
        haveLinkHeaders.append(device.hasLinkHeader)
        waits.append(pollfd(fd: device.descriptor.release(), events: Int16(POLLIN), revents: 0))
    }

    public var isEmpty: Bool { names.isEmpty }

    public func contains(_ name: String) -> Bool { names.contains(name) }

    /// Whether frames of this interface begin with an Ethernet header.
    public func hasLinkHeader(_ name: String) -> Bool {
        names.firstIndex(of: name).map { haveLinkHeaders[$0] } ?? true
    }

    public func write(_ frame: [UInt8], to name: String) throws(LabFailure) {
        guard let index = names.firstIndex(of: name) else {
            throw LabFailure(call: "write", code: ENODEV, words: "\(name) is no TAP")
        }
        try put(frame, waits[index].fd, name)
    }

    /// Every frame that left, by interface. Waits up to `milliseconds` for the first.
    public mutating func read(waiting milliseconds: Int32 = 0) -> [(name: String, frame: [UInt8])] {
        var found: [(name: String, frame: [UInt8])] = []
        guard unsafe poll(&waits, nfds_t(waits.count), milliseconds) > 0 else { return found }
        for index in waits.indices where Int32(waits[index].revents) & POLLIN != 0 {
            while let frame = take(waits[index].fd) { found.append((names[index], frame)) }
        }
        return found
    }
}

private func put(_ frame: [UInt8], _ descriptor: Int32, _ name: String) throws(LabFailure) {
    let count = unsafe frame.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
    guard count == frame.count else { throw .last("write", "a frame to \(name)") }
}

private func take(_ descriptor: Int32) -> [UInt8]? {
    // As long as the longest IP packet with its link header.
    let longest = (1 << 16) + 64
    let frame = unsafe withUnsafeTemporaryAllocation(byteCount: longest, alignment: 8) { buffer -> [UInt8] in
        let count = unsafe Glibc.read(descriptor, buffer.baseAddress, longest)
        return count > 0 ? unsafe [UInt8](UnsafeRawBufferPointer(rebasing: buffer[0..<count])) : []
    }
    return frame.isEmpty ? nil : frame
}
