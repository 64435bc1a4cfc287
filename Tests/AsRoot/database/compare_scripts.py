"""Runs a script against ours and against Debian's server; what it prints must be the same, line by line.

    compare_scripts.py FOLDER SCRIPT
"""
import os
import sys

from servers import SCHEMA, UUID, Pair, Tally


def main():
    tally = Tally()
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), sys.argv[2])
    with Pair(sys.argv[1]) as sides:
        outputs = []
        for side in sides:
            code, out, err = side.run([sys.executable, script, "{db}", SCHEMA], timeout=120)
            lines = UUID.sub("#", out).splitlines()
            outputs.append(lines + [f"exit {code}" + (err[-600:] if code else "")])
        for number in range(max(map(len, outputs))):
            ours, theirs = (lines[number] if number < len(lines) else "(nothing)" for lines in outputs)
            tally.compare(theirs.split("->")[0], ours, theirs)
        print(f"{len(outputs[1]) - 1} steps")
    tally.finish()


main()
