#if !hasFeature(Embedded)
internal import Annotations
internal import Reports

/// Who answers what a page is asked.
public enum PageAnswerer: Sendable {
    /// The engine that the page brings along, on the node's files; both packed by gzip.
    case engine([UInt8], files: [UInt8])
    /// The engine, on what will be put into the page.
    case engineAlone([UInt8])
    /// The server that the page comes from.
    case server
    /// Nobody: the page can be read, not asked.
    case nobody
}

/// A whole page: one file that needs nothing else and lets nothing in or out but what it says at its head.
///
/// - Parameters:
///   - title: what the page is of, such as a snapshot's path.
///   - sections: what `PageSession` gives; empty for a page that has no node yet.
public func makePage(
    title: String, sections: [UInt8], answerer: PageAnswerer, hasComparison: Bool = false
) -> [UInt8] {
    var page = MarkupWriter()
    page.markup("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
    page.markup("<meta http-equiv=\"Content-Security-Policy\" content=\"")
    page.text(contentPolicy(answerer))
    page.markup("\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
    page.markup(
        "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n")
    page.markup("<link rel=\"icon\" href=\"data:,\">\n<title>")
    page.text(title.isEmpty ? "hookline" : "\(title) \u{2013} hookline")
    page.markup("</title>\n<style>")
    page.own(pageStyle())
    page.markup("</style>\n</head>\n")
    writeBody(title, sections, answerer, hasComparison, into: &page)
    return page.bytes
}

private func writeBody(
    _ title: String, _ sections: [UInt8], _ answerer: PageAnswerer, _ hasComparison: Bool,
    into page: inout MarkupWriter
) {
    switch answerer {
    case .engine: page.markup("<body data-answers=\"engine\">\n")
    case .engineAlone: page.markup("<body data-answers=\"engine\" data-state=\"empty\">\n")
    case .server: page.markup("<body data-answers=\"server\">\n")
    case .nobody: page.markup("<body data-answers=\"none\">\n")
    }
    page.markup("<a class=\"skip\" href=\"#main\">To the content</a>\n<header><h1>")
    page.text(title.isEmpty ? "hookline: try it on your own rules" : title)
    page.markup("</h1>\n<nav class=\"needs-node\" aria-label=\"Parts of this page\"><ul>")
    page.markup("<li><a href=\"#packet\">Packet</a></li><li><a href=\"#search\">Search</a></li>")
    page.markup("<li><a href=\"#overview\">Overview</a></li>")
    if hasComparison { page.markup("<li><a href=\"#diff\">What changed</a></li>") }
    page.markup("<li><a href=\"#findings\">Findings</a></li>")
    page.markup("<li><a href=\"#graph\">Hooks and chains</a></li>")
    page.markup("<li><a href=\"#rules\">Rules</a></li>")
    page.markup("<li><a href=\"#inputs\">What was read</a></li></ul></nav></header>\n")
    page.markup("<main id=\"main\">\n")
    if case .engineAlone = answerer { page.markup(intake) }
    page.markup(packetBox)
    if case .nobody = answerer {
        page.markup("<p class=\"quiet\">This page was made without the engine, so it can be read and not asked: ")
        page.markup("<code>hookline trace</code> on the command line answers.</p>\n")
    }
    page.markup(searchBox)
    page.markup("<div id=\"page\" class=\"needs-node\">\n")
    page.own(sections)
    page.markup("</div>\n</main>\n")
    switch answerer {
    case .engine(let engine, let files):
        write(engine, id: "engine", into: &page)
        write(files, id: "files", into: &page)
    case .engineAlone(let engine): write(engine, id: "engine", into: &page)
    case .server, .nobody: break
    }
    page.markup("<script>")
    page.own(PackageResources.page_js)
    page.markup("</script>\n</body>\n</html>\n")
}

/// The page's style sheet, and that of the chain graph in it.
private func pageStyle() -> [UInt8] { PackageResources.page_css + Array(pictureStyle().utf8) }

/// Bytes that the script unpacks: no script, so nothing runs them.
private func write(_ bytes: [UInt8], id: StaticString, into page: inout MarkupWriter) {
    page.markup("<script type=\"text/plain\" id=\"")
    page.markup(id)
    page.markup("\">")
    page.own(base64(bytes))
    page.markup("</script>\n")
}

/// Nothing is loaded, nothing is sent; the one script and the one style sheet are known by their hashes.
func contentPolicy(_ answerer: PageAnswerer) -> String {
    var script = policyHash(PackageResources.page_js)
    var connect = "'none'"
    switch answerer {
    case .engine, .engineAlone: script += " 'wasm-unsafe-eval'"
    case .server: connect = "'self'"
    case .nobody: break
    }
    return "default-src 'none'; script-src \(script); style-src \(policyHash(pageStyle())); "
        + "img-src data:; connect-src \(connect); base-uri 'none'; form-action 'none'"
}

private let packetBox: StaticString = """
    <section id="packet" class="needs-node" aria-labelledby="packet-title"><h2 id="packet-title">Packet</h2>
    <form id="packet-form">
    <label>From <input id="packet-from" autocomplete="off" autocapitalize="off" spellcheck="false" \
    placeholder="198.51.100.7, host, internet, pod:NS/NAME"></label>
    <label>To <input id="packet-to" autocomplete="off" autocapitalize="off" spellcheck="false" \
    placeholder="192.0.2.1:443/tcp"></label>
    <label>In by <input id="packet-in" autocomplete="off" autocapitalize="off" spellcheck="false" \
    placeholder="eth0; else the routes tell"></label>
    <label>More, as on the command line <input id="packet-more" autocomplete="off" autocapitalize="off" \
    spellcheck="false" placeholder="--round-trip --state established --packet &quot;kernel: … SRC=…&quot;"></label>
    <button value="text">Trace</button> <button value="json">As JSON</button>
    </form>
    <div id="answer" role="region" aria-live="polite" aria-label="What becomes of the packet"></div>
    </section>

    """

private let searchBox: StaticString = """
    <section id="search" class="needs-node" aria-labelledby="search-title"><h2 id="search-title">Search</h2>
    <form id="search-form" role="search">
    <label>Words of a rule or a chain's name <input id="search-words" type="search" autocomplete="off" \
    autocapitalize="off" spellcheck="false"></label>
    </form>
    <div id="found" role="region" aria-live="polite" aria-label="What was found"></div>
    </section>

    """

private let intake: StaticString = """
    <section id="intake" aria-labelledby="intake-title"><h2 id="intake-title">The node's own words</h2>
    <p>Paste what <code>iptables-save</code>, <code>nft list ruleset</code>, <code>ipset save</code>, \
    <code>ip addr</code>, <code>ip route show table all</code>, <code>ip rule</code> and <code>sysctl -a</code> print, \
    one behind the other, or drop files with it here. Nothing leaves this machine: the page can't send anything.</p>
    <form id="intake-form">
    <label>Dumps <textarea id="intake-text" autocapitalize="off" autocomplete="off" spellcheck="false"></textarea></label>
    <button value="text">Read them</button>
    <label>or files <input id="intake-files" type="file" multiple></label>
    </form>
    <div id="intake-problem" aria-live="assertive"></div>
    </section>

    """
#endif
