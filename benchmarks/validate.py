"""How long `reconciler validate` takes, as a whole process, beside bare Python and bare libyaml.

    python benchmarks/validate.py [--runs 10] [--json FILE]

Best and median of several runs; the targets are issue 2's: one manifest within 150 ms of `python -c
pass`, 1,000 manifests in under 1.5 s.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web-{number}
  namespace: prod
  labels:
    app.kubernetes.io/name: web-{number}
spec:
  replicas: 2
  selector:
    matchLabels:
      app.kubernetes.io/name: web-{number}
  template:
    metadata:
      labels:
        app.kubernetes.io/name: web-{number}
    spec:
      containers:
        - name: web
          image: registry.example.com/web:1.{number}
          ports:
            - name: http
              containerPort: 8080
          env:
            - name: TZ
              value: Europe/Berlin
          resources:
            requests:
              cpu: 100m
              memory: 128Mi
            limits:
              memory: 256Mi
          readinessProbe:
            httpGet:
              path: /healthz
              port: http
            periodSeconds: 5
          volumeMounts:
            - name: data
              mountPath: /data
      volumes:
        - name: data
          emptyDir: {{}}
"""

LIBYAML = (
    "import sys, pathlib, yaml\n"
    "for f in pathlib.Path(sys.argv[1]).glob('*.yaml'): yaml.load(f.read_bytes(), Loader=yaml.CSafeLoader)"
)


def fleet(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"web-{number}.yaml").write_text(DEPLOYMENT.format(number=number))
    return folder


def seconds(command: list[str], runs: int) -> list[float]:
    """Wall-clock of each run, sorted; the first, which warms the disk's cache, isn't counted."""
    out = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        out.append(time.perf_counter() - began)
    return sorted(out[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    validate = [str(Path(sys.executable).parent / "reconciler"), "validate"]
    with tempfile.TemporaryDirectory() as scratch:
        one, many = fleet(Path(scratch, "one"), 1), fleet(Path(scratch, "many"), 1000)
        jobs = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "validate 1 manifest": [*validate, str(one)],
            "libyaml alone, 1,000": [sys.executable, "-c", LIBYAML, str(many)],
            "validate 1,000 manifests": [*validate, str(many)],
        }
        times = {name: seconds(command, arguments.runs) for name, command in jobs.items()}
    bare = times["python -c pass"][0]
    print(f"{'job':<28}{'best ms':>10}{'median ms':>12}{'over bare ms':>14}")
    for name, runs in times.items():
        middle = statistics.median(runs)
        print(f"{name:<28}{runs[0] * 1e3:>10.0f}{middle * 1e3:>12.0f}{(runs[0] - bare) * 1e3:>14.0f}")
    ratio = times["validate 1,000 manifests"][0] / times["libyaml alone, 1,000"][0]
    print(f"1,000 manifests take {ratio:.2f} x the time of libyaml alone")
    if arguments.json:
        arguments.json.write_text(json.dumps({"seconds": times, "ratio_to_libyaml": ratio}, indent=2))


if __name__ == "__main__":
    main()
