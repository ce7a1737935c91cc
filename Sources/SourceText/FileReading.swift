#if !hasFeature(Embedded)
#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension FileFailure {
    /// The sentence of the C library for `code`, in lower case, such as `no such file or directory`.
    public var reason: String {
        if code == 0 { return "larger than the limit" }
        var buffer = [CChar](repeating: 0, count: 256)
        _ = unsafe strerror_r(code, &buffer, buffer.count)
        let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let text = String(decoding: bytes, as: UTF8.self)
        return text.prefix(1).lowercased() + text.dropFirst()
    }
}

/// What stands at a path.
public enum FileKind: Hashable, Sendable {
    case file(byteCount: Int)
    case directory
    case symbolicLink
    /// A device, a socket, a pipe.
    case other
}

/// Tells what stands at `path`. `followsLinks`: the end of a symbolic link counts, not the link.
public func fileKind(_ path: String, followsLinks: Bool) throws(FileFailure) -> FileKind {
    var status = stat()
    let result = followsLinks ? unsafe stat(path, &status) : unsafe lstat(path, &status)
    guard result == 0 else { throw FileFailure(call: followsLinks ? "stat" : "lstat", code: errno, path: path) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return .file(byteCount: Int(status.st_size))
    case S_IFDIR: return .directory
    case S_IFLNK: return .symbolicLink
    default: return .other
    }
}

/// The whole file at `path`, or standard input for `-`. More than `limit` bytes are an error with code 0.
public func readFile(_ path: String, limit: Int = .max) throws(FileFailure) -> [UInt8] {
    if path == "-" { return try readAll(descriptor: 0, path: path, expected: 1 << 16, limit: limit) }
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileFailure(call: "open", code: errno, path: path) }
    defer { close(descriptor) }
    var status = stat()
    let known = unsafe fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
    if known > limit { throw FileFailure(call: "read", code: 0, path: path) }
    return try readAll(descriptor: descriptor, path: path, expected: known, limit: limit)
}

/// The first bytes of the file at `path`, at most `count`: enough to tell what it is.
public func readStart(_ path: String, count: Int) throws(FileFailure) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileFailure(call: "open", code: errno, path: path) }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
        let got = unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe read(descriptor, buffer.baseAddress?.advanced(by: filled), count - filled)
        }
        if got < 0 {
            if errno == EINTR { continue }
            throw FileFailure(call: "read", code: errno, path: path)
        }
        if got == 0 { break }
        filled += got
    }
    bytes.removeLast(count - filled)
    return bytes
}

/// Everything up to the end of `descriptor`, which stays open. `expected` bytes are made room for at first.
public func readAll(
    descriptor: Int32, path: String, expected: Int, limit: Int
) throws(FileFailure) -> [UInt8] {
    // One byte more than expected, so that the read that tells the end of a file needs no larger array.
    var capacity = max(expected, 0) + 1
    var bytes: [UInt8] = []
    while true {
        bytes.reserveCapacity(capacity)
        let room = capacity - bytes.count
        var code: Int32 = 0
        var count = 0
        bytes.append(addingCapacity: room) { output in
            unsafe output.withUnsafeMutableBufferPointer { buffer, initialized in
                guard let base = buffer.baseAddress else { return }
                let start = unsafe UnsafeMutableRawPointer(base + initialized)
                count = unsafe read(descriptor, start, room)
                code = errno
                if count > 0 { initialized += count }
            }
        }
        if count < 0 {
            if code == EINTR { continue }
            throw FileFailure(call: "read", code: code, path: path)
        }
        if count == 0 { return bytes }
        if bytes.count > limit { throw FileFailure(call: "read", code: 0, path: path) }
        if bytes.count == capacity { capacity = capacity * 2 + (1 << 16) }
    }
}

/// The names in the directory at `path`, sorted by their bytes, without `.` and `..`; at most `limit` of them.
public func directoryEntries(_ path: String, limit: Int) throws(FileFailure) -> [String] {
    guard let directory = unsafe opendir(path) else { throw FileFailure(call: "opendir", code: errno, path: path) }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while true {
        errno = 0
        guard let entry = unsafe readdir(directory) else {
            if errno != 0 { throw FileFailure(call: "readdir", code: errno, path: path) }
            break
        }
        let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
            unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
        }
        if name == "." || name == ".." { continue }
        if names.count >= limit { throw FileFailure(call: "readdir", code: 0, path: path) }
        names.append(name)
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
}
#endif
