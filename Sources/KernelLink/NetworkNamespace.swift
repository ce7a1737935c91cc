internal import CNetfilter
internal import Glibc

/// Has the calling thread in another network namespace, from `init` until `leave`: both within one synchronous function.
public struct NetworkNamespace: ~Copyable {
    /// The namespace that the thread was in.
    private let previous: Int32

    /// Enters the namespace that has a name (`ip netns`), a file (a path with a `/`), or a process (its number).
    public init(entering name: String) throws(KernelFailure) {
        previous = try Self.enter(name)
    }

    /// The namespace that the thread was in.
    private static func enter(_ name: String) throws(KernelFailure) -> Int32 {
        let target = try open(name)
        defer { close(target) }
        let previous = unsafe Glibc.open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
        guard previous >= 0 else { throw .last("open", "/proc/thread-self/ns/net") }
        if scratch_setns(target) == 0 { return previous }
        let code = errno
        close(previous)
        let words = code == EPERM ? "it needs CAP_SYS_ADMIN; run it as root" : "it is no network namespace"
        throw KernelFailure(call: "entering '\(name)'", code: code == EINVAL ? 0 : code, words: words)
    }

    deinit {
        _ = scratch_setns(previous)
        close(previous)
    }

    /// Goes back to the namespace from before.
    public consuming func leave() {}

    /// A number is a process, and where there is none of it, a name.
    private static func open(_ name: String) throws(KernelFailure) -> Int32 {
        var paths = ["/run/netns/" + name, "/var/run/netns/" + name]
        if name.contains("/") {
            paths = [name]
        } else if !name.isEmpty, name.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) {
            paths.insert("/proc/\(name)/ns/net", at: 0)
        } else if name.isEmpty || name == "." || name == ".." {
            throw KernelFailure(call: "entering '\(name)'", code: 0, words: "it names no namespace")
        }
        var code: Int32 = 0
        for path in paths {
            let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
            if descriptor >= 0 { return descriptor }
            code = errno
            if code != ENOENT { break }
        }
        guard code == ENOENT else { throw KernelFailure(call: "entering '\(name)'", code: code) }
        throw KernelFailure(
            call: "entering '\(name)'", code: 0,
            words: "there is no such namespace: neither a file, nor a process, nor a name that `ip netns` shows")
    }
}
