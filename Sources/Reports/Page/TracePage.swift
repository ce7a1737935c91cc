internal import Annotations
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
    page.markup("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-")
    page.own(base64(SHA2.digest(style)))
    page.markup("'; base-uri 'none'; form-action 'none'\">\n")
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

/// RFC 4648.
private func base64(_ bytes: [UInt8]) -> [UInt8] {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let count = min(3, bytes.count - start)
        var group = 0
        for place in 0..<3 { group = group << 8 | (place < count ? Int(bytes[start + place]) : 0) }
        for place in 0..<4 { text.append(place <= count ? digits[group >> (18 - 6 * place) & 63] : UInt8(ascii: "=")) }
    }
    return text
}
