import Foundation
import Testing

@testable import KernelLink

/// What of the kernel is there, so that nothing is loaded by asking.
@Suite struct KernelPartsTests {
    private func parts(symbols: String?, hasModules: Bool = true) throws -> KernelParts {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("parts-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (modules, names) = (folder.appendingPathComponent("m"), folder.appendingPathComponent("k"))
        if hasModules { try Data().write(to: modules) }
        if let symbols { try Data(symbols.utf8).write(to: names) }
        return KernelParts(modulesPath: modules.path, symbolsPath: names.path)
    }

    @Test func aSymbolTellsThatItsPartIsThere() throws {
        let found = try parts(
            symbols: """
                0000000000000000 T nft_register_expr
                0000000000000000 t __pfx_udp_diag_dump
                0000000000000000 t tcp_diag_get_info\t[tcp_diag]
                0000000000000000 t ctnetlink_dump_table_x
                """)
        #expect(found.has(.tables) && found.has(.tcpSockets))
        #expect(!found.has(.udpSockets) && !found.has(.connections))
    }

    @Test func withoutModulesAllIsThere() throws {
        let found = try parts(symbols: "0 T x\n", hasModules: false)
        #expect(KernelParts.Part.allCases.allSatisfy { found.has($0) })
    }

    @Test func withoutSymbolsAllIsTakenForThere() throws {
        #expect(try KernelParts.Part.allCases.allSatisfy { try parts(symbols: nil).has($0) })
        #expect(try KernelParts.Part.allCases.allSatisfy { try parts(symbols: "").has($0) })
    }

    /// Of this machine, whose kernel has been asked for rules before.
    @Test func thisKernelHasThem() {
        #expect(KernelParts().has(.tables))
    }

    @Test func linesOfProcAreThoseThatListen() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("tcp-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        let lines = """
              sl  local_address rem_address   st tx_queue
               0: 0100007F:1F90 00000000:0000 0A 00000000:00000000
               1: 0100007F:1F91 0100007F:0016 01 00000000:00000000
            """
        try Data(lines.utf8).write(to: file)
        #expect(try listSockets(file.path, 10).count == 1)
        #expect(try listSockets(file.path, 7).isEmpty)
        #expect(try listSockets("/nowhere", 10).isEmpty)
    }
}
