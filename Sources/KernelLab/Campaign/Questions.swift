internal import Glibc
internal import KernelLink
internal import SourceText

/// What came of putting a folder's questions to hookline and the kernel.
struct AskedQuestions {
    var agreed = 0
    var disagreed = 0
    var refused = 0
    var lines: [String] = []
}

/// Asks each question of FOLDER/questions.txt (`NAME: arguments of hookline trace`) with `--kernel`.
///
/// - Parameter program: the path of hookline.
func askQuestions(_ folder: String, _ program: String) throws(LabFailure) -> AskedQuestions {
    let bytes: [UInt8]
    do {
        bytes = try readFile("\(folder)/questions.txt", limit: 1 << 20)
    } catch {
        throw LabFailure(call: error.call, code: error.code, words: "\(folder)/questions.txt")
    }
    var asked = AskedQuestions()
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
        guard !line.hasPrefix("#"), let colon = line.firstIndex(of: ":") else { continue }
        let name = "\(folder): \(line[..<colon])"
        let words = line[line.index(after: colon)...].split(separator: " ").map(String.init)
        if let choice = words.first(where: { $0.hasPrefix("statistic@") || $0.hasPrefix("vmap@") }) {
            asked.refused += 1
            asked.lines.append("\(name): not asked: the kernel makes its own choice where \(choice) is taken")
            continue
        }
        let result = try ChildProcess.run([program, "trace", folder] + words + ["--kernel", "--json"])
        guard let answer = try? readJSON(result.output.span), let kernel = answer["kernel"] else {
            asked.disagreed += 1
            asked.lines.append("\(name): no answer: \(result.errorText)")
            continue
        }
        if let refusal = kernel["refused"]?.string {
            asked.refused += 1
            asked.lines.append("\(name): not asked: \(refusal)")
        } else if kernel["agrees"]?.boolean == true {
            asked.agreed += 1
        } else {
            asked.disagreed += 1
            asked.lines.append("\(name): DISAGREES")
            for key in ["differences", "notMade", "account"] {
                for line in kernel[key]?.array ?? [] { asked.lines.append("    \(line.string ?? "")") }
            }
        }
    }
    return asked
}
