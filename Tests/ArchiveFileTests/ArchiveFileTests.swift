import ArchiveFile
import Testing

private func members(_ bytes: [UInt8], _ limits: ArchiveLimits = ArchiveLimits()) throws(ArchiveFailure)
    -> [ArchiveMember]
{
    var result: [ArchiveMember] = []
    try readArchive(bytes: bytes, limits: limits) { result.append($0) }
    return result
}

private func file(_ name: String, _ text: String) -> ArchiveMember { .file(name: name, bytes: Array(text.utf8)) }

@Suite struct ArchiveFileTests {
    @Test("members come in their order, whatever the packing", arguments: Packing.allCases)
    func packings(_ packing: Packing) throws {
        let bytes = archive(packing, [.file("node/a", "one\n"), Entry(name: "node/d", type: 0o040000), .file("b", "")])
        #expect(try members(bytes) == [file("node/a", "one\n"), file("b", "")])
    }

    @Test(
        "a compressed file that is no archive is one member without a name",
        arguments: [Packing.gzip, .bzip2, .xz, .zstd])
    func single(_ packing: Packing) throws {
        #expect(try members(compressed(packing, Array("*filter\n".utf8))) == [file("", "*filter\n")])
    }

    @Test func whatIsNoPlainFileIsPassedOver() throws {
        let bytes = archive(
            .tar,
            [
                .file("a", "1"), Entry(name: "links/x", type: 0o120000, link: "/etc/passwd"),
                Entry(name: "hard", link: "a", isHardLink: true), Entry(name: "pipe", type: 0o010000),
                Entry(name: "null", type: 0o020000), .file("z", "2"),
            ])
        #expect(
            try members(bytes) == [
                file("a", "1"), .skipped(name: "links/x", reason: .symbolicLink),
                .skipped(name: "hard", reason: .hardLink), .skipped(name: "pipe", reason: .device),
                .skipped(name: "null", reason: .device), file("z", "2"),
            ])
    }

    @Test(
        "names that lead out are passed over",
        arguments: ["../x", "a/../../x", "/etc/passwd", "..", "a/.."])
    func unsafeNames(_ name: String) throws {
        let bytes = archive(.tar, [.file(name, "1"), .file("ok..txt", "2")])
        #expect(try members(bytes) == [.skipped(name: name, reason: .unsafeName), file("ok..txt", "2")])
    }

    @Test func aLargeMemberIsPassedOverAndTheNextOneRead() throws {
        let bytes = archive(.gzip, [Entry(name: "big", bytes: [UInt8](repeating: 0, count: 5000)), .file("z", "2")])
        #expect(
            try members(bytes, ArchiveLimits(memberBytes: 4999)) == [
                .skipped(name: "big", reason: .tooLarge), file("z", "2"),
            ])
        #expect(try members(bytes, ArchiveLimits(memberBytes: 5000)).count == 2)
    }

    @Test func theLimitOfAllBytesEndsTheWork() {
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        let packed = archive(.gzip, [Entry(name: "a", bytes: zeros), Entry(name: "b", bytes: zeros)])
        #expect(throws: ArchiveFailure.tooManyBytes(1_500_000)) {
            try members(packed, ArchiveLimits(totalBytes: 1_500_000))
        }
        // Passed-over members count, or time would be without bound.
        #expect(throws: ArchiveFailure.tooManyBytes(1_500_000)) {
            try members(packed, ArchiveLimits(totalBytes: 1_500_000, memberBytes: 10))
        }
    }

    @Test("a stream that does not tell its length is stopped too", arguments: [Packing.gzip, .xz, .zstd])
    func bomb(_ packing: Packing) {
        let packed = compressed(packing, [UInt8](repeating: 0x2a, count: 8 << 20))
        #expect(packed.count < 100_000)
        #expect(throws: ArchiveFailure.tooManyBytes(1 << 20)) {
            try members(packed, ArchiveLimits(totalBytes: 1 << 20))
        }
        #expect(throws: ArchiveFailure.tooManyBytes(1 << 20)) {
            try members(packed, ArchiveLimits(totalBytes: 1 << 20, memberBytes: 10))
        }
    }

    @Test func compressedZerosAreAnEmptyTar() throws {
        #expect(try members(compressed(.gzip, [UInt8](repeating: 0, count: 8 << 20))).isEmpty)
    }

    @Test func aHeaderThatPromisesTenGigabytesIsRefusedAtOnce() {
        // A member of 10 GiB in octal, in a tar of 1 KiB.
        var tar = archive(.tar, [.file("a", "")])
        let size = Array("11777777777\0".utf8)
        for (index, byte) in size.enumerated() { tar[124 + index] = byte }
        var sum = 0
        for index in 0..<512 { sum += (148..<156).contains(index) ? 32 : Int(tar[index]) }
        let digits = Array(String(sum, radix: 8).utf8)
        for index in 0..<6 { tar[148 + index] = index < 6 - digits.count ? 48 : digits[index - 6 + digits.count] }
        tar[154] = 0
        tar[155] = 32
        #expect(throws: ArchiveFailure.tooManyBytes(1 << 30)) { try members(tar) }
    }

    @Test func theNumberOfMembersIsBounded() {
        let packed = archive(.gzip, (0..<101).map { .file("f\($0)", "") })
        #expect(throws: ArchiveFailure.tooManyMembers(100)) { try members(packed, ArchiveLimits(memberCount: 100)) }
    }

    @Test("a cut archive is an error, not a short one", arguments: [Packing.gzip, .xz, .zstd, .zip])
    func cut(_ packing: Packing) {
        var random = SystemRandomNumberGenerator()
        let noise = (0..<20_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        let packed = archive(packing, [Entry(name: "a", bytes: noise), .file("b", "2")])
        let error = #expect(throws: ArchiveFailure.self) { try members(Array(packed[0..<(packed.count / 2)])) }
        if case .broken(let words)? = error {
            #expect(!words.isEmpty)
        } else {
            Issue.record("\(String(describing: error))")
        }
    }

    @Test func aMissingFileIsAnError() {
        #expect(throws: ArchiveFailure.self) { try readArchive(path: "/nonexistent/x.tar") { _ in } }
    }
}
