"""The optimiser: Muon for the matrices inside the layers, Adam for the rest; made for workers that share the parameters.

Every worker calls step() with the gradients of all. Each updates a share of the parameters, so the work is divided and every
parameter has one writer. The state is complete in state_dict(), whichever worker wrote it: a resumed run continues exactly.
"""

from collections.abc import Callable

import curriculum
import torch
from torch import nn

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # coefficients of x, x^3, x^5: fast, ends with singular values near 1
_NEWTON_SCHULZ_STEPS = 5
_MOMENTUM = 0.95
_ADAM_EPS = 1e-8


def orthogonalize(matrices: torch.Tensor) -> torch.Tensor:
    """The nearest orthogonal matrices, roughly, of [n, rows, columns], by Newton-Schulz iteration in BF16."""
    a, b, c = _NEWTON_SCHULZ
    x = matrices.bfloat16()
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.transpose(1, 2)
    x = x / (x.float().norm(dim=(1, 2), keepdim=True) + 1e-7).bfloat16()
    for _ in range(_NEWTON_SCHULZ_STEPS):
        square = torch.bmm(x, x.transpose(1, 2))
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return (x.transpose(1, 2) if tall else x).float()


def stacked_matrices(model: nn.Module) -> dict[str, int]:
    """Parameters for Muon, each with the number of matrices that stand above each other in its rows."""
    config = model.config
    one = ("wq_a", "wq_b", "wkv", "wgate", "wo_b", "e_proj", "h_proj")
    found = {}
    for name, parameter in model.named_parameters():
        parts = name.split(".")
        if parts[-1] == "w13":
            found[name] = 2 * (parameter.shape[0] if parameter.dim() == 3 else 1)
        elif parts[-1] == "w2":
            found[name] = parameter.shape[0] if parameter.dim() == 3 else 1
        elif parts[-2] == "wo_a":
            found[name] = config.o_groups
        elif parts[-2] in one:
            found[name] = 1
    return found


class Optimizer:
    def __init__(
        self,
        model: nn.Module,
        workers: int = 1,
        muon_rate: float = curriculum.MUON_RATE,
        adam_rate: float = curriculum.ADAM_RATE,
        betas: tuple[float, float] = curriculum.ADAM_BETAS,
        clip: float = curriculum.CLIP,
    ):
        self.muon_rate, self.adam_rate, self.betas, self.clip = muon_rate, adam_rate, betas, clip
        stacks = stacked_matrices(model)
        self.parameters = dict(model.named_parameters())
        self.offsets, offset = {}, 0  # of every parameter in a flat array of gradients
        for name, parameter in self.parameters.items():
            self.offsets[name] = offset
            offset += parameter.numel()
        self.shapes = {}  # of a Muon parameter: [matrices, rows, columns]
        for name, stack in stacks.items():
            shape = self.parameters[name].shape
            self.shapes[name] = (stack, shape.numel() // stack // shape[-1], shape[-1])
        self.adam_names = [name for name in self.parameters if name not in stacks]
        self.first = {name: torch.zeros_like(parameter.data) for name, parameter in self.parameters.items()}  # Muon's momentum too
        self.second = {name: torch.zeros_like(self.parameters[name].data) for name in self.adam_names}
        self.steps = torch.zeros(workers, dtype=torch.long)  # each worker counts for itself
        self.muon_shares = self._divide(list(self.shapes), self._muon_cost, workers)
        self.adam_shares = self._divide(self.adam_names, lambda name: self.parameters[name].numel(), workers)

    def _muon_cost(self, name: str) -> int:
        """Multiplications of an iteration."""
        matrices, rows, columns = self.shapes[name]
        short, long = sorted((rows, columns))
        return matrices * short * short * (2 * long + short)

    @staticmethod
    def _divide(names: list[str], cost: Callable[[str], int], workers: int) -> list[list[str]]:
        """Names by worker, costliest first to whoever has least."""
        shares, loads = [[] for _ in range(workers)], [0] * workers
        for name in sorted(names, key=cost, reverse=True):
            least = loads.index(min(loads))
            shares[least].append(name)
            loads[least] += cost(name)
        return shares

    def share_memory(self) -> "Optimizer":
        for tensor in (*self.first.values(), *self.second.values(), self.steps):
            tensor.share_memory_()
        return self

    def state_dict(self) -> dict:
        return {"steps": int(self.steps[0]), "first": self.first, "second": self.second}

    def load_state_dict(self, state: dict) -> None:
        self.steps.fill_(state["steps"])
        for own, saved in ((self.first, state["first"]), (self.second, state["second"])):
            if own.keys() != saved.keys():
                raise ValueError(f"the state is of another model: {sorted(own.keys() ^ saved.keys())[:3]}")
            for name, tensor in own.items():
                tensor.copy_(saved[name])

    @torch.no_grad()
    def step(self, gradients: torch.Tensor, rank: int = 0, workers: int = 1, rate: float = 1.0) -> None:
        """Updates this worker's share. gradients [workers, all parameters], summed here; `rate` scales both learning rates."""
        if workers != len(self.steps):
            raise ValueError(f"made for {len(self.steps)} workers, not {workers}")
        self.steps[rank] += 1
        self._muon(gradients, self.muon_shares[rank], rate)
        self._adam(gradients, self.adam_shares[rank], int(self.steps[rank]), rate)

    def _gradient(self, gradients: torch.Tensor, name: str) -> torch.Tensor:
        parameter = self.parameters[name]
        part = gradients[:, self.offsets[name] : self.offsets[name] + parameter.numel()]
        return part.sum(0).view(parameter.shape)

    def _muon(self, gradients: torch.Tensor, names: list[str], rate: float) -> None:
        updates: dict[tuple[int, int], dict[str, torch.Tensor]] = {}  # by shape, so that equal ones are iterated together
        for name in names:
            gradient, momentum = self._gradient(gradients, name), self.first[name]
            momentum.lerp_(gradient, 1 - _MOMENTUM)
            if momentum.any():  # parts of the model may not be in use yet
                ahead = torch.lerp(gradient, momentum, _MOMENTUM)  # Nesterov's
                updates.setdefault(self.shapes[name][1:], {})[name] = ahead.view(self.shapes[name])
        for (rows, columns), group in updates.items():
            step = rate * self.muon_rate * max(1.0, rows / columns) ** 0.5
            directions = orthogonalize(torch.cat(list(group.values()))).split([len(update) for update in group.values()])
            for name, direction in zip(group, directions):
                parameter = self.parameters[name].data
                parameter.add_(direction.reshape(parameter.shape), alpha=-step)

    def _adam(self, gradients: torch.Tensor, names: list[str], steps: int, rate: float) -> None:
        all_gradients = {name: self._gradient(gradients, name) for name in self.adam_names}
        norm = torch.stack([gradient.norm() for gradient in all_gradients.values()]).norm()
        shrink = (self.clip / (norm + 1e-6)).clamp(max=1.0)
        beta1, beta2 = self.betas
        step, root = rate * self.adam_rate / (1 - beta1**steps), (1 - beta2**steps) ** 0.5
        for name in names:
            gradient, first, second = all_gradients[name] * shrink, self.first[name], self.second[name]
            first.lerp_(gradient, 1 - beta1)
            second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
            self.parameters[name].data.addcdiv_(first, second.sqrt() / root + _ADAM_EPS, value=-step)
