# SPDX-License-Identifier: MIT
"""The package itself: its version, what importing it costs, the wheel."""

import ast
import pathlib
import re
import subprocess
import sys
import zipfile

import numpy

import onic
from support import SOURCE, OnicTest

PACKAGE = SOURCE / "deploy/python"


class Package(OnicTest):
    def test_the_version_is_that_of_the_programs(self):
        text = (SOURCE / "CMakeLists.txt").read_text()
        self.assertEqual(onic.__version__, re.search(r"project\(onic VERSION ([0-9.]+)", text).group(1))

    def test_importing_it_imports_nothing_else(self):
        script = "import sys, onic; print(sorted({m.split('.')[0] for m in sys.modules} & {'numpy','pandas','gymnasium','pyarrow'}))"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.strip(), "[]")

    def test_every_public_name_is_there_and_documented(self):
        for name in onic.__all__:
            value = getattr(onic, name)
            if name != "__version__":
                self.assertTrue((value.__doc__ or "").strip(), name)

    def test_every_function_has_type_hints(self):
        for path in self.sources():
            if path.suffix != ".py":
                continue
            for node in ast.walk(ast.parse((PACKAGE / path).read_text())):
                if isinstance(node, ast.FunctionDef):
                    arguments = [a for a in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs] if a.arg not in ("self", "cls")]
                    bare = [a.arg for a in arguments if a.annotation is None]
                    self.assertEqual((bare, node.returns is None and node.name != "__init__"), ([], False), f"{path}: {node.name}")

    def test_an_unknown_name_is_a_sentence(self):
        with self.assertRaisesRegex(AttributeError, "the package onic has no 'lod'"):
            onic.lod

    def test_a_wheel_is_built_and_works_with_numpy_alone(self):
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
        subprocess.run([*pip, "wheel", "--no-build-isolation", "--no-deps", "-w", self.folder, self.copied_source()], check=True)
        [wheel] = self.folder.glob("*.whl")
        self.assertEqual(wheel.name, f"onic-{onic.__version__}-py3-none-any.whl")
        names = zipfile.ZipFile(wheel).namelist()
        self.assertLessEqual({str(path) for path in self.sources()}, set(names))
        target = self.folder / "installed"
        subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", target, wheel], check=True)
        self.link_numpy(target)
        script = (
            "import onic, importlib, pkgutil; [getattr(onic, n) for n in onic.__all__]\n"
            "names = {m.name for m in pkgutil.walk_packages(onic.__path__, 'onic.')} - {'onic.envs', 'onic.worker_spaces', 'onic.slow_worlds'}\n"
            "[importlib.import_module(name) for name in names]; print(onic.__file__)\n"
            "try: import onic.envs\nexcept ImportError as error: print(error)"
        )
        done = subprocess.run([sys.executable, "-S", "-c", script], env={"PYTHONPATH": str(target)}, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(str(target), done.stdout)
        self.assertIn("onic.envs needs the package gymnasium, which this Python does not have: pip install 'onic[gym]'", done.stdout)

    def sources(self):
        """All files of the package, from its folder."""
        files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "onic"], cwd=PACKAGE, capture_output=True, text=True)
        found = files.stdout.split() if files.returncode == 0 else [p.relative_to(PACKAGE) for p in PACKAGE.glob("onic/**/*.*")]
        return [pathlib.Path(path) for path in found if "__pycache__" not in str(path)]

    def copied_source(self):
        """setuptools builds in the source: a copy keeps the checkout clean."""
        copy = self.folder / "source"
        for path in [*self.sources(), "pyproject.toml", "README.md"]:
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            (copy / path).write_bytes((PACKAGE / path).read_bytes())
        return copy

    def link_numpy(self, target):
        """With -S no other package is found: numpy is all there is."""
        packages = pathlib.Path(numpy.__file__).parent.parent
        for name in ["numpy", "numpy.libs"]:
            if (packages / name).exists():
                (target / name).symlink_to(packages / name)
