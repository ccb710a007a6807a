#!/usr/bin/python3
"""The M/M/1 job on SimPy: mm1_simpy.py FILE, as `mm1_bench write` wrote it. Debian's python3-simpy (SimPy 2) or any later SimPy."""
import array
import json
import sys
import time


def read(path):
    with open(path, "rb") as file:
        (customers,) = array.array("q", file.read(8))
        gaps, services = array.array("q"), array.array("q")
        gaps.fromfile(file, customers)
        services.fromfile(file, customers)
    return gaps, services


def on_simpy2(gaps, services):
    """Returns the version, and what runs the job and returns the sum of all waits."""
    from SimPy import __version__
    from SimPy.Simulation import Process, Simulation, hold, passivate

    simulation, line, total = Simulation(), [], [0]

    class Server(Process):
        idle = False

        def serve(self):
            for served, service in enumerate(services):
                if served == len(line):
                    self.idle = True
                    yield passivate, self
                    self.idle = False
                total[0] += self.sim.now() - line[served]
                yield hold, self, service

    class Customers(Process):
        def arrive(self, server):
            for gap in gaps:
                yield hold, self, gap
                line.append(self.sim.now())
                if server.idle:
                    self.sim.reactivate(server)

    def run():
        simulation.initialize()
        server, customers = Server(sim=simulation), Customers(sim=simulation)
        simulation.activate(server, server.serve())
        simulation.activate(customers, customers.arrive(server))
        simulation.simulate(until=1 << 62)
        return total[0]

    return __version__, run


def on_simpy(gaps, services):
    import simpy

    environment, line, total = simpy.Environment(), [], [0]

    def serve(state):
        for served, service in enumerate(services):
            if served == len(line):
                state["idle"] = environment.event()
                yield state["idle"]
            total[0] += environment.now - line[served]
            yield environment.timeout(service)

    def arrive(state):
        for gap in gaps:
            yield environment.timeout(gap)
            line.append(environment.now)
            if state["idle"] is not None:
                state["idle"].succeed()
                state["idle"] = None

    def run():
        state = {"idle": None}
        environment.process(serve(state))
        environment.process(arrive(state))
        environment.run()
        return total[0]

    return simpy.__version__, run


def lindley(gaps, services):
    """The sum of all waits, without an engine."""
    total = wait = 0
    for gap, before in zip(gaps[1:], services):
        wait = max(0, wait + before - gap)
        total += wait
    return total


def main():
    gaps, services = read(sys.argv[1])
    try:
        version, run = on_simpy(gaps, services)
    except ImportError:
        version, run = on_simpy2(gaps, services)
    begin = time.process_time()
    total = run()
    cpu_s = time.process_time() - begin
    customers = len(gaps)
    print(json.dumps({"engine": f"SimPy {version.split()[0]}", "customers": customers, "cpu_s": cpu_s, "mean_wait_ns": total / customers}))
    exact = lindley(gaps, services)
    if total != exact:
        sys.exit(f"SimPy: the mean wait is {total / customers} ns, and exactly it is {exact / customers} ns")


if __name__ == "__main__":
    main()
