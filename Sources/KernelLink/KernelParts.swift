internal import Glibc
internal import SourceText

/// Which parts of the kernel are there now. A request to one that is not there has the kernel load it as a module, and
/// reading shall change nothing on the host.
public struct KernelParts: Sendable {
    /// By a symbol that is in it, whether it is built in or a module.
    public enum Part: String, Hashable, Sendable, CaseIterable {
        case tables = "nft_register_expr"
        case connections = "ctnetlink_dump_table"
        case tcpSockets = "tcp_diag_get_info"
        case udpSockets = "udp_diag_dump"
    }

    private let there: Set<Part>

    /// What is there, by /proc/modules and /proc/kallsyms.
    public init() {
        self.init(modulesPath: "/proc/modules", symbolsPath: "/proc/kallsyms")
    }

    /// Without the first file a kernel has no modules, and nothing that could be loaded. Without the second all is taken
    /// for there: rules that are not read for fear of a module would be the greater harm.
    init(modulesPath: String, symbolsPath: String) {
        guard unsafe access(modulesPath, F_OK) == 0, let text = try? readFile(symbolsPath, limit: 1 << 28),
            !text.isEmpty
        else {
            there = Set(Part.allCases)
            return
        }
        var names: [[UInt8]: Part] = [:]
        for part in Part.allCases { names[Array(part.rawValue.utf8)] = part }
        let lengths = Set(names.keys.map(\.count))
        var found: Set<Part> = []
        // `ffffffff81a0 t udp_diag_dump\t[udp_diag]`
        var start = 0
        let bytes = text.span
        while start < bytes.count, found.count < names.count {
            let end = bytes.firstIndex(of: UInt8(ascii: "\n"), in: start..<bytes.count) ?? bytes.count
            if let blank = bytes.firstIndex(of: UInt8(ascii: " "), in: start..<end), blank + 3 < end {
                let name = blank + 3
                let stop = bytes.firstIndex(of: UInt8(ascii: "\t"), in: name..<end) ?? end
                if lengths.contains(stop - name), let part = names[Array(text[name..<stop])] { found.insert(part) }
            }
            start = end + 1
        }
        there = found
    }

    public func has(_ part: Part) -> Bool { there.contains(part) }
}
