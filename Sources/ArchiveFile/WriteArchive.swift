internal import CArchive

/// A file to be put into an archive.
public struct ArchiveEntry: Hashable, Sendable {
    /// With its folders, such as `node-a/ip-addr.txt`.
    public var name: String
    public var bytes: [UInt8]

    public init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }
}

/// The bytes of a `.tar.gz` that holds `entries`, in the oldest form that each tar reads (ustar).
///
/// The same entries and time give the same bytes: no user, no name of the machine and no time of packing is in it.
///
/// - Parameter time: seconds since 1970, that of every member.
public func makeTarGzip(_ entries: [ArchiveEntry], time: Int) throws(ArchiveFailure) -> [UInt8] {
    // What tar makes of it, in blocks of 512, two of zeros behind the last, all in records of 10240; and the little
    // that gzip adds where it can make nothing smaller.
    var size = 10_240 + 1_024
    for entry in entries { size += 1_024 + (entry.bytes.count + 511) / 512 * 512 }
    size += size / 1_000 + 4_096
    var writer = try ArchiveWriter(capacity: size)
    try writer.open(.tar)
    for entry in entries { try writer.add(entry, time: time) }
    return try writer.finish()
}

/// `bytes` as gzip packs them; the same bytes give the same ones.
public func gzip(_ bytes: [UInt8]) throws(ArchiveFailure) -> [UInt8] {
    var writer = try ArchiveWriter(capacity: bytes.count + bytes.count / 1_000 + 4_096)
    try writer.open(.bytes)
    try writer.add(ArchiveEntry(name: "bytes", bytes: bytes), time: 0)
    return try writer.finish()
}

/// Owns one `struct archive` that is written, and the memory it is written to.
@safe
private struct ArchiveWriter: ~Copyable {
    private let archive: OpaquePointer
    private let memory: UnsafeMutableRawBufferPointer
    /// libarchive counts here; it must stay where it is.
    private let used: UnsafeMutablePointer<Int>

    init(capacity: Int) throws(ArchiveFailure) {
        guard let archive = unsafe archive_write_new() else { throw .broken("out of memory") }
        unsafe self.archive = archive
        unsafe memory = .allocate(byteCount: capacity, alignment: 16)
        unsafe used = .allocate(capacity: 1)
        unsafe used.initialize(to: 0)
    }

    enum Format { case tar, bytes }

    mutating func open(_ format: Format) throws(ArchiveFailure) {
        unsafe archive_write_add_filter_gzip(archive)
        // No time of packing.
        unsafe archive_write_set_filter_option(archive, "gzip", "timestamp", nil)
        switch format {
        case .tar: unsafe archive_write_set_format_ustar(archive)
        case .bytes:
            unsafe archive_write_set_format_raw(archive)
            // No filling up to a block of tape.
            unsafe archive_write_set_bytes_in_last_block(archive, 1)
        }
        guard unsafe archive_write_open_memory(archive, memory.baseAddress, memory.count, used) == ARCHIVE_OK else {
            throw failure
        }
    }

    deinit {
        // It may still write: before the memory.
        unsafe archive_write_free(archive)
        unsafe memory.deallocate()
        unsafe used.deallocate()
    }

    private var failure: ArchiveFailure {
        guard let text = unsafe archive_error_string(archive) else { return .broken("unknown error") }
        return unsafe .broken(String(cString: text))
    }

    mutating func add(_ entry: ArchiveEntry, time: Int) throws(ArchiveFailure) {
        guard let header = unsafe archive_entry_new() else { throw .broken("out of memory") }
        defer { unsafe archive_entry_free(header) }
        unsafe archive_entry_set_pathname(header, entry.name)
        unsafe archive_entry_set_filetype(header, 0o100000)
        unsafe archive_entry_set_perm(header, 0o644)
        unsafe archive_entry_set_size(header, Int64(entry.bytes.count))
        unsafe archive_entry_set_mtime(header, time, 0)
        guard unsafe archive_write_header(archive, header) == ARCHIVE_OK else { throw failure }
        var start = 0
        while start < entry.bytes.count {
            let count = unsafe entry.bytes.withUnsafeBytes { buffer in
                unsafe archive_write_data(archive, buffer.baseAddress?.advanced(by: start), buffer.count - start)
            }
            guard count > 0 else { throw failure }
            start += count
        }
    }

    mutating func finish() throws(ArchiveFailure) -> [UInt8] {
        guard unsafe archive_write_close(archive) == ARCHIVE_OK else { throw failure }
        return unsafe Array(memory[..<used.pointee])
    }
}
