internal import ChainGraph
public import Questions
internal import SourceText

/// Writes which chains differ between two nodes for a page, the first one's rules on the left and the second one's on
/// the right; links lead to the second one's.
public func writeDiffMarkup(_ diff: Diff, _ nodes: [DiffedNode], limit: Int, into page: inout MarkupWriter) {
    let writer = DiffMarkup(a: nodes[diff.a].side, b: nodes[diff.b].side)
    var rows = 0
    for section in diff.sections {
        guard case .chains(let chains) = section else { continue }
        for chain in chains {
            if rows >= limit {
                page.markup("<p class=\"quiet\">The chains behind these differ too; ")
                page.markup("hookline diff --all tells them.</p>\n")
                return
            }
            rows += chain.changes.count
            writer.write(chain, limit: limit, into: &page)
        }
    }
}

private struct DiffMarkup {
    let a: DiffSide
    let b: DiffSide

    func write(_ chain: ChainDifference, limit: Int, into page: inout MarkupWriter) {
        page.markup("<table class=\"sides\"><caption>")
        page.text(chain.b.map { b.title($0) } ?? chain.a.map { a.title($0) } ?? "")
        page.markup("</caption><tr><th scope=\"col\">")
        page.text(a.node.name)
        page.markup("</th><th scope=\"col\">")
        page.text(b.node.name)
        page.markup("</th></tr>\n")
        for change in chain.changes.prefix(limit) {
            switch change {
            case .removed(let rule): row(chain, rule, nil, into: &page)
            case .added(let rule): row(chain, nil, rule, into: &page)
            case .moved(let from, let to): row(chain, from, to, into: &page)
            case .changed(let from, let to, _): row(chain, from, to, into: &page)
            }
        }
        page.markup("</table>\n")
    }

    private func row(_ chain: ChainDifference, _ from: Int?, _ to: Int?, into page: inout MarkupWriter) {
        page.markup("<tr>")
        cell(a, chain.a, from, "<td class=\"gone\">", linksTo: false, into: &page)
        cell(b, chain.b, to, "<td class=\"new\">", linksTo: true, into: &page)
        page.markup("</tr>\n")
    }

    private func cell(
        _ side: DiffSide, _ chain: ChainID?, _ rule: Int?, _ start: StaticString, linksTo: Bool,
        into page: inout MarkupWriter
    ) {
        guard let chain, let rule else {
            page.markup("<td></td>")
            return
        }
        let reference = RuleReference(chain: chain, index: rule)
        page.markup(start)
        if linksTo {
            page.link(to: PageAnchors.id(of: reference), "\(rule + 1)")
        } else {
            page.number(rule + 1)
        }
        page.markup(" <code>")
        page.text(withoutTabs(side.text(reference)))
        page.markup("</code></td>")
    }
}
