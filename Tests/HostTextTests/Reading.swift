import HostText
import RuleModel
import SourceText
import Testing

/// Recognises and reads a text, the only way in that these tests use.
struct Read {
    let file: SourceFile
    let listings: [Listing]
    let reading: HostReading

    init(_ text: String, path: String = "file") {
        let file = SourceFile(path: path, text: text)
        let listings = recognise(file.bytes.span, file: FileID(0), path: path).listings
        var reading = HostReading()
        for listing in listings { readListing(file.bytes.span, listing, into: &reading) }
        self.file = file
        self.listings = listings
        self.reading = reading
    }

    var host: HostState { reading.host }

    var kinds: [ListingKind] { listings.map(\.kind) }

    func name(_ symbol: Symbol?) -> String? { symbol.map { reading.names.text($0) } }

    func interface(_ name: String) -> NetworkInterface? {
        reading.names.find(name).flatMap { reading.host.interface($0) }
    }

    func set(_ name: String) -> AddressSet? { reading.host.sets.first { self.name($0.name) == name } }

    /// `code: text at the place`, for each diagnostic.
    var complaints: [String] { reading.diagnostics.map { "\($0.code): \(file.text($0.place))" } }
}
