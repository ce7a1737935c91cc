import KubernetesText
import RuleModel
import SourceText
import YAMLText

/// Reads what `kubectl get -o yaml` or `-o json` wrote.
func read(_ text: String) -> ClusterReading {
    let bytes = Array(text.utf8)
    let source = ObjectSource(file: FileID(0), bytes.span, 0..<bytes.count, firstLine: 1)
    var reading = ClusterReading()
    for document in readYAML(bytes.span, in: 0..<bytes.count) {
        if let value = document.value { readClusterObjects(value, source, into: &reading) }
    }
    return reading
}

/// The text at a place.
func quoted(_ place: Place, in whole: String) -> String {
    SourceFile(path: "-", text: whole).text(place)
}
