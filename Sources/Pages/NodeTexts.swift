public import SourceText

/// The files of a node as one run of bytes, as a page hands them to its engine: for each the length of its path, the
/// path, the length of its bytes, the bytes; lengths in 32 bits, the least first.
public func packed(_ files: [SourceFile]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(files.reduce(0) { $0 + $1.bytes.count + $1.path.utf8.count + 8 })
    for file in files {
        append(file.path.utf8.count, to: &bytes)
        bytes += file.path.utf8
        append(file.bytes.count, to: &bytes)
        bytes += file.bytes
    }
    return bytes
}

/// The files of `bytes`; those behind a length that can't be are left out.
public func unpackedFiles(_ bytes: [UInt8]) -> [SourceFile] {
    var files: [SourceFile] = []
    var start = 0
    while let path = part(of: bytes, at: &start), let content = part(of: bytes, at: &start) {
        files.append(SourceFile(path: String(decoding: path, as: UTF8.self), bytes: Array(content)))
    }
    return files
}

private func append(_ count: Int, to bytes: inout [UInt8]) {
    for shift in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: count >> shift)) }
}

private func part(of bytes: [UInt8], at start: inout Int) -> ArraySlice<UInt8>? {
    guard start + 4 <= bytes.count else { return nil }
    var count = 0
    for index in 0..<4 { count |= Int(bytes[start + index]) << (8 * index) }
    guard count <= bytes.count - start - 4 else { return nil }
    defer { start += 4 + count }
    return bytes[start + 4..<start + 4 + count]
}
