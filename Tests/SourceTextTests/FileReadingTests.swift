import SourceText
import Testing

@Suite struct FileReadingTests {
    @Test func aMissingFileTellsCallCodeAndPath() {
        #expect(throws: FileFailure(call: "open", code: 2, path: "/nonexistent/x")) { try readFile("/nonexistent/x") }
        #expect(FileFailure(call: "open", code: 2, path: "x").reason == "no such file or directory")
        #expect(FileFailure(call: "read", code: 21, path: "x").reason == "is a directory")
        #expect(throws: FileFailure(call: "read", code: 21, path: "/")) { try readFile("/") }
    }

    @Test func aFileIsReadWhole() throws {
        let bytes = try readFile(#filePath)
        #expect(String(decoding: bytes, as: UTF8.self).hasPrefix("import SourceText\n"))
        #expect(try fileKind(#filePath, followsLinks: false) == .file(byteCount: bytes.count))
        #expect(throws: FileFailure(call: "read", code: 0, path: #filePath)) { try readFile(#filePath, limit: 10) }
        #expect(try readFile(#filePath, limit: bytes.count) == bytes)
    }

    @Test func aFileWhoseLengthIsNotKnownIsReadWhole() throws {
        // The kernel says 0 bytes for every file below /proc.
        #expect(try readFile("/proc/self/cmdline").count > 1)
        #expect(throws: FileFailure(call: "read", code: 0, path: "/dev/zero")) {
            try readFile("/dev/zero", limit: 1 << 20)
        }
    }

    @Test func aDirectoryIsListedInOrder() throws {
        let folder = String(#filePath.dropLast("FileReadingTests.swift".count))
        let names = try directoryEntries(folder, limit: 1000)
        #expect(names.contains("FileReadingTests.swift"))
        #expect(names == names.sorted())
        #expect(try fileKind(folder, followsLinks: true) == .directory)
        #expect(throws: FileFailure(call: "readdir", code: 0, path: folder)) {
            try directoryEntries(folder, limit: 1)
        }
        #expect(throws: FileFailure(call: "opendir", code: 20, path: #filePath)) {
            try directoryEntries(#filePath, limit: 1)
        }
    }
}
