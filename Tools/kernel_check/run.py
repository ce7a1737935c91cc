"""Folders one after another, each in a process and a namespace of its own."""

import os
import re
import signal
import sys
import time

from . import compare, questions, report
from .observe import Laboratory
from .scratch import CannotBuild, Scratch, enter
from .snapshot import Snapshot
from .netlink import LostEvents

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
#: Rules whose answer depends on the packets before.
REMEMBERS = re.compile(r"--(add|del)-set|-m (limit|hashlimit|connlimit|recent|quota|connbytes|rateest)\b|--mode nth")
AGREES, DISAGREES, SKIPPED = 0, 1, 2


def main(options):
    if options.seed is not None:
        from . import chance

        return chance.main(options, ROOT)
    folders = options.folders or all_folders()
    totals = [0, 0, 0]
    started = time.monotonic()
    for folder in folders:
        if os.path.exists(os.path.join(folder, "flow.jsonl")):
            from . import chance

            add(totals, in_child(lambda: chance.check_flow(folder, ROOT, options), options.timeout))
            continue
        asked = read_questions(folder, options)
        while asked:
            counts = in_child(lambda: check_folder(folder, asked, options), options.timeout)
            add(totals, counts)
            asked = asked[max(1, sum(counts[:3])) :]
    if not options.kernel_only:
        seconds = time.monotonic() - started
        print(f"{len(folders)} folders in {seconds:.1f} s: {totals[0]} agree, {totals[1]} DISAGREE, {totals[2]} skipped")
    return 1 if totals[DISAGREES] else 0


def add(totals, counts):
    for status, count in enumerate(counts[:3]):
        totals[status] += count


def read_questions(folder, options):
    with open(os.path.join(folder, "questions.txt"), encoding="utf-8") as file:
        asked = questions.read(file.read())
    return [question for question in asked if options.only in (None, question.name)]


def all_folders():
    base = os.path.join(ROOT, "Rulesets")
    found = []
    for path, names, files in os.walk(base):
        names.sort()
        if "questions.txt" in files or "flow.jsonl" in files:
            found.append(path)
    return found


def in_child(work, timeout):
    """Runs `work` in a process of its own; three counts come back over a pipe."""
    sys.stdout.flush()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reader)
            signal.alarm(timeout)
            counts = work()
            sys.stdout.flush()
            os.write(writer, " ".join(map(str, counts)).encode())
            status = 0
        except BrokenPipeError:
            pass
        except BaseException:  # noqa: BLE001: whatever it was is told, and the parent goes on
            import traceback

            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    if not answer:
        how = "took too long" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM else "failed"
        print(f"the check itself {how}")
        return [0, 1, 0]
    return [int(word) for word in answer.split()]


def check_folder(folder, asked, options):
    """Three counts; fewer than there are questions where a rule remembers a packet: what comes after starts afresh."""
    name = os.path.relpath(folder, os.path.join(ROOT, "Rulesets"))
    name = folder if name.startswith("..") else name
    snapshot = Snapshot(folder)
    try:
        enter()
        scratch = Scratch(snapshot, options.backend, questions.mentioned_addresses(asked))
        laboratory = Laboratory(scratch)
    except CannotBuild as error:
        print(f"{name}: SKIPPED, all {len(asked)} questions: {error}")
        return [0, 0, len(asked)]
    for line in scratch.left_out:
        print(f"{name}: not made: {line}")
    counts = [0, 0, 0]
    for question in asked:
        status, lines, remembered = check_question(laboratory, question, folder, options)
        counts[status] += 1
        print(f"{name}/{question.name}: {lines[0]}")
        for line in lines[1:]:
            print(f"    {line}")
        if remembered:
            break
    return counts


def check_question(laboratory, question, folder, options):
    """(status, lines to print, whether a rule keeps the packet in mind) of one question."""
    try:
        seen, reply = ask(laboratory, question)
    except questions.CannotSend as why:
        return SKIPPED, [f"skipped: {why}"], False
    except LostEvents:
        return SKIPPED, ["skipped: the kernel lost trace events"], True
    except OSError as error:
        return SKIPPED, [f"skipped: not sent: {error}"], False
    return *judge(laboratory, question, folder, options, seen, reply), remembers(laboratory, seen, reply)


def remembers(laboratory, seen, reply):
    """Whether a rule that matched answers otherwise the next time. (Of legacy rules, any that there is.)"""
    snapshot = laboratory.scratch.snapshot
    if seen.counts is not None:
        return any(REMEMBERS.search(snapshot.text(key)) for key in ("rules4", "rules6"))
    steps = seen.steps + (reply.steps if reply else [])
    chains = {(step.family, step.table, step.chain) for step in steps}
    # A rule may have counted the packet without matching it: all rules of the chains it went through.
    return any(
        REMEMBERS.search(rule.text)
        for family, rules in snapshot.rules.items() for (table, chain, _), rule in rules.items()
        if (family, table, chain) in chains
    )


def judge(laboratory, question, folder, options, seen, reply):
    """(status, lines to print) of what was seen."""
    if options.kernel_only:
        return AGREES, report.kernel(laboratory, question, seen, reply)
    try:
        answer = compare.hookline(folder, question.arguments, ROOT)
    except compare.NoAnswer as why:
        return DISAGREES, [f"DISAGREES: hookline gives no answer: {why}"] + report.kernel(
            laboratory, question, seen, reply
        )
    differences = compare.differences(answer, seen, laboratory)
    if reply is not None and not differences:
        if "reply" in answer:
            back = dict(answer["reply"])
            if seen.inner_interface in laboratory.scratch.plain:
                # The reply was put in behind the stand-in for a tunnel: the packet around it was not sent.
                back["steps"] = [step for step in back.get("steps", []) if not step.get("layer")]
            back = [f"reply: {line}" for line in compare.differences(back, reply, laboratory)]
            differences += back
    if not differences:
        lines = [f"agrees: {report.sentence(seen)}"]
        if options.verbose:
            lines += report.kernel(laboratory, question, seen, reply)[1:]
        return AGREES, lines
    lines = ["DISAGREES", *differences, "kernel:"]
    lines += ["  " + line for line in report.kernel(laboratory, question, seen, reply)]
    lines += ["hookline:"] + ["  " + line for line in report.answer(answer)]
    return DISAGREES, lines


def ask(laboratory, question):
    """The kernel's answer to a question, and to its reply where that was asked for."""
    snapshot = laboratory.scratch.snapshot
    questions.resolve(question, snapshot.own_addresses())
    arrives, packet = question.arrives, question.packet
    if arrives == "":
        arrives = laboratory.arrival(packet.source)
        if arrives is None:
            raise questions.CannotSend(f"no route tells where {packet.source} arrives")
    laboratory.forget()
    if question.state == "established":
        if packet.source.is_unspecified:
            raise questions.CannotSend("--state established needs a source address")
        if not laboratory.make_entry(packet):
            raise questions.CannotSend("the connection can't be made")
    elif question.state not in ("", "new"):
        raise questions.CannotSend(f"--state {question.state} can't be made")
    seen = laboratory.send(packet, arrives, question.mark, question.mac)
    reply = None
    if question.round_trip and seen.outcome in ("forwarded", "sent", "delivered"):
        last = seen.packet
        if seen.outcome == "delivered":
            laboratory.hold_resets(True)
            laboratory.forget()
            laboratory.send(packet, arrives, question.mark, question.mac)
            laboratory.hold_resets(False)
            reply = laboratory.send(last.reply(), None)
        elif seen.inner_interface:
            reply = laboratory.send(last.reply(), seen.inner_interface, wrapped=True)
    return seen, reply
