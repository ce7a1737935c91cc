public import Annotations
public import Answers
internal import ChainGraph
public import PathModel
internal import Questions
internal import Reports
public import Snapshot
public import SourceText

/// One node behind a page: what it shows, and what it is asked.
///
/// The page of a report holds one in WebAssembly, `hookline serve` one in its process: both answer by these functions.
public struct PageSession: Sendable {
    public let node: NodeState
    private(set) var tracer: Tracer
    public var model: HostModel { tracer.model }
    public let owners: AnnotatedRuleset
    private let anchors: PageAnchors
    private let chains: ChainMarkup
    /// What stands for the snapshot in calls that are proposed: one word, which the page's script knows.
    let snapshot = "SNAPSHOT"

    /// Rules from which on a page leaves rules out until their chain is opened.
    public static let foldedFrom = 20_000
    /// Matches of a search that are shown.
    private static let shownMatches = 200

    public init(_ node: NodeState) {
        self.node = node
        let model = node.makeModel()
        tracer = Tracer(node, model, TraceSettings())
        owners = AnnotatedRuleset(model.linked, cluster: node.cluster)
        anchors = PageAnchors(model.linked)
        chains = ChainMarkup(model, files: node.files, owners: owners)
    }

    /// Reads the files of one node, which is called `name` where that is known.
    public init(files: [SourceFile], name: String?) throws(SnapshotFailure) {
        var settings = SnapshotSettings()
        settings.node = name
        self.init(try readSnapshot(files: files, settings: settings))
    }

    func writer() -> MarkupWriter {
        let anchors = anchors
        return MarkupWriter { anchors.id(at: $0) }
    }

    // MARK: What it is asked

    /// Lines of `--packets`, each answered by a line of JSON.
    public mutating func packets(_ lines: [UInt8]) -> [UInt8] {
        var json = JSONWriter(OutputBuffer())
        var number = 0
        for line in lines.split(separator: 0x0a, omittingEmptySubsequences: false) {
            number += 1
            let text = Array(line.last == 0x0d ? line.dropLast() : line)
            if text.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) { continue }
            _ = tracer.answerLine(text, of: "-", number: number, files: node.files, into: &json)
        }
        return json.output.gathered
    }

    /// Answers the words of a `hookline trace`, the snapshot's left out.
    ///
    /// - Returns: with `--json` what the command line writes, else the report for a page.
    public mutating func trace(_ words: [String]) throws(UsageFailure) -> [UInt8] {
        var settings = TraceSettings()
        let others = try parse(words, TraceSettings.options, into: &settings)
        if let other = others.first { throw UsageFailure("'\(other)' is no option; the snapshot is the page's own") }
        let common = settings.common
        if settings.packetsPath != nil || settings.outputPath != nil || settings.asksKernel || common.isLive
            || common.node != nil
        {
            throw UsageFailure("--packets, --output, --kernel, --live and --node are the command line's alone")
        }
        #if hasFeature(Embedded)
        if settings.megaflow {
            throw UsageFailure("--megaflow is the command line's alone: it asks of all packets at once")
        }
        #endif
        let description = try settings.description()
        var tracer = Tracer(node, tracer.model, settings)
        let answer: TraceAnswer
        do { answer = try tracer.answer(description) } catch { throw UsageFailure(error.message) }
        if let wrong = tracer.unusedAssumptions().wrongValues.first { throw wrong }
        if settings.json {
            var json = JSONWriter(OutputBuffer())
            settings.writeJSON(answer, tracer.model, node, into: &json)
            return json.output.gathered
        }
        var page = writer()
        page.write(settings.document(answer, tracer.model, node, snapshot: snapshot))
        return page.bytes
    }

    /// The rules of chain `index` from `start` on, as the page shows them.
    public func rules(ofChain index: Int, from start: Int) -> [UInt8] {
        var page = writer()
        if tracer.model.linked.chainIDs.contains(index), start >= 0 {
            chains.writeRules(of: ChainID(index), from: start, count: ChainMarkup.pieceCount, into: &page)
        }
        return page.bytes
    }

    /// Chain `index` as a folded page shows it, closed and without its rules.
    public func chain(_ index: Int) -> [UInt8] {
        var page = writer()
        if tracer.model.linked.chainIDs.contains(index) {
            chains.writeChain(ChainID(index), isFolded: true, into: &page)
        }
        return page.bytes
    }

    /// Rules and chains in which `words` stand.
    public func search(_ words: String) -> [UInt8] {
        var page = writer()
        chains.writeMatches(of: words, limit: PageSession.shownMatches, into: &page)
        return page.bytes
    }

    // MARK: What it shows

    /// Everything of the page between its head and its end but for the packet box, which is the same for all.
    ///
    /// - Parameters:
    ///   - more: sections behind the overview: what changed, findings.
    ///   - picture: the chain graph as one `svg` element, whose links lead to chains by `PageAnchors`; its style sheet is
    ///     the page's.
    ///   - canFold: whether somebody answers the page when it asks for rules that it does not hold.
    ///   - limit: rules from which on they are left out then.
    public func sections(
        more: [UInt8] = [], picture: [UInt8]? = nil, canFold: Bool,
        foldedFrom limit: Int = PageSession.foldedFrom
    ) -> [UInt8] {
        let model = tracer.model
        let isFolded = canFold && chains.ruleCount >= limit
        var page = writer()
        begin("overview", "Overview", in: &page)
        page.write(overviewDocument(node, model, owners: owners))
        page.markup("</section>\n")
        page.own(more)
        begin("graph", "Hooks and chains", in: &page)
        if let picture { writePicture(picture, into: &page) }
        chains.writeHooks(into: &page)
        page.markup("</section>\n")
        begin("rules", "Rules", in: &page)
        page.markup(isFolded ? "<div id=\"chains\" data-folded>\n" : "<div id=\"chains\">\n")
        chains.writeChains(isFolded: isFolded, into: &page)
        page.markup("</div></section>\n")
        begin("inputs", "What was read", in: &page)
        page.write(inputsDocument(node))
        page.markup("</section>\n")
        return page.bytes
    }

    func begin(_ id: StaticString, _ title: StaticString, in page: inout MarkupWriter) {
        page.markup("<section id=\"")
        page.markup(id)
        page.markup("\" aria-labelledby=\"")
        page.markup(id)
        page.markup("-title\"><h2 id=\"")
        page.markup(id)
        page.markup("-title\">")
        page.markup(title)
        page.markup("</h2>\n")
    }

    /// The chain graph's picture stands above the list of hooks, which says the same to those who can't see it.
    private func writePicture(_ picture: [UInt8], into page: inout MarkupWriter) {
        page.markup("<figure class=\"graph\">")
        page.own(picture)
        page.markup("</figure>\n")
    }
}
