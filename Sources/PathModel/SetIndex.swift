public import NetTypes
public import RuleModel
public import SourceText

/// The ipsets of a host, by name, each with its elements found by their first part.
public struct SetIndex: Sendable {
    /// One set's elements by address: for each prefix length of the first address part, longest first.
    public struct Entry: Sendable {
        public let set: AddressSet
        public let lengths: [UInt8]
        /// Element indexes by the first part's masked address; sets without an address part have all under `nil`.
        public let byAddress: [IPPrefix: [Int]]
        public let withoutAddress: [Int]
    }

    public let entries: [Symbol: Entry]
    /// Whether the input had an ipset dump.
    public let isKnown: Bool

    public init(_ host: HostState) {
        isKnown = host.knowsSets
        var entries: [Symbol: Entry] = [:]
        for set in host.sets {
            var byAddress: [IPPrefix: [Int]] = [:]
            var withoutAddress: [Int] = []
            var lengths: Set<UInt8> = []
            for (index, element) in set.elements.enumerated() {
                guard let address = element.address else {
                    withoutAddress.append(index)
                    continue
                }
                lengths.insert(address.length)
                byAddress[address, default: []].append(index)
            }
            entries[set.name] = Entry(
                set: set, lengths: lengths.sorted(by: >), byAddress: byAddress, withoutAddress: withoutAddress)
        }
        self.entries = entries
    }
}
