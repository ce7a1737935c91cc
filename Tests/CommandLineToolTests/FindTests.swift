import Foundation
import Testing

/// `hookline find` as it is called.
@Suite struct FindTests {
    private func find(_ arguments: String...) -> Call { call(["find", "-"] + arguments) }

    @Test func tellsTheSetAndAnExample() {
        let call = find("accepted", "--in", "eth0", "--from", "198.51.100.0/24", "--to", "192.0.2.1")
        #expect(call.status == 0)
        #expect(call.output.contains("accepted: these of them"))
        #expect(call.output.contains("- tcp port 22"))
        #expect(call.output.contains("hookline trace - --in eth0 --from 198.51.100."))
        #expect(call.output.contains("limit@filter/INPUT:3"))
    }

    /// What an example is said to become is what a trace of it becomes.
    @Test func examplesAreTraced() throws {
        for word in ["accepted", "dropped", "forwarded", "delivered", "filtered"] {
            let found = find(word, "--json", "--ipv4", "--from", "!host")
            #expect(found.status == 0)
            guard let start = found.output.range(of: "\"surely\":"),
                let key = found.output.range(of: "\"example\":\"", range: start.upperBound..<found.output.endIndex)
            else { continue }
            let options = found.output[key.upperBound...].prefix { $0 != "\"" }.split(separator: " ").map(String.init)
            let expected = word == "accepted" ? "accept" : word
            let traced = call(["trace", "-"] + options + ["--expect", expected])
            #expect(traced.status == 0, "\(word): \(options)")
        }
    }

    /// Of native rules alone, too: names in comparisons, sets and verdict maps.
    @Test func packetsComeByTheInterfacesThatNativeRulesName() {
        for rule in [
            "iifname \"eth1\" tcp dport 22 accept", "iif \"eth1\" tcp dport 22 accept",
            "iifname { \"eth1\", \"eth2\" } tcp dport 22 accept", "iifname vmap { \"eth1\" : accept }",
            "iifname . tcp dport vmap { \"eth1\" . 22 : accept }", "iifname \"eth1*\" accept",
        ] {
            var around = Around()
            around.input =
                "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority 0; policy drop;\n"
                + "\t\t\(rule)\n\t}\n}\n"
            let found = call(["find", "-", "accepted", "--at", "input", "--to", "any:22/tcp", "--ipv4"], around)
            #expect(found.status == 0, "\(found.error)")
            #expect(found.output.contains("- in eth1"), "\(rule): \(found.output)")
        }
    }

    @Test func rulesAreNamedByTableChainAndNumber() {
        let call = find("decided-by", "filter/INPUT:4", "--json", "--in", "eth0", "--to", "192.0.2.1/32:80/tcp")
        #expect(call.status == 0)
        #expect(call.output.contains("\"answer\":\"always\""))
        #expect(find("hits", "filter/INPUT").error.contains("is a chain, and a rule is asked for"))
        #expect(find("hits", "filter/INPUTS:1").error.contains("no rule and no chain is named 'filter/INPUTS:1'"))
    }

    @Test func theMatrixTellsClassesAndWhoReachesWhom() {
        let call = find("matrix", "--port", "22,80", "--ipv4")
        #expect(call.status == 0)
        #expect(call.output.contains("Service matrix for tcp port 22, IPv4"))
        #expect(call.output.contains("Service matrix for tcp port 80, IPv4"))
        #expect(find("matrix").error.contains("matrix asks for ports: --port 22,80"))
    }

    @Test func whyNotTellsTheRulesBefore() {
        let call = find("why-not", "filter/INPUT:4", "--ipv4")
        #expect(call.status == 0)
        #expect(call.output.contains("end at filter/INPUT:2"))
    }

    @Test func aChainAloneIsAsked() {
        let call = find("accepted", "--chain", "filter/INPUT", "--in", "eth0", "--proto", "tcp", "--ipv4")
        #expect(call.status == 0)
        #expect(call.output.contains("- port 22"))
    }

    @Test func complementTurnsTheAnswerRound() {
        let call = find("accepted", "--complement", "--in", "eth0", "--to", "192.0.2.1:22/tcp", "--ipv4")
        #expect(call.output.contains("not accepted: never"))
    }

    @Test func whatCantBeReadEndsWithTwo() {
        #expect(find("accepted", "--from", "10.0.0.0/40").status == 2)
        #expect(find("accepted", "more").error.contains("'more' has no place behind 'accepted'"))
        #expect(find("hits").error.contains("'hits' needs a rule"))
        #expect(find("accepted", "--in", "eth9").error.contains("there is no interface 'eth9'"))
    }

    @Test func aTraceTellsWhatIsTreatedAlike() {
        let traced = call([
            "trace", "-", "--in", "eth0", "--from", "198.51.100.7", "--to", "192.0.2.1:443/tcp", "--megaflow",
        ])
        #expect(traced.status == 0)
        #expect(traced.output.contains("Treated exactly like this one"))
        #expect(traced.output.contains("dropped by filter/INPUT:4"))
        let json = call([
            "trace", "-", "--in", "eth0", "--from", "198.51.100.7", "--to", "192.0.2.1:443/tcp", "--megaflow", "--json",
        ])
        #expect(
            json.output.contains("\"megaflow\":{\"isComplete\":true,\"found\":[{\"what\":\"dropped by filter/INPUT:4\"")
        )
    }

    @Test func aWordThatIsMisspelledIsToldSo() {
        let answer = call(["find", "-", "whoreaches", "host"])
        #expect(answer.status == 2 && answer.error.contains("did you mean 'who-reaches'?"), "\(answer.error)")
    }
}
