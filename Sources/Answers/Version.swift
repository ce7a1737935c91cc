/// The version that `--version` prints.
public let hooklineVersion = "0.1.0"

/// What the engine of this version has in it, to be told from others.
public let engineMark = "hookline engine 0.1.0"
