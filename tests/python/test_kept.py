# SPDX-License-Identifier: MIT
"""What deploy/experiments/gym/kept holds is what its table and the README of actor/envs/gym say of it."""

import json

from support import SOURCE, OnicTest, onic

KEPT = "deploy/experiments/gym/kept"


class Kept(OnicTest):
    @classmethod
    def setUpClass(cls):
        cls.table = OnicTest.shared_folder(cls) / "table.md"
        command = ("compare", KEPT, "--names", "--metric=return", "--threshold=0.9", f"--out={cls.table}", "--json=-")
        compared = json.loads(onic(*command, cwd=SOURCE).stdout)
        cls.groups = {group["label"]: group for world in compared["environments"] for group in world["groups"]}

    def test_the_table_is_that_of_the_kept_runs(self):
        self.assertEqual(self.table.read_text(), (SOURCE / KEPT / "table.md").read_text())

    def test_each_seed_has_learned(self):
        for label, least in [("cartpole", 400), ("pendulum", -250), ("doorkey", 0.9), ("doorkey-port", 0.9)]:
            group = self.groups[label]
            self.assertEqual(group["runs"], 5)
            for name, value in zip(group["names"], group["values"]):
                own = json.loads((SOURCE / name / "eval.json").read_text())["return"]["mean"]
                self.assertAlmostEqual(own, value, places=4)
                self.assertGreater(own, least, name)

    def test_the_package_and_the_port_in_lock_step_learn_alike(self):
        (low, high), (port_low, port_high) = (self.groups[label]["reach"]["ci95"] for label in ("doorkey", "doorkey-port"))
        self.assertTrue(low <= port_high and port_low <= high, f"[{low}, {high}] against [{port_low}, {port_high}]")
        for label in ("doorkey", "doorkey-port"):
            self.assertEqual(self.groups[label]["reached"], 5)
