"""Runs the UNet and ControlNet that `time_full_size.py --export` has exported, with the onnxruntime package at its default options.

    python training/run_exported.py FOLDER [--threads 2] [--runs 1]

Without PyTorch in the process, so that its memory is that of ONNX Runtime and Python. Linux.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import onnxruntime


def timed(run):
    begin = time.perf_counter()
    result = run()
    return result, time.perf_counter() - begin


def resident(field: str) -> float:
    """MiB: VmRSS is what is resident now, VmHWM what was at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field + ":")) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--runs", type=int, default=1)
    args = parser.parse_args()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    open_session = lambda name: onnxruntime.InferenceSession(args.folder / f"{name}.onnx", options)
    controlnet, load_controlnet = timed(lambda: open_session("controlnet"))
    unet, load_unet = timed(lambda: open_session("unet"))
    print(f"\nThe same two exported, ONNX Runtime {onnxruntime.__version__} at its default options")
    print(f"load: ControlNet {load_controlnet:.1f} s, UNet {load_unet:.1f} s, together {load_controlnet + load_unet:.1f} s")
    print(f"resident after loading {resident('VmRSS'):.0f} MiB, at most {resident('VmHWM'):.0f} MiB", flush=True)

    rng = np.random.default_rng(1)
    random = lambda session: {i.name: rng.standard_normal(i.shape, dtype=np.float32) for i in session.get_inputs()}
    inputs = {session: random(session) for session in (controlnet, unet)}
    controls = [i.name for i in unet.get_inputs()][3:]  # behind x, t, context
    times = []
    for _ in range(args.runs + 1):
        control, seconds_controlnet = timed(lambda: controlnet.run(None, inputs[controlnet]))
        inputs[unet].update(zip(controls, control, strict=True))
        _, seconds_unet = timed(lambda: unet.run(None, inputs[unet]))
        times.append((seconds_controlnet + seconds_unet, seconds_controlnet, seconds_unet))
    total, seconds_controlnet, seconds_unet = min(times[1:])
    print(f"ControlNet {seconds_controlnet:.2f} s, UNet {seconds_unet:.2f} s, together {total:.2f} s")
    print(f"resident {resident('VmRSS'):.0f} MiB, at most {resident('VmHWM'):.0f} MiB")


if __name__ == "__main__":
    main()
