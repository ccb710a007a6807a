"""A deterministic DDP job for torchrun, RCCL or gloo: every rank writes RANK.csv with a line a step.

    torchrun --nproc-per-node 2 ddp_train.py --out DIR --steps 2000

The line is step,begin_ns,end_ns,loss; the loss is the global one, as exact text (float.hex), so that two
runs of the same seed can be compared bit for bit. RANK.pid has the process's number; RANK.done is written
when a rank has done all that it was to. With --steps 0 the job goes on until there is a file DIR/stop, and
all ranks end with the same step.
"""
import argparse
import os
import pathlib
import time

import torch
import torch.distributed as dist


def model_of(width, layers):
    blocks = []
    for _ in range(layers):
        blocks += [torch.nn.Linear(width, width), torch.nn.ReLU()]
    return torch.nn.Sequential(*blocks, torch.nn.Linear(width, 1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, default=0, help="0: until there is a file DIR/stop")
    parser.add_argument("--width", type=int, default=4096)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()

    rank = int(os.environ["RANK"])
    on_gpu = torch.cuda.is_available()
    dist.init_process_group("nccl" if on_gpu else "gloo")
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if on_gpu else torch.device("cpu")
    torch.manual_seed(wanted.seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    net = torch.nn.parallel.DistributedDataParallel(
        model_of(wanted.width, wanted.layers).to(device),
        device_ids=[device.index] if on_gpu else None)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4)
    data = torch.Generator().manual_seed(1000 + rank)
    wanted.out.mkdir(parents=True, exist_ok=True)
    (wanted.out / f"{rank}.pid").write_text(f"{os.getpid()}\n")
    with open(wanted.out / f"{rank}.csv", "w", encoding="ascii", buffering=1) as rows:
        rows.write("step,begin_ns,end_ns,loss\n")
        step, stop = 0, False
        while not stop and (wanted.steps == 0 or step < wanted.steps):
            begin = time.monotonic_ns()
            batch = torch.randn(wanted.batch, wanted.width, generator=data).to(device)
            loss = net(batch).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            told = wanted.steps == 0 and (wanted.out / "stop").exists()
            # One rank may see the file a step before another: all go by the sum.
            shared = torch.stack([loss.detach(), torch.full_like(loss, float(told))])
            dist.all_reduce(shared)
            value, stop = shared[0].item(), shared[1].item() > 0  # waits for the GPU
            rows.write(f"{step},{begin},{time.monotonic_ns()},{value.hex()}\n")
            step += 1
    (wanted.out / f"{rank}.done").write_text(f"{step}\n")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
