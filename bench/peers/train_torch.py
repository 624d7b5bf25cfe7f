"""PyTorch's side of `npm run bench:train`: runs the graphs that the benchmark writes, eagerly, with torch.nn.functional.

Reads one JSON command a line from standard input and answers each with one line of JSON:
  {"do": "open", "graph": PATH, "weights": PATH, "batch": N, "threads": N}   the net, its layout chosen by timing both
  {"do": "train" | "forward", "runs": N}                            {"ms": [...]}
  {"do": "gradients", "images": PATH, "dtype": "float32" | "float64", "to": PATH}   {"loss": X}; gradients of all parameters, in order
  {"do": "epochs", "images": PATH, "labels": PATH, "order": PATH, "learning_rate": X, "batch": N}   {"losses": [...]}: one an epoch
  {"do": "memory"}                                                  {"peak_bytes": N}: most resident memory so far
"""
import json
import os
import resource
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 0.01, 0.9, 1e-4


class Net:
    """A graph of the benchmark: `values` maps constants to tensors; parameters are the trained ones."""

    def __init__(self, graph, weights, layout, dtype=torch.float32):
        self.nodes, self.output, self.layout = graph["nodes"], graph["logits"], layout
        self.values, self.parameters, self.decayed = {}, [], []
        offset = 0
        for constant in graph["constants"]:
            count = int(np.prod(constant["shape"]))
            data = weights[offset : offset + count].reshape(constant["shape"]).copy()
            offset += count
            tensor = torch.from_numpy(data).to(dtype)
            if tensor.dim() == 4:
                tensor = tensor.contiguous(memory_format=layout)
            if constant["role"] == "parameter":
                tensor.requires_grad_(True)
                self.parameters.append(tensor)
            self.values[constant["id"]] = tensor
        norms = [p for p in self.parameters if p.dim() == 1]
        others = [p for p in self.parameters if p.dim() > 1]
        groups = [{"params": others, "weight_decay": WEIGHT_DECAY}, {"params": norms, "weight_decay": 0}]
        self.optimizer = torch.optim.SGD(groups, lr=LEARNING_RATE, momentum=MOMENTUM)

    def __call__(self, x, training):
        values = {**self.values, "x": x}
        for node in self.nodes:
            inputs = [values[i] for i in node["inputs"]]
            values[node["output"]] = OPS[node["op"]](inputs, node["attrs"], training)
        return values[self.output]

    def step(self, x, labels):
        self.optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(self(x, True), labels)
        loss.backward()
        self.optimizer.step()
        return loss


def conv(inputs, attrs, _):
    x, w, *bias = inputs
    return F.conv2d(x, w, bias[0] if bias else None, attrs["strides"], attrs["pads"][:2], 1, attrs.get("group", 1))


def batch_norm(inputs, _, training):
    x, scale, shift, mean, variance = inputs
    return F.batch_norm(x, mean, variance, scale, shift, training, 0.1, 1e-5)


OPS = {
    "Conv": conv,
    "BatchNormalization": batch_norm,
    "Relu": lambda x, _, __: F.relu(x[0], inplace=True),
    "Clip": lambda x, _, __: F.hardtanh(x[0], 0.0, 6.0, inplace=True),
    "Add": lambda x, _, __: x[0] + x[1],
    "MaxPool": lambda x, attrs, __: F.max_pool2d(x[0], attrs["kernel_shape"], attrs["strides"], attrs["pads"][:2]),
    "GlobalAveragePool": lambda x, _, __: F.adaptive_avg_pool2d(x[0], 1),
    "Flatten": lambda x, _, __: torch.flatten(x[0], 1),
    "Gemm": lambda x, _, __: F.linear(x[0], x[1], x[2]),
}


class Peer:
    def open(self, command):
        torch.set_num_threads(command["threads"])
        with open(command["graph"]) as file:
            self.graph = json.load(file)
        self.weights = np.fromfile(command["weights"], dtype=np.float32)
        images = np.fromfile(command["images"], dtype=np.float32)
        self.images = torch.from_numpy(images.reshape([command["batch"], *self.graph["input"]]))
        self.labels = torch.arange(command["batch"]) % 10
        best = None
        for name, layout in (("channels_first", torch.contiguous_format), ("channels_last", torch.channels_last)):
            if command.get("layout", name) != name:
                continue
            self.use(layout)
            self.train({"runs": 2})
            trained = float(np.median(self.train({"runs": 5})["ms"]))
            ran = float(np.median(self.forward({"runs": 5})["ms"]))
            best = self.better(best, name, layout, trained, ran)
        self.best = best
        return {"train": best["train"][1], "forward": best["forward"][1]}

    @staticmethod
    def better(best, name, layout, trained, ran):
        found = {"train": (trained, name, layout), "forward": (ran, name, layout)}
        if best is None:
            return found
        return {k: min(best[k], found[k], key=lambda entry: entry[0]) for k in best}

    def use(self, layout):
        self.layout = layout
        self.net = Net(self.graph, self.weights, layout)
        self.x = self.images.contiguous(memory_format=layout)

    def timed(self, which, runs, run):
        if hasattr(self, "best") and self.layout is not self.best[which][2]:
            self.use(self.best[which][2])
            run()
        times = []
        for _ in range(runs):
            start = time.perf_counter()
            run()
            times.append(1000 * (time.perf_counter() - start))
        return {"ms": times}

    def train(self, command):
        return self.timed("train", command["runs"], lambda: self.net.step(self.x, self.labels).item())

    def forward(self, command):
        def run():
            with torch.no_grad():
                self.net(self.x, False)

        return self.timed("forward", command["runs"], run)

    def gradients(self, command):
        dtype = getattr(torch, command["dtype"])
        layout = self.best["train"][2]
        net = Net(self.graph, self.weights, layout, dtype)
        x = torch.from_numpy(np.fromfile(command["images"], dtype=np.float32).reshape(self.images.shape))
        loss = F.cross_entropy(net(x.to(dtype).contiguous(memory_format=layout), True), self.labels)
        loss.backward()
        flat = [p.grad.contiguous().reshape(-1).numpy().astype(np.float64) for p in net.parameters]
        np.concatenate(flat).tofile(command["to"])
        return {"loss": loss.item()}

    def epochs(self, command):
        """Trains from the same weights in the given order; an epoch's loss is the mean over its batches."""
        layout = self.best["train"][2]
        self.net = Net(self.graph, self.weights, layout)
        for group in self.net.optimizer.param_groups:
            group["lr"] = command["learning_rate"]
        images = torch.from_numpy(np.fromfile(command["images"], dtype=np.float32).reshape([-1, *self.graph["input"]]))
        labels = torch.from_numpy(np.fromfile(command["labels"], dtype=np.int32).astype(np.int64))
        order = np.fromfile(command["order"], dtype=np.int32).astype(np.int64).reshape(-1, len(labels))
        losses = []
        parent = os.getppid()
        for epoch in order:
            if os.getppid() != parent:
                sys.exit("the benchmark is gone")
            total = 0.0
            batches = torch.from_numpy(epoch).split(command["batch"])
            for rows in batches:
                x = images[rows].contiguous(memory_format=layout)
                total += self.net.step(x, labels[rows]).item()
            losses.append(total / len(batches))
            print(f"  PyTorch, epoch {len(losses)}: {losses[-1]:.5f}", file=sys.stderr, flush=True)
        return {"losses": losses}

    def memory(self, _):
        return {"peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def main():
    peer = Peer()
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(getattr(peer, command["do"])(command)), flush=True)


main()
