internal import CArchive

/// Bounds on what one archive may make this program do.
public struct ArchiveLimits: Hashable, Sendable {
    /// Bytes of all members once unpacked, passed over ones included: they too must be unpacked to get past them.
    public var totalBytes: Int
    /// Bytes of one member; larger ones are passed over.
    public var memberBytes: Int
    public var memberCount: Int

    public init(totalBytes: Int = 1 << 30, memberBytes: Int = 512 << 20, memberCount: Int = 50_000) {
        self.totalBytes = totalBytes
        self.memberBytes = memberBytes
        self.memberCount = memberCount
    }
}

/// One member, as it is met. Folders are not told.
public enum ArchiveMember: Hashable, Sendable {
    /// `name` is empty for a compressed file that is no archive.
    case file(name: String, bytes: [UInt8])
    case skipped(name: String, reason: ArchiveSkip)
}

/// Why a member was passed over.
public enum ArchiveSkip: Hashable, Sendable {
    case symbolicLink, hardLink
    /// A device, a pipe, a socket.
    case device
    case tooLarge
    /// An absolute name, or one with `..` in it.
    case unsafeName
    case encrypted
    /// libarchive's words.
    case unreadable(String)
}

/// Why an archive could not be read to its end.
public enum ArchiveFailure: Error, Hashable, Sendable {
    /// libarchive's words, such as `truncated gzip input`.
    case broken(String)
    /// More bytes than the limit, once unpacked.
    case tooManyBytes(Int)
    case tooManyMembers(Int)

    /// A sentence without a final stop.
    public var message: String {
        switch self {
        case .broken(let words): "the archive can't be read: \(words)"
        case .tooManyBytes(let limit): "the archive holds more than \(limit) bytes once unpacked"
        case .tooManyMembers(let limit): "the archive holds more than \(limit) members"
        }
    }
}

/// Reads the archive at `path`: tar or zip, or a single file, each perhaps compressed with gzip, bzip2, xz or zstd.
///
/// Members are given to `visit` one after another and not kept. Nothing is ever written.
public func readArchive(
    path: String, limits: ArchiveLimits = ArchiveLimits(), visit: (ArchiveMember) -> Void
) throws(ArchiveFailure) {
    var reader = try ArchiveReader(limits: limits)
    try reader.open(path: path)
    while let member = try reader.next() { visit(member) }
}

/// Reads an archive that lies in memory.
public func readArchive(
    bytes: [UInt8], limits: ArchiveLimits = ArchiveLimits(), visit: (ArchiveMember) -> Void
) throws(ArchiveFailure) {
    let result = unsafe bytes.withUnsafeBytes { buffer -> Result<Void, ArchiveFailure> in
        do throws(ArchiveFailure) {
            var reader = try ArchiveReader(limits: limits)
            try unsafe reader.open(buffer)
            while let member = try reader.next() { visit(member) }
            return .success(())
        } catch {
            return .failure(error)
        }
    }
    try result.get()
}

/// Owns one `struct archive` and frees it once. The pointer never leaves this type.
@safe
private struct ArchiveReader: ~Copyable {
    private let archive: OpaquePointer
    private let limits: ArchiveLimits
    private var bytesLeft: Int
    private var membersLeft: Int

    init(limits: ArchiveLimits) throws(ArchiveFailure) {
        guard let archive = unsafe archive_read_new() else { throw .broken("out of memory") }
        unsafe self.archive = archive
        self.limits = limits
        bytesLeft = limits.totalBytes
        membersLeft = limits.memberCount
        // Only what is linked in: for the rest libarchive would start other programs.
        if unsafe archive_zlib_version() != nil { unsafe archive_read_support_filter_gzip(archive) }
        if unsafe archive_bzlib_version() != nil { unsafe archive_read_support_filter_bzip2(archive) }
        if unsafe archive_liblzma_version() != nil { unsafe archive_read_support_filter_xz(archive) }
        if unsafe archive_libzstd_version() != nil { unsafe archive_read_support_filter_zstd(archive) }
        unsafe archive_read_support_format_tar(archive)
        unsafe archive_read_support_format_zip(archive)
        unsafe archive_read_support_format_empty(archive)
        // Takes what no other format takes: a compressed file that is no archive.
        unsafe archive_read_support_format_raw(archive)
    }

    deinit { unsafe archive_read_free(archive) }

    mutating func open(path: String) throws(ArchiveFailure) {
        guard unsafe archive_read_open_filename(archive, path, 1 << 16) == ARCHIVE_OK else { throw failure }
    }

    /// `buffer` must stay where it is as long as this reader lives.
    @unsafe mutating func open(_ buffer: UnsafeRawBufferPointer) throws(ArchiveFailure) {
        guard unsafe archive_read_open_memory(archive, buffer.baseAddress, buffer.count) == ARCHIVE_OK else {
            throw failure
        }
    }

