#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the wheel onic-bin of a build: make.py BUILD OUT; prints its path. `pip install` of it gives onic, onic-learner, onic-actor and onic-reward-server.

The wheel holds an installed copy (cmake --install) and the shared libraries that it loads, OpenBLAS and those of the C library's neighbours included, found
through $ORIGIN; not the C library itself, whose version names the platform. Linked statically the programs would lack OpenBLAS's choice of kernels, and
Debian has no static libzmq with CURVE. Needs cmake, patchelf and dpkg (whose package a library is, for its licence). Standard library only."""
import base64
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

PROGRAMS = ("onic", "onic-learner", "onic-actor", "onic-reward-server")
LOADED_BY_NAME = ("libopenblas.so.0",)  # common/nn/blas.c
# What every Linux with this C library has, as manylinux says.
OF_THE_SYSTEM = re.compile(r"(ld-linux.*|lib(c|m|dl|rt|pthread|util|resolv|nsl|anl|mvec|crypt))\.so\.\d+|linux-vdso.*")
START = '''"""The programs of onic. `python -m onic_bin train` is `onic train`."""
import os
import sys

PREFIX = os.path.join(os.path.dirname(os.path.abspath(__file__)), "prefix")


def path(program="onic"):
    """The file of a program."""
    return os.path.join(PREFIX, "bin", program)


def run(program):
    os.execv(path(program), [path(program), *sys.argv[1:]])

'''


def said(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def libraries_of(file):
    """{name: path} of what a program or library is linked with, the system's own left out."""
    found = {}
    for name, path in re.findall(r"^\s*(\S+) => (/\S+)", said("ldd", str(file)), re.M):
        if not OF_THE_SYSTEM.fullmatch(name):
            found[name] = path
    return found


def by_name(name):
    match = re.search(rf"^\s*{re.escape(name)} .* => (/\S+)", said("/sbin/ldconfig", "-p"), re.M)
    if not match:
        raise SystemExit(f"make.py: {name} is not installed (Debian: libopenblas0-pthread)")
    return match.group(1)


def single_names(lib):
    """A wheel has no links: of libx.so -> libx.so.1 -> libx.so.1.2 one file stays, libx.so, which Python opens by its path."""
    for link in [p for p in lib.glob("*.so") if p.is_symlink()]:
        real = link.resolve()
        link.unlink()
        real.rename(link)
    for other in lib.glob("*.so.*"):
        other.unlink()


def bundle(prefix):
    """Copies libraries below prefix/lib/onic-libs and makes programs and libraries look there; the paths they came from."""
    lib = prefix / "lib" / "onic-libs"
    lib.mkdir(parents=True)
    objects = [prefix / "bin" / p for p in PROGRAMS] + sorted((prefix / "lib").glob("*.so*"))
    wanted = {name: by_name(name) for name in LOADED_BY_NAME}
    for file in objects:
        wanted.update(libraries_of(file))
    for path in list(wanted.values()):
        wanted.update(libraries_of(path))
    for name, path in wanted.items():
        shutil.copyfile(os.path.realpath(path), lib / name)
        (lib / name).chmod(0o755)
        subprocess.run(["patchelf", "--set-rpath", "$ORIGIN", lib / name], check=True)
    for file in objects:
        subprocess.run(["strip", "--strip-unneeded", file], check=True)
        subprocess.run(["patchelf", "--set-rpath", "$ORIGIN/" + os.path.relpath(lib, file.parent), file], check=True)
    return sorted(wanted.values()), objects + sorted(lib.iterdir())


def platform(objects):
    """manylinux_2_NN: the newest C library that any of them asks for."""
    newest = max(int(minor) for file in objects for minor in re.findall(r"GLIBC_2\.(\d+)", said("readelf", "--version-info", "--wide", str(file))))
    return f"manylinux_2_{newest}_x86_64"


def licences(paths, into):
    """The copyright of each Debian package that a library came from."""
    into.mkdir(parents=True)
    for path in paths:
        real = os.path.realpath(path)
        names = [real, real.removeprefix("/usr")]  # dpkg knows what lies below /lib under that name
        owner = re.search(r"^([^:, ]+)", subprocess.run(["dpkg", "-S", *names], capture_output=True, text=True).stdout)
        text = pathlib.Path("/usr/share/doc") / (owner.group(1) if owner else "-") / "copyright"
        if not text.is_file():
            raise SystemExit(f"make.py: the licence of {path} is not known: no package of Debian holds it")
        shutil.copyfile(text, into / f"{owner.group(1)}.txt")


def write(tree, name, version, tag, out):
    """The wheel of a tree that has its dist-info."""
    info = f"{name}-{version}.dist-info"
    record, files = [], sorted(p for p in tree.rglob("*") if p.is_file())
    wheel = out / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
        for file in files:
            inside, data = str(file.relative_to(tree)), file.read_bytes()
            entry = zipfile.ZipInfo(inside, (2020, 1, 1, 0, 0, 0))
            entry.external_attr, entry.compress_type = (0o100755 if os.access(file, os.X_OK) else 0o100644) << 16, zipfile.ZIP_DEFLATED
            z.writestr(entry, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{inside},sha256={digest},{len(data)}")
        z.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,", ""]))
    return wheel


def describe(info, version, tag, root):
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: onic-bin\nVersion: {version}\nSummary: the programs of onic: reinforcement learning with language feedback, distributed\n"
                                   "License: MIT, and those of the libraries in licenses/\nRequires-Python: >=3.8\nDescription-Content-Type: text/markdown\n\n"
                                   + (root / "deploy/wheel/README.md").read_text(encoding="utf-8"))
    (info / "WHEEL").write_text(f"Wheel-Version: 1.0\nGenerator: onic\nRoot-Is-Purelib: false\nTag: {tag}\n")
    scripts = "".join(f"{p} = onic_bin:{p.replace('-', '_')}\n" for p in PROGRAMS)
    (info / "entry_points.txt").write_text("[console_scripts]\n" + scripts)


def main():
    if len(sys.argv) != 3:
        raise SystemExit("usage: make.py BUILD OUT")
    build, out = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    if not shutil.which("patchelf"):
        raise SystemExit("make.py: patchelf is not installed (Debian: patchelf)")
    version = re.search(r"^project\(onic VERSION ([0-9.]+)", (root / "CMakeLists.txt").read_text(), re.M).group(1)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder)
        package = tree / "onic_bin"
        subprocess.run(["cmake", "--install", build, "--prefix", package / "prefix"], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(package / "prefix/lib/systemd", ignore_errors=True)
        single_names(package / "prefix/lib")
        paths, objects = bundle(package / "prefix")
        tag = f"py3-none-{platform(objects)}"
        (package / "__init__.py").write_text(START + "".join(f"\ndef {p.replace('-', '_')}():\n    run(\"{p}\")\n" for p in PROGRAMS))
        (package / "__main__.py").write_text("from onic_bin import onic\n\nonic()\n")
        info = tree / f"onic_bin-{version}.dist-info"
        describe(info, version, tag, root)
        licences(paths, info / "licenses")
        shutil.copyfile(root / "LICENSE", info / "licenses" / "onic.txt")
        print(write(tree, "onic_bin", version, tag, out))


if __name__ == "__main__":
    main()
