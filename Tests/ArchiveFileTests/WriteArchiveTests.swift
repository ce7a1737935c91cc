import ArchiveFile
import Testing

@Suite struct WriteArchiveTests {
    private func members(_ bytes: [UInt8]) throws -> [ArchiveMember] {
        var found: [ArchiveMember] = []
        try readArchive(bytes: bytes) { found.append($0) }
        return found
    }

    @Test func whatIsPutInComesOut() throws {
        let noise = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
        let entries = [
            ArchiveEntry(name: "node-a/ip-addr.txt", bytes: Array("1: lo: <UP>\n".utf8)),
            ArchiveEntry(name: "node-a/empty.txt", bytes: []), ArchiveEntry(name: "node-a/noise", bytes: noise),
        ]
        let bytes = try makeTarGzip(entries, time: 1_000_000_000)
        #expect(bytes.starts(with: [0x1f, 0x8b]))
        #expect(try members(bytes) == entries.map { .file(name: $0.name, bytes: $0.bytes) })
    }

    @Test func theSameEntriesGiveTheSameBytes() throws {
        let entries = [ArchiveEntry(name: "a", bytes: [1, 2, 3])]
        #expect(try makeTarGzip(entries, time: 7) == makeTarGzip(entries, time: 7))
        // MTIME of gzip's header (RFC 1952) is unset.
        #expect(try makeTarGzip(entries, time: 7)[4..<8] == [0, 0, 0, 0])
    }

    @Test func nothingIsAnArchiveToo() throws {
        #expect(try members(makeTarGzip([], time: 0)).isEmpty)
    }

    /// A hundred bytes of name is what ustar has room for without a folder to split at.
    @Test func aNameTooLongIsAFailure() {
        let entry = ArchiveEntry(name: String(repeating: "n", count: 300), bytes: [])
        #expect(throws: ArchiveFailure.self) { try makeTarGzip([entry], time: 0) }
    }
}
