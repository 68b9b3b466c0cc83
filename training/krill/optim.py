"""The optimiser: Muon for the matrices inside the layers, Adam for the rest; made for workers that share the parameters.

Every worker calls step() with the gradients of all. Each updates a share of the parameters, so the work is divided and every
parameter has one writer. The state is complete in state_dict(), whichever worker wrote it: a resumed run continues exactly.
"""

from collections.abc import Callable

import curriculum
import torch
from ops import activation_dtype, add_scaled, muon_momentum
from torch import nn

# Coefficients of x, x^3, x^5 of each step: the polynomials that bring singular values from [0.003, 1] nearest to 1, each made for
# where the one before ends (equioscillating, by Remez' exchange). After the four they lie between 0.80 and 1.20.
_NEWTON_SCHULZ = (
    (8.3837, -24.7659, 18.3571),
    (4.0434, -3.0114, 0.5695),
    (3.5056, -2.6267, 0.5257),
    (2.4901, -1.8343, 0.4368),
)
# All but the last see their argument shrunk by this: bfloat16 rounds a value at the upper end beyond it, where the next polynomial
# throws it far out: without it four random matrices of ten have a singular value above 1.3, up to 38.
_SAFETY = 1.02
_LEAST = 1e-9
_MOMENTUM = 0.95
_ADAM_EPS = 1e-8


def orthogonalize(x: torch.Tensor) -> torch.Tensor:
    """The nearest orthogonal matrices, roughly, of [n, rows, columns], by Newton-Schulz iteration in their type; zero for a matrix
    without an element of _LEAST, like the gradient of an expert that nobody chooses."""
    # Brought to about one, by powers of two, which round nothing: squares of squares of small numbers are zero.
    size = x.abs().amax(dim=(1, 2), keepdim=True).float()
    power = torch.ldexp(torch.ones_like(size), -torch.frexp(size).exponent)
    x = x * torch.where(size > _LEAST, power, 0).to(x.dtype)
    tall = x.shape[1] > x.shape[2]
    for step, (a, b, c) in enumerate(_NEWTON_SCHULZ):
        if step + 1 < len(_NEWTON_SCHULZ):
            a, b, c = a / _SAFETY, b / _SAFETY**3, c / _SAFETY**5
        gram = torch.bmm(x.mT, x) if tall else torch.bmm(x, x.mT)
        if step == 0:  # the root of the Gram matrix's norm is the nearest cheap bound of the largest singular value
            bound = gram.float().norm(dim=(1, 2), keepdim=True).sqrt() * 1.02 + 1e-20
            x, gram = x / bound.to(x.dtype), gram / bound.square().to(x.dtype)
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, x, polynomial, beta=a) if tall else torch.baddbmm(x, polynomial, x, beta=a)
    return x


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
        decay: float = curriculum.WEIGHT_DECAY,
    ):
        self.muon_rate, self.adam_rate, self.betas, self.clip, self.decay = muon_rate, adam_rate, betas, clip, decay
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
        self.first = {
            name: torch.zeros_like(parameter.data) for name, parameter in self.parameters.items()
        }  # Muon's momentum too
        self.second = {name: torch.zeros_like(self.parameters[name].data) for name in self.adam_names}
        self.muon_dtype = activation_dtype()
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
            part = gradients[:, self.offsets[name] : self.offsets[name] + self.parameters[name].numel()]
            update = torch.empty(self.shapes[name], dtype=self.muon_dtype)
            if muon_momentum(part, self.first[name], 1 - _MOMENTUM, update):  # parts of the model may not be in use yet
                updates.setdefault(self.shapes[name][1:], {})[name] = update
        for (rows, columns), group in updates.items():
            step = rate * self.muon_rate * max(1.0, rows / columns) ** 0.5
            directions = orthogonalize(torch.cat(list(group.values()))).split([len(update) for update in group.values()])
            for name, direction in zip(group, directions):
                self.parameters[name].data.mul_(1 - rate * self.muon_rate * self.decay)
                add_scaled(self.parameters[name].data, direction, -step)

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
