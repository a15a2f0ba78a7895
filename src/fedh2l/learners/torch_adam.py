"""Adam for the networks that the package brings, without the compiler that it would import."""

import inspect

import torch


class Adam(torch.optim.Adam):
    """`torch.optim.Adam` to the last bit, for models that are not compiled.

    PyTorch wraps these methods so that torch.compile leaves them alone, and the wrappers import
    torch._dynamo on the first call: 1.4 CPU seconds and 100 MB, though nothing is compiled.
    """

    add_param_group = inspect.unwrap(torch.optim.Adam.add_param_group)
    state_dict = inspect.unwrap(torch.optim.Adam.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.Adam.load_state_dict)
    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))
    # Else the first optimizer that is made wraps it for a profiler, at a tenth of a millisecond.
    setattr(step, "hooked", True)  # noqa: B010 - a function has no such attribute, a type checker says

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None
