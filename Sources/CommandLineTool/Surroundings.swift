public import SourceText
internal import Synchronization

/// Bytes that come in pieces; an empty piece is the end.
public typealias ByteSource = () throws(FileFailure) -> [UInt8]

/// Everything of the outside world that a command may use. Nothing below this module prints, exits or reads the
/// environment or the clock.
public struct Surroundings {
    /// Words of the environment that matter: `NO_COLOR`, `TERM`, `COLUMNS`.
    public var environment: [String: String] = [:]
    public var outputIsTerminal = false
    public var errorIsTerminal = false
    /// Columns of the terminal that standard output is.
    public var terminalWidth: Int?
    /// Writes all of it to standard output.
    public var writeOutput: ([UInt8]) throws(FileFailure) -> Void
    public var writeError: ([UInt8]) -> Void
    /// Reads standard input whole, at most so many bytes.
    public var readInput: (_ limit: Int) throws(FileFailure) -> [UInt8]
    /// Opens a file, or standard input for `-`, to be read in pieces.
    public var openFile: (String) throws(FileFailure) -> ByteSource
    /// Writes a whole file.
    public var writeFile: (String, [UInt8]) throws(FileFailure) -> Void
    /// Writes a whole file that is not there yet; EEXIST where one is.
    public var createFile: (String, [UInt8]) throws(FileFailure) -> Void = { (_, _) throws(FileFailure) in }
    /// Makes a directory, or takes one that is there and empty.
    public var makeDirectory: (String) throws(FileFailure) -> Void = { (_) throws(FileFailure) in }
    /// The path of a file or folder from the root on, behind all links; `nil` where there is none.
    public var fullPath: (String) -> String? = { _ in nil }
    /// Where this program itself lies; empty where that is not known.
    public var programDirectory = ""
    /// Returns when this program is to end; at once where nobody waits.
    public var waitForEnd: () -> Void = {}
    public var hostName = ""
    /// The time by the calendar, as a file's name can have it: `20261126T110457Z`.
    public var timeStamp: () -> String = { "" }
    /// Seconds since 1970.
    public var calendarTime: () -> Int = { 0 }
    /// Seconds from some beginning.
    public var now: () -> Double
    /// How many threads may work at once.
    public var threadCount = 1
    /// Calls a function with each number below a count, on several threads where there are some, and returns when all are
    /// done.
    public var concurrently: (_ count: Int, _ body: @escaping @Sendable (Int) -> Void) -> Void = { count, body in
        for index in 0..<count { body(index) }
    }
    /// Calls a function once, a second later, from another thread; nothing does it where there is no terminal.
    public var afterOneSecond: (@escaping @Sendable () -> Void) -> Void = { _ in }

    /// Keeps what was read until the process ends: taking 700,000 rules apart costs an eighth of reading them.
    public var keep: (AnyObject) -> Void = { _ in }

    public init(
        writeOutput: @escaping ([UInt8]) throws(FileFailure) -> Void, writeError: @escaping ([UInt8]) -> Void,
        readInput: @escaping (_ limit: Int) throws(FileFailure) -> [UInt8],
        openFile: @escaping (String) throws(FileFailure) -> ByteSource,
        writeFile: @escaping (String, [UInt8]) throws(FileFailure) -> Void, now: @escaping () -> Double
    ) {
        self.writeOutput = writeOutput
        self.writeError = writeError
        self.readInput = readInput
        self.openFile = openFile
        self.writeFile = writeFile
        self.now = now
    }
}

extension Surroundings {
    /// What `make` returns for each of `values`, in their order, worked out on several threads where there are some.
    func concurrentMap<Value: Sendable, Result: Sendable>(
        _ values: [Value], _ make: @escaping @Sendable (Int, Value) -> Result
    ) -> [Result] {
        let results = Results<Result>(values.count)
        concurrently(values.count) { results.put(make($0, values[$0]), at: $0) }
        return results.all
    }
}

/// Results that come in any order.
private final class Results<Result: Sendable>: Sendable {
    private let slots: Mutex<[Result?]>

    init(_ count: Int) { slots = Mutex([Result?](repeating: nil, count: count)) }

    func put(_ result: Result, at index: Int) { slots.withLock { $0[index] = result } }

    var all: [Result] { slots.withLock { $0.compactMap { $0 } } }
}

/// What a process ends with.
public enum ExitStatus {
    /// The question was answered.
    public static let answered: Int32 = 0
    /// It was not as expected.
    public static let notAsExpected: Int32 = 1
    /// There is no answer, or not the whole one.
    public static let failed: Int32 = 2
    /// The reader of the output went away: as a shell reports a process that SIGPIPE ended.
    public static let brokenPipe: Int32 = 141
}
