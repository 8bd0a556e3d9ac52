"""Says which paths each expression matches, by Python's own re.match.

Reads {"expressions": [...], "paths": [...], "seconds": the most for one} from stdin. Writes, for each expression, the indexes of the paths that
it matches, null where Python refuses it, and "slow" where it does not come to an end soon. `--table` writes the whole committed file instead.
"""
import json
import re
import signal
import sys
import warnings

warnings.simplefilter("ignore")


class Slow(Exception):
    pass


def give_up(*_):
    raise Slow


signal.signal(signal.SIGALRM, give_up)


def matches(expression, paths):
    try:
        compiled = re.compile(expression)
    except (re.error, OverflowError):
        return None
    try:
        signal.setitimer(signal.ITIMER_REAL, given.get("seconds", 0.05))
        return [i for i, path in enumerate(paths) if compiled.match(path)]
    except Slow:
        return "slow"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


given = json.load(sys.stdin)
results = [matches(e, given["paths"]) for e in given["expressions"]]
if "--table" in sys.argv:
    rows = ",\n".join(
        "    " + json.dumps({"expression": e, "matches": m}) for e, m in zip(given["expressions"], results)
    )
    paths = ",\n".join("    " + json.dumps(p) for p in given["paths"])
    version = ".".join(map(str, sys.version_info[:3]))
    print('{\n  "python": "%s",\n  "paths": [\n%s\n  ],\n  "expressions": [\n%s\n  ]\n}' % (version, paths, rows))
else:
    json.dump(results, sys.stdout)
