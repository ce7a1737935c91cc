internal import Annotations
internal import Answers
internal import PathModel
public import Questions
public import Reports
internal import Snapshot

extension PageSession {
    /// The section of what `hookline doctor` and `hookline lint` find.
    public func findings() -> [UInt8] {
        let model = tracer.model
        var page = writer()
        begin("findings", "Findings", in: &page)
        page.markup("<h3>Known causes of drops and unexpected SNAT</h3>\n")
        let patient = Patient(model, annotations: owners, cluster: node.cluster)
        page.write(
            doctorReport(
                examine(patient), gaps: doctorGaps(patient, missing: node.missing), snapshot: snapshot, model: model,
                files: node.files))
        page.markup("<h3>In the rules themselves</h3>\n")
        let found = lint(LintedNode(model, annotations: owners, diagnostics: node.diagnostics))
        page.write(lintReport(found, checked: lintChecks.count, snapshot: snapshot, model: model, files: node.files))
        page.markup("</section>\n")
        return page.bytes
    }
}

#if !hasFeature(Embedded)
// What no engine in a page makes: a report brings it along.
extension PageSession {
    /// Rows of a comparison that a page holds.
    private static let shownDifferences = 2_000

    /// The section of what changed since an earlier node.
    public func changes(_ comparison: PageComparison) -> [UInt8] {
        var page = writer()
        begin("diff", "What changed", in: &page)
        page.write(diffReport(comparison.difference, comparison.nodes, packets: comparison.packets))
        page.markup("<h3>Side by side</h3>\n")
        writeDiffMarkup(comparison.difference, comparison.nodes, limit: PageSession.shownDifferences, into: &page)
        page.markup("</section>\n")
        return page.bytes
    }
}

/// How the node of a page differs from an earlier one.
public struct PageComparison {
    public var difference: Diff
    /// The earlier node, and the page's own.
    public var nodes: [DiffedNode]
    /// Which packets they treat differently, where that was asked.
    public var packets: PacketComparison?

    public init(difference: Diff, nodes: [DiffedNode], packets: PacketComparison?) {
        self.difference = difference
        self.nodes = nodes
        self.packets = packets
    }
}
#endif
