import Foundation
import Testing

/// Calls on several nodes at once: what one of them does not settle is said of all.
@Suite struct ClusterTests {
    /// A copy of the two nodes of Rulesets/, with more files in it.
    private final class Folder {
        let path: String

        init(_ files: [String: String] = [:]) throws {
            let manager = FileManager.default
            let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent()
            let copy = manager.temporaryDirectory.appending(path: "hookline-cluster-\(UUID().uuidString)")
            try manager.copyItem(at: root.appending(path: "Rulesets/calico-two-nodes"), to: copy)
            for (name, text) in files {
                let place = copy.appending(path: name)
                try manager.createDirectory(at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(text.utf8).write(to: place)
            }
            path = copy.path
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    private let packet = ["--from", "10.244.1.10:40000", "--to", "10.244.2.20:80/tcp"]

    private func trace(_ folder: Folder, _ more: String...) -> Call { call(["trace", folder.path] + packet + more) }

    @Test func aPacketCrossesAndTheEndCounts() throws {
        let folder = try Folder()
        #expect(trace(folder, "--expect", "accept").status == 0)
        let denied = call(
            ["trace", folder.path, "--from", "10.244.1.11:40000", "--to", "10.244.2.20:443/tcp", "--expect", "accept"])
        #expect(denied.status == 1)
        #expect(denied.output.contains("Then, on node-b: DROPPED by rule 7 of filter/cali-tw-cali51111111111."))
    }

    /// Traffic control on the second node's link: the packet's end is no surer than that.
    @Test func whatDecidesOnAnotherNodeIsTold() throws {
        let folder = try Folder([
            "node-b/tc-filter.txt": "# tc filter show dev eth0 ingress\nfilter protocol all pref 1 bpf chain 0 \n"
                + "filter protocol all pref 1 bpf chain 0 handle 0x1 calico_from_hos direct-action not_in_hw id 1\n"
        ])
        let answer = trace(folder, "--json")
        #expect(answer.output.hasPrefix("{\"hookline\":1,\"finalOutcome\":\"undecided\",\"outcome\":\"forwarded\""))
        #expect(trace(folder).output.contains("NOT ONLY THE RULES DECIDE"))
        #expect(trace(folder, "--expect", "accept").status == 1)
    }

    @Test func aFileOfNoNodeIsToldAndNotTakenInSilence() throws {
        let folder = try Folder(["routes.txt": "# ip route\ndefault via 192.0.2.9 dev eth0\n"])
        let answer = trace(folder)
        #expect(answer.status == 0)
        #expect(
            answer.error.contains("routes.txt: warning: in no node's folder, so no node has what it says [no-node]"))
        #expect(trace(folder, "--strict").status == 2)
        #expect(try trace(Folder(), "--strict").error == "")
    }

    @Test func anAssumptionIsTakenOnEveryNodeOrToldUnused() throws {
        let folder = try Folder()
        #expect(trace(folder, "--assume", "limit=under").error.contains("asks for the assumption 'limit'"))
        #expect(trace(folder, "--assume", "mark=0").error == "")
    }

    /// Of two captures of one node the later counts: they are not two nodes.
    @Test func latestKeepsToOneNode() throws {
        let folder = try Folder()
        let both = ["\(folder.path)/node-a/iptables-save.txt", "\(folder.path)/node-b/iptables-save.txt"]
        let answer = call(["show", "--latest"] + both)
        #expect(answer.status == 0)
        let traced = call(["trace", "--latest"] + both + packet)
        #expect(!traced.output.contains("Then on"))
        #expect(traced.status == 0)
    }
}
