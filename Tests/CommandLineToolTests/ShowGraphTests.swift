import CommandLineTool
import SourceText
import Testing

@Suite struct ShowGraphTests {
    @Test func rulesComeBackAsIptablesSaveWritesThem() {
        let call = call("show - --format iptables-save")
        #expect(call.status == 0)
        let rules = call.output.split(separator: "\n").filter { $0.hasPrefix("-A") }
        let original = hostSnapshot.split(separator: "\n").filter { $0.hasPrefix("-A") }
        #expect(
            rules.map(String.init)
                == original.map { $0 == "-A INPUT -p icmp -m limit --limit 5/sec -j ACCEPT" ? String($0) : String($0) })
        #expect(call.output.contains("*filter\n:INPUT ACCEPT [0:0]\n"))
        #expect(self.call("show - -c --format iptables-save").output.contains("[0:0] -A INPUT -p tcp"))
    }

    private func call(_ line: String, _ around: Around = Around()) -> Call { CommandLineToolTests.call(line, around) }

    @Test func theTreeIsTheDefault() {
        let plain = call("show -")
        #expect(plain.output.hasPrefix("INPUT IPv4\n  filter/INPUT"))
        #expect(plain.output == call("show - --format tree").output)
    }

    @Test func json() throws {
        let call = call("show - --format json")
        let value = try readJSON(Array(call.output.utf8).span)
        #expect(value["tables"]?.array?.first?["family"]?.string == "ip")
        #expect(call.output.split(separator: "\n").count == 1)
    }

    @Test func inputsTellWhatWasReadAndWhatIsMissing() {
        let call = call("show --inputs -")
        #expect(call.status == 0)
        #expect(call.output.hasPrefix("Recognised\n"))
        #expect(call.output.contains("iptables-save v1.8.9 nf_tables: ip, 1 table, 4 rules"))
        #expect(call.output.contains("Missing for a sure answer\n"))
        #expect(call.output.contains("conntrack -L"))
    }
}
