internal import SourceText
internal import Synchronization

/// Tells on a terminal what is being done, once it takes longer than a second.
final class Progress: Sendable {
    private struct State {
        var isFinished = false
        var isShown = false
        var text: String
    }

    private let state: Mutex<State>
    private let isActive: Bool
    private nonisolated(unsafe) let writeError: ([UInt8]) -> Void

    init(_ text: String, _ surroundings: Surroundings) {
        state = Mutex(State(text: escapedForTerminal(text)))
        isActive = surroundings.errorIsTerminal
        unsafe writeError = surroundings.writeError
        guard isActive else { return }
        surroundings.afterOneSecond { [self] in show() }
    }

    /// Changes what is shown.
    func update(_ text: String) {
        guard isActive else { return }
        let isShown = state.withLock { state in
            state.text = escapedForTerminal(text)
            return state.isShown && !state.isFinished
        }
        if isShown { show() }
    }

    /// Takes the line away.
    func finish() {
        let wasShown = state.withLock { state in
            let wasShown = state.isShown && !state.isFinished
            state.isFinished = true
            return wasShown
        }
        if wasShown { unsafe writeError(Array("\r\u{1b}[K".utf8)) }
    }

    private func show() {
        state.withLock { state in
            if state.isFinished { return }
            state.isShown = true
            unsafe writeError(Array("\r\u{1b}[K\(state.text) …".utf8))
        }
    }
}
