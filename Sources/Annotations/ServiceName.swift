/// A port of a Service, as kube-proxy names it in comments: `default/web:http`, `default/web` where it has no name.
public struct ServicePortName: Hashable, Sendable {
    public var namespace: String
    public var name: String
    /// Empty where the port has no name.
    public var port: String

    public init(namespace: String, name: String, port: String) {
        self.namespace = namespace
        self.name = name
        self.port = port
    }

    /// Reads `NS/NAME[:PORT]`; `nil` for anything else.
    public init?(_ text: some StringProtocol) {
        // Bytes, not characters: every comment of kube-proxy's rules passes here.
        let bytes = text.utf8
        guard let slash = bytes.firstIndex(of: UInt8(ascii: "/")), !bytes.contains(UInt8(ascii: " ")) else {
            return nil
        }
        let start = bytes.index(after: slash)
        let colon = bytes[start...].firstIndex(of: UInt8(ascii: ":"))
        namespace = String(text[..<slash])
        name = String(text[start..<(colon ?? text.endIndex)])
        port = colon.map { String(text[bytes.index(after: $0)...]) } ?? ""
        guard !namespace.isEmpty, !name.isEmpty else { return nil }
    }

    public var text: String { port.isEmpty ? "\(namespace)/\(name)" : "\(namespace)/\(name):\(port)" }
}
