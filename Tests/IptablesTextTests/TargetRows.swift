/// Targets other than the verdicts.
let targetRows: [SavedRule] = []
