import SourceText

/// Reads one listing of a file into `reading`. A listing of a kind that is read elsewhere, or not at all, is left.
///
/// `text` is the whole file that the listing was recognised in.
public func readListing(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    switch listing.kind {
    case .addresses, .addressLines: readAddresses(text, listing, into: &reading)
    case .routes: readRoutes(text, listing, into: &reading)
    case .policyRules: readPolicyRules(text, listing, into: &reading)
    default: break
    }
    let excerpt = listing.excerpt
    reading.endListing(
        at: Place(file: excerpt.file, line: excerpt.firstLine, start: excerpt.start, end: excerpt.start))
}
