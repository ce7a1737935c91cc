internal import CNetfilter
internal import Glibc
public import KernelLink

/// A network namespace of its own for the calling thread, from `init` until `leave` or the end of this value.
///
/// Nothing that is sent in it leaves it, and it ends with the last of its users. It must be entered and left on one
/// thread: keep it within one synchronous function.
public struct ScratchNamespace: ~Copyable {
    /// The namespace that the thread was in.
    private let previous: Int32
    /// The number of this one; `nil` until there is one.
    private var own: ino_t?

    /// Moves the calling thread into a new network namespace; one without rights gets a user namespace with it, which
    /// the kernel allows to a process of one thread only, and for good.
    public init() throws(LabFailure) {
        previous = unsafe open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
        guard previous >= 0 else { throw .last("open", "/proc/thread-self/ns/net") }
        if scratch_unshare(scratch_network) == 0 {
            own = Self.current()
            return
        }
        let (user, group) = (geteuid(), getegid())
        guard user != 0, errno == EPERM, scratch_unshare(scratch_user | scratch_network) == 0 else {
            throw .last("unshare", "needs root, or user namespaces and /dev/net/tun")
        }
        try Self.write("deny", to: "/proc/self/setgroups")
        try Self.write("0 \(user) 1", to: "/proc/self/uid_map")
        try Self.write("0 \(group) 1", to: "/proc/self/gid_map")
        own = Self.current()
    }

    deinit {
        stopPackets()
        _ = scratch_setns(previous)
        close(previous)
    }

    /// Goes back to the namespace from before, which a user namespace does not allow: there a process that makes one
    /// scratch namespace after another just enters the next.
    public consuming func leave() throws(LabFailure) {
        stopPackets()
        guard scratch_setns(previous) == 0 else { throw .last("setns", "back to the namespace from before") }
    }

    /// The kernel takes a namespace down late. A copy that TEE makes of each of its own copies goes over lo for good
    /// until then, and leaves the machine no time for anything else (net/ipv6/netfilter/nf_dup_ipv6.c lowers the hop
    /// limit without asking whether it ends).
    private func stopPackets() {
        // Never that of the host: `leave` is followed by the end of this value.
        if let own, Self.current() == own { scratch_stop_loopback() }
    }

    private static func current() -> ino_t? {
        var status = stat()
        return unsafe stat("/proc/thread-self/ns/net", &status) == 0 ? status.st_ino : nil
    }

    /// Whether this thread may make one: tried once, and left again.
    public static func isPossible() -> Bool {
        guard geteuid() == 0, unsafe access("/dev/net/tun", R_OK | W_OK) == 0 else { return false }
        do throws(LabFailure) {
            try ScratchNamespace().leave()
            return true
        } catch {
            return false
        }
    }

    /// Writes a sysctl of the calling thread's namespace. As for `sysctl`, a `/` in `name` is a dot in a part of it.
    public static func set(_ name: String, to value: String) throws(LabFailure) {
        try write(value, to: path(of: name))
    }

    /// A sysctl as the kernel has it now, without the final line end; `nil` where there is none of that name.
    public static func setting(_ name: String) -> String? {
        let file = unsafe open(path(of: name), O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = unsafe read(file, &bytes, bytes.count)
        guard count >= 0 else { return nil }
        var text = bytes[0..<count]
        while let last = text.last, last == 10 || last == 32 { text.removeLast() }
        return String(decoding: text, as: UTF8.self)
    }

    private static func path(of name: String) -> String {
        var path = "/proc/sys/"
        for character in name { path.append(character == "." ? "/" : character == "/" ? "." : character) }
        return path
    }

    private static func write(_ text: String, to path: String) throws(LabFailure) {
        let file = unsafe open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { throw .last("open", path) }
        defer { close(file) }
        let bytes = Array(text.utf8)
        let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
        guard count == bytes.count else { throw .last("write", "\(text) to \(path)") }
    }
}
