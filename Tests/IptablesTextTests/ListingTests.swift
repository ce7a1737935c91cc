import RuleModel
import SourceText
import Testing

@testable import IptablesText

/// `iptables -S`, rules without a table, `-I`, and lists of addresses.
@Suite struct ListingTests {
    static let listings: [(text: String, table: String, name: Certainty)] = [
        ("-P INPUT ACCEPT\n-P FORWARD DROP\n-P OUTPUT ACCEPT\n-N foo\n-A INPUT -j foo\n", "filter", .guessed),
        ("-P PREROUTING ACCEPT\n-P INPUT ACCEPT\n-P OUTPUT ACCEPT\n-P POSTROUTING ACCEPT\n", "nat", .guessed),
        ("-P PREROUTING ACCEPT\n-P OUTPUT ACCEPT\n", "raw", .guessed),
        (
            "-P PREROUTING ACCEPT\n-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n-P POSTROUTING ACCEPT\n",
            "mangle", .guessed
        ),
        ("-A POSTROUTING -o eth0 -j MASQUERADE\n", "nat", .guessed),
        ("-A PREROUTING -j MARK --set-xmark 0x1/0x1\n", "mangle", .guessed),
        ("-N foo\n-A foo -j ACCEPT\n", "filter", .assumed),
        ("-t nat -A foo -j ACCEPT\n", "nat", .told),
    ]

    @Test("the chains tell which table was listed", arguments: listings)
    func tableOfListing(_ example: (text: String, table: String, name: Certainty)) {
        let dump = DumpText(example.text)
        #expect(dump.tables.map { dump.names.text($0.name) } == [example.table])
        #expect(dump.reading.origins.map(\.name) == [example.name])
        #expect(dump.reading.origins.map(\.isListing) == [true])
        #expect(dump.tables.first?.isCutOff == false)
    }

    @Test func aHintNamesTheTable() {
        let dump = DumpText("-A foo -j ACCEPT\n", hints: IptablesHints(table: "mangle"))
        #expect(dump.tables.map { dump.names.text($0.name) } == ["mangle"])
    }

    @Test func listingsOneAfterTheOtherAreTables() {
        let filter = "-P INPUT ACCEPT\n-P FORWARD DROP\n-P OUTPUT ACCEPT\n-A FORWARD -s 1.2.3.4/32 -j ACCEPT\n"
        let nat = "-P PREROUTING ACCEPT\n-P INPUT ACCEPT\n-P OUTPUT ACCEPT\n-P POSTROUTING ACCEPT\n"
        let dump = DumpText(filter + nat + "-A POSTROUTING -j ACCEPT\n")
        #expect(dump.tables.map { dump.names.text($0.name) } == ["filter", "nat"])
        #expect(dump.rules(in: 1) == ["-A POSTROUTING -j ACCEPT"])
        #expect(dump.codes.isEmpty)
    }

    @Test func countersOfAListingAreRead() {
        let dump = DumpText("-P INPUT DROP -c 10 20\n-A INPUT -i lo -c 3 4 -j ACCEPT\n")
        let chain = dump.chain("INPUT")
        #expect(dump.codes.isEmpty)
        #expect(chain?.policyCounters == Counters(packets: 10, bytes: 20))
        #expect(
            chain.flatMap { chain in chain.rules.first.flatMap { chain.counters(of: $0) } }
                == Counters(packets: 3, bytes: 4))
    }

    @Test func insertedRulesComeFirst() {
        let dump = DumpText(
            """
            *filter
            :INPUT ACCEPT [0:0]
            -A INPUT -s 1.1.1.1 -j DROP
            -I INPUT -s 2.2.2.2 -j DROP
            -I INPUT 1 -s 3.3.3.3 -j DROP
            -I INPUT 2 -s 4.4.4.4 -j DROP
            -I INPUT 4 -s 5.5.5.5 -j DROP
            -A INPUT -s 6.6.6.6 -j DROP
            COMMIT

            """)
        #expect(dump.codes.isEmpty)
        #expect(
            dump.rules()
                == ["3.3.3.3", "4.4.4.4", "2.2.2.2", "5.5.5.5", "1.1.1.1", "6.6.6.6"].map {
                    "-A INPUT -s \($0)/32 -j DROP"
                })
    }

    @Test func anInsertBeyondTheEndIsTold() {
        let dump = DumpText("*filter\n:INPUT ACCEPT [0:0]\n-I INPUT 3 -j DROP\nCOMMIT\n")
        #expect(dump.codes == ["bad-position"])
        #expect(dump.rules() == ["-A INPUT -j DROP"])
    }

    @Test func severalAddressesAreSeveralRules() {
        let dump = DumpText(
            "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 1.1.1.1,2.2.2.0/24 -d 3.3.3.3,4.4.4.4 -j DROP\nCOMMIT\n")
        #expect(dump.codes.isEmpty)
        // As `iptables-restore` 1.8.9 loads them.
        #expect(
            dump.rules() == [
                "-A INPUT -s 1.1.1.1/32 -d 3.3.3.3/32 -j DROP", "-A INPUT -s 1.1.1.1/32 -d 4.4.4.4/32 -j DROP",
                "-A INPUT -s 2.2.2.0/24 -d 3.3.3.3/32 -j DROP", "-A INPUT -s 2.2.2.0/24 -d 4.4.4.4/32 -j DROP",
            ])
    }

    @Test func aProductOfTooManyAddressesIsNotUnrolled() {
        let list = (0..<100).map { "10.0.0.\($0)" }.joined(separator: ",")
        let dump = DumpText("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s \(list) -d \(list) -j DROP\nCOMMIT\n")
        #expect(dump.codes == ["too-many-addresses"])
        #expect(dump.chain("INPUT")?.rules.count == 1)
        #expect(dump.rules().first?.contains("10.0.0.99") == true)
    }

    @Test func rulesOfTheOtherFamilyAreLeftOut() {
        let text = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -4 -s 1.2.3.4 -j DROP\n-A INPUT -6 -j ACCEPT\nCOMMIT\n"
        let dump = DumpText(text)
        #expect(dump.codes == ["other-family"])
        #expect(dump.rules() == ["-A INPUT -s 1.2.3.4/32 -j DROP"])
    }
}
