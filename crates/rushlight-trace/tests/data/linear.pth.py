"""Writes `linear.pth` as `torch.save(nn.Linear(2, 1).state_dict(), ..)` would, without torch.

    python3 linear.pth.py
"""

import collections
import io
import pickle
import struct
import sys
import types
import zipfile

# The pickle names these by module; they need not do anything here.
utils, torch = types.ModuleType("torch._utils"), types.ModuleType("torch")


def _rebuild_tensor_v2(*args):
    raise NotImplementedError


class Storage:
    def __init__(self, kind, key, count):
        self.key = ("storage", kind, key, "cpu", count)


class FloatStorage:
    pass


class LongStorage:
    pass


for kind in (FloatStorage, LongStorage):
    kind.__module__, kind.__qualname__ = "torch", kind.__name__
    setattr(torch, kind.__name__, kind)
_rebuild_tensor_v2.__module__ = "torch._utils"
utils._rebuild_tensor_v2 = _rebuild_tensor_v2
sys.modules |= {"torch": torch, "torch._utils": utils}


class Tensor:
    def __init__(self, storage, size, stride):
        self.args = (storage, 0, size, stride, False, collections.OrderedDict())

    def __reduce__(self):
        return _rebuild_tensor_v2, self.args


class Pickler(pickle.Pickler):
    def persistent_id(self, obj):
        return obj.key if isinstance(obj, Storage) else None


state = collections.OrderedDict(
    weight=Tensor(Storage(FloatStorage, "0", 2), (1, 2), (2, 1)),
    bias=Tensor(Storage(FloatStorage, "1", 1), (1,), (1,)),
    num_batches_tracked=Tensor(Storage(LongStorage, "2", 1), (), ()),
)
text = io.BytesIO()
Pickler(text, protocol=2).dump(state)
with zipfile.ZipFile("linear.pth", "w") as file:
    for name, data in {
        "data.pkl": text.getvalue(),
        "data/0": struct.pack("<2f", 0.5, -2.0),
        "data/1": struct.pack("<f", 0.25),
        "data/2": struct.pack("<q", 7),
        "version": b"3\n",
    }.items():
        file.writestr(zipfile.ZipInfo("linear/" + name), data)
