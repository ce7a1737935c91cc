#if !hasFeature(Embedded)
public import SourceText

/// The files of a snapshot as they are, of however many nodes.
public struct GatheredFiles: Sendable {
    /// Each by its path below the directory or archive it was found in. With several of those, their own names come
    /// first; a file that was named outright bears its own name.
    public var files: [SourceFile]
    /// Those in which nothing is known.
    public var unrecognised: [UnrecognisedInput]
}

/// Reads what stands at `paths` as `loadSnapshot` does, and makes nothing of it.
public func gatherFiles(
    _ paths: [String], settings: SnapshotSettings = SnapshotSettings(),
    standardInput: StandardInput = readStandardInput
) throws(SnapshotFailure) -> GatheredFiles {
    var loader = Loader(settings: settings)
    for path in paths { try loader.load(path, standardInput) }
    var taken: Set<String> = []
    let files = loader.candidates.map { candidate in
        var name = candidate.root == nil ? lastPart(candidate.file.path) : candidate.path
        if let root = candidate.root, paths.count > 1 { name = lastPart(root) + "/" + name }
        // Two files of one name stay two.
        while !taken.insert(name).inserted { name = "other/" + name }
        return SourceFile(path: name, bytes: candidate.file.bytes)
    }
    return GatheredFiles(files: files, unrecognised: loader.unrecognised)
}

/// A path's last part, without an archive's ending; a name for standard input.
private func lastPart(_ path: String) -> String {
    if path == "-" { return "input.txt" }
    var name = path.split(separator: "/").last.map(String.init) ?? "snapshot"
    if name == "." || name == ".." { name = "snapshot" }
    for ending in [".tar.gz", ".tgz", ".tar", ".tar.xz", ".tar.zst", ".zip"] where name.hasSuffix(ending) {
        name.removeLast(ending.count)
        break
    }
    return name
}
#endif
