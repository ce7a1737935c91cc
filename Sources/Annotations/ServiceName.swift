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
        guard let slash = text.firstIndex(of: "/") else { return nil }
        let rest = text[text.index(after: slash)...]
        let colon = rest.firstIndex(of: ":")
        namespace = String(text[..<slash])
        name = String(rest[..<(colon ?? rest.endIndex)])
        port = colon.map { String(rest[rest.index(after: $0)...]) } ?? ""
        guard !namespace.isEmpty, !name.isEmpty, !text.contains(" ") else { return nil }
    }

    public var text: String { port.isEmpty ? "\(namespace)/\(name)" : "\(namespace)/\(name):\(port)" }
}
