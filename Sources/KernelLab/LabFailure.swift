public import KernelLink

/// Why the laboratory could not do something.
public typealias LabFailure = KernelFailure
