internal import SourceText

/// The answer to one packet as a page: one file that needs nothing else, asks nobody for anything and runs nothing.
///
/// - Parameters:
///   - title: the packet, or what else the page is called.
///   - document: what `traceReport` says.
public func tracePage(_ document: Document, title: String) -> [UInt8] {
    let style = Array(tracePageStyle.utf8)
    var page = MarkupWriter(headingLevel: 2)
    page.markup("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
    page.markup("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src ")
    page.own(Array(policyHash(style).utf8))
    page.markup("; base-uri 'none'; form-action 'none'\">\n")
    page.markup("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
    page.markup(
        "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n")
    page.markup("<link rel=\"icon\" href=\"data:,\">\n<title>")
    page.text("\(title) \u{2013} hookline")
    page.markup("</title>\n<style>")
    page.own(style)
    page.markup("</style>\n</head>\n<body>\n<main>\n<h1>")
    page.text(title)
    page.markup("</h1>\n")
    page.write(document)
    page.markup("</main>\n</body>\n</html>\n")
    return page.bytes
}