    private var words: String {
        guard let text = unsafe archive_error_string(archive) else { return "unknown error" }
        return unsafe String(cString: text)
    }

    private var failure: ArchiveFailure { .broken(words) }

    /// The next member that is a file or is passed over; `nil` at the end.
    mutating func next() throws(ArchiveFailure) -> ArchiveMember? {
        while true {
            var entry: OpaquePointer?
            let status = unsafe archive_read_next_header(archive, &entry)
            if status == ARCHIVE_EOF { return nil }
            if status == ARCHIVE_RETRY { continue }
            guard status == ARCHIVE_OK || status == ARCHIVE_WARN, let entry = unsafe entry else { throw failure }
            membersLeft -= 1
            if membersLeft < 0 { throw .tooManyMembers(limits.memberCount) }
            if let member = try unsafe member(entry) { return member }
        }
    }

    private mutating func member(_ entry: OpaquePointer) throws(ArchiveFailure) -> ArchiveMember? {
        var size: Int?
        if unsafe archive_entry_size_is_set(entry) != 0 { size = Int(clamping: unsafe archive_entry_size(entry)) }
        // A tar or zip that holds this much is refused before anything of it is unpacked.
        if let size, size > bytesLeft { throw .tooManyBytes(limits.totalBytes) }
        let isRaw = unsafe archive_format(archive) == 0x90000
        let name = isRaw ? "" : unsafe name(of: entry)
        guard let name else { return try skip("", .unsafeName, size) }
        // The type bits of `st_mode`.
        let type = unsafe UInt32(archive_entry_filetype(entry))
        if type == 0o040000 { return nil }
        if unsafe archive_entry_hardlink(entry) != nil { return try skip(name, .hardLink, size) }
        if type == 0o120000 { return try skip(name, .symbolicLink, size) }
        // 0: a zip without modes.
        if type != 0o100000, type != 0 { return try skip(name, .device, size) }
        if !isRaw, isUnsafe(name) { return try skip(name, .unsafeName, size) }
        if unsafe archive_entry_is_encrypted(entry) != 0 { return try skip(name, .encrypted, size) }
        if let size, size > limits.memberBytes { return try skip(name, .tooLarge, size) }
        return try read(name, size)
    }

    private func name(of entry: OpaquePointer) -> String? {
        if let text = unsafe archive_entry_pathname_utf8(entry) { return unsafe String(cString: text) }
        if let text = unsafe archive_entry_pathname(entry) { return unsafe String(cString: text) }
        return nil
    }

    private func isUnsafe(_ name: String) -> Bool {
        name.isEmpty || name.hasPrefix("/") || name.split(separator: "/").contains("..")
    }

    /// Passes over a member's data, which costs the time to unpack it.
    private mutating func skip(
        _ name: String, _ reason: ArchiveSkip, _ size: Int?
    ) throws(ArchiveFailure) -> ArchiveMember {
        if let size {
            bytesLeft -= size
        } else {
            // Of unknown length: go through it, so that it counts.
            _ = try data(limit: 0)
        }
        return .skipped(name: name, reason: reason)
    }

    private mutating func read(_ name: String, _ size: Int?) throws(ArchiveFailure) -> ArchiveMember {
        switch try data(limit: limits.memberBytes, expected: size ?? 0) {
        case .bytes(let bytes): return .file(name: name, bytes: bytes)
        case .tooLarge: return .skipped(name: name, reason: .tooLarge)
        case .unreadable(let words): return .skipped(name: name, reason: .unreadable(words))
        }
    }

    private enum Data {
        case bytes([UInt8])
        case tooLarge
        case unreadable(String)
    }

    /// Reads a member's data to its end. Beyond `limit` it is counted and not kept.
    private mutating func data(limit: Int, expected: Int = 0) throws(ArchiveFailure) -> Data {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(expected, limit))
        var isTooLarge = false
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes {
                unsafe archive_read_data(archive, $0.baseAddress, $0.count)
            }
            if count == 0 { return isTooLarge ? .tooLarge : .bytes(bytes) }
            if count < 0 {
                if count == Int(ARCHIVE_RETRY) { continue }
                // A member that can't be unpacked, in an archive that can be read on.
                if count == Int(ARCHIVE_FAILED) || count == Int(ARCHIVE_WARN) { return .unreadable(words) }
                throw failure
            }
            bytesLeft -= count
            if bytesLeft < 0 { throw .tooManyBytes(limits.totalBytes) }
            if isTooLarge || bytes.count + count > limit {
                isTooLarge = true
                bytes = []
            } else {
                bytes += chunk[0..<count]
            }
        }
    }
}
