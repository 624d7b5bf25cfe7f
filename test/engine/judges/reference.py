"""Runs ONNX models on ONNX's own reference implementation. Reads one JSON object a line: a model and its inputs, all
base64; writes one a line: the outputs, or the error that running it raised."""
import base64
import json
import sys
import warnings

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

warnings.filterwarnings("ignore")
np.seterr(all="ignore")


def decode(tensor):
    data = np.frombuffer(base64.b64decode(tensor["data"]), dtype=tensor["dtype"])
    return data.reshape(tensor["shape"])


def encode(array):
    array = np.asarray(array)
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"dtype": str(array.dtype), "shape": list(array.shape), "data": data}


for line in sys.stdin:
    case = json.loads(line)
    try:
        model = onnx.load_from_string(base64.b64decode(case["model"]))
        feeds = {name: decode(tensor) for name, tensor in case["inputs"].items()}
        results = ReferenceEvaluator(model).run(None, feeds)
        answer = {"outputs": [encode(result) for result in results]}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"[:300]}
    print(json.dumps(answer), flush=True)
