"""Programs of this machine as files of an image, above all its Python with the modules that a script imports.

Nothing else of the standard library comes along, so an image made with it stays small.
"""

from __future__ import annotations

import importlib.util
import json
import os
import py_compile
import re
import shutil
import sys
from pathlib import Path

from reconciler.errors import LabError
from reconciler.lab.command import run
from reconciler.lab.requirements import program

FLAGS = ("-I", "-S", "-B")
"""Isolated, without site-packages, writing no bytecode."""

LIST = """\
import importlib.util, json, os, sys
before = importlib.util.spec_from_file_location("sample", sys.argv[1])
before.loader.exec_module(importlib.util.module_from_spec(before))
files = [getattr(m, "__file__", None) for m in list(sys.modules.values())]
print(json.dumps([sys.exec_prefix, os.__file__, sorted({f for f in files if f} - {sys.argv[1]})]))
"""


def copy_into(root: Path, script: Path) -> str:
    """Put what `script` needs to run below `root`, at the paths of this machine; returns the interpreter's.

    Raises LabError when a library can't be found.
    """
    interpreter = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
    prefix, os_module, modules = json.loads(run([str(interpreter), *FLAGS, "-c", LIST, str(script)]))
    for binary in (interpreter, *(Path(name) for name in modules if ".so" in Path(name).suffixes)):
        copy_program(binary, root)
    for source in (Path(name) for name in modules if name.endswith(".py")):
        _compile(source, _copy(source, root))
    # Where Python looks for its own place; without it, it warns at every start.
    _below(root, Path(os_module).parent / "lib-dynload").mkdir(parents=True, exist_ok=True)
    _below(root, Path(prefix)).mkdir(parents=True, exist_ok=True)
    return str(interpreter)


def copy_program(binary: Path, root: Path) -> None:
    """It and its libraries, at the paths of this machine. Raises LabError when one can't be found."""
    for path in (binary, *map(Path, libraries(binary))):
        _copy(path, root)


def libraries(binary: Path) -> list[str]:
    """The paths of the shared libraries of an ELF file, the loader among them; none for a static one."""
    try:
        text = run([program("ldd"), str(binary)])
    except LabError as error:
        if "not a dynamic executable" in str(error):
            return []
        raise
    if missing := re.findall(r"(\S+) => not found", text):
        raise LabError(f"{binary} needs {', '.join(missing)}, which this machine doesn't have")
    return re.findall(r"(/\S+) \(0x", text)


def _compile(source: Path, copy: Path) -> None:
    """An image's files have no times, so bytecode that is checked by them would never be used."""
    py_compile.compile(
        str(copy),
        cfile=importlib.util.cache_from_source(str(copy)),
        dfile=str(source),
        doraise=True,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def _copy(path: Path, root: Path) -> Path:
    """A symlink becomes the file behind it."""
    target = _below(root, path)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)
    target.chmod(0o755)
    return target


def _below(root: Path, path: Path) -> Path:
    return root / os.path.normpath(path).lstrip("/")
