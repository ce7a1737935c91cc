"""The two answers as lines that a person compares."""


def sentence(seen):
    words = seen.outcome
    if seen.interface and seen.outcome in ("forwarded", "sent"):
        words += f" by {seen.interface}"
    if seen.outcome in ("dropped", "rejected", "gone", "unroutable", "unseen", "queued"):
        words += f" ({seen.reason})"
    elif seen.reason:
        words += f", {seen.reason}"
    words += f": {seen.packet}"
    if seen.mark:
        words += f" mark {seen.mark:#x}"
    return words


def kernel(laboratory, question, seen, reply=None):
    """The kernel's answer, rule by rule."""
    snapshot = laboratory.scratch.snapshot
    lines = [sentence(seen)]
    if seen.outer is not None:
        lines.append(f"outer packet: {seen.outer}")
    if seen.state:
        lines.append(f"conntrack: {seen.state}")
    for step in seen.steps:
        words = snapshot.rule_text(step.family, step.table, step.chain, step.number)
        lines.append(f"{step}" + (f"   {words}" if words else ""))
    for (family, table, chain, number), count in sorted((seen.counts or {}).items(), key=str):
        words = snapshot.rule_text(family, table, chain, number)
        lines.append(f"{family} {table} {chain} {number} counted {count}" + (f"   {words}" if words else ""))
    for layer, family, hook, table, chain, verdict in seen.policies:
        lines.append(f"{'outer ' * layer}{hook} {family} {table} {chain} policy {verdict}")
    for answer in seen.answers:
        lines.append(f"answer {answer.words}: {answer.outcome}")
    if reply is not None:
        lines += ["reply: " + line for line in kernel(laboratory, question, reply)]
    return lines


def answer(result, indent=""):
    """hookline's answer in the same form."""
    lines = []
    words = result.get("outcome", "?")
    if result.get("reason"):
        words += f" ({result['reason']})"
    out = result.get("out") or {}
    lines.append(f"{indent}{words}: " + " ".join(f"{key} {value}" for key, value in out.items() if key != "inner"))
    for step in result.get("steps", []):
        if step.get("kind") == "rule":
            target = f" {step['target']}" if step.get("target") else ""
            place = f"{step.get('hook')} {step.get('family')} {step.get('table')} {step.get('chain')} {step.get('rule')}"
            layer = f"layer {step['layer']} " if step.get("layer") else ""
            lines.append(f"{indent}{layer}{place}: {step.get('verdict')}{target}   {step.get('text', '')}")
        else:
            rest = " ".join(f"{key}={value}" for key, value in step.items() if key != "kind")
            lines.append(f"{indent}[{step.get('kind')}] {rest}")
    for branch in result.get("branches") or []:
        lines.append(f"{indent}branch: {branch.get('assumption')} {branch.get('probability', '')}")
        lines += answer(branch, indent + "  ")
    return lines
