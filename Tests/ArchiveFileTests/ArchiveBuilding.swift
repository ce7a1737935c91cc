import CArchive

/// What is put into an archive for a test.
struct Entry {
    var name: String
    var bytes: [UInt8] = []
    /// The type bits of `st_mode`.
    var type: UInt32 = 0o100000
    var link: String?
    var isHardLink = false

    static func file(_ name: String, _ text: String) -> Entry { Entry(name: name, bytes: Array(text.utf8)) }
}

/// How an archive is packed.
enum Packing: String, CaseIterable, Sendable {
    case tar, gzip, bzip2, xz, zstd, zip
}

/// An archive with these members, made in memory.
func archive(_ packing: Packing, _ entries: [Entry]) -> [UInt8] {
    build(packing) { archive in
        for entry in entries {
            let header = archive_entry_new()
            defer { archive_entry_free(header) }
            archive_entry_set_pathname(header, entry.name)
            archive_entry_set_filetype(header, entry.type)
            archive_entry_set_perm(header, 0o644)
            archive_entry_set_size(header, Int64(entry.bytes.count))
            if let link = entry.link {
                if entry.isHardLink {
                    archive_entry_set_hardlink(header, link)
                } else {
                    archive_entry_set_symlink(header, link)
                }
            }
            archive_write_header(archive, header)
            _ = entry.bytes.withUnsafeBytes { archive_write_data(archive, $0.baseAddress, $0.count) }
        }
    }
}

/// These bytes compressed, with no archive around them.
func compressed(_ packing: Packing, _ bytes: [UInt8]) -> [UInt8] {
    build(packing, isRaw: true) { archive in
        let header = archive_entry_new()
        defer { archive_entry_free(header) }
        archive_entry_set_pathname(header, "data")
        archive_entry_set_filetype(header, 0o100000)
        archive_write_header(archive, header)
        _ = bytes.withUnsafeBytes { archive_write_data(archive, $0.baseAddress, $0.count) }
    }
}

private func build(_ packing: Packing, isRaw: Bool = false, _ body: (OpaquePointer?) -> Void) -> [UInt8] {
    let archive = archive_write_new()
    defer { archive_write_free(archive) }
    if isRaw {
        archive_write_set_format_raw(archive)
    } else if packing == .zip {
        archive_write_set_format_zip(archive)
    } else {
        archive_write_set_format_pax_restricted(archive)
    }
    switch packing {
    case .tar, .zip: break
    case .gzip: archive_write_add_filter_gzip(archive)
    case .bzip2: archive_write_add_filter_bzip2(archive)
    case .xz: archive_write_add_filter_xz(archive)
    case .zstd: archive_write_add_filter_zstd(archive)
    }
    let room = 32 << 20
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: room, alignment: 1)
    defer { memory.deallocate() }
    // libarchive keeps the pointer until it closes.
    let used = UnsafeMutablePointer<Int>.allocate(capacity: 1)
    used.initialize(to: 0)
    defer { used.deallocate() }
    archive_write_open_memory(archive, memory.baseAddress, room, used)
    body(archive)
    archive_write_close(archive)
    return Array(memory[0..<used.pointee])
}
