"""fastdl's end-to-end workloads: training step, first step, prediction, one row, peak memory.

Each workload runs in fresh processes; `peers.py` runs the same ones in other frameworks beside these.
"""
import argparse
import json
import os
import statistics
import sys

from _common import WORKLOADS, HERE, KerasRunner, Worker, machine, run_rounds, serve, table

COLUMNS = dict(step_ms=".3f", fit_ms=".3f", batch_ms=".3f", first_s=".3f", import_s=".2f", rows_s=",.0f", model_us=".1f", call_us=".1f",
               predict_us=".0f", base_mb=".0f", peak_mb=".0f")


def make(workload, threads, isa):
    try:
        import fastdl
    except ModuleNotFoundError:
        sys.path.append(os.path.dirname(HERE))
        import fastdl
    from fastdl.core import native
    if isa:
        native.set_isa(isa)
    fastdl.config.set_threads(threads)
    return KerasRunner(fastdl, WORKLOADS[workload])


def measure(workload, rounds, fresh, threads, isa):
    """One workload: (row, what went wrong or None). First-step time: the median of `fresh` processes."""
    firsts, row, problem = {}, {}, None
    for extra in range(fresh):
        worker = Worker("fastdl", os.path.abspath(__file__), workload, sys.executable, threads, {"FASTDL_ISA": isa} if isa else None)
        first = worker.ask("first")
        for column, value in {**({} if worker.error else worker.started), **first}.items():
            firsts.setdefault(column, []).append(value)
        if extra + 1 == fresh and not worker.error:
            row = run_rounds([worker], rounds)["fastdl"]
            row.update(worker.ask("memory"))
        if worker.error or worker.notes:
            problem = "; ".join([*([worker.error] if worker.error else []), *worker.notes.values()])
            sys.stderr.write(worker.tail())
        worker.close()
    row.update({c: statistics.median(v) for c, v in firsts.items()})
    return row, problem


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worker", nargs=2, metavar=("FRAMEWORK", "WORKLOAD"), help=argparse.SUPPRESS)
    parser.add_argument("--only", default=",".join(WORKLOADS), help="workloads: " + ", ".join(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--fresh", type=int, default=3, help="processes to take the first-step time from")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--isa", help="a level of the kernels, such as v3")
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args()
    if args.worker:
        return serve(lambda: make(args.worker[1], args.threads, args.isa), args.threads)
    for name in args.only.split(","):
        if name not in WORKLOADS:
            parser.error(f"there is no workload {name!r}: choose from {', '.join(WORKLOADS)}")
    print(machine(args.threads))
    rows, problems = {}, []
    for name in args.only.split(","):
        rows[name], problem = measure(name, args.rounds, max(1, args.fresh), args.threads, args.isa)
        problems += [f"{name}: {problem}"] if problem else []
    table("fastdl", rows, COLUMNS)
    print("".join(line + "\n" for line in problems), end="")
    if args.json:
        with open(args.json, "w") as f:
            json.dump(dict(machine=machine(args.threads), isa=args.isa, workloads=rows), f, indent=1)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
