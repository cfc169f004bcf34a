"""Writes the fixtures of this folder with a real PyTorch: python make.py

For each case CASE.pt, torch.save(optimizer.state_dict()) after three steps, and CASE.txt, what the
test needs beside it: the rate, the parameters as they were saved, the gradients of three more
steps, and the parameters after those. A line is `KEY: NUMBERS`.
"""

import pathlib
import zipfile

import torch

FOLDER = pathlib.Path(__file__).parent
SEED = 7
BEFORE, AFTER = 3, 3

o = torch.optim
CASES = {
    "adam": lambda p: o.Adam(p, lr=0.01, weight_decay=0.1),
    "adamw": lambda p: o.AdamW(p, lr=0.01),
    "amsgrad": lambda p: o.Adam(p, lr=0.01, amsgrad=True),
    "sgd": lambda p: o.SGD(p, lr=0.01, momentum=0.9, dampening=0.5),
    "rmsprop": lambda p: o.RMSprop(p, lr=0.01, centered=True, momentum=0.9),
    "adagrad": lambda p: o.Adagrad(p, lr=0.01, lr_decay=0.1, initial_accumulator_value=0.1),
    "nadam": lambda p: o.NAdam(p, lr=0.01),
    "radam": lambda p: o.RAdam(p, lr=0.01, betas=(0.9, 0.9)),
    "adamax": lambda p: o.Adamax(p, lr=0.01),
    "adadelta": lambda p: o.Adadelta(p),
    "asgd": lambda p: o.ASGD(p, lr=0.05, lambd=0.5, t0=2),
    "rprop": lambda p: o.Rprop(p, lr=0.01),
}


def parameters(dtype, of=lambda t: t):
    """A matrix, a vector, and a matrix whose memory is transposed."""
    draw = lambda *shape: torch.randn(*shape, dtype=torch.float64).to(dtype)
    made = {"w": draw(3, 2), "b": draw(4), "t": draw(3, 2).t()}
    assert not made["t"].is_contiguous()
    return {name: torch.nn.Parameter(of(value)) for name, value in made.items()}


def gradients(named):
    return {n: torch.randn(*p.shape, dtype=torch.float64).to(p.dtype) for n, p in named.items()}


def step(optimizer, named, grads):
    for name, grad in grads.items():
        # A gradient of the layout of its parameter, or PyTorch would bring its own.
        named[name].grad = torch.empty_like(named[name]).copy_(grad)
    optimizer.step()


def line(key, tensor):
    numbers = " ".join(repr(x) for x in tensor.detach().flatten().tolist())
    return f"{key}: {numbers}\n"


def case(name, make, dtype, before=BEFORE, change=lambda optimizer: None, groups=None):
    torch.manual_seed(SEED)
    # PyTorch keeps its counts in this type.
    torch.set_default_dtype(dtype)
    named = parameters(dtype)
    optimizer = make(groups(named) if groups else list(named.values()))
    for _ in range(before):
        step(optimizer, named, gradients(named))
    change(optimizer)
    torch.save(optimizer.state_dict(), FOLDER / f"{name}.pt")
    text = f"lr: {optimizer.param_groups[0]['lr']!r}\n"
    for n, p in named.items():
        text += f"{n} shape: {' '.join(map(str, p.shape))}\n"
        text += line(f"{n} saved", p)
    for k in range(AFTER):
        grads = gradients(named)
        for n, grad in grads.items():
            text += line(f"{n} grad {k}", grad)
        step(optimizer, named, grads)
    for n, p in named.items():
        text += line(f"{n} after", p)
        if "ax" in optimizer.state[p]:
            text += line(f"{n} average", optimizer.state[p]["ax"])
    (FOLDER / f"{name}.txt").write_text(text)


def views(optimizer):
    """Each kind of memory becomes a piece of one storage, in the middle of other numbers."""
    for key in ["exp_avg", "exp_avg_sq"]:
        entries = [entry for entry in optimizer.state.values()]
        whole = torch.full((5 + sum(e[key].numel() for e in entries),), 99.0)
        at = 5
        for entry in entries:
            old = entry[key]
            piece = whole[at : at + old.numel()].as_strided(old.shape, old.stride())
            entry[key] = piece.copy_(old)
            at += old.numel()


def half(dtype):
    """State in a smaller type, as of parameters of that type."""

    def change(optimizer):
        for entry in optimizer.state.values():
            for key in ["exp_avg", "exp_avg_sq"]:
                entry[key] = entry[key].to(dtype)

    return change


for name, make in CASES.items():
    for dtype in [torch.float32, torch.float64]:
        case(f"{name}.f{torch.finfo(dtype).bits}", make, dtype)

f32, f64 = torch.float32, torch.float64
case("views.f64", CASES["adam"], f64, change=views)
case("never-stepped.f64", CASES["adam"], f64, before=0)
case("sgd-never-stepped.f64", CASES["sgd"], f64, before=0)
# Named parameters in two groups, in another order than they were made.
case(
    "named.f64",
    lambda groups: o.Adam(groups, lr=0.01),
    f64,
    groups=lambda named: [
        {"params": [("t", named["t"])]},
        {"params": [("b", named["b"]), ("w", named["w"])], "betas": (0.8, 0.99)},
    ],
)
# Read, not continued: PyTorch's steps would be in the smaller type.
for dtype, name in [(torch.float16, "f16"), (torch.bfloat16, "bf16")]:
    torch.manual_seed(SEED)
    torch.set_default_dtype(f32)
    named = parameters(f32)
    adam = o.Adam(list(named.values()), lr=0.01)
    step(adam, named, gradients(named))
    half(dtype)(adam)
    torch.save(adam.state_dict(), FOLDER / f"{name}.pt")
    text = ""
    for n, p in named.items():
        text += f"{n} shape: {' '.join(map(str, p.shape))}\n"
        for key in ["exp_avg", "exp_avg_sq"]:
            text += line(f"{n} {key}", adam.state[p][key].float())
    (FOLDER / f"{name}.txt").write_text(text)

# Smallest: for every truncation and every flipped bit.
torch.set_default_dtype(f32)
small = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
adam = o.Adam([small], lr=0.01)
small.grad = torch.tensor([0.5, -0.25])
adam.step()
torch.save(adam.state_dict(), FOLDER / "small.pt")
# The same with every size and place in the fields of Zip64.
zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT = 0, 0
with zipfile.ZipFile(FOLDER / "small.pt") as old, zipfile.ZipFile(FOLDER / "zip64.pt", "w") as new:
    for entry in old.infolist():
        with new.open(zipfile.ZipInfo(entry.filename), "w", force_zip64=True) as out:
            out.write(old.read(entry))
assert torch.load(FOLDER / "zip64.pt").keys() == adam.state_dict().keys()
# Refused: a whole checkpoint.
model = torch.nn.Linear(1, 1)
torch.save({"model": model.state_dict(), "optimizer": adam.state_dict()}, FOLDER / "checkpoint.pt")
print("torch", torch.__version__)
