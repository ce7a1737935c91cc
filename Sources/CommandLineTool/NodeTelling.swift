internal import Answers
internal import Reports

/// How findings on one node after the other are told: as JSON, or as a report, under the node's name where there are
/// several.
struct NodeTelling: Sendable {
    private let isJSON: Bool
    private let style: TextStyle
    private let snapshot: String

    init(_ paths: [String], isJSON: Bool, _ common: CommonSettings, _ console: borrowing Console) {
        self.isJSON = isJSON
        style = common.style(console.surroundings)
        let chosen = common.node.map { " --node \($0)" } ?? ""
        snapshot = common.isLive ? "--live" : paths.joined(separator: " ") + chosen
    }

    /// - Parameters:
    ///   - number: the node's place among all, from 0.
    ///   - report: takes what `hookline trace` is told the node's snapshot with.
    func text(
        of loaded: LoadedNode, _ number: Int, json: (inout JSONWriter) -> Void, report: (String) -> Document
    ) -> [UInt8] {
        var output = OutputBuffer(keeping: 1 << 10)
        if isJSON {
            var writer = JSONWriter(output)
            json(&writer)
            return writer.output.gathered
        }
        var snapshot = snapshot
        if !loaded.name.isEmpty {
            snapshot += " --node \(loaded.name)"
            let space: [Block] = number > 0 ? [.space] : []
            render(Document(space + [.heading(RichText(loaded.name))]), style, into: &output)
        }
        render(report(snapshot), style, into: &output)
        return output.gathered
    }
}
